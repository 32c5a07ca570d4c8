//! Changes of the cluster.

mod backup;
mod drift;
mod every;
mod expiry;
mod once;
mod own_pods;
mod prepared;
mod room;
mod seven_steps;
mod undo;
