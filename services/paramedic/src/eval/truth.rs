//! `truth.yaml`: what a good answer to a case is. Only the judge reads it.

use std::{fmt, path::Path};

use anyhow::Context;
use jiff::Timestamp;
use paramedic_domain::{diagnosis::Category, incident::Status};
use paramedic_simulator::{
    RequestPattern,
    recording::{Source, Word},
    scenario::admission::Admission,
};
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, de::Error};

use super::wanted::Wanted;

/// Everything that is known of a case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    /// Short name.
    pub case: String,
    /// What it is about.
    pub title: String,
    /// Where time stands when its world begins.
    #[serde(default)]
    pub now: Option<Timestamp>,
    /// Words that a variant replaces everywhere.
    #[serde(default)]
    pub rename: Vec<String>,
    /// Sources that do not answer.
    #[serde(default)]
    pub down: Vec<Source>,
    /// The diagnosis, and how the incident ends.
    pub expect: Expect,
    /// What a reason for the diagnosis must cite, each.
    #[serde(default)]
    pub evidence: Vec<Citation>,
    /// The plan.
    pub plan: ExpectedPlan,
    /// What makes the case worth nothing.
    #[serde(default)]
    pub forbid: Forbidden,
    /// How its world changes.
    #[serde(default)]
    pub world: Reactions,
    /// What decisive criteria of the verification must be about, each.
    #[serde(default)]
    pub verify: Vec<Phrase>,
}

/// The diagnosis, and how the incident ends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Any of these.
    pub category: Vec<Category>,
    /// Any of these.
    pub target: Vec<Target>,
    /// What the reason of the end must say, each.
    #[serde(default)]
    pub reason: Vec<Phrase>,
    /// How sure it should be.
    #[serde(default)]
    pub confidence: Range,
    /// Any of these.
    pub outcome: Vec<Outcome>,
    /// Alerts that must be in the incident.
    #[serde(default)]
    pub alerts: Option<Belonging>,
    /// Values of labels of alerts that must not be.
    #[serde(default)]
    pub out: Vec<Word>,
    /// What the diagnosis must say, each.
    #[serde(default)]
    pub findings: Vec<Phrase>,
}

/// An object; what is left out fits anything.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// `Deployment`, ...
    pub kind: String,
    /// `None` for objects of the cluster.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// From and to, both included.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// From.
    #[serde(default)]
    pub at_least: Option<f64>,
    /// To.
    #[serde(default)]
    pub at_most: Option<f64>,
}

/// How an incident ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The problem is gone.
    Resolved,
    /// A person has to take over.
    Escalated,
    /// There is none: nobody is bothered.
    None,
}

impl Outcome {
    /// The same as incidents call it.
    pub fn status(self) -> Option<Status> {
        match self {
            Self::Resolved => Some(Status::Resolved),
            Self::Escalated => Some(Status::Escalated),
            Self::None => None,
        }
    }
}

/// How many of which alerts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Belonging {
    /// So many.
    pub at_least: usize,
    /// Values of their labels; none: any alert.
    #[serde(default)]
    pub of: Vec<Word>,
}

/// Evidence that must be cited.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Citation {
    /// Where it comes from.
    pub source: Word,
    /// What its query or its excerpt says.
    pub says: Phrase,
}

/// The plan.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedPlan {
    /// One of these sets must be in it.
    pub accept: Vec<Vec<ActionPattern>>,
    /// The first before the second.
    #[serde(default)]
    pub order: Vec<(Word, Word)>,
    /// Steps that must wait for an approval.
    #[serde(default)]
    pub gated: Vec<Word>,
    /// Calls of command-line tools that must be made, in this order; others may be between them.
    #[serde(default)]
    pub commands: Vec<Phrase>,
}

/// Steps of a kind; what is left out fits anything.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionPattern {
    /// Name of the action.
    #[serde(default)]
    pub action: Option<Word>,
    /// Parameters.
    #[serde(default)]
    pub with: Wanted,
}

/// What makes a case worth nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forbidden {
    /// Steps of any plan.
    #[serde(default)]
    pub steps: Vec<ActionPattern>,
    /// Requests that changed something.
    #[serde(default)]
    pub requests: Vec<RequestPattern>,
    /// Calls of command-line tools.
    #[serde(default)]
    pub commands: Vec<Phrase>,
}

/// How the world of the case changes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reactions {
    /// Requests that fix it once all have come.
    #[serde(default)]
    pub fixed_by: Vec<RequestPattern>,
    /// Requests that do nothing to it.
    #[serde(default)]
    pub harmless: Vec<RequestPattern>,
    /// What it does not let in.
    #[serde(default)]
    pub admission: Vec<Admission>,
    /// Images whose containers never become ready.
    #[serde(default)]
    pub unready: Vec<Word>,
}

/// A regular expression that is looked for in a text, whatever the case of its letters.
#[derive(Debug, Clone)]
pub struct Phrase(Regex);

impl Phrase {
    /// Whether the text says it.
    pub fn said_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl<'de> Deserialize<'de> for Phrase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let built = RegexBuilder::new(&text).case_insensitive(true).build();
        built
            .map(Self)
            .map_err(|error| D::Error::custom(format!("{text:?} is not a regular expression: {error}")))
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.as_str())
    }
}

impl Truth {
    /// Reads the file.
    ///
    /// # Errors
    /// Names the file, the field and what is wrong with it.
    pub fn load(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(&text).with_context(|| format!("{} cannot be used: mend it there", file.display()))
    }

    /// Reads its text.
    ///
    /// # Errors
    /// Names the field and what is wrong with it.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        Ok(serde_path_to_error::deserialize(serde_yaml_ng::Deserializer::from_str(text))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "
case: X
title: x
expect: {category: [bad_release], target: [{kind: Deployment, namespace: shop, name: cart}], outcome: [resolved]}
plan: {accept: [[]]}
";

    #[test]
    fn what_is_left_out_asks_for_nothing() {
        let truth = Truth::parse(LEAST).unwrap();
        assert!(truth.now.is_none() && truth.verify.is_empty() && truth.forbid.steps.is_empty());
        assert_eq!(truth.expect.confidence.at_least, None);
    }

    #[test]
    fn a_field_that_nobody_knows_is_named_with_its_place_and_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("truth.yaml");
        std::fs::write(&file, LEAST.replace("outcome:", "outcom:")).unwrap();
        let error = format!("{:#}", Truth::load(&file).unwrap_err());
        assert!(
            error.contains("truth.yaml") && error.contains("expect") && error.contains("outcom"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_expression_or_no_category_is_named() {
        for (text, said) in [
            (format!("{LEAST}verify: ['a(']"), "verify[0]"),
            (LEAST.replace("bad_release", "bad_luck"), "bad_luck"),
        ] {
            let error = format!("{:#}", Truth::parse(&text).unwrap_err());
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn phrases_are_found_anywhere_in_letters_of_either_case() {
        let phrase: Phrase = serde_json::from_str("\"manifest unknown|not found\"").unwrap();
        assert!(phrase.said_in("Failed to pull image: Manifest Unknown") && !phrase.said_in("manifest"));
    }
}
