//! Changes of the cluster.

mod backup;
mod drift;
mod every;
mod expiry;
mod once;
mod own_pods;
mod prepared;
mod room;
mod secrets;
mod seven_steps;
mod taints;
mod undo;
