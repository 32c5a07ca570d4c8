//! Figures of many storms of one kind.

use std::collections::BTreeMap;

use serde::Serialize;

use super::score::{Found, Score};
use crate::measure::{mean_reciprocal, percentile};

/// What storms of one kind have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CellKey {
    /// Where the storms come from.
    pub set: String,
    /// Services of the estate; 0 for data that was converted, where it differs from storm to storm.
    pub services: usize,
    /// Incidents that overlap.
    pub incidents: usize,
}

/// All storms of one kind.
#[derive(Debug, Clone, Serialize)]
pub struct Cell {
    /// Which kind.
    #[serde(flatten)]
    pub key: CellKey,
    /// How many storms.
    pub storms: usize,
    /// Alerts of all of them.
    pub alerts: usize,
    /// Figures by name; one is missing where no storm has it.
    pub figures: BTreeMap<&'static str, Spread>,
    /// Share of incidents with the root on top, and how many there are, by fault.
    pub faults: BTreeMap<String, (f64, usize)>,
}

/// A figure over storms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// The 5th percentile of what should be large, the 95th of what should be small.
    pub worst5: f64,
}

/// One figure of a storm.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name in reports.
    pub name: &'static str,
    /// Whether more of it is better.
    pub more_is_better: bool,
    of: fn(&Score) -> Option<f64>,
}

const fn more(name: &'static str, of: fn(&Score) -> Option<f64>) -> Metric {
    Metric {
        name,
        more_is_better: true,
        of,
    }
}

const fn less(name: &'static str, of: fn(&Score) -> Option<f64>) -> Metric {
    Metric {
        name,
        more_is_better: false,
        of,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of alerts")]
fn real(count: usize) -> f64 {
    count as f64
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / real(values.len()))
}

/// Share of the incidents for which it is true.
fn share(score: &Score, is: impl Fn(&Found) -> bool) -> Option<f64> {
    mean(score.incidents.iter().map(|found| f64::from(u8::from(is(found)))))
}

fn top(found: &Found, places: usize) -> bool {
    found.rank.is_some_and(|rank| rank <= places)
}

fn yes(same: bool) -> Option<f64> {
    Some(f64::from(u8::from(same)))
}

impl Metric {
    /// Every figure that is reported.
    pub const ALL: [Self; 22] = [
        more("f1", |score| Some(score.pairwise.f1)),
        more("precision", |score| Some(score.pairwise.precision)),
        more("recall", |score| Some(score.pairwise.recall)),
        more("bcubed_f1", |score| Some(score.b_cubed.f1)),
        more("nmi", |score| Some(score.nmi)),
        less("noise_merged", |score| score.noise_merged),
        more("incident_recall", |score| share(score, |found| found.recalled)),
        more("root_top1", |score| share(score, |found| top(found, 1))),
        more("root_top3", |score| share(score, |found| top(found, 3))),
        more("root_mrr", |score| {
            mean_reciprocal(&score.incidents.iter().map(|found| found.rank).collect::<Vec<_>>())
        }),
        more("strict", |score| Some(score.strict)),
        less("root_after_alerts", |score| {
            mean(score.incidents.iter().filter_map(|found| Some(real(found.settled?.0))))
        }),
        less("root_after_seconds", |score| {
            mean(score.incidents.iter().filter_map(|found| Some(found.settled?.1)))
        }),
        less("raised", |score| Some(real(score.raised))),
        more("reduction", |score| Some(1.0 - real(score.raised) / real(score.alerts.max(1)))),
        more("storm_reduction", |score| mean(score.incidents.iter().filter_map(Found::reduction))),
        more("compression", |score| Some(real(score.alerts) / real(score.groups.max(1)))),
        less("churn", |score| Some(score.churn)),
        less("p99_micros", |score| Some(score.p99_micros)),
        more("same_label_order", |score| yes(score.invariance.label_order)),
        more("same_replay", |score| yes(score.invariance.replay)),
        more("same_shuffled", |score| Some(score.invariance.shuffled)),
    ];

    /// The figure over storms; `None` where none has it.
    fn spread(&self, scores: &[&Score]) -> Option<Spread> {
        let values: Vec<f64> = scores.iter().filter_map(|score| (self.of)(score)).collect();
        Some(Spread {
            mean: mean(values.iter().copied())?,
            worst5: percentile(&values, if self.more_is_better { 0.05 } else { 0.95 })?,
        })
    }
}

/// Puts scores of one contender into cells.
#[must_use]
pub fn cells(scores: &[Score]) -> Vec<Cell> {
    let mut kinds: BTreeMap<CellKey, Vec<&Score>> = BTreeMap::new();
    for score in scores {
        let key = CellKey {
            set: score.set.clone(),
            services: if score.seed.is_some() { score.services } else { 0 },
            incidents: score.incidents.len(),
        };
        kinds.entry(key).or_default().push(score);
    }
    kinds.into_iter().map(|(key, scores)| cell(key, &scores)).collect()
}

fn cell(key: CellKey, scores: &[&Score]) -> Cell {
    let mut by_fault: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for found in scores.iter().flat_map(|score| &score.incidents) {
        by_fault
            .entry(found.fault.clone())
            .or_default()
            .push(f64::from(u8::from(top(found, 1))));
    }
    Cell {
        key,
        storms: scores.len(),
        alerts: scores.iter().map(|score| score.alerts).sum(),
        figures: Metric::ALL
            .iter()
            .filter_map(|metric| Some((metric.name, metric.spread(scores)?)))
            .collect(),
        faults: by_fault
            .into_iter()
            .map(|(fault, tops)| (fault, (tops.iter().sum::<f64>() / real(tops.len()), tops.len())))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        eval::evaluate,
        generate::{Spec, Variant, generate},
        group::CONTENDERS,
    };

    #[test]
    fn the_product_and_the_floors_are_measured_on_every_kind_of_storm() {
        for contender in &CONTENDERS {
            let storm = |incidents| {
                generate(Spec {
                    seed: 2,
                    services: 12,
                    incidents,
                    variant: Variant::Plain,
                })
            };
            let scores: Vec<Score> = [0, 2].map(|incidents| evaluate(&storm(incidents), contender).unwrap()).into();
            let cells = cells(&scores);
            assert_eq!(
                cells.iter().map(|cell| (cell.key.services, cell.key.incidents)).collect::<Vec<_>>(),
                [(12, 0), (12, 2)]
            );
            assert!(!cells[0].figures.contains_key("root_top1"), "there is no root in a quiet estate");
            assert_eq!(cells[1].faults.values().map(|(_, count)| count).sum::<usize>(), 2);
            assert!(
                cells
                    .iter()
                    .all(|cell| cell.figures["same_label_order"].mean >= 1.0 && cell.figures["same_replay"].mean >= 1.0)
            );
        }
    }

    #[test]
    fn the_worst_twentieth_is_the_low_end_of_what_should_be_high() {
        let storm = |seed| {
            generate(Spec {
                seed,
                services: 6,
                incidents: 1,
                variant: Variant::Plain,
            })
        };
        let scores: Vec<Score> = (0..8).map(|seed| evaluate(&storm(seed), &CONTENDERS[0]).unwrap()).collect();
        let f1s: Vec<f64> = scores.iter().map(|score| score.pairwise.f1).collect();
        let noise: Vec<f64> = scores.iter().filter_map(|score| score.noise_merged).collect();
        let cell = &cells(&scores)[0];
        assert_eq!(cell.figures["f1"].worst5, f1s.iter().copied().fold(1.0, f64::min));
        assert_eq!(cell.figures["noise_merged"].worst5, noise.iter().copied().fold(0.0, f64::max));
    }
}
