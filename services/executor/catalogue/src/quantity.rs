//! Kubernetes quantities, to compare them: `2Gi`, `500m`, `1.5`, `1e3`.

/// The value in thousandths, so that `m` stays exact; `None` if it is no quantity.
pub fn milli(text: &str) -> Option<i128> {
    let split = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-' || c == '+'))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let factor: f64 = match suffix {
        "" => 1e3,
        "n" => 1e-6,
        "u" => 1e-3,
        "m" => 1.0,
        "k" => 1e6,
        "M" => 1e9,
        "G" => 1e12,
        "T" => 1e15,
        "P" => 1e18,
        "E" => 1e21,
        "Ki" => 1024.0 * 1e3,
        "Mi" => 1024f64.powi(2) * 1e3,
        "Gi" => 1024f64.powi(3) * 1e3,
        "Ti" => 1024f64.powi(4) * 1e3,
        "Pi" => 1024f64.powi(5) * 1e3,
        "Ei" => 1024f64.powi(6) * 1e3,
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            10f64.powi(exponent) * 1e3
        }
    };
    let number: f64 = number.parse().ok()?;
    let value = number * factor;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "quantities are far below 2^100 and rounding is what Kubernetes does, too"
    )]
    value.is_finite().then(|| value.ceil() as i128)
}

/// A value in thousandths as people write it: with the greatest binary unit that leaves no rest, or in thousandths.
#[must_use]
pub fn show(milli: i128) -> String {
    const UNITS: [(&str, u32); 4] = [("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)];
    if milli % 1000 != 0 {
        return format!("{milli}m");
    }
    let whole = milli / 1000;
    let unit = UNITS.iter().find(|(_, power)| whole != 0 && whole % (1_i128 << power) == 0);
    match unit {
        Some((unit, power)) => format!("{}{unit}", whole >> power),
        None => whole.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{milli, show};

    #[test]
    fn quantities_are_shown_as_they_were_written() {
        for text in ["640Mi", "3Gi", "250m", "4", "0", "1000"] {
            assert_eq!(milli(text).map(show).as_deref(), Some(text));
        }
        assert_eq!(show(-1024 * 1024 * 1000), "-1Mi");
    }

    #[test]
    fn quantities_compare_as_kubernetes_means_them() {
        assert_eq!(milli("2Gi"), milli("2048Mi"));
        assert_eq!(milli("1.5Gi"), milli("1536Mi"));
        assert_eq!(milli("500m"), milli("0.5"));
        assert_eq!(milli("1e3"), milli("1k"));
        assert!(milli("3Gi") > milli("3G"));
        assert_eq!(milli("3 GiB"), None);
        assert_eq!(milli(""), None);
    }
}
