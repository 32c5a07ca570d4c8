//! When the signals of the alerted workload left their usual level.

use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use paramedic_domain::evidence::Source;

use super::{probes::Probes, prometheus::Prometheus};
use crate::core::{
    criteria,
    facts::{Facts, Workload},
    onset::{Onset, Signal, shift},
    stats::median,
    subjects::Quote,
    timeline::{Moment, Telling},
};

/// What is looked at, before now.
const WINDOW: SignedDuration = SignedDuration::from_hours(3);
/// Distance of its samples: most scrapes are this far apart.
const STEP: Duration = Duration::from_secs(60);
/// Days before on which the same hours are the usual ones.
const DAYS: [i64; 3] = [1, 2, 7];
/// Distance of samples of earlier days: only their middle matters.
const COARSE: Duration = Duration::from_secs(300);
/// Questions asked at the same time.
const AT_ONCE: usize = 4;

/// Files the onsets of a workload's signals.
pub(super) async fn onsets(probes: &Probes, workload: &Workload, facts: &mut Facts) {
    let Some(prometheus) = &probes.prometheus else { return };
    // It was asked before, and did not answer.
    if facts.missing.iter().any(|missing| missing.starts_with("prometheus: http")) {
        return;
    }
    let signals = [
        (Signal::Latency, criteria::p99(workload, "5m")),
        (Signal::Errors, criteria::errors_of(workload)),
        (Signal::Memory, format!("max({})", criteria::working_set(workload))),
    ];
    for (signal, query) in signals {
        let points = range(prometheus, &query, facts.at, 0, STEP).await;
        if points.is_empty() {
            continue;
        }
        let days = stream::iter(DAYS).map(|days| range(prometheus, &query, facts.at, days, COARSE));
        let earlier: Vec<Vec<(f64, f64)>> = days.buffered(AT_ONCE).collect().await;
        let known = earlier.iter().filter(|points| !points.is_empty()).count();
        let usual = median(earlier.iter().flatten().map(|point| point.1).collect());
        let Some(found) = shift(signal, &points, usual) else { continue };
        let Ok(at) = Timestamp::from_second(found.at as i64) else {
            continue;
        };
        let against = match known {
            0 => "as it began three hours before".to_owned(),
            n => format!("the middle of the same hours on {n} of the days {DAYS:?} before"),
        };
        let what = format!(
            "{} left its usual {} ({against}): {} since",
            signal.name(),
            signal.shown(found.usual),
            signal.shown(found.level)
        );
        let quote = Quote {
            source: Source::Prometheus,
            query: format!("{query} over the 3 h before {}, every {} s", facts.at, STEP.as_secs()),
            excerpt: format!("{what} {at}"),
            value: Some((found.level, signal.unit().to_owned())),
        };
        let evidence = quote.file(facts.at, &mut facts.evidence);
        facts.moments.push(Moment {
            at,
            telling: Telling::Turn,
            object: workload.object.to_string(),
            what,
            quote,
        });
        facts.onsets.push(Onset {
            signal,
            at,
            usual: found.usual,
            level: found.level,
            evidence,
        });
    }
}

/// The series as it was so many days before; empty where there is none.
async fn range(prometheus: &Prometheus, query: &str, at: Timestamp, days: i64, step: Duration) -> Vec<(f64, f64)> {
    let to = Probes::before(at, SignedDuration::from_hours(24 * days));
    let answer = prometheus.range(query, Probes::before(to, WINDOW), to, step).await;
    let mut points = answer
        .ok()
        .and_then(|all| all.into_iter().next())
        .map_or_else(Vec::new, |one| one.points);
    // No requests have no share and no percentile.
    points.retain(|(_, value)| value.is_finite());
    points
}
