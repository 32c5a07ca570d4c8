//! Decisions of the gateway: no I/O, no clock.

pub mod correlate;
pub mod credential;
pub mod notification;
pub mod title;
pub mod webhook;
