//! The last line of defence for text on its way to people: secrets, control characters, text-direction tricks.
//!
//! Probes redact at the source; this masks what slipped through. It prefers hiding too much over showing a secret.

use std::sync::LazyLock;

use regex::{Captures, Regex};

const HIDDEN: &str = "***";

static PATTERNS: LazyLock<[Regex; 5]> = LazyLock::new(|| {
    [
        // PEM blocks, also cut off ones
        r"(?s)()-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
        // user:password@ in URLs
        r"([a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@]*:)[^\s/@]+@",
        // Authorization headers and bearer tokens
        r"(?i)\b((?:bearer|basic)\s+)[A-Za-z0-9._~+/-]{8,}=*",
        // name=value, name: value, "name": "value"
        r#"(?i)\b([a-z0-9_.-]*(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)s?["']?\s*[=:]\s*["']?)[^\s"',;&]{3,}"#,
        // JSON web tokens, AWS, GitHub and Slack tokens by their shape
        r"()\b(?:eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|xox[abprs]-[A-Za-z0-9-]{10,})",
    ]
    .map(|pattern| Regex::new(pattern).expect("the patterns are part of the program and parse"))
});

/// Several lines of text, safe to show.
#[must_use]
pub fn text(text: &str) -> String {
    let mut shown: String = text.chars().filter_map(visible).collect();
    for (index, pattern) in PATTERNS.iter().enumerate() {
        let at = if index == 1 { "@" } else { "" };
        shown = pattern
            .replace_all(&shown, |found: &Captures<'_>| format!("{}{HIDDEN}{at}", &found[1]))
            .into_owned();
    }
    shown
}

/// The same on one line: a line break in a subject would be a new header.
#[must_use]
pub fn line(line: &str) -> String {
    text(line).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A field's value: hidden when the field's path says that it is a secret.
#[must_use]
pub fn value(path: &str, value: &str) -> String {
    let path = path.to_lowercase();
    let sensitive = [
        "password",
        "passwd",
        "secret",
        "token",
        "apikey",
        "api_key",
        "api-key",
        "private_key",
        "credential",
    ];
    let names_a_reference = [
        "secretname",
        "secretref",
        "secretkeyref",
        "imagepullsecret",
        "automountserviceaccounttoken",
    ];
    if sensitive.iter().any(|word| path.contains(word)) && !names_a_reference.iter().any(|word| path.contains(word)) {
        format!("{HIDDEN} ({} characters, hidden)", value.chars().count())
    } else {
        text(value)
    }
}

fn visible(c: char) -> Option<char> {
    match c {
        '\n' => Some('\n'),
        '\t' => Some(' '),
        // overrides and isolates change the order in which text is shown; zero-width characters hide words from the eye
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}' => None,
        c if c.is_control() => None,
        c => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_known_shapes_are_hidden_and_their_names_stay() {
        for (dirty, clean) in [
            ("DB_PASSWORD=hunter22 host=db", "DB_PASSWORD=*** host=db"),
            (r#"{"api_key": "abc123def"}"#, r#"{"api_key": "***"}"#),
            ("Authorization: Bearer abcdef123456", "Authorization: Bearer ***"),
            (
                "dial postgres://app:s3cr3t@db:5432/orders",
                "dial postgres://app:***@db:5432/orders",
            ),
            ("key AKIAIOSFODNN7EXAMPLE used", "key *** used"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----.", "***."),
        ] {
            assert_eq!(text(dirty), clean);
        }
    }

    #[test]
    fn ordinary_text_and_digests_stay_as_they_are() {
        for plain in [
            "memory grows by 50 MiB/h in 4 of 4 pods",
            "sha256:4d2a9c0e5b7f4d2a9c0e5b7f4d2a9c0e5b7f4d2a9c0e5b7f4d2a9c0e5b7f4d2a",
            "sum(rate(container_memory_working_set_bytes{container=\"app\"}[5m])) > 1",
            "line one\nline two",
        ] {
            assert_eq!(text(plain), plain);
        }
    }

    #[test]
    fn a_subject_has_one_line_and_no_direction_tricks() {
        assert_eq!(line("down\r\nBcc: everybody@example.com"), "down Bcc: everybody@example.com");
        assert_eq!(line("gnp\u{202E}exe\u{200B}.x"), "gnpexe.x");
    }

    #[test]
    fn a_field_named_after_a_secret_shows_only_its_length() {
        assert_eq!(value("env[DB_PASSWORD].value", "hunter22"), "*** (8 characters, hidden)");
        assert_eq!(value("volumes[0].secret.secretName", "tls"), "tls");
        assert_eq!(value("resources.limits.memory", "3Gi"), "3Gi");
    }
}
