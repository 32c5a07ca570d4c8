//! Names of message headers. The bus keeps them next to a message's body.

/// Id of the event in the body.
pub const EVENT_ID: &str = "Paramedic-Event-Id";
/// Schema version of the event in the body, decimal.
pub const SCHEMA: &str = "Paramedic-Schema";
/// W3C trace context of whoever appended the message.
pub const TRACEPARENT: &str = "traceparent";
/// W3C trace state of whoever appended the message.
pub const TRACESTATE: &str = "tracestate";
