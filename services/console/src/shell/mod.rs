//! I/O of the console.

mod identity;
pub(crate) mod service;
mod status;
mod summary;
pub(crate) mod tail;
mod watch;
