//! Reading the log without a consumer: the leader says where the end is, then messages come in batches by direct get.
//!
//! Direct gets may be answered by a replica that is behind; since the end is known from the leader, what is missing is asked
//! for again.

use std::time::Duration;

use async_nats::{
    Message, StatusCode,
    jetstream::{ErrorCode, message::StreamMessage},
};
use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::{JetStreamBus, convert, errors};
use crate::{Error, Start, Stored, subject};

/// Messages asked for at once; the server's own limit is 1024.
const BATCH: usize = 512;
/// Pause before asking a cluster again whose answering replica was behind.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Serialize)]
struct Request<'a> {
    seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<Timestamp>,
    batch: usize,
    next_by_subj: &'a str,
}

pub(super) async fn replay(bus: &JetStreamBus, stream: &str, owned: &[String], filter: &str, start: Start) -> Result<Vec<Stored>, Error> {
    if !owned.iter().any(|o| subject::overlap(o, filter)) {
        return Ok(Vec::new());
    }
    let Some(last) = last_matching(bus, stream, filter).await? else {
        return Ok(Vec::new());
    };
    let (mut next, mut start_time) = match start {
        Start::New => return Ok(Vec::new()),
        Start::Beginning => (1, None),
        Start::Sequence(seq) => (seq.max(1), None),
        Start::Time(time) if time > last.time => return Ok(Vec::new()),
        Start::Time(time) => (0, Some(time)),
    };
    let mut found: Vec<Stored> = Vec::new();
    let mut deadline = Instant::now() + bus.options.timeout;
    while next <= last.seq {
        let request = Request {
            seq: next,
            start_time,
            batch: BATCH,
            next_by_subj: filter,
        };
        let batch = batch(bus, stream, &request, deadline).await?;
        if batch.is_empty() {
            if Instant::now() > deadline {
                return Err(Error::Unavailable(format!(
                    "nats: replay of {filter}: no replica has message {} yet",
                    last.seq
                )));
            }
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        deadline = Instant::now() + bus.options.timeout;
        found.extend(batch.into_iter().filter(|message| message.seq <= last.seq));
        start_time = None;
        next = found.last().map_or(last.seq, |message| message.seq) + 1;
        if found.last().is_none_or(|message| message.seq >= last.seq) {
            break;
        }
    }
    Ok(found)
}

/// The newest matching message, from the leader.
async fn last_matching(bus: &JetStreamBus, stream: &str, filter: &str) -> Result<Option<Stored>, Error> {
    #[derive(Serialize)]
    struct Last<'a> {
        last_by_subj: &'a str,
    }
    #[derive(serde::Deserialize)]
    struct Found {
        message: Position,
    }
    #[derive(serde::Deserialize)]
    struct Position {
        seq: u64,
        time: Timestamp,
        subject: String,
    }
    let what = format!("last message of {filter}");
    let response = bus
        .context
        .request(format!("STREAM.MSG.GET.{stream}"), &Last { last_by_subj: filter })
        .await;
    let response: async_nats::jetstream::response::Response<Found> = response.map_err(|e| errors::unavailable(&what, &e))?;
    match response {
        async_nats::jetstream::response::Response::Ok(found) => Ok(Some(Stored {
            seq: found.message.seq,
            subject: found.message.subject,
            headers: Default::default(),
            payload: Bytes::new(),
            time: found.message.time,
        })),
        async_nats::jetstream::response::Response::Err { error } if error.error_code() == ErrorCode::NO_MESSAGE_FOUND => Ok(None),
        async_nats::jetstream::response::Response::Err { error } => Err(errors::answered(&what, &error)),
    }
}

async fn batch(bus: &JetStreamBus, stream: &str, request: &Request<'_>, deadline: Instant) -> Result<Vec<Stored>, Error> {
    let what = || format!("replay of {}", request.next_by_subj);
    let inbox = bus.client.new_inbox();
    let mut replies = bus
        .client
        .subscribe(inbox.clone())
        .await
        .map_err(|e| errors::unavailable(&what(), &e))?;
    let body = serde_json::to_vec(request).expect("strings and numbers");
    let subject = format!("$JS.API.DIRECT.GET.{stream}");
    let sent = bus.client.publish_with_reply(subject, inbox, body.into()).await;
    sent.map_err(|e| errors::unavailable(&what(), &e))?;
    let mut found = Vec::new();
    loop {
        let reply = tokio::time::timeout_at(deadline, replies.next()).await;
        let reply = reply.map_err(|_| Error::Unavailable(format!("nats: {}: no answer in time", what())))?;
        let reply = reply.ok_or_else(|| Error::Unavailable("nats: connection closed".into()))?;
        match reply.status {
            None | Some(StatusCode::OK) => found.push(stored(reply)?),
            // End of the batch, or nothing (more) there.
            Some(status) if status.as_u16() == 204 || status == StatusCode::NOT_FOUND => return Ok(found),
            Some(StatusCode::NO_RESPONDERS) => return Ok(found),
            Some(status) => {
                let why = reply.description.unwrap_or_default();
                return Err(Error::Unavailable(format!("nats: {}: {status} {why}", what())));
            }
        }
    }
}

fn stored(reply: Message) -> Result<Stored, Error> {
    let message = StreamMessage::try_from(reply).map_err(|e| errors::unavailable("direct get", &e))?;
    Ok(Stored {
        seq: message.sequence,
        subject: message.subject.to_string(),
        headers: convert::headers(Some(&message.headers)),
        time: convert::timestamp(message.time)?,
        payload: message.payload,
    })
}
