//! I/O of the gateway.

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod budget;
pub(crate) mod completion;
pub(crate) mod correlate;
pub(crate) mod guard;
pub(crate) mod intake;
pub(crate) mod kubernetes_events;
pub(crate) mod replica;
mod requests;
pub(crate) mod review;
pub(crate) mod secret_file;
pub(crate) mod silences;
pub(crate) mod spool;
pub(crate) mod topology;
pub(crate) mod windows;
