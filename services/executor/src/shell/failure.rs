//! How an attempt ends badly.

use paramedic_bus::LogError;
use paramedic_domain::fault::{Effect, FailureKind};

use super::kubernetes::Trouble;
use crate::core::permit::Denied;

/// Why a worker stops.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The attempt failed: goes into the log.
    Failed(Failure),
    /// The attempt is somebody else's by now: nothing is written.
    Abandoned(String),
    /// The log or the bus cannot be used: the message comes again.
    Bus(String),
}

/// A failure for the log.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) effect: Effect,
    pub(crate) message: String,
}

impl Halt {
    pub(crate) fn failed(kind: FailureKind, effect: Effect, message: impl Into<String>) -> Self {
        Self::Failed(Failure {
            kind,
            effect,
            message: message.into(),
        })
    }

    /// Trouble while only looking: what is known of the effect stays as it was.
    pub(crate) fn looking(trouble: &Trouble, effect: Effect) -> Self {
        Self::failed(trouble.kind(), effect, trouble.to_string())
    }

    /// A refusal of the permit.
    pub(crate) fn denied(denied: &Denied, effect: Effect) -> Self {
        match denied {
            Denied::Stale { .. } => Self::Abandoned(denied.to_string()),
            Denied::Stopping(_) | Denied::Forbidden(_) => Self::failed(FailureKind::Forbidden, effect, denied.to_string()),
            Denied::NoLease => Self::failed(FailureKind::LeaseLost, effect, denied.to_string()),
        }
    }
}

impl From<LogError> for Halt {
    fn from(error: LogError) -> Self {
        Self::Bus(error.to_string())
    }
}

impl From<paramedic_bus::Error> for Halt {
    fn from(error: paramedic_bus::Error) -> Self {
        Self::Bus(error.to_string())
    }
}
