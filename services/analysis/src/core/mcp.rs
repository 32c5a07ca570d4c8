//! What a team's own tool servers are asked, and what is taken of their answers.
//!
//! People choose server, tool and arguments in the configuration; of the incident only names of things go into the arguments, as data. No
//! alert and no model decides which tool is called.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::facts::Facts;

/// Longest text of an answer that is kept, characters.
pub const MOST_TEXT: usize = 4_000;

/// What a server says of a tool of its own. Hints are promises, not proof: they can forbid a call and never allow one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hints {
    /// `readOnlyHint`.
    pub read_only: Option<bool>,
}

/// Whether a tool on the list may be called, given what its server says of it.
///
/// # Errors
/// Why it is not.
pub fn permitted(hints: Option<Hints>) -> Result<(), &'static str> {
    match hints {
        None => Err("the server has no such tool"),
        Some(Hints { read_only: Some(true) }) => Ok(()),
        Some(Hints {
            read_only: Some(false) | None,
        }) => Err("the server does not say that it only reads (annotation readOnlyHint)"),
    }
}

/// What placeholders stand for: names of what the incident is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placeholders(BTreeMap<&'static str, String>);

/// Every placeholder, without braces.
const NAMES: [&str; 6] = ["namespace", "kind", "workload", "alert", "from", "to"];

impl Placeholders {
    /// Of an incident; what is not known is left out.
    #[must_use]
    pub fn of(facts: &Facts) -> Self {
        let mut known = BTreeMap::new();
        if let Some(workload) = &facts.workload {
            known.insert("namespace", workload.object.namespace.clone().unwrap_or_default());
            known.insert("kind", workload.object.kind.clone());
            known.insert("workload", workload.object.name.clone());
        }
        if let Some(first) = facts.alerts.iter().min_by_key(|alert| alert.starts_at) {
            known.insert("alert", first.name().to_owned());
            known.insert("from", first.starts_at.to_string());
        }
        known.insert("to", facts.at.to_string());
        Self(known)
    }

    /// Arguments with every placeholder replaced; `None` where one of them is not known: then there is nothing to ask.
    #[must_use]
    pub fn fill(&self, arguments: &Map<String, Value>) -> Option<Map<String, Value>> {
        let filled = arguments.iter().map(|(key, value)| Some((key.clone(), self.value(value)?)));
        filled.collect()
    }

    fn value(&self, value: &Value) -> Option<Value> {
        Some(match value {
            Value::String(text) => Value::String(self.text(text)?),
            Value::Array(items) => Value::Array(items.iter().map(|item| self.value(item)).collect::<Option<_>>()?),
            Value::Object(fields) => Value::Object(self.fill(fields)?),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    /// In one pass, so that what is put in is never looked at for placeholders.
    fn text(&self, text: &str) -> Option<String> {
        let mut filled = String::new();
        let mut end = 0;
        for found in placeholder().captures_iter(text) {
            let (whole, name) = (found.get(0)?, found.get(1)?);
            filled.push_str(&text[end..whole.start()]);
            filled.push_str(self.0.get(name.as_str())?);
            end = whole.end();
        }
        filled.push_str(&text[end..]);
        Some(filled)
    }
}

/// `{name}`.
fn placeholder() -> Regex {
    Regex::new(r"\{([a-z_]+)\}").expect("a constant pattern")
}

/// A placeholder that means nothing, if the arguments hold one.
#[must_use]
pub fn unknown_placeholder(arguments: &Map<String, Value>) -> Option<String> {
    fn texts<'v>(value: &'v Value, all: &mut Vec<&'v str>) {
        match value {
            Value::String(text) => all.push(text),
            Value::Array(items) => items.iter().for_each(|item| texts(item, all)),
            Value::Object(fields) => fields.values().for_each(|field| texts(field, all)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut all = Vec::new();
    arguments.values().for_each(|value| texts(value, &mut all));
    let pattern = placeholder();
    let mut found = all.into_iter().flat_map(|text| pattern.captures_iter(text));
    found.find(|found| !NAMES.contains(&&found[1])).map(|found| found[0].to_owned())
}

/// An answer's text as it is kept: cut at a character, and saying so.
#[must_use]
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_TEXT) {
        None => text.to_owned(),
        Some((at, _)) => format!("{} [cut after {MOST_TEXT} characters]", &text[..at]),
    }
}
