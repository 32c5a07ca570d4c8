//! One publish and its acknowledgement: the way every append and every key-value write goes.

use std::{error::Error as StdError, time::Duration};

use async_nats::{
    HeaderMap, header,
    jetstream::{
        self, Context, ErrorCode,
        context::{PublishError, PublishErrorKind},
        message::PublishMessage,
        publish::PublishAck,
    },
};
use bytes::Bytes;
use tokio::time::Instant;

use super::{convert, errors::answered};
use crate::{Ack, Append, Error};

/// Names the subjects an expectation is about; without it, it is about the message's own subject.
const EXPECTED_SUBJECT: &str = "Nats-Expected-Last-Subject-Sequence-Subject";
/// Pause before publishing again what nobody received.
const PAUSE: Duration = Duration::from_millis(50);

/// Why a publish was not acknowledged.
pub(super) enum Refusal {
    /// Another sequence is the last one.
    WrongLast,
    Other(Error),
}

/// Appends one message.
pub(super) async fn append(context: &Context, patience: Duration, stream: &str, message: Append) -> Result<Ack, Error> {
    let headers = || {
        let mut headers = convert::header_map(&message.headers);
        headers.insert(header::NATS_EXPECTED_STREAM, stream);
        if let Some(id) = &message.msg_id {
            headers.insert(header::NATS_MESSAGE_ID, id.as_str());
        }
        if let Some(expect) = &message.expect {
            headers.insert(header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expect.last.to_string());
            headers.insert(EXPECTED_SUBJECT, expect.filter.as_str());
        }
        headers
    };
    match publish(context, patience, &message.subject, headers, &message.payload).await {
        Ok(ack) => Ok(Ack {
            seq: ack.sequence,
            duplicate: ack.duplicate,
        }),
        Err(Refusal::Other(error)) => Err(error),
        Err(Refusal::WrongLast) => {
            let expect = message.expect.unwrap_or(crate::Expect {
                filter: message.subject,
                last: 0,
            });
            Err(Error::Conflict {
                filter: expect.filter,
                expected: expect.last,
            })
        }
    }
}

/// Publishes with these headers and waits for the acknowledgement. Tried again only while nobody is there to receive it (an election): then it
/// cannot have been stored.
pub(super) async fn publish(
    context: &Context,
    patience: Duration,
    subject: &str,
    headers: impl Fn() -> HeaderMap,
    payload: &Bytes,
) -> Result<PublishAck, Refusal> {
    let deadline = Instant::now() + patience;
    loop {
        let message = PublishMessage::build().headers(headers()).payload(payload.clone());
        let acknowledged = match context.send_publish(subject.to_owned(), message).await {
            Ok(acknowledgement) => acknowledgement.await,
            Err(error) => Err(error),
        };
        match acknowledged {
            Ok(ack) => return Ok(ack),
            Err(error) if error.kind() == PublishErrorKind::StreamNotFound && Instant::now() < deadline => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(refusal(subject, &error)),
        }
    }
}

fn refusal(subject: &str, error: &PublishError) -> Refusal {
    let what = format!("publish on {subject}");
    let answer = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
    match error.kind() {
        PublishErrorKind::WrongLastSequence => Refusal::WrongLast,
        PublishErrorKind::MaxPayloadExceeded => Refusal::Other(Error::Invalid(format!("{what}: {error}"))),
        PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::StreamNotFound
        | PublishErrorKind::TimedOut
        | PublishErrorKind::BrokenPipe
        | PublishErrorKind::MaxAckPending
        | PublishErrorKind::Other => match answer {
            Some(answer) if is_conflict(answer.error_code()) => Refusal::WrongLast,
            // The first copy of this message id is being stored right now; it is not durable yet.
            Some(answer) if answer.error_code() == ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT => {
                Refusal::Other(Error::Unavailable(format!("{what}: {answer}")))
            }
            Some(answer) => Refusal::Other(answered(&what, answer)),
            None => Refusal::Other(Error::Unavailable(format!("{what}: {error}"))),
        },
    }
}

/// The two other ways a server says so: without telling the sequence, and while a competing append is under way.
fn is_conflict(code: ErrorCode) -> bool {
    code == ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT || code == ErrorCode::STREAM_EXPECTED_LAST_SEQ_PER_SUBJECT_NOT_READY
}
