//! Kubernetes quantities as numbers.

/// Bytes (or cores) of a Kubernetes quantity: `2Gi`, `512Mi`, `1500m`, `3G`, `1e9`.
#[must_use]
pub fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'e'))
        .unwrap_or(text.len());
    let (number, suffix) = match text.strip_suffix('E') {
        Some(number) => (number, "E"),
        None => text.split_at(digits),
    };
    let factor = match suffix {
        "" => 1.0,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        "Pi" => 1_125_899_906_842_624.0,
        _ => return None,
    };
    let value = number.parse::<f64>().ok()? * factor;
    value.is_finite().then_some(value)
}

/// Bytes as Kubernetes writes them, in the greatest unit that divides them: `3Gi`, `384Mi`.
#[must_use]
pub fn memory(bytes: f64) -> String {
    let bytes = bytes.max(0.0).round();
    for (unit, size) in [("Gi", 1_073_741_824.0), ("Mi", 1_048_576.0), ("Ki", 1024.0)] {
        if bytes >= size && bytes % size == 0.0 {
            return format!("{}{unit}", bytes / size);
        }
    }
    format!("{bytes}")
}

/// Bytes for people: `1.9 GiB`, `512 MiB`.
#[must_use]
pub fn human(bytes: f64) -> String {
    let mib = bytes / 1_048_576.0;
    if mib.abs() >= 1024.0 {
        format!("{:.2} GiB", mib / 1024.0)
    } else {
        format!("{mib:.0} MiB")
    }
}
