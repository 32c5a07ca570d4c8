//! Durations as people write them in scenario files: `15s`, `1h30m`, `9d`.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, de};

/// A non-negative duration written as a chain of numbers with units `ms`, `s`, `m`, `h`, `d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The span in seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }

    /// Reads `text`; the error says what a span looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is not a duration; write e.g. \"15s\", \"1h30m\" or \"9d\"");
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(bad());
        }
        let mut total = 0.0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
            let number: f64 = rest[..digits].parse().map_err(|_| bad())?;
            rest = &rest[digits..];
            let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            let unit = match &rest[..end] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                _ => return Err(bad()),
            };
            total += number * unit;
            rest = &rest[end..];
        }
        Duration::try_from_secs_f64(total).map(Self).map_err(|_| bad())
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"15s\", \"1h30m\" or \"9d\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                Span::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_chains_of_numbers_with_units() {
        for (text, seconds) in [
            ("15s", 15.0),
            ("1h30m", 5400.0),
            ("9d", 777_600.0),
            ("250ms", 0.25),
            ("1.5h", 5400.0),
        ] {
            assert_eq!(Span::parse(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
        for text in ["", "15", "s", "-3s", "1y", "1h 30m"] {
            assert!(Span::parse(text).is_err(), "{text:?} must be refused");
        }
    }
}
