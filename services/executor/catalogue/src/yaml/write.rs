//! A new value in the form of the old one.

use serde_json::Value;
use yaml_rust2::scanner::TScalarStyle;

use super::tree::Scalar;

/// What is written in the file, and what it reads as. A value keeps its type: a text that replaces a number must read as
/// one, since in YAML `200` and `"200"` are different things, and who reads the file counts on the old one.
pub(super) fn rendered(old: &Scalar, new: &Value) -> Result<(String, String), String> {
    let text = match new {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return Err("only a text, a number or true and false can be written".into()),
    };
    if text.chars().any(char::is_control) {
        return Err("the new value runs over several lines".into());
    }
    let written = if old.is_text() {
        match old.style {
            TScalarStyle::SingleQuoted => single(&text),
            TScalarStyle::DoubleQuoted => double(&text),
            TScalarStyle::Plain if plain_fits(&text) => text.clone(),
            TScalarStyle::Plain | TScalarStyle::Literal | TScalarStyle::Folded => double(&text),
        }
    } else if class(&old.value) == class(&text) || (class(&old.value) == Class::Nothing && !plain_is_text(&text)) {
        text.clone()
    } else {
        return Err(format!("it is {}, and {text:?} is not", class(&old.value).words()));
    };
    Ok((written, text))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Nothing,
    Truth,
    Number,
    Text,
}

impl Class {
    fn words(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Truth => "true or false",
            Self::Number => "a number",
            Self::Text => "a text",
        }
    }
}

/// What a plain value is, by YAML 1.1 as Kubernetes reads it: more words are truth values there than in 1.2.
fn class(text: &str) -> Class {
    const TRUTHS: &[&str] = &["true", "false", "yes", "no", "on", "off", "y", "n"];
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_start_matches(['+', '-']);
    let number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && (digits.replace('_', "").parse::<f64>().is_ok()
            || ["0x", "0o", "0b"].iter().any(|prefix| digits.starts_with(prefix))
            || digits.split(':').count() > 1 && digits.split(':').all(|part| part.parse::<f64>().is_ok()));
    match lower.as_str() {
        "" | "~" | "null" => Class::Nothing,
        word if TRUTHS.contains(&word) => Class::Truth,
        ".inf" | "-.inf" | "+.inf" | ".nan" => Class::Number,
        _ if number => Class::Number,
        _ => Class::Text,
    }
}

/// Whether a plain value is a text.
pub(super) fn plain_is_text(text: &str) -> bool {
    class(text) == Class::Text
}

/// Whether a text may stand without quotes wherever a plain value may.
fn plain_fits(text: &str) -> bool {
    plain_is_text(text)
        && text.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_'))
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.contains(['[', ']', '{', '}', ','])
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn double(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
