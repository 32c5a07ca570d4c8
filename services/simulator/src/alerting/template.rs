//! Placeholders in labels and annotations: `{{ $labels.NAME }}`, `{{ $value }}` and `{{ $value | FORMAT }}` with the formats
//! `humanize`, `humanizePercentage`, `humanizeDuration`, `humanize1024` and `printf "%.Nf"`.

use crate::telemetry::series::Labels;

/// Fills the placeholders; what is not understood stays as it is.
pub(super) fn fill(text: &str, labels: &Labels, value: f64) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((inside, after)) = tail.split_once("}}") else {
            out.push_str("{{");
            rest = tail;
            continue;
        };
        match resolve(inside.trim(), labels, value) {
            Some(text) => out.push_str(&text),
            None => {
                out.push_str("{{");
                out.push_str(inside);
                out.push_str("}}");
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn resolve(expression: &str, labels: &Labels, value: f64) -> Option<String> {
    if let Some(name) = expression.strip_prefix("$labels.") {
        return Some(labels.get(name.trim()).to_owned());
    }
    // `printf "%.2f" $value` puts the value last.
    if let Some(format) = expression.strip_prefix("printf ") {
        return printf(format.trim().strip_suffix("$value")?.trim(), value);
    }
    let mut parts = expression.split('|').map(str::trim);
    if parts.next()? != "$value" {
        return None;
    }
    match parts.next() {
        None => Some(value.to_string()),
        Some("humanize") => Some(humanize(value, 1000.0, &["", "k", "M", "G", "T"])),
        Some("humanize1024") => Some(humanize(value, 1024.0, &["", "Ki", "Mi", "Gi", "Ti"])),
        Some("humanizePercentage") => Some(format!("{}%", short(value * 100.0))),
        Some("humanizeDuration") => Some(duration(value)),
        Some(format) => printf(format.strip_prefix("printf")?.trim(), value),
    }
}

fn printf(format: &str, value: f64) -> Option<String> {
    let digits = format.trim_matches('"').strip_prefix("%.")?.strip_suffix('f')?;
    Some(format!("{value:.*}", digits.parse().ok()?))
}

fn humanize(value: f64, base: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut unit = 0;
    while value.abs() >= base && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    format!("{}{}", short(value), units[unit])
}

/// Four significant digits.
fn short(value: f64) -> String {
    let digits = (3.0 - value.abs().max(1e-9).log10().floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn duration(seconds: f64) -> String {
    let total = seconds.abs() as u64;
    let (days, hours, minutes) = (total / 86_400, total / 3600 % 24, total / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{}s", total % 60),
        (0, 0, m) => format!("{m}m {}s", total % 60),
        (0, h, m) => format!("{h}h {m}m {}s", total % 60),
        (d, h, m) => format!("{d}d {h}h {m}m {}s", total % 60),
    }
}
