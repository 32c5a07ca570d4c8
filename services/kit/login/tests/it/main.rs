//! Sign-in from the browser to the provider and back: a role's pages on a port, a provider on another, and a browser between them.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

mod callbacks;
mod forms;
mod happy;
mod sessions;
mod stage;
mod tokens;
