//! The fields that alerts of several formats share.
//!
//! A path says where something is. It becomes text only where there is a problem to tell.

use std::{collections::BTreeMap, fmt::Arguments};

use jiff::Timestamp;
use paramedic_domain::alert::{Alert, AlertStatus};

use super::{
    lenient::{Text, Texts},
    notification::weight,
    problems::{Problems, clipped, quoted},
};

/// Largest alert: far above any real one, far below what a bus message may hold.
pub(crate) const MAX_ALERT_BYTES: usize = 256 << 10;
/// Longest text of an annotation, bytes. A longer one (somebody put a log into it) is cut: no reason to lose the alert.
pub(crate) const MAX_ANNOTATION_BYTES: usize = 16 << 10;
/// What Go writes for "no time".
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// `firing` or `resolved`.
pub(crate) fn status(path: Arguments<'_>, text: &Text, problems: &mut Problems) -> Option<AlertStatus> {
    let problem = match text {
        Text::Is(text) if text == "firing" => return Some(AlertStatus::Firing),
        Text::Is(text) if text == "resolved" => return Some(AlertStatus::Resolved),
        Text::Is(other) => format!("is {}, expected \"firing\" or \"resolved\"", quoted(other)),
        Text::Other(what) => format!("is {what}, expected \"firing\" or \"resolved\""),
        Text::Missing => "is missing".into(),
    };
    problems.add(format!("{path}.status {problem}"));
    None
}

/// Labels with an `alertname`.
pub(crate) fn labels(path: Arguments<'_>, labels: Texts, problems: &mut Problems) -> Option<BTreeMap<String, String>> {
    if labels == Texts::Missing {
        problems.add(format!("{path}.labels is missing"));
        return None;
    }
    let labels = texts(format_args!("{path}.labels"), labels, problems)?;
    if labels.get("alertname").is_none_or(String::is_empty) {
        problems.add(format!("{path}.labels.alertname is missing"));
        return None;
    }
    Some(labels)
}

/// Annotations, the longest cut.
pub(crate) fn annotations(path: Arguments<'_>, annotations: Texts, problems: &mut Problems) -> Option<BTreeMap<String, String>> {
    let mut annotations = texts(format_args!("{path}.annotations"), annotations, problems)?;
    for text in annotations.values_mut().filter(|text| text.len() > MAX_ANNOTATION_BYTES) {
        let end = text.floor_char_boundary(MAX_ANNOTATION_BYTES);
        let cut = text.len() - end;
        text.truncate(end);
        text.push_str(&format!(" [{cut} bytes cut]"));
    }
    Some(annotations)
}

/// An optional object of strings.
pub(crate) fn texts(path: Arguments<'_>, texts: Texts, problems: &mut Problems) -> Option<BTreeMap<String, String>> {
    match texts {
        Texts::Missing => Some(BTreeMap::new()),
        Texts::Other(what) => {
            problems.add(format!("{path} is {what}, expected an object of strings"));
            None
        }
        Texts::Is { texts, others, bytes } => {
            for (name, what) in &others {
                problems.add(format!("{path}.{} is {what}, expected a string", clipped(name)));
            }
            // Annotations are cut later, so only what was not kept at all is too much here.
            if bytes > super::lenient::MAX_KEPT_BYTES {
                problems.add(format!("{path} has {bytes} bytes, at most {MAX_ALERT_BYTES} are accepted"));
                return None;
            }
            others.is_empty().then_some(texts)
        }
    }
}

/// Alertmanager writes 16 hex digits.
pub(crate) fn fingerprint(path: Arguments<'_>, text: Text, problems: &mut Problems) -> Option<String> {
    let plain = |text: &str| (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let problem = match text {
        Text::Is(text) if plain(&text) => return Some(text),
        Text::Is(other) => format!("is {}, expected 1 to 64 letters, digits, '-' or '_'", quoted(&other)),
        Text::Other(what) => format!("is {what}, expected 1 to 64 letters, digits, '-' or '_'"),
        Text::Missing => "is missing".into(),
    };
    problems.add(format!("{path}.fingerprint {problem}"));
    None
}

/// A time that must be there.
pub(crate) fn time(path: Arguments<'_>, text: &Text, problems: &mut Problems) -> Option<Timestamp> {
    let problem = match text {
        Text::Is(text) => match text.parse() {
            Ok(time) => return Some(time),
            Err(_) => format!("is {}, expected a time as in RFC 3339", quoted(text)),
        },
        Text::Other(what) => format!("is {what}, expected a time as in RFC 3339"),
        Text::Missing => "is missing".into(),
    };
    problems.add(format!("{path} {problem}"));
    None
}

/// A time that may be missing, or Go's zero.
pub(crate) fn optional_time(path: Arguments<'_>, text: &Text, problems: &mut Problems) -> Option<Option<Timestamp>> {
    match text {
        Text::Missing => Some(None),
        Text::Is(zero) if zero == ZERO_TIME => Some(None),
        Text::Is(_) | Text::Other(_) => time(path, text, problems).map(Some),
    }
}

/// A text that may be missing or nonsense.
pub(crate) fn text(text: Text) -> String {
    match text {
        Text::Is(text) => text,
        Text::Missing | Text::Other(_) => String::new(),
    }
}

/// The alert, if it is not too large to be stored.
pub(crate) fn bounded(path: Arguments<'_>, alert: Alert, problems: &mut Problems) -> Option<Alert> {
    let bytes = weight(&alert);
    if bytes > MAX_ALERT_BYTES {
        problems.add(format!("{path} has {bytes} bytes, at most {MAX_ALERT_BYTES} are accepted"));
        return None;
    }
    Some(alert)
}
