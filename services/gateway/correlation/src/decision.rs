//! What the correlator decides about an alert.

use jiff::Timestamp;
use paramedic_domain::id::IncidentId;

use crate::{graph::Way, topology::Entity};

/// One decision.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// It is the first alert of a new incident.
    Opened {
        /// The incident.
        incident: IncidentId,
        /// The alert.
        fingerprint: String,
    },
    /// It is part of an incident.
    Joined {
        /// The incident.
        incident: IncidentId,
        /// The alert.
        fingerprint: String,
        /// Why.
        membership: Membership,
    },
    /// It ended.
    Resolved {
        /// The incident that has it.
        incident: IncidentId,
        /// The alert.
        fingerprint: String,
        /// When.
        at: Timestamp,
    },
    /// Two incidents have one cause.
    Merged {
        /// The younger one, which is over.
        from: IncidentId,
        /// The older one.
        into: IncidentId,
    },
    /// It changes nothing.
    Nowhere {
        /// The alert.
        fingerprint: String,
        /// Why.
        why: Nowhere,
    },
}

/// Why an alert is in an incident.
#[derive(Debug, Clone, PartialEq)]
pub enum Membership {
    /// It was in it before.
    Again,
    /// What it is about suffers from what the incident is about.
    Linked {
        /// What it is about.
        component: Entity,
        /// The cause that links it best.
        cause: Entity,
        /// How trouble gets from there to here.
        way: Way,
        /// Calls on the way.
        calls: u8,
        /// How much likelier than chance (natural logarithm).
        score: f32,
    },
}

/// Why an alert changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nowhere {
    /// It is known already.
    Repeated,
    /// A later message about it was seen before.
    Outdated,
    /// It ended, and nobody knew that it fired.
    NeverFired,
    /// It fires by design.
    Constant,
    /// Nothing else happens near it, and by itself it pages nobody.
    Background,
}

/// A possible cause of an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Root {
    /// What is at fault.
    pub entity: Entity,
    /// Share of belief, 0 to 1.
    pub belief: f32,
    /// It did not fail but got more requests than usual.
    pub surge: bool,
    /// Members that it explains.
    pub explains: u32,
}
