//! The numbers of the search, in one place; those of how trouble spreads are in [`effect`](crate::effect). Chances and times are those of
//! storms.md's sources; the rest was set on seeds 0 to 99 of the storm benchmark and never on others.

use crate::class::Class;

/// Alerts per second that have nothing to do with any incident, in the whole estate: one in some minutes.
pub const BACKGROUND: f32 = 0.008;
/// Components among which they are, at least.
pub const FEWEST_COMPONENTS: f32 = 30.0;
/// How much likelier than chance an alert must be part of an incident to join it (natural logarithm).
pub const JOIN: f32 = 1.0;
/// What an incident costs in an estate of [`FEWEST_COMPONENTS`] (natural logarithm): one begins somewhere in it every few hours, so that at one
/// component within the half minute that its onset is known to, one in fifteen thousand does.
pub const INCIDENT: f32 = 9.7;
/// How much less than an incident costs it costs that alerts which nobody would call one have the same cause (natural logarithm): each of
/// them is told to somebody, together or not.
pub const TOGETHER_ANYWAY: f32 = 5.0;
/// How much less likely a cause is that nothing is seen of itself, only of what it does to others (natural logarithm): there are rules for
/// most of what fails. Settings, which have none, are excepted.
pub const UNSHOWN: f32 = -4.0;
/// How much rarer than other faults (natural logarithm): that a node is busy for nothing that runs there,
pub const NOBODY: f32 = -6.0;
/// that more requests than usual come to what others call, and not to the first of them,
pub const FROM_INSIDE: f32 = -3.0;
/// that something has too few places which is no store.
pub const NO_STORE: f32 = -3.0;
/// Weight of further alerts of one class about one component, all of them together at most the first's.
pub const AGAIN: f32 = 0.2;
/// How much of it is believed that an alert is explained better with one more cause than without.
pub const BETTER: f32 = 0.8;
/// Share of the alerts about a component that has trouble which come later than the trouble, and how much in the middle, seconds: back-off,
/// deadlines, caches that run out.
pub const UNFOLD: f32 = 0.15;
/// See [`UNFOLD`].
pub const UNFOLD_SECONDS: f32 = 400.0;
/// Share of the onsets that are only about where they are expected, because trouble came another way, and how far off they are, seconds.
pub const ABOUT: f32 = 0.08;
/// See [`ABOUT`].
pub const ABOUT_SECONDS: f32 = 90.0;
/// Share of the onsets that are nowhere near, and how far they may be, seconds.
pub const STRAY: f32 = 0.02;
/// See [`STRAY`].
pub const STRAY_SECONDS: f32 = 1_800.0;
/// More spread where the rule's `for` is a guess, seconds.
pub const SPREAD_OF_GUESS: f32 = 50.0;
/// How many callers of a failing component nobody knows of, on average: some of the calls are never declared.
pub const TOGETHER: f32 = 0.2;
/// Most of the chance that a component fails with others although nothing is known to connect them.
pub const TOGETHER_MOST: f32 = 0.08;

/// Background alerts of a class per second about one component of an estate of so many.
#[must_use]
pub fn background(class: Class, components: usize) -> f32 {
    let share = match class {
        Class::Chronic => 0.4,
        Class::Starving => 0.3,
        Class::Load => 0.2,
        Class::Slow => 0.12,
        Class::Own => 0.1,
        Class::Error => 0.04,
        Class::Exhausted => 0.02,
        Class::Hungry => 0.05,
        Class::Crash | Class::Unready => 0.04,
        Class::Idle | Class::Unseen => 0.03,
        Class::Naming => 0.01,
    };
    #[allow(clippy::cast_precision_loss, reason = "components of an estate")]
    let components = components as f32;
    share * BACKGROUND / components.max(FEWEST_COMPONENTS)
}

/// What an incident costs in an estate of so many components (natural logarithm): estates have about as many incidents, whatever their
/// size, so that each of many components has fewer.
#[must_use]
pub fn incident(components: usize) -> f32 {
    #[allow(clippy::cast_precision_loss, reason = "components of an estate")]
    let components = components as f32;
    INCIDENT + (components.max(FEWEST_COMPONENTS) / FEWEST_COMPONENTS).ln()
}
