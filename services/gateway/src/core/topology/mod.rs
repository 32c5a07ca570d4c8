//! What there is in a cluster and what depends on what, from its objects and from what its telemetry measured.
//!
//! - [`kind`]: what is watched; [`read`](mod@read): what is kept of an object; [`inventory`]: all that is kept.
//! - [`measured`]: calls and rules from Prometheus.
//! - [`build`](mod@build): from both to a [`Snapshot`], which is what the correlator is given.
//! - [`survey`](mod@survey): the watch, and when a snapshot goes out.
//! - [`neighbours`]: the same for people, around one thing.

pub mod build;
pub mod hosts;
pub mod inventory;
pub mod kind;
pub mod measured;
pub mod neighbours;
pub mod read;
pub mod record;
pub mod selector;
pub mod snapshot;
pub mod survey;
pub mod template;

pub use build::build;
pub use inventory::Inventory;
pub use kind::Kind;
pub use measured::Measured;
pub use paramedic_correlation::topology::{Edge, Entity, Relation, Topology};
pub use read::{FactKeys, read};
pub use snapshot::Snapshot;
pub use survey::Survey;
