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

/// The quantity as the API server writes it, the shortest of the same kind: `1024Mi` is `1Gi`, `0.5` is `500m`; `None` if it is
/// no quantity. As `resource.Quantity` of apimachinery: a binary suffix stays binary where the value is whole, everything else is
/// decimal, an exponent stays one.
pub fn canonical(text: &str) -> Option<String> {
    let split = text
        .find(|c: char| !(c.is_ascii_digit() || ".+-".contains(c)))
        .unwrap_or(text.len());
    let suffix = &text[split..];
    // Exponents and the smallest units are rare, and left as they are written.
    if suffix.starts_with(['e', 'E']) && suffix != "E" && suffix != "Ei" || suffix == "n" || suffix == "u" {
        return milli(text).map(|_| text.to_owned());
    }
    let exact = milli(text)?;
    let binary = suffix.ends_with('i') && exact.abs() >= 1024 * 1000;
    // Binary quantities have no fractions.
    let value = if binary { (exact + 999).div_euclid(1000) * 1000 } else { exact };
    const BINARY: [(&str, u32); 6] = [("Ei", 60), ("Pi", 50), ("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)];
    const DECIMAL: [(&str, u32); 6] = [("E", 18), ("P", 15), ("T", 12), ("G", 9), ("M", 6), ("k", 3)];
    if value % 1000 != 0 {
        return Some(format!("{value}m"));
    }
    let whole = value / 1000;
    let units: Vec<(&str, i128)> = if binary {
        BINARY.iter().map(|(unit, power)| (*unit, 1_i128 << power)).collect()
    } else {
        DECIMAL.iter().map(|(unit, power)| (*unit, 10_i128.pow(*power))).collect()
    };
    let unit = units.iter().find(|(_, size)| whole != 0 && whole % size == 0);
    Some(match unit {
        Some((unit, size)) => format!("{}{unit}", whole / size),
        None => whole.to_string(),
    })
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
    use super::{canonical, milli, show};

    #[test]
    fn quantities_are_written_as_the_api_server_writes_them() {
        for (text, wanted) in [
            ("1024Mi", "1Gi"),
            ("1536Mi", "1536Mi"),
            ("1.5Gi", "1536Mi"),
            ("2Gi", "2Gi"),
            ("0.5Gi", "512Mi"),
            ("0.5", "500m"),
            ("1000m", "1"),
            ("2000", "2k"),
            ("1500M", "1500M"),
            ("1000Mi", "1000Mi"),
            ("0", "0"),
            ("0.5Ki", "512"),
            ("100m", "100m"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(wanted), "{text}");
        }
        assert_eq!(canonical("3 GiB"), None);
    }

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
