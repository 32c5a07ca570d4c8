//! The numbers of the model, in one place. Chances and times are those of storms.md's sources; the rest was set on seeds 0 to 99 of the
//! storm benchmark and never on others.

use crate::{
    class::Class,
    graph::{Cause, Way},
    topology::Entity,
};

/// Alerts per second that have nothing to do with any incident, in the whole estate: one in some minutes.
pub const BACKGROUND: f32 = 0.006;
/// Components among which they are, at least.
pub const FEWEST_COMPONENTS: f32 = 30.0;
/// How much likelier than chance an alert must be part of an incident to join it (natural logarithm).
pub const JOIN: f32 = 0.8;
/// How much more that is for an alert that pages nobody.
pub const JOIN_QUIET: f32 = 1.5;
/// How much likelier than chance a straggler must be as a consequence of one observation (natural logarithm): about another thing,
/// about the same.
pub const LATE: f32 = 3.0;
/// See [`LATE`].
pub const LATE_ITSELF: f32 = 1.0;
/// What explains this much by itself is no consequence of another incident.
pub const RELAY_WORTH: f32 = 20.0;
/// A cause with a smaller share of belief lets nothing join.
pub const BELIEVED: f32 = 0.05;
/// What is missing of a surge, taken together.
pub const SURGE: f32 = 4.0;
/// How much likelier than chance the beginning of one incident must be as a consequence of another to be one (natural logarithm).
pub const RELAY: f32 = 3.0;
/// What counts as the beginning, seconds after the first onset.
pub const RELAY_FIRST: f32 = 40.0;
/// What one incident more costs (natural logarithm): two become one where one cause explains both better than this.
pub const INCIDENT: f32 = 5.0;
/// Share of the expected but missing sufferers that counts against a cause.
pub const MISSING: f32 = 0.6;
/// What it costs a cause that nothing is alerted about itself (natural logarithm): a workload that some see and others do not,
/// what the cluster's own rules watch, what is said to take too much of something.
pub const SILENT: f32 = 1.5;
/// See [`SILENT`].
pub const SILENT_WATCHED: f32 = 6.0;
/// See [`SILENT`].
pub const SILENT_SURGE: f32 = 5.0;
/// Weight of further alerts about a component that is explained already, all of them together at most once the first's.
pub const AGAIN: f32 = 0.2;
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
/// Share of what a fault does to the thing itself that comes later, and how much later in the middle, seconds.
pub const UNFOLD: f32 = 0.2;
/// See [`UNFOLD`].
pub const UNFOLD_SECONDS: f32 = 500.0;
/// Share of the onsets that are nowhere near, and how far they may be, seconds.
pub const STRAY: f32 = 0.04;
/// See [`STRAY`].
pub const STRAY_SECONDS: f32 = 1800.0;

/// Chance that a cause makes a component fire an alert of this class.
#[must_use]
pub fn chance(cause: &Cause, class: Class) -> f32 {
    let far = |first: f32, further: f32| first * further.powi(i32::from(cause.calls.max(1)) - 1);
    let stands = cause.calls == 0;
    let along = match (cause.way, class) {
        (Way::Itself, Class::Own) => 0.9,
        (Way::Itself, Class::Symptom) => 0.8,
        (Way::Itself, Class::Load | Class::Unseen) => 0.6,
        (Way::Itself, Class::Idle) => 0.3,
        (Way::Needs, Class::Own) if stands => 0.7,
        (Way::Needs, Class::Symptom | Class::Unseen) if stands => 0.6,
        (Way::Needs, Class::Load) if stands => 0.2,
        (Way::Needs, Class::Idle) if stands => 0.1,
        (Way::Needs, Class::Symptom) => far(0.85, 0.72),
        (Way::Needs, Class::Own) => far(0.25, 0.65),
        (Way::Needs, Class::Load) => far(0.15, 0.65),
        (Way::Needs, Class::Unseen | Class::Idle) => far(0.05, 0.65),
        (Way::Called, Class::Load) => far(0.65, 0.75),
        (Way::Called, Class::Symptom) => far(0.35, 0.7),
        (Way::Called, Class::Own) => far(0.08, 0.5),
        (Way::Called, Class::Idle) => far(0.3, 0.6),
        (Way::Beside, Class::Load) => 0.2,
        (Way::Beside, Class::Idle) => 0.25,
        (Way::Rival, Class::Symptom | Class::Own) => 0.3,
        (Way::Crowds, Class::Symptom | Class::Own | Class::Load) if cause.steps == 1 => 0.3,
        (Way::Crowds, Class::Symptom | Class::Load) => 0.3,
        (Way::Crowds, Class::Own) => 0.1,
        (Way::Measured, Class::Unseen | Class::Idle) => 0.6,
        (Way::Called | Way::Beside | Way::Rival | Way::Crowds | Way::Measured, _) => 0.0,
    };
    along * cause.strength
}

/// Chance that a failing cause shows at a component at all.
#[must_use]
pub fn visible(cause: &Cause) -> f32 {
    match cause.way {
        Way::Itself => 0.0,
        Way::Needs => [Class::Own, Class::Symptom]
            .map(|class| chance(cause, class))
            .into_iter()
            .fold(0.0, f32::max),
        Way::Called | Way::Beside | Way::Rival | Way::Crowds | Way::Measured => 0.0,
    }
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
    // What a fault does to the thing itself unfolds: back-off, deadlines, caches that run out.
    let unfolds = if cause.calls == 0 && off > 0.0 {
        (-off / UNFOLD_SECONDS).exp() / UNFOLD_SECONDS
    } else {
        0.0
    };
    let share = if cause.calls == 0 { UNFOLD } else { 0.0 };
    (1.0 - STRAY - share) * near + STRAY * stray + share * unfolds
}

/// Background alerts per second of one component of an estate of so many.
#[must_use]
pub fn background(components: usize) -> f32 {
    #[allow(clippy::cast_precision_loss, reason = "components of an estate")]
    let components = components as f32;
    BACKGROUND / components.max(FEWEST_COMPONENTS)
}

/// What it costs something of this kind, as a cause, that nothing is alerted about itself.
#[must_use]
pub fn silent(entity: &Entity, surge: bool) -> f32 {
    if surge {
        return SILENT_SURGE;
    }
    match entity.kind.as_str() {
        "Node" | "Zone" => SILENT_WATCHED,
        _ if entity.namespace.as_deref() == Some("kube-system") || entity.name.starts_with("prometheus") => SILENT_WATCHED,
        "Deployment" | "StatefulSet" | "DaemonSet" | "Service" | "Job" | "CronJob" | "Workload" | "Pod" => SILENT,
        _ => 0.0,
    }
}
