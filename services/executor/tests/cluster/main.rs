//! The executor against a simulated cluster on the embedded bus: each change is made once, whatever is repeated or dies.

#![allow(clippy::unwrap_used)]

mod faults;
mod recommended;
mod stage;

mod actions;
mod drift;
mod objects;
mod once;
mod room;
mod story;
