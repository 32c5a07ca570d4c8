//! Delivery: channels, the worker that owes them messages, and the gRPC service.

pub mod channel;
pub mod grpc;
pub mod links;
pub mod slack;
pub mod smtp;
pub mod worker;

#[cfg(test)]
mod tests;
