//! When a signal left its usual level.
//!
//! Change points are found by binary segmentation (Scott and Knott, 1974): a series is cut where the squared distances from the means of both
//! sides are least, and each part again, as long as a cut gains more than a penalty. Costs and penalties are compared in Truong, Oudre and
//! Vayatis, "Selective review of offline change point detection methods", Signal Processing 167 (2020). The penalty is 3 σ² ln n, as the
//! Schwarz criterion has it for a mean and its place; σ is taken from the differences of neighbours, so that the shifts do not count as noise.

use jiff::Timestamp;
use paramedic_domain::id::EvidenceId;

use super::stats::median;

/// Fewest points of a level: less is a spike.
const FEWEST: usize = 3;
/// Times σ² ln n that a cut must gain.
const PENALTY: f64 = 3.0;
/// The median of absolute deviations of normal noise, in σ.
const MAD: f64 = 0.6745;
/// From this multiple of its usual level a signal has left it: the day's course of a service stays below.
const LEFT: f64 = 1.5;

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// 99th percentile of response times, seconds.
    Latency,
    /// Share of failing requests.
    Errors,
    /// Working set of the largest pod, bytes.
    Memory,
}

impl Signal {
    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Latency => "p99",
            Self::Errors => "the share of failing requests",
            Self::Memory => "the largest working set",
        }
    }

    /// The unit of its values.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Latency => "s",
            Self::Errors => "share",
            Self::Memory => "bytes",
        }
    }

    /// A rise that nobody would call one.
    fn least(self) -> f64 {
        match self {
            Self::Latency => 0.05,
            Self::Errors => 0.01,
            Self::Memory => 32.0 * 1_048_576.0,
        }
    }

    /// A value for people.
    #[must_use]
    pub fn shown(self, value: f64) -> String {
        match self {
            Self::Latency if value < 1.0 => format!("{:.0} ms", value * 1000.0),
            Self::Latency => format!("{value:.1} s"),
            Self::Errors => format!("{:.1} %", value * 100.0),
            Self::Memory => super::quantity::human(value),
        }
    }
}

/// A signal that left its usual level and did not come back.
#[derive(Debug, Clone, PartialEq)]
pub struct Onset {
    /// What is watched.
    pub signal: Signal,
    /// Since when.
    pub at: Timestamp,
    /// Its usual level.
    pub usual: f64,
    /// Its level since.
    pub level: f64,
    /// The evidence.
    pub evidence: EvidenceId,
}

/// A shift of a series: where it begins, the usual level and the one since.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// Unix seconds.
    pub at: f64,
    /// Level before.
    pub usual: f64,
    /// Level since.
    pub level: f64,
}

/// Where levels begin, but for the first.
#[must_use]
pub fn change_points(values: &[f64]) -> Vec<usize> {
    let mut steps: Vec<f64> = values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    steps.sort_by(f64::total_cmp);
    // Differences of neighbours have twice the variance of the noise.
    let sigma = steps.get(steps.len() / 2).copied().unwrap_or(0.0) / MAD / std::f64::consts::SQRT_2;
    let spread = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    // A series without noise would be cut at every rounding.
    let sigma = sigma.max(spread * 1e-6);
    let penalty = PENALTY * sigma * sigma * (values.len().max(2) as f64).ln();
    let mut found = Vec::new();
    cut(values, 0, penalty, &mut found);
    found.sort_unstable();
    found
}

fn cut(values: &[f64], offset: usize, penalty: f64, found: &mut Vec<usize>) {
    let n = values.len();
    if n < 2 * FEWEST {
        return;
    }
    let total: f64 = values.iter().sum();
    let mut left: f64 = values[..FEWEST].iter().sum();
    let mut best: Option<(usize, f64)> = None;
    for (at, value) in values.iter().enumerate().take(n - FEWEST + 1).skip(FEWEST) {
        let (before, after) = (at as f64, (n - at) as f64);
        // What the squared distances lose by two means instead of one.
        let gain = before * after / n as f64 * ((total - left) / after - left / before).powi(2);
        if best.is_none_or(|(_, most)| gain > most) {
            best = Some((at, gain));
        }
        left += value;
    }
    if let Some((at, gain)) = best
        && gain > penalty
    {
        found.push(offset + at);
        cut(&values[..at], offset, penalty, found);
        cut(&values[at..], offset + at, penalty, found);
    }
}

/// Since when a series is above its usual level, if it still is; `usual` is the level of the same hour on earlier days, else that at
/// the beginning of the series. `None` also when it was above it all along.
#[must_use]
pub fn shift(signal: Signal, points: &[(f64, f64)], usual: Option<f64>) -> Option<Shift> {
    let values: Vec<f64> = points.iter().map(|point| point.1).collect();
    let mut bounds = vec![0];
    bounds.extend(change_points(&values));
    bounds.push(values.len());
    let levels: Vec<(usize, f64)> = bounds
        .windows(2)
        .filter_map(|pair| Some((pair[0], median(values[pair[0]..pair[1]].to_vec())?)))
        .collect();
    let usual = usual.or(levels.first().map(|level| level.1))?;
    let above = |value: f64| value >= usual * LEFT && value - usual >= signal.least();
    let raised = levels.iter().rev().take_while(|level| above(level.1)).last()?;
    // A cut may lie a point off.
    let mut start = raised.0 + values[raised.0..].iter().position(|value| above(*value))?;
    // A rate over minutes rises slowly: its first minutes belong to the shift, too.
    while start > 0 && above(values[start - 1]) {
        start -= 1;
    }
    let level = median(values[start..].to_vec())?;
    (start > 0).then(|| Shift {
        at: points[start].0,
        usual,
        level,
    })
}
