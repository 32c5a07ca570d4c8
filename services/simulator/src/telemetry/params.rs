//! Parameters of query requests, from the address or a form.

use jiff::Timestamp;

use crate::world::obj::secs;

/// Decoded parameters, repeated ones included.
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn of(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().collect())
    }

    pub(crate) fn of_query(query: Option<String>) -> Self {
        Self::of(query.unwrap_or_default().as_bytes())
    }

    /// The first value of a parameter.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.all(key).next()
    }

    pub(crate) fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// A number, if it is given and is one.
    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.parse().ok()
    }

    /// A time in seconds since 1970: RFC 3339, or a number of seconds, milli-, micro- or nanoseconds told apart by their size.
    pub(crate) fn instant(&self, key: &str) -> Result<Option<f64>, String> {
        let Some(text) = self.get(key).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(Some(secs(time)));
        }
        let number: f64 = text
            .parse()
            .map_err(|_| format!("could not parse '{key}' parameter: {text:?} is not a time"))?;
        Ok(Some(match number.abs() {
            n if n >= 1e17 => number / 1e9,
            n if n >= 1e14 => number / 1e6,
            n if n >= 1e11 => number / 1e3,
            _ => number,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_in_many_units() {
        for text in [
            "1800000000",
            "1800000000000",
            "1800000000000000",
            "1800000000000000000",
            "2027-01-15T08:00:00Z",
        ] {
            let params = Params::of(format!("start={text}").as_bytes());
            assert_eq!(params.instant("start"), Ok(Some(1_800_000_000.0)), "{text}");
        }
        assert!(Params::of(b"start=yesterday").instant("start").is_err());
    }
}
