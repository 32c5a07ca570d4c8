//! The client's errors in the terms of the port.

use std::fmt::Display;

use async_nats::jetstream::{
    self, ErrorCode,
    context::{CreateStreamError, CreateStreamErrorKind, GetStreamError, GetStreamErrorKind, UpdateStreamError},
    stream::{ConsumerError, ConsumerErrorKind},
};

use crate::Error;

pub(super) fn unavailable(what: &str, why: &dyn Display) -> Error {
    Error::Unavailable(format!("nats: {what}: {why}"))
}

/// What the server answered: our mistake, or its trouble.
pub(super) fn answered(what: &str, answer: &jetstream::Error) -> Error {
    // 4xx are about the request, with two exceptions that pass.
    let passes = [ErrorCode::INSUFFICIENT_RESOURCES, ErrorCode::CLUSTER_NO_PEERS].contains(&answer.error_code());
    let ours = (400..500).contains(&answer.code()) && !passes;
    if ours {
        Error::Invalid(format!("{what}: {answer}"))
    } else {
        unavailable(what, answer)
    }
}

pub(super) fn is_stream_missing(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(answer) if answer.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

pub(super) fn get_stream_error(stream: &str, error: &GetStreamError) -> Error {
    match error.kind() {
        _ if is_stream_missing(error) => Error::Invalid(format!("unknown stream {stream}: create it with ensure_stream")),
        GetStreamErrorKind::JetStream(answer) => answered(&format!("stream {stream}"), &answer),
        GetStreamErrorKind::EmptyName | GetStreamErrorKind::InvalidStreamName => Error::Invalid(format!("stream {stream:?}: {error}")),
        GetStreamErrorKind::Request => unavailable(&format!("stream {stream}"), error),
    }
}

pub(super) fn create_stream_error(stream: &str, error: &CreateStreamError) -> Error {
    let what = format!("create stream {stream}");
    match error.kind() {
        CreateStreamErrorKind::JetStream(answer) => answered(&what, &answer),
        CreateStreamErrorKind::EmptyStreamName | CreateStreamErrorKind::InvalidStreamName | CreateStreamErrorKind::DomainAndExternalSet => {
            Error::Invalid(format!("{what}: {error}"))
        }
        CreateStreamErrorKind::JetStreamUnavailable
        | CreateStreamErrorKind::TimedOut
        | CreateStreamErrorKind::Response
        | CreateStreamErrorKind::NotFound
        | CreateStreamErrorKind::ResponseParse => unavailable(&what, error),
    }
}

pub(super) fn update_stream_error(stream: &str, error: &UpdateStreamError) -> Error {
    create_stream_error(stream, error)
}

pub(super) fn consumer_error(consumer: &str, error: &ConsumerError) -> Error {
    let what = format!("consumer {consumer}");
    match error.kind() {
        ConsumerErrorKind::JetStream(answer) => answered(&what, &answer),
        ConsumerErrorKind::InvalidConsumerType | ConsumerErrorKind::InvalidName => Error::Invalid(format!("{what}: {error}")),
        ConsumerErrorKind::TimedOut | ConsumerErrorKind::Request | ConsumerErrorKind::Other => unavailable(&what, error),
    }
}
