//! Fingerprints of alerts in little room.

use std::fmt;

/// A fingerprint: sixteen bytes for the sixteen hexadecimal digits of Alertmanager's, and a text for what others send.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint(Form);

/// A text of sixteen lower-case digits is always `Digits`, so that equal fingerprints have equal forms.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    Digits(u64),
    Text(Box<str>),
}

const _: () = assert!(size_of::<Fingerprint>() == 16, "a million of them are remembered");

impl From<&str> for Fingerprint {
    fn from(text: &str) -> Self {
        Self(digits(text).map_or_else(|| Form::Text(text.into()), Form::Digits))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Digits(digits) => write!(f, "{digits:016x}"),
            Form::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The number that sixteen lower-case hexadecimal digits are.
fn digits(text: &str) -> Option<u64> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let text: &[u8; 16] = text.as_bytes().try_into().ok()?;
    text.iter().try_fold(0, |all, byte| Some((all << 4) | u64::from(digit(*byte)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_text_that_it_was_made_of() {
        for text in [
            "0123456789abcdef",
            "0123456789ABCDEF",
            "ffffffffffffffff",
            "0",
            "",
            "00123456789abcdef",
            "pager-duty_Q1",
            "日本",
        ] {
            assert_eq!(Fingerprint::from(text).to_string(), text);
        }
    }

    #[test]
    fn fingerprints_are_equal_when_their_texts_are() {
        assert_eq!(Fingerprint::from("0123456789abcdef"), Fingerprint::from("0123456789abcdef"));
        assert_ne!(Fingerprint::from("0123456789abcdef"), Fingerprint::from("0123456789ABCDEF"));
        assert_ne!(Fingerprint::from("1"), Fingerprint::from("0000000000000001"));
    }
}
