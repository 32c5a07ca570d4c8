//! The numbers of the model, in one place. Chances and times are those of storms.md's sources; the rest was set on seeds 0 to 99 of the
//! storm benchmark and never on others.

use crate::{
    class::Class,
    graph::{Cause, Way},
};

/// Alerts per second and component that have nothing to do with any incident.
pub const BACKGROUND: f32 = 1.5e-4;
/// How much likelier than chance an alert must be part of an incident to join it (natural logarithm).
pub const JOIN: f32 = 1.6;
/// How much more that is for an alert that pages nobody.
pub const JOIN_QUIET: f32 = 1.5;
/// What one incident more costs (natural logarithm): two become one where one cause explains both better than this.
pub const INCIDENT: f32 = 5.0;
/// Share of the expected but missing sufferers that counts against a cause.
pub const MISSING: f32 = 0.25;
/// What it costs a cause that should be alerted about that it is not (natural logarithm).
pub const SILENT: f32 = 1.6;
/// Weight of a further alert about a component that a group has already: of another class, of the same.
pub const AGAIN_OTHER: f32 = 0.5;
/// See [`AGAIN_OTHER`].
pub const AGAIN_SAME: f32 = 0.2;
/// Delay per call and per other step between onsets, seconds (storms.md 5.4: median 20 s per call).
pub const CALL_SECONDS: f32 = 24.0;
/// See [`CALL_SECONDS`].
pub const STEP_SECONDS: f32 = 10.0;
/// Spread of an onset that is known to a scrape interval, seconds.
pub const SPREAD_SECONDS: f32 = 22.0;
/// More spread per call, seconds.
pub const SPREAD_PER_CALL: f32 = 14.0;
/// More spread where the rule's `for` is a guess, seconds.
pub const SPREAD_OF_GUESS: f32 = 60.0;
/// Share of the onsets that are nowhere near, and how far they may be, seconds.
pub const STRAY: f32 = 0.04;
/// See [`STRAY`].
pub const STRAY_SECONDS: f32 = 1800.0;

/// Chance that a cause makes a component fire an alert of this class.
#[must_use]
pub fn chance(cause: &Cause, class: Class) -> f32 {
    let far = |first: f32, further: f32| first * further.powi(i32::from(cause.calls.max(1)) - 1);
    let along = match (cause.way, class) {
        (Way::Itself, Class::Own) => 0.9,
        (Way::Itself, Class::Symptom) => 0.8,
        (Way::Itself, Class::Load | Class::Unseen) => 0.6,
        (Way::Needs, Class::Own) if cause.calls == 0 => 0.75,
        (Way::Needs, Class::Symptom) if cause.calls == 0 => 0.6,
        (Way::Needs, Class::Unseen) if cause.calls == 0 => 0.6,
        (Way::Needs, Class::Load) if cause.calls == 0 => 0.3,
        (Way::Needs, Class::Symptom) => far(0.85, 0.72),
        (Way::Needs, Class::Own) => far(0.2, 0.6),
        (Way::Needs, Class::Load) => far(0.15, 0.6),
        (Way::Needs, Class::Unseen) => far(0.05, 0.6),
        (Way::Called, Class::Load) => far(0.6, 0.7),
        (Way::Called, Class::Symptom) => far(0.25, 0.6),
        (Way::Called, Class::Own) => far(0.08, 0.5),
        (Way::Called, Class::Unseen) => 0.0,
        (Way::Beside, Class::Load) => 0.25,
        (Way::Beside, Class::Own | Class::Symptom | Class::Unseen) => 0.0,
        (Way::Measured, Class::Unseen) => 0.6,
        (Way::Measured, Class::Own | Class::Symptom | Class::Load) => 0.0,
    };
    along * cause.strength
}

/// Usual time from the cause's onset to this one, seconds.
#[must_use]
pub fn delay(cause: &Cause) -> f32 {
    CALL_SECONDS * f32::from(cause.calls) + STEP_SECONDS * f32::from(cause.steps)
}

/// Density (per second) of an onset that is `off` seconds from where it was expected: Laplace's, with some strays.
#[must_use]
pub fn density(off: f32, cause: &Cause, for_known: bool) -> f32 {
    let guess = if for_known { 0.0 } else { SPREAD_OF_GUESS };
    let spread = SPREAD_SECONDS + SPREAD_PER_CALL * f32::from(cause.calls) + guess;
    let near = (-off.abs() / spread).exp() / (2.0 * spread);
    let stray = if off.abs() < STRAY_SECONDS { 0.5 / STRAY_SECONDS } else { 0.0 };
    (1.0 - STRAY) * near + STRAY * stray
}

/// Whether something of this kind is expected to be alerted about itself when it fails.
#[must_use]
pub fn speaks(kind: &str) -> bool {
    matches!(
        kind,
        "Deployment" | "StatefulSet" | "DaemonSet" | "Service" | "Node" | "Job" | "CronJob" | "Workload" | "Pod"
    )
}
