//! Kubernetes quantities: `500m`, `128Mi`, `2`.

/// Nano-units in one unit.
const NANO: i128 = 1_000_000_000;

const BINARY: [(&str, i128); 6] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("Pi", 1 << 50),
    ("Ei", 1 << 60),
];
const DECIMAL: [(&str, i128); 10] = [
    ("n", 1),
    ("u", 1_000),
    ("m", 1_000_000),
    ("k", NANO * 1_000),
    ("M", NANO * 1_000_000),
    ("G", NANO * 1_000_000_000),
    ("T", NANO * 1_000_000_000_000),
    ("P", NANO * 1_000_000_000_000_000),
    ("E", NANO * 1_000_000_000_000_000_000),
    ("", NANO),
];

/// The quantity as the server stores it: `1024Mi` is `1Gi`, `0.5` is `500m`. What is malformed, an exponent, or smaller than a
/// thousandth stays as it is.
pub fn canonical(text: &str) -> String {
    let suffix = text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-'));
    let exponent = suffix.len() > 1 && suffix.starts_with(['e', 'E']) && suffix != "Ei";
    let Some(nano) = parse(text).filter(|nano| !exponent && nano % (NANO / 1000) == 0) else {
        return text.to_owned();
    };
    if nano % NANO != 0 {
        return format!("{}m", nano / (NANO / 1000));
    }
    let whole = nano / NANO;
    let binary = suffix.ends_with('i') && whole.abs() >= 1024;
    let units: Vec<(&str, i128)> = if binary {
        BINARY.to_vec()
    } else {
        DECIMAL
            .iter()
            .filter(|(_, size)| *size > NANO)
            .map(|(name, size)| (*name, size / NANO))
            .collect()
    };
    let fits = units.iter().filter(|(_, size)| whole != 0 && whole % size == 0);
    fits.max_by_key(|(_, size)| *size)
        .map_or_else(|| whole.to_string(), |(name, size)| format!("{}{name}", whole / size))
}

/// The value in nano-units; `None` when the text is no quantity.
pub fn parse(text: &str) -> Option<i128> {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-')))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    if let Some(exponent) = suffix.strip_prefix(['e', 'E']).filter(|rest| !rest.is_empty()) {
        let power: i32 = exponent.parse().ok()?;
        let value: f64 = number.parse().ok()?;
        return Some((value * 10f64.powi(power) * NANO as f64).round() as i128);
    }
    let unit = match BINARY.iter().find(|(name, _)| *name == suffix) {
        Some((_, factor)) => factor * NANO,
        None => DECIMAL.iter().find(|(name, _)| *name == suffix)?.1,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let negative = whole.starts_with('-');
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits: i128 = if whole.is_empty() || whole == "-" || whole == "+" {
        0
    } else {
        whole.parse().ok()?
    };
    let mut out = digits * unit;
    if !fraction.is_empty() {
        let part: i128 = fraction.parse().ok()?;
        let scale = 10i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let extra = part * unit / scale;
        out += if negative { -extra } else { extra };
    }
    Some(out)
}

/// Bytes or other whole units as the server writes them: `512Mi`, `1Gi`, else plain.
pub fn binary(nanos: i128) -> String {
    let units = nanos / NANO;
    let fitting = BINARY.iter().rev().find(|(_, factor)| units != 0 && units % factor == 0);
    fitting.map_or_else(|| units.to_string(), |(name, factor)| format!("{}{name}", units / factor))
}

/// Cores and counts as the server writes them: `2`, `500m`.
pub fn decimal(nanos: i128) -> String {
    if nanos % NANO == 0 {
        return (nanos / NANO).to_string();
    }
    match nanos {
        n if n % 1_000_000 == 0 => format!("{}m", n / 1_000_000),
        n if n % 1_000 == 0 => format!("{}u", n / 1_000),
        n => format!("{n}n"),
    }
}

#[cfg(test)]
mod tests {
    use super::{binary, decimal, parse};

    #[test]
    fn quantities_mean_what_they_say() {
        assert_eq!(parse("128Mi"), Some(134_217_728 * 1_000_000_000));
        assert_eq!(parse("500m").map(decimal).as_deref(), Some("500m"));
        assert_eq!(parse("0.5"), parse("500m"));
        assert_eq!(parse("1e3"), parse("1k"));
        assert_eq!(parse("2048Mi").map(binary).as_deref(), Some("2Gi"));
        assert_eq!((parse("x"), parse("12Q"), parse("")), (None, None, None));
    }
}

#[cfg(test)]
mod canonical_tests {
    use super::canonical;

    #[test]
    fn quantities_are_stored_in_their_shortest_form() {
        for (text, stored) in [
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("0.5", "500m"),
            ("2000", "2k"),
            ("1e3", "1e3"),
            ("x", "x"),
            ("0", "0"),
        ] {
            assert_eq!(canonical(text), stored);
        }
    }
}
