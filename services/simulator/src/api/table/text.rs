//! Small texts of table cells.

use jiff::Timestamp;
use serde_json::Value;

/// A number, 0 when missing.
pub(super) fn count(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

/// Wanted replicas, 1 when not said.
pub(super) fn wanted(spec: &Value) -> i64 {
    spec["replicas"].as_i64().unwrap_or(1)
}

/// Text or number as text, `missing` when there is none.
pub(super) fn text_or(value: &Value, missing: &str) -> String {
    match value {
        Value::String(text) if !text.is_empty() => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => missing.to_owned(),
    }
}

/// Time between two times, or until now.
pub(super) fn span(from: &Value, to: &Value, now: Timestamp) -> String {
    let end = to.as_str().and_then(|text| text.parse().ok()).unwrap_or(now);
    age(from, end)
}

/// `3d4h`, `5m`, `42s`: as kubectl shortens durations.
pub(super) fn age(from: &Value, now: Timestamp) -> String {
    let Some(at) = from.as_str().and_then(|text| text.parse::<Timestamp>().ok()) else {
        return "<unknown>".to_owned();
    };
    let seconds = now.duration_since(at).as_secs();
    let two = |big: i64, unit: &str, small: i64, small_unit: &str| {
        if small == 0 {
            format!("{big}{unit}")
        } else {
            format!("{big}{unit}{small}{small_unit}")
        }
    };
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1..=0 => "0s".to_owned(),
        1..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}
