//! The moments at which tests kill the process.

use paramedic_domain::id::StepId;

/// A moment in the life of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The start is in the log, the change is not in the cluster.
    BeforeApply,
    /// The change is in the cluster, the log does not know.
    AfterApply,
    /// The outcome is in the log, the message is not acknowledged.
    BeforeAck,
}

/// Does nothing: only builds with the feature `crash-points` can be told to die.
#[cfg(not(feature = "crash-points"))]
pub(crate) fn point(_step: &StepId, _moment: Moment) {}

/// Aborts the process when `PARAMEDIC_CRASH_AT` is `<step>:<before_apply|after_apply|before_ack>`, once: the file named
/// by `PARAMEDIC_CRASH_MARKER` is created first, and while it exists nothing happens.
#[cfg(feature = "crash-points")]
pub(crate) fn point(step: &StepId, moment: Moment) {
    let name = match moment {
        Moment::BeforeApply => "before_apply",
        Moment::AfterApply => "after_apply",
        Moment::BeforeAck => "before_ack",
    };
    let (Ok(wanted), Ok(marker)) = (std::env::var("PARAMEDIC_CRASH_AT"), std::env::var("PARAMEDIC_CRASH_MARKER")) else {
        return;
    };
    if wanted == format!("{step}:{name}") && std::fs::File::create_new(&marker).is_ok() {
        tracing::error!(%step, moment = name, "dying on request");
        std::process::abort();
    }
}
