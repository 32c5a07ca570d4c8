//! What the correlator decides about an alert.

use jiff::Timestamp;
pub use paramedic_domain::correlation::Correction;
use paramedic_domain::id::IncidentId;

use crate::{effect::Way, footprint::Kind, topology::Entity};

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
    /// What most likely started it.
    pub cause: Entity,
    /// The neighbour that trouble came from.
    pub via: Entity,
    /// How it came from there.
    pub way: Way,
    /// Calls from the cause.
    pub calls: u8,
    /// How much likelier than chance (natural logarithm).
    pub score: f32,
}

impl Membership {
    /// One sentence for an engineer.
    #[must_use]
    pub fn reason(&self) -> String {
        let Self { component, cause, via, .. } = self;
        let origin = if via == cause {
            "which most likely started it".to_owned()
        } else {
            format!("which suffers from {cause}, which most likely started it")
        };
        match self.way {
            Way::Itself if component == cause => format!("{component} is what most likely started it"),
            Way::Itself => format!("{component} suffers from {cause} already, which most likely started it"),
            Way::Calls => format!("{component} calls {via}, {origin}"),
            Way::RunsOn => format!("{component} runs on {via}, {origin}"),
            Way::Reads => format!("{component} reads {via}, {origin}"),
            Way::Resolves => format!("{component} asks {via} for names, {origin}"),
            Way::Called => format!("{component} is called by {via}, {origin}"),
            Way::Crowded => format!("{component} shares a machine with {via}, {origin}"),
            Way::Measured => format!("{component} is measured by {via}, {origin}"),
            Way::Together => format!("{component} began to fail while much else did because of {cause}, which most likely started it"),
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
    /// It ended, nobody knew that it fired, and the message does not say what it is.
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
    /// What most likely happened to it.
    pub kind: Kind,
    /// Members that it explains.
    pub explains: u32,
}
