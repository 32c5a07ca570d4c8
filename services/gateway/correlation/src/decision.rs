//! What the correlator decides about an alert.

use jiff::Timestamp;
pub use paramedic_domain::correlation::Correction;
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
        /// The incident that has it, or had it when it was over.
        incident: IncidentId,
        /// The alert.
        fingerprint: String,
        /// When.
        at: Timestamp,
    },
    /// Two incidents have one cause.
    Merged {
        /// The one that is no more.
        from: IncidentId,
        /// The one that has all alerts now.
        into: IncidentId,
        /// The cause that both have; `None` where a person said so.
        cause: Option<Entity>,
    },
    /// It is part of another incident than was thought at first. An incident that has no alert left is over.
    Moved {
        /// The incident that had it, if one did.
        from: Option<IncidentId>,
        /// The incident that has it, if one does; it may be new.
        into: Option<IncidentId>,
        /// The alert.
        fingerprint: String,
        /// When it started.
        starts_at: Timestamp,
        /// Why it is there now; `None` where it goes nowhere, and where a person said so.
        membership: Option<Membership>,
    },
    /// What may have caused the incident is seen differently now: another order of the first three, or another belief in the first.
    Ranked {
        /// The incident.
        incident: IncidentId,
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

impl Membership {
    /// One sentence for an engineer.
    #[must_use]
    pub fn reason(&self) -> String {
        let Self {
            component, cause, calls, ..
        } = self;
        match (self.way, calls) {
            (Way::Itself, _) => format!("{component} is what most likely started it"),
            (Way::Needs, 0) => format!("{component} stands on {cause}, which most likely started it"),
            (Way::Needs, 1) => format!("{component} calls {cause}, which most likely started it"),
            (Way::Needs, calls) => format!("{component} depends on {cause} over {calls} calls, and that most likely started it"),
            (Way::Called, 1) => format!("{component} is called by {cause}, which most likely started it"),
            (Way::Called, calls) => format!("{component} is called by {cause} over {calls} calls, and that most likely started it"),
            (Way::Beside, _) => format!("{component} and {cause}, which most likely started it, have callers in common that try again"),
            (Way::Rival, _) => format!("{component} and {cause}, which most likely started it, call the same"),
            (Way::Crowds, _) => format!("{component} shares a node with {cause}, which most likely started it"),
            (Way::Measured, _) => format!("{component} is measured by {cause}, which most likely started it"),
        }
    }
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
