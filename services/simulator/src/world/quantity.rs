//! Kubernetes quantities: `250m`, `2Gi`, `1e3`.

/// Reads a quantity as a number of its base unit (cores, bytes); `None` when it is malformed.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    const UNITS: &[(&str, f64)] = &[
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];
    for (suffix, factor) in UNITS {
        if let Some(number) = text.strip_suffix(suffix) {
            return number.parse::<f64>().ok().map(|n| n * factor);
        }
    }
    text.parse().ok()
}

/// Reads a quantity from JSON, where it may be a text or a number.
pub(crate) fn of(value: &serde_json::Value) -> Option<f64> {
    value.as_str().map_or_else(|| value.as_f64(), parse)
}

/// Writes whole bytes the way people write them: `2Gi`, `384Mi`, else plain bytes.
pub(crate) fn bytes(amount: f64) -> String {
    let amount = amount.round() as i64;
    for (suffix, unit) in [("Gi", 1_i64 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)] {
        if amount != 0 && amount % unit == 0 {
            return format!("{}{suffix}", amount / unit);
        }
    }
    amount.to_string()
}

/// Writes cores: `2`, `1500m`.
pub(crate) fn cores(amount: f64) -> String {
    let milli = (amount * 1000.0).round() as i64;
    if milli % 1000 == 0 {
        (milli / 1000).to_string()
    } else {
        format!("{milli}m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_and_written_as_kubernetes_does() {
        for (text, value) in [
            ("2Gi", 2_147_483_648.0),
            ("250m", 0.25),
            ("1", 1.0),
            ("128M", 128e6),
            ("1e3", 1000.0),
        ] {
            assert_eq!(parse(text), Some(value), "{text}");
        }
        assert_eq!(parse("2 GB"), None);
        assert_eq!(bytes(3_221_225_472.0), "3Gi");
        assert_eq!(bytes(402_653_184.0), "384Mi");
        assert_eq!(cores(1.5), "1500m");
        assert_eq!(cores(2.0), "2");
    }
}
