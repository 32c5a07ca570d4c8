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
    /// It is part of another incident than was thought at first.
    Moved {
        /// The incident that had it, if one did.
        from: Option<IncidentId>,
        /// The incident that has it, if one does; it may be new.
        into: Option<IncidentId>,
        /// The alert.
        fingerprint: String,
        /// When it started.
        starts_at: Timestamp,
    },
    /// It changes nothing.
    Nowhere {
        /// The alert.
        fingerprint: String,
        /// Why.
        why: Nowhere,
    },
}

/// Why an alert is in an incident: what it is about suffers from what the incident is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Membership {
    /// What it is about.
    pub component: Entity,
    /// The cause that links it best.
    pub cause: Entity,
    /// How trouble gets from there to here.
    pub way: Way,
    /// Calls on the way.
    pub calls: u8,
    /// How much likelier than chance (natural logarithm).
    pub score: f32,
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
