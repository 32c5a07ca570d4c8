//! Functions of the samples in a range.

use super::Point;

/// Change over the window, extrapolated to its edges as Prometheus does. `counter` undoes resets, `per_second` divides by the window.
pub(super) fn extrapolated(points: &[Point], end: f64, window: f64, counter: bool, per_second: bool) -> Option<f64> {
    let (first, last) = (points.first()?, points.last()?);
    if points.len() < 2 {
        return None;
    }
    let mut change = last.1 - first.1;
    if counter {
        change += points
            .windows(2)
            .filter(|pair| pair[1].1 < pair[0].1)
            .map(|pair| pair[0].1)
            .sum::<f64>();
    }
    let sampled = last.0 - first.0;
    let average = sampled / (points.len() - 1) as f64;
    let threshold = average * 1.1;
    let mut to_start = first.0 - (end - window);
    let mut to_end = end - last.0;
    if to_start >= threshold {
        to_start = average / 2.0;
    }
    if counter && change > 0.0 && first.1 >= 0.0 {
        // A counter was never below zero.
        to_start = to_start.min(sampled * (first.1 / change));
    }
    if to_end >= threshold {
        to_end = average / 2.0;
    }
    let factor = (sampled + to_start + to_end) / sampled;
    let value = change * factor;
    Some(if per_second { value / window } else { value })
}

/// Change between the last two samples.
pub(super) fn last_two(points: &[Point], counter: bool, per_second: bool) -> Option<f64> {
    let [.., before, last] = points else { return None };
    let change = if counter && last.1 < before.1 { last.1 } else { last.1 - before.1 };
    Some(if per_second { change / (last.0 - before.0) } else { change })
}

/// Slope per second and value at `at` of the straight line through the samples (least squares).
pub(super) fn line(points: &[Point], at: f64) -> Option<(f64, f64)> {
    if points.len() < 2 {
        return None;
    }
    let n = points.len() as f64;
    let mean_x = points.iter().map(|p| p.0 - at).sum::<f64>() / n;
    let mean_y = points.iter().map(|p| p.1).sum::<f64>() / n;
    let covariance: f64 = points.iter().map(|p| (p.0 - at - mean_x) * (p.1 - mean_y)).sum();
    let variance: f64 = points.iter().map(|p| (p.0 - at - mean_x).powi(2)).sum();
    let slope = covariance / variance;
    Some((slope, mean_y - slope * mean_x))
}

/// The value below which a share `phi` of the values lies, with interpolation.
pub(super) fn quantile(phi: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || phi.is_nan() {
        return f64::NAN;
    }
    if phi < 0.0 {
        return f64::NEG_INFINITY;
    }
    if phi > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(f64::total_cmp);
    let rank = phi * (values.len() - 1) as f64;
    let (low, high) = (rank.floor() as usize, rank.ceil() as usize);
    values[low] + (values[high] - values[low]) * (rank - low as f64)
}

/// A function whose name ends in `_over_time`; `None` when there is no such function.
pub(super) fn over_time(name: &str, points: &[Point]) -> Option<f64> {
    let values = || points.iter().map(|p| p.1);
    let count = points.len() as f64;
    let mean = || values().sum::<f64>() / count;
    let variance = || values().map(|v| (v - mean()).powi(2)).sum::<f64>() / count;
    Some(match name {
        "avg_over_time" => mean(),
        "min_over_time" => values().fold(f64::NAN, f64::min),
        "max_over_time" => values().fold(f64::NAN, f64::max),
        "sum_over_time" => values().sum(),
        "count_over_time" => count,
        "last_over_time" => points.last()?.1,
        "first_over_time" => points.first()?.1,
        "present_over_time" => 1.0,
        "stddev_over_time" => variance().sqrt(),
        "stdvar_over_time" => variance(),
        "changes" => points.windows(2).filter(|pair| pair[0].1 != pair[1].1).count() as f64,
        "resets" => points.windows(2).filter(|pair| pair[1].1 < pair[0].1).count() as f64,
        _ => return None,
    })
}

/// A quantile from cumulative histogram buckets (upper bound, count).
pub(super) fn histogram_quantile(phi: f64, mut buckets: Vec<(f64, f64)>) -> f64 {
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some(&(top, total)) = buckets.last() else { return f64::NAN };
    if buckets.len() < 2 || top.is_finite() || total <= 0.0 || phi.is_nan() {
        return f64::NAN;
    }
    if phi < 0.0 {
        return f64::NEG_INFINITY;
    }
    if phi > 1.0 {
        return f64::INFINITY;
    }
    let rank = phi * total;
    let at = buckets.iter().position(|(_, count)| *count >= rank).unwrap_or(buckets.len() - 1);
    if at == buckets.len() - 1 {
        return buckets[at - 1].0;
    }
    let (low, below) = if at == 0 { (0.0, 0.0) } else { buckets[at - 1] };
    let (high, count) = buckets[at];
    if at == 0 && high <= 0.0 {
        return high;
    }
    low + (high - low) * ((rank - below) / (count - below))
}
