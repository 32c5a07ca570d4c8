//! Decisions of the gateway: no I/O, no clock.

pub mod body;
pub mod completion;
pub mod correlate;
pub mod credential;
mod fields;
mod lenient;
pub mod notification;
pub mod problems;
pub mod reading;
pub mod share;
pub mod title;
pub mod webhook;
