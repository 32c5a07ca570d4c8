//! Systems outside of the cluster: each effect once, whatever is repeated, lost or dies; each undone once.

#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "shared with the tests of the cluster, which use more of it")]
#[path = "../stage/mod.rs"]
mod stage;
use stage::{faults, recommended, story};

mod external;
mod figures;
mod looking;
mod manifests;
mod silence;
mod tickets;
