//! Changes of the cluster.

mod drift;
mod every;
mod expiry;
mod once;
mod prepared;
mod room;
mod seven_steps;
mod undo;
