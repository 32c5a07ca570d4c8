//! I/O of the gateway.

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod correlate;
pub(crate) mod groups;
pub(crate) mod intake;
