//! The controllers: each looks at the whole store and mends what differs from what is asked for.
//!
//! - [`deployment`] with the arithmetic of [`rollout`], [`replica_set`]; [`stateful_set`] and [`daemon_set`] with their [`revisions`]
//! - [`job`] with its [`job_status`], [`cron_job`] with the schedules of [`cron`]
//! - [`scheduler`] binds pods to nodes, [`quota`] counts them
//! - [`nodes`] are heard of, doubted ([`node_health`]) and tainted ([`taints`])
//! - [`volumes`] bind, are provisioned and grow; [`snapshots`] are taken
//! - [`custom`] kinds are accepted; [`gitops`]: Argo CD and Flux
//! - [`endpoints`], [`disruption`], [`autoscaler`], [`garbage`]

pub(crate) mod autoscaler;
pub(crate) mod cron;
pub(crate) mod cron_job;
pub(crate) mod custom;
pub(crate) mod daemon_set;
pub(crate) mod deployment;
mod deployment_status;
pub(crate) mod disruption;
pub(crate) mod endpoints;
pub(crate) mod garbage;
pub(crate) mod gitops;
pub(crate) mod job;
mod job_status;
pub(crate) mod node_health;
pub(crate) mod nodes;
pub(crate) mod pods;
pub(crate) mod quota;
pub(crate) mod replica_set;
pub(crate) mod revisions;
pub(crate) mod rollout;
pub(crate) mod scheduler;
pub(crate) mod snapshots;
pub(crate) mod stateful_set;
pub(crate) mod taints;
pub(crate) mod volumes;

use jiff::Timestamp;

/// The earlier of two optional times.
pub(crate) fn sooner(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}
