//! Delivery: channels, the worker that owes them messages, and the gRPC service.

pub mod channel;
pub mod discord;
pub mod grpc;
pub mod links;
pub mod opsgenie;
pub mod pagerduty;
pub mod provider;
pub mod slack;
pub mod smtp;
pub mod teams;
pub mod telegram;
pub mod webhook;
pub mod worker;

#[cfg(test)]
mod tests;
