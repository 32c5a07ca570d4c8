//! I/O of the console.

mod artifacts;
mod dead_letters;
pub(crate) mod identity;
pub(crate) mod maintenance;
mod regroup;
pub(crate) mod safety;
pub(crate) mod service;
mod status;
mod summary;
pub(crate) mod tail;
mod topology;
mod watch;
