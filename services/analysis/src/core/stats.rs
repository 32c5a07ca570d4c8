//! The little statistics that the engines need.

/// A straight line through points of (hours, value).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Value per hour.
    pub slope: f64,
    /// Share of the variance it explains, 0 to 1.
    pub r2: f64,
    /// Hours from the first to the last point.
    pub hours: f64,
    /// Rise of the line over that time.
    pub rise: f64,
}

/// A fall to below this share of the value before it is a restart, not noise.
const RESTART_DROP: f64 = 0.7;

/// The longest stretch (by time) of a series without a restart in it.
#[must_use]
pub fn longest_run(points: &[(f64, f64)]) -> &[(f64, f64)] {
    let mut best = 0..points.len().min(1);
    let mut start = 0;
    let length = |range: &std::ops::Range<usize>| match (points.get(range.start), points.get(range.end.wrapping_sub(1))) {
        (Some(first), Some(last)) => last.0 - first.0,
        _ => 0.0,
    };
    for i in 1..=points.len() {
        let ends = i == points.len() || points[i].1 < points[i - 1].1 * RESTART_DROP;
        if ends {
            let run = start..i;
            if length(&run) > length(&best) {
                best = run;
            }
            start = i;
        }
    }
    &points[best]
}

/// Least squares of points of (seconds, value); `None` for fewer than three points or no time between them.
#[must_use]
pub fn fit(points: &[(f64, f64)]) -> Option<Fit> {
    let (first, last) = (points.first()?, points.last()?);
    let n = points.len() as f64;
    if points.len() < 3 || last.0 <= first.0 {
        return None;
    }
    let hours = |t: f64| (t - first.0) / 3600.0;
    let mean_x = points.iter().map(|p| hours(p.0)).sum::<f64>() / n;
    let mean_y = points.iter().map(|p| p.1).sum::<f64>() / n;
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (t, y) in points {
        let (dx, dy) = (hours(*t) - mean_x, y - mean_y);
        xx += dx * dx;
        xy += dx * dy;
        yy += dy * dy;
    }
    if xx <= 0.0 {
        return None;
    }
    let slope = xy / xx;
    let span = hours(last.0);
    Some(Fit {
        slope,
        r2: if yy > 0.0 { (xy * xy / (xx * yy)).clamp(0.0, 1.0) } else { 0.0 },
        hours: span,
        rise: slope * span,
    })
}

/// Pearson's correlation of pairs; `None` for fewer than eight or when one side does not vary.
#[must_use]
pub fn correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 8 {
        return None;
    }
    let n = pairs.len() as f64;
    let (mx, my) = (
        pairs.iter().map(|p| p.0).sum::<f64>() / n,
        pairs.iter().map(|p| p.1).sum::<f64>() / n,
    );
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        xx += (x - mx) * (x - mx);
        xy += (x - mx) * (y - my);
        yy += (y - my) * (y - my);
    }
    (xx > 0.0 && yy > 0.0).then(|| xy / (xx * yy).sqrt())
}

/// How the hourly growth of `memory` goes with the hourly mean of `load`: 1 when it grows as fast as the load is high,
/// near 0 when it grows whatever the load. Levels would mislead: both may rise over a day by chance.
#[must_use]
pub fn growth_follows(memory: &[(f64, f64)], load: &[(f64, f64)]) -> Option<f64> {
    let hour = |t: f64| (t / 3600.0).floor() as i64;
    let mean_by_hour = |points: &[(f64, f64)]| {
        let mut hours: std::collections::BTreeMap<i64, (f64, f64)> = std::collections::BTreeMap::new();
        for (t, value) in points {
            let entry = hours.entry(hour(*t)).or_default();
            entry.0 += value;
            entry.1 += 1.0;
        }
        hours
            .into_iter()
            .map(|(at, (sum, n))| (at, sum / n))
            .collect::<std::collections::BTreeMap<i64, f64>>()
    };
    let (memory, load) = (mean_by_hour(memory), mean_by_hour(load));
    let pairs: Vec<(f64, f64)> = memory
        .iter()
        .filter_map(|(at, value)| Some((value - memory.get(&(at - 1))?, *load.get(at)?)))
        .collect();
    // The first and last hours are only partly covered by samples.
    correlation(pairs.get(1..pairs.len().saturating_sub(1))?)
}

/// The middle value.
#[must_use]
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
