//! A policy file: read, checked whole, and given a digest.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use paramedic_domain::{digest::Digest, maintenance::Zone, name_pattern, risk::RiskLevel, terms::Terms};
use serde::Deserialize;

use crate::{
    asking::{Asking, Calendars},
    condition::Expression,
    expect::Expectation,
    facts,
    limits::{Freeze, Scoped},
    text::Text,
};

/// The policy that holds where no other is configured.
const SHIPPED: &str = include_str!("shipped.yaml");
/// Largest file, bytes: a thousand rules that somebody still has to read.
const MAX_BYTES: usize = 1 << 20;

/// Rules and limits, compiled.
#[derive(Debug)]
pub struct Policy {
    pub(crate) rules: Vec<Rule>,
    pub(crate) ceiling: RiskLevel,
    pub(crate) modes: Vec<Scoped>,
    pub(crate) freezes: Vec<Freeze>,
    pub(crate) zone: TimeZone,
    pub(crate) tests: Vec<Expectation>,
    /// Paths of the facts that rules name: only those are made.
    pub(crate) uses: BTreeSet<String>,
    digest: Digest,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name, unique in the file.
    pub name: String,
    /// What it leads to.
    pub then: Then,
    /// How it asks.
    pub terms: Terms,
    pub(crate) when: Expression,
    pub(crate) reason: Text,
}

/// What a rule leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the words are the definition")]
pub enum Then {
    Auto,
    Ask,
    Deny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "lowest")]
    ceiling: RiskLevel,
    #[serde(default)]
    zone: Option<Zone>,
    #[serde(default)]
    modes: Vec<Scoped>,
    #[serde(default)]
    freezes: Vec<Freeze>,
    #[serde(default)]
    calendars: Calendars,
    #[serde(default)]
    rules: Vec<Written>,
    #[serde(default)]
    tests: Vec<Expectation>,
}

#[derive(Deserialize)]
struct Written {
    name: String,
    #[serde(default)]
    when: Option<String>,
    then: Then,
    #[serde(flatten)]
    asking: Asking,
    reason: String,
    /// Everything else that was written: nothing may be.
    #[serde(flatten)]
    unknown: BTreeMap<String, serde_json::Value>,
}

fn lowest() -> RiskLevel {
    RiskLevel::Low
}

impl Policy {
    /// The policy that comes with the product.
    ///
    /// # Panics
    /// Never: a test reads it.
    #[must_use]
    pub fn shipped() -> Self {
        Self::parse(SHIPPED).unwrap_or_else(|problems| panic!("the shipped policy: {}", problems.join("; ")))
    }

    /// No policy: everything asks.
    #[must_use]
    pub fn none() -> Self {
        Self {
            rules: Vec::new(),
            ceiling: lowest(),
            modes: Vec::new(),
            freezes: Vec::new(),
            zone: TimeZone::UTC,
            tests: Vec::new(),
            uses: BTreeSet::new(),
            digest: Digest::of(b""),
        }
    }

    /// The text of the policy that comes with the product, to start from.
    #[must_use]
    pub fn shipped_text() -> &'static str {
        SHIPPED
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Everything that is wrong with it, a sentence each.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        if text.len() > MAX_BYTES {
            return Err(vec![format!("has {} bytes; at most {MAX_BYTES} are read", text.len())]);
        }
        let file: File = serde_yaml_ng::from_str(text).map_err(|error| vec![error.to_string()])?;
        let mut problems = Vec::new();
        let mut names = BTreeSet::new();
        let mut rules = Vec::new();
        let mut open_end: Option<String> = None;
        for written in file.rules {
            let name = written.name.clone();
            if name.trim().is_empty() || !names.insert(name.clone()) {
                problems.push(format!("rule {name:?}: its name is empty or taken"));
            }
            if let Some(earlier) = &open_end {
                problems.push(format!(
                    "rule {name}: is never reached, since {earlier} before it has no condition and decides everything"
                ));
            }
            if written.when.is_none() {
                open_end.get_or_insert_with(|| name.clone());
            }
            match written.compile(&file.calendars) {
                Ok(rule) => rules.push(rule),
                Err(found) => problems.extend(found.into_iter().map(|problem| format!("rule {name}: {problem}"))),
            }
        }
        for (index, scoped) in file.modes.iter().enumerate() {
            if scoped.namespaces.is_empty() {
                problems.push(format!(
                    "modes[{index}]: names no namespace; the mode of the cluster is its own setting"
                ));
            }
            problems.extend(
                name_pattern::check(&scoped.namespaces)
                    .err()
                    .map(|problem| format!("modes[{index}]: {problem}")),
            );
        }
        for freeze in &file.freezes {
            let names = name_pattern::check(&freeze.namespaces).err();
            problems.extend(names.map(|problem| format!("freeze {}: {problem}", freeze.name)));
        }
        for expectation in &file.tests {
            problems.extend(
                expectation
                    .problem()
                    .map(|problem| format!("test {:?}: {problem}", expectation.name())),
            );
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let named: Vec<&str> = rules
            .iter()
            .flat_map(|rule: &Rule| rule.when.uses().chain(rule.reason.uses()))
            .collect();
        // who names an object names all of it
        let wanted = |path: &String| {
            named
                .iter()
                .any(|name| path == name || path.split_once('.').is_some_and(|(object, _)| object == *name))
        };
        let uses = facts::paths().into_iter().filter(wanted).collect();
        Ok(Self {
            uses,
            rules,
            ceiling: file.ceiling,
            modes: file.modes,
            freezes: file.freezes,
            zone: file.zone.map_or(TimeZone::UTC, |zone| zone.rules().clone()),
            tests: file.tests,
            digest: Digest::of(text.as_bytes()),
        })
    }

    /// Its rules in the order in which they are tried.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Digest of the file as it was read: what decisions are stored with.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl Written {
    fn compile(self, calendars: &Calendars) -> Result<Rule, Vec<String>> {
        let mut problems = Vec::new();
        let when = Expression::new(self.when.as_deref().unwrap_or("true"));
        let reason = Text::new(&self.reason);
        if self.reason.trim().is_empty() {
            problems.push("has no reason: people are told why they are asked".to_owned());
        }
        if self.then != Then::Ask && !self.asking.is_silent() {
            problems.push("quorum, expires_minutes, from, four_eyes, remind_minutes and escalate belong to rules that ask".to_owned());
        }
        problems.extend(self.unknown.keys().map(|field| format!("unknown field `{field}`")));
        match (when, reason, self.asking.terms(calendars)) {
            (Ok(when), Ok(reason), Ok(terms)) if problems.is_empty() => Ok(Rule {
                name: self.name,
                then: self.then,
                terms,
                when,
                reason,
            }),
            (when, reason, terms) => {
                problems.extend(terms.err().into_iter().flatten());
                problems.extend(when.err());
                problems.extend(reason.err());
                Err(problems)
            }
        }
    }
}
