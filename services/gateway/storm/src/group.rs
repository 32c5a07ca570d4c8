//! Who puts alerts together: the port that is measured, and everybody who is.

use jiff::Timestamp;
use paramedic_correlation::topology::{Entity, Topology};
use paramedic_domain::alert::Alert;

use crate::format::Window;

mod correlator;
mod neighbours;
mod window;

/// Takes alerts as they arrive and says at any moment how they belong together.
pub trait Grouper {
    /// Takes one alert of a post, firing or resolved, new or known.
    fn observe(&mut self, alert: &Alert, received: Timestamp);

    /// Nothing comes for a while: what waits for that is done.
    fn rest(&mut self) {}

    /// Every group as it is now. An alert is in one at most.
    fn groups(&self) -> Vec<Grouped>;
}

/// One alert: a label set that fires again later is another.
pub type AlertKey = (String, Timestamp);

/// One group.
#[derive(Debug, Clone, PartialEq)]
pub struct Grouped {
    /// What is in it.
    pub members: Vec<AlertKey>,
    /// What may be the cause, the likeliest first, with scores.
    pub roots: Vec<(Entity, f64)>,
    /// How sure it is that this is an incident, 0 to 1; above [`RAISED`] a person would hear of it.
    pub confidence: f64,
}

/// From this confidence on a group is an incident that people hear of.
pub const RAISED: f64 = 0.5;

/// What is known beforehand.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The estate.
    pub topology: &'a Topology,
    /// Declared maintenance.
    pub windows: &'a [Window],
}

/// One who is measured.
#[derive(Debug, Clone, Copy)]
pub struct Contender {
    /// Its name in reports.
    pub name: &'static str,
    /// Makes one that has seen nothing.
    pub make: fn(Known<'_>) -> Box<dyn Grouper>,
}

/// The product, and two simple rules that it must beat.
pub const CONTENDERS: [Contender; 3] = [window::FLOOR, neighbours::FLOOR, correlator::WHOLE];

/// The product with less and less evidence, to see what each kind is worth.
pub const ABLATIONS: [Contender; 5] = correlator::PARTS;
