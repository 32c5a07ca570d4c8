//! One incident while it can still grow: its members, and how well each possible cause explains them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use paramedic_domain::id::IncidentId;

use crate::{
    class::Class,
    graph::{Component, Graph, Way},
    signal::{Link, Signal},
    weights,
};

/// What may have happened: this component failed, or it got more requests than usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hypothesis {
    /// The component at fault.
    pub component: Component,
    /// Not a failure, but a surge that it passes on.
    pub surge: bool,
}

/// How well one hypothesis explains the members.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Support {
    /// Sum of the members' log-likelihood ratios against chance.
    gain: f32,
    /// Sum over distinct components of their chances.
    reached: f32,
    /// Weighted mean of the cause's onset that the members imply, seconds since the group's first onset.
    onset: f32,
    weight: f32,
    /// The component itself is alerted about.
    spoke: bool,
    /// Members that it explains better than chance.
    pub explained: u32,
}

/// An open group of alerts.
#[derive(Debug, Clone)]
pub struct Group {
    /// The incident's id.
    pub id: IncidentId,
    /// When its first alert came.
    pub opened: Timestamp,
    /// The first member's onset: the origin of all onsets here.
    pub origin: Timestamp,
    /// The latest onset of a member, seconds since the origin.
    pub latest: f32,
    /// Members in the order in which they came: keys of the correlator's alerts.
    pub members: Vec<u128>,
    /// Members that fire.
    pub firing: u32,
    /// Components with the classes of their alerts (bit set).
    pub seen: BTreeMap<Component, u8>,
    supports: BTreeMap<Hypothesis, Support>,
    /// Share of belief of each hypothesis, the greatest first.
    beliefs: Vec<(Hypothesis, f32)>,
}

/// Most hypotheses kept: those behind are hopeless.
const MOST: usize = 384;

fn bit(class: Class) -> u8 {
    match class {
        Class::Own => 1,
        Class::Symptom => 2,
        Class::Load => 4,
        Class::Unseen => 8,
    }
}

/// The hypothesis that a link speaks for.
#[must_use]
pub fn hypothesis(link: &Link, class: Class) -> Hypothesis {
    let surge = match link.cause.way {
        Way::Called => true,
        Way::Itself => class == Class::Load,
        Way::Needs | Way::Beside | Way::Measured => false,
    };
    Hypothesis {
        component: link.cause.component,
        surge,
    }
}

impl Group {
    /// A group without members.
    #[must_use]
    pub fn new(id: IncidentId, opened: Timestamp, origin: Timestamp) -> Self {
        Self {
            id,
            opened,
            origin,
            latest: 0.0,
            members: Vec::new(),
            firing: 0,
            seen: BTreeMap::new(),
            supports: BTreeMap::new(),
            beliefs: Vec::new(),
        }
    }

    fn at(&self, signal: &Signal) -> f32 {
        signal.seconds_after(self.origin)
    }

    /// How much likelier than chance the signal is if it belongs here (natural logarithm), and the link that says most.
    #[must_use]
    pub fn score(&self, signal: &Signal, links: &[Link]) -> Option<(f32, Link)> {
        let at = self.at(signal);
        let mut sum = 0.0_f32;
        let mut best: Option<(f32, Link)> = None;
        for link in links {
            let hypothesis = hypothesis(link, signal.class);
            let Some(support) = self.supports.get(&hypothesis) else { continue };
            let Some((_, belief)) = self.beliefs.iter().find(|(known, _)| *known == hypothesis) else {
                continue;
            };
            let off = at - weights::delay(&link.cause) - support.onset;
            let part = belief * link.chance * weights::density(off, &link.cause, signal.for_known) / weights::BACKGROUND;
            sum += part;
            if best.is_none_or(|(most, _)| part > most) {
                best = Some((part, *link));
            }
        }
        best.map(|(_, link)| (sum.ln(), link))
    }

    /// Adds a member's weight to every hypothesis that explains it.
    pub fn add(&mut self, key: u128, signal: &Signal, links: &[Link], graph: &Graph) {
        let at = self.at(signal);
        self.latest = self.latest.max(at);
        self.members.push(key);
        let classes = self.seen.entry(signal.component).or_default();
        let weight = match *classes {
            0 => 1.0,
            known if known & bit(signal.class) == 0 => weights::AGAIN_OTHER,
            _ => weights::AGAIN_SAME,
        };
        let first = *classes == 0;
        *classes |= bit(signal.class);
        for link in links {
            let support = self.supports.entry(hypothesis(link, signal.class)).or_default();
            let implied = at - weights::delay(&link.cause);
            let off = if support.weight > 0.0 { implied - support.onset } else { 0.0 };
            let likelihood = link.chance * weights::density(off, &link.cause, signal.for_known) / weights::BACKGROUND;
            support.gain += weight * likelihood.ln_1p();
            support.explained += u32::from(likelihood > 1.0);
            if first {
                support.reached += link.cause.strength * 0.8_f32.powi(i32::from(link.cause.calls));
            }
            support.spoke |= link.cause.way == Way::Itself;
            // What is far off tells nothing about when the cause began.
            let pull = weight * (-off.abs() / 120.0).exp() / f32::from(1 + link.cause.calls);
            support.weight += pull;
            support.onset += (implied - support.onset) * pull / support.weight.max(f32::MIN_POSITIVE);
        }
        self.believe(graph);
    }

    /// Takes in everything that another group has.
    pub fn absorb(&mut self, other: &Self, graph: &Graph) {
        let shift = seconds(other.origin, self.origin);
        self.latest = self.latest.max(other.latest + shift);
        self.members.extend(&other.members);
        self.firing += other.firing;
        for (component, classes) in &other.seen {
            *self.seen.entry(*component).or_default() |= classes;
        }
        for (hypothesis, theirs) in &other.supports {
            let ours = self.supports.entry(*hypothesis).or_default();
            let weight = ours.weight + theirs.weight;
            if weight > 0.0 {
                ours.onset = (ours.onset * ours.weight + (theirs.onset + shift) * theirs.weight) / weight;
            }
            ours.weight = weight;
            ours.gain += theirs.gain;
            ours.reached += theirs.reached;
            ours.spoke |= theirs.spoke;
            ours.explained += theirs.explained;
        }
        self.believe(graph);
    }

    /// How well the hypothesis stands (natural logarithm): what it explains, less what should be there and is not.
    fn standing(hypothesis: Hypothesis, support: &Support, graph: &Graph) -> f32 {
        let component = hypothesis.component;
        let missing = if hypothesis.surge {
            2.0
        } else {
            (graph.breadth(component) - support.reached).max(0.0) * weights::MISSING
        };
        let silent = !support.spoke && weights::speaks(&graph.entity(component).kind);
        support.gain - missing - if silent { weights::SILENT } else { 0.0 }
    }

    fn believe(&mut self, graph: &Graph) {
        let mut standings: Vec<(Hypothesis, f32)> = self
            .supports
            .iter()
            .map(|(hypothesis, support)| (*hypothesis, Self::standing(*hypothesis, support, graph)))
            .collect();
        standings.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        if standings.len() > MOST {
            for (hypothesis, _) in standings.drain(MOST..) {
                self.supports.remove(&hypothesis);
            }
        }
        let top = standings.first().map_or(0.0, |(_, standing)| *standing);
        let sum: f32 = standings.iter().map(|(_, standing)| (standing - top).exp()).sum();
        self.beliefs = standings
            .into_iter()
            .map(|(hypothesis, standing)| (hypothesis, (standing - top).exp() / sum))
            .filter(|(_, belief)| *belief > 1e-5)
            .collect();
    }

    /// Hypotheses by belief, the likeliest first.
    #[must_use]
    pub fn beliefs(&self) -> &[(Hypothesis, f32)] {
        &self.beliefs
    }

    /// How well a hypothesis explains the members.
    #[must_use]
    pub fn support(&self, hypothesis: Hypothesis) -> Option<&Support> {
        self.supports.get(&hypothesis)
    }

    fn best(&self, graph: &Graph) -> f32 {
        self.beliefs
            .first()
            .and_then(|(hypothesis, _)| Some(Self::standing(*hypothesis, self.supports.get(hypothesis)?, graph)))
            .unwrap_or(0.0)
    }

    /// How much better one cause explains both groups than two causes would (natural logarithm); negative if it does not.
    #[must_use]
    pub fn affinity(&self, other: &Self, graph: &Graph) -> f32 {
        let shift = seconds(other.origin, self.origin);
        let mut together = f32::MIN;
        for (hypothesis, ours) in &self.supports {
            let Some(theirs) = other.supports.get(hypothesis) else { continue };
            let apart = (theirs.onset + shift - ours.onset).abs();
            #[allow(clippy::cast_precision_loss, reason = "members of one group")]
            let fewer = self.seen.len().min(other.seen.len()) as f32;
            let both = Support {
                gain: ours.gain + theirs.gain - fewer * apart / 90.0,
                reached: ours.reached + theirs.reached,
                spoke: ours.spoke || theirs.spoke,
                ..*ours
            };
            together = together.max(Self::standing(*hypothesis, &both, graph));
        }
        together - self.best(graph) - other.best(graph) + weights::INCIDENT
    }
}

/// Seconds from `from` to `to`.
pub(crate) fn seconds(to: Timestamp, from: Timestamp) -> f32 {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "an f32 holds the seconds of days to a fraction of a second"
    )]
    let seconds = to.duration_since(from).as_secs_f64() as f32;
    seconds
}
