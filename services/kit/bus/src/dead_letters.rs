//! Messages that a consumer gave up: what there is, and another try for one of them.
//!
//! A letter that is retried is given to the same handler as a message of its own, under the subject and the sequence that it had. Who
//! rejects it again writes a new letter.

use std::collections::BTreeSet;

use jiff::Timestamp;
use paramedic_domain::subject::{self, Subject};

use crate::{Append, Bus, ConsumerSpec, Error, Headers, Start, Stored, streams};

/// Subject that the message had.
const SUBJECT: &str = "Paramedic-Subject";
/// Its sequence in its own stream.
const SEQUENCE: &str = "Paramedic-Sequence";
/// Why it was given up.
const REASON: &str = "Paramedic-Reason";
/// Of a retry: the number of the letter.
const LETTER: &str = "Paramedic-Dead-Letter";
/// Of a retry: who asked for it.
const BY: &str = "Paramedic-Retried-By";

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number: the sequence among the dead letters.
    pub number: u64,
    /// The consumer that gave it up.
    pub consumer: String,
    /// Subject that the message had.
    pub subject: String,
    /// Why it was given up.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Somebody has asked for another try.
    pub retried: bool,
}

/// All letters, the oldest first.
///
/// # Errors
/// When the bus is unavailable.
pub async fn list(bus: &dyn Bus) -> Result<Vec<DeadLetter>, Error> {
    let stored = bus.replay(streams::DEADLETTERS, subject::DEAD_LETTERS, Start::Beginning).await?;
    let retried: BTreeSet<u64> = stored.iter().filter_map(letter_of).collect();
    let letters = stored.iter().filter_map(|message| {
        let header = |name: &str| message.headers.get(name).cloned().unwrap_or_default();
        Some(DeadLetter {
            number: message.seq,
            consumer: subject::parse_dead_letter(&message.subject)?.to_owned(),
            subject: header(SUBJECT),
            reason: header(REASON),
            at: message.time,
            retried: retried.contains(&message.seq),
        })
    });
    Ok(letters.collect())
}

/// Gives the letter to its consumer again.
///
/// # Errors
/// [`Error::Invalid`] when there is no such letter or it was retried already; when the bus is unavailable.
pub async fn retry(bus: &dyn Bus, number: u64, by: &str) -> Result<DeadLetter, Error> {
    let letters = list(bus).await?;
    let Some(letter) = letters.into_iter().find(|letter| letter.number == number) else {
        return Err(Error::Invalid(format!("there is no dead letter {number}")));
    };
    if letter.retried {
        return Err(Error::Invalid(format!(
            "dead letter {number} was retried already: if it failed again, there is a newer one"
        )));
    }
    let stored = bus
        .replay(streams::DEADLETTERS, subject::DEAD_LETTERS, Start::Sequence(number))
        .await?;
    let Some(message) = stored.into_iter().find(|message| message.seq == number) else {
        return Err(Error::Invalid(format!("dead letter {number} is no longer kept")));
    };
    let mut headers = message.headers;
    headers.insert(LETTER.into(), number.to_string());
    headers.insert(BY.into(), header_text(by));
    let retry = Subject::Retry {
        durable: letter.consumer.clone(),
    };
    let again = Append {
        subject: retry.to_string(),
        headers,
        payload: message.payload,
        msg_id: Some(format!("retry-{number}")),
        expect: None,
    };
    bus.append(streams::DEADLETTERS, again).await?;
    Ok(letter)
}

/// Keeps a message that `reader`, who reads a stream in order, cannot use.
///
/// # Errors
/// When the bus is unavailable.
pub async fn give_up(bus: &dyn Bus, reader: &str, message: &Stored, reason: &str) -> Result<(), Error> {
    let letter = letter(reader, format!("{reader}-{}", message.seq), message, reason);
    bus.append(streams::DEADLETTERS, letter).await?;
    tracing::error!(
        subject = message.subject,
        reason,
        "given up; kept as a dead letter: see `paramedic deadletters list`"
    );
    metrics::counter!("paramedic_dead_letters_total", "consumer" => reader.to_owned()).increment(1);
    Ok(())
}

/// The consumer of what is retried of that one's letters.
pub(crate) fn retries(spec: &ConsumerSpec) -> ConsumerSpec {
    let retry = Subject::Retry {
        durable: spec.durable.clone(),
    };
    ConsumerSpec {
        stream: streams::DEADLETTERS.into(),
        durable: format!("{}-retry", spec.durable),
        filters: vec![retry.to_string()],
        start: Start::Beginning,
        ..spec.clone()
    }
}

/// The message that a retry is about, as it was.
pub(crate) fn original(retried: &Stored) -> Stored {
    let header = |name: &str| retried.headers.get(name);
    Stored {
        seq: header(SEQUENCE).and_then(|text| text.parse().ok()).unwrap_or(retried.seq),
        subject: header(SUBJECT).cloned().unwrap_or_default(),
        ..retried.clone()
    }
}

/// The letter of a message that a consumer gives up.
pub(crate) fn letter(durable: &str, msg_id: String, message: &Stored, reason: &str) -> Append {
    let mut headers: Headers = message.headers.clone();
    headers.remove(LETTER);
    headers.insert(SUBJECT.into(), message.subject.clone());
    headers.insert(SEQUENCE.into(), message.seq.to_string());
    headers.insert(REASON.into(), header_text(reason));
    let subject = Subject::DeadLetter { durable: durable.into() };
    Append {
        subject: subject.to_string(),
        headers,
        payload: message.payload.clone(),
        msg_id: Some(msg_id),
        expect: None,
    }
}

fn letter_of(message: &Stored) -> Option<u64> {
    message.headers.get(LETTER)?.parse().ok()
}

/// A sentence as a header value: one line, bounded, without spaces at its ends (the bus refuses them).
fn header_text(text: &str) -> String {
    let line: String = text.chars().filter(|c| !c.is_control()).take(500).collect();
    line.trim().to_owned()
}
