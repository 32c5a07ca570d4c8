//! Machines of nodes, as their cloud providers tell of them.

use paramedic_domain::object::ObjectRef;
use serde::Serialize;

use super::{
    Variable, World,
    view::{Shape, Shaped, view},
};
use crate::core::clouds::Thing;

/// The state of a machine that its provider does not know.
pub const ABSENT: &str = "absent";

/// By whom a machine was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It was not ended, or the provider does not say.
    #[default]
    #[serde(rename = "")]
    Unknown,
    /// The provider needed its capacity: a spot instance was interrupted, a preemptible one preempted.
    Reclaimed,
    /// The provider, for its own hardware or maintenance.
    Provider,
    /// A call of the provider's API: a person, or something like an autoscaler.
    Request,
    /// Its own operating system.
    Itself,
}

impl Shaped for Cause {
    fn shape() -> Shape {
        Shape::Text
    }
}

view! {
    /// The machine of a node, as its cloud provider tells of it. Asked about only where the node is not ready and a cloud is configured.
    pub struct Machine {
        /// The provider told of it.
        pub known: bool,
        /// `aws` or `gcp`.
        pub provider: String,
        /// Its identifier at the provider.
        pub id: String,
        /// `running`, `stopped`, `terminated`, ... in the provider's words and lower case; `absent`: the provider knows no such machine.
        pub state: String,
        /// It does not run, and is not about to.
        pub gone: bool,
        /// It runs, nothing is announced for it, and the provider's checks of it pass (Google Cloud has none).
        pub healthy: bool,
        /// It may be taken back at any time: a spot or preemptible one.
        pub spot: bool,
        /// By whom it was ended: `reclaimed` (the provider needed its capacity), `provider` (its hardware or maintenance), `request` (a call of its API), `itself`; empty: not ended, or not known.
        pub ended_by: Cause,
        /// Why it was ended, in the provider's words.
        pub reason: String,
        /// Minutes since it was ended, or since a check of it fails; -1: not known.
        pub minutes_ago: f64,
        /// Checks of the provider that fail: `system` (its hardware or network), `instance` (its operating system).
        pub failed_checks: Vec<String>,
        /// What the provider has announced for it: `instance-retirement not before 2026-03-12T04:00:00Z: ...`.
        pub scheduled: Vec<String>,
    }
}

/// `machine`: what its provider told of a node's machine.
pub(super) fn of(world: &World, node: &ObjectRef) -> Variable {
    let told = world.told.iter().find(|told| told.about.same_object(node));
    let machine = match told.map(|told| &told.thing) {
        Some(Thing::Machine(machine)) => machine.clone(),
        Some(Thing::Disk(_)) | None => Machine::default(),
    };
    Variable {
        name: "machine",
        fields: serde_json::to_value(&machine).unwrap_or_default(),
        object: node.clone(),
        quotes: told.map(|told| told.quotes.clone()).unwrap_or_default(),
    }
}
