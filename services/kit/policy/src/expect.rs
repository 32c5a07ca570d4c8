//! Expectations: a table in the file that says what the policy shall decide.

use jiff::Timestamp;
use paramedic_domain::{
    policy::{Decision, Mode},
    risk::RiskLevel,
    touched::Touched,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    decide::Case,
    facts::{reference, time},
    file::{Policy, Then},
};

/// One expectation: facts that differ from the reference, and what they lead to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expectation {
    name: String,
    #[serde(default)]
    given: Value,
    /// When; not given: Monday 5 January 2026, 12:00 UTC.
    #[serde(default = "noon")]
    at: Timestamp,
    expect: Expected,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    then: Then,
    #[serde(default)]
    rule: Option<String>,
    #[serde(default)]
    quorum: Option<u32>,
}

/// What became of one expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// `None`: met.
    pub failed: Option<Failed>,
}

/// Why an expectation was not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// In words.
    pub expected: String,
    /// In words, with the reason that people would be told.
    pub found: String,
}

impl Expectation {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What is wrong with the facts that it gives.
    pub(crate) fn problem(&self) -> Option<String> {
        let facts = match self.facts() {
            Ok(facts) => facts,
            Err(problem) => return Some(problem),
        };
        case(&facts).err()
    }

    fn facts(&self) -> Result<Value, String> {
        if self.given.get("time").is_some() {
            return Err("given.time: say when with `at`, as in at: 2026-01-09T17:00:00Z".into());
        }
        let mut facts = reference();
        overlay(&mut facts, &self.given, "given")?;
        if let Some(confidence) = facts.pointer("/diagnosis/confidence").and_then(Value::as_f64) {
            facts["diagnosis"]["percent"] = ((confidence * 100.0).round() as i64).into();
        }
        if self.given.pointer("/change/namespaces").is_none() {
            facts["change"]["namespaces"] = json!([facts["target"]["namespace"]]);
        }
        Ok(facts)
    }
}

impl Policy {
    /// Tries every expectation of the file.
    #[must_use]
    pub fn test(&self) -> Vec<Outcome> {
        self.tests.iter().map(|expectation| self.try_one(expectation)).collect()
    }

    fn try_one(&self, expectation: &Expectation) -> Outcome {
        let facts = expectation.facts().unwrap_or_default();
        let found = case(&facts).map(|case| {
            let names = facts["change"]["namespaces"].as_array().into_iter().flatten();
            let touched = Touched::Known(names.filter_map(Value::as_str).collect());
            let (mode, freeze) = self.limits(case.mode, &touched, expectation.at);
            let mut facts = facts.clone();
            facts["mode"] = json!(mode);
            facts["time"] = time(&expectation.at.to_zoned(self.zone.clone()));
            self.judge(&Case {
                mode,
                freeze,
                facts,
                ..case
            })
        });
        let expected = &expectation.expect;
        let failed = match found {
            Ok(found) => {
                let (then, quorum, reason) = match &found.decision {
                    Decision::Auto { reason } => (Then::Auto, None, reason),
                    Decision::Ask { reason, terms } => (Then::Ask, Some(terms.quorum), reason),
                    Decision::Deny { reason } => (Then::Deny, None, reason),
                };
                let met = then == expected.then
                    && expected.rule.as_ref().is_none_or(|rule| *rule == found.rule)
                    && (expected.quorum.is_none() || expected.quorum == quorum);
                (!met).then(|| Failed {
                    expected: words(expected.then, expected.rule.as_deref(), expected.quorum),
                    found: format!("{}: {reason}", words(then, Some(&found.rule), quorum)),
                })
            }
            Err(problem) => Some(Failed {
                expected: words(expected.then, expected.rule.as_deref(), expected.quorum),
                found: problem,
            }),
        };
        Outcome {
            name: expectation.name.clone(),
            failed,
        }
    }
}

fn words(then: Then, rule: Option<&str>, quorum: Option<u32>) -> String {
    let mut words = match then {
        Then::Auto => "auto",
        Then::Ask => "ask",
        Then::Deny => "deny",
    }
    .to_owned();
    if let Some(quorum) = quorum.filter(|quorum| *quorum > 1) {
        words.push_str(&format!(" {quorum} people"));
    }
    if let Some(rule) = rule {
        words.push_str(&format!(" by {rule}"));
    }
    words
}

fn noon() -> Timestamp {
    Timestamp::constant(1_767_614_400, 0)
}

fn case(facts: &Value) -> Result<Case<'static>, String> {
    let mode: Mode = serde_json::from_value(facts["mode"].clone()).map_err(|error| format!("mode: {error}"))?;
    let risk: RiskLevel = serde_json::from_value(facts["step"]["risk"].clone()).map_err(|error| format!("step.risk: {error}"))?;
    let truth = |name: &str| {
        facts["step"][name]
            .as_bool()
            .ok_or_else(|| format!("step.{name} is neither true nor false"))
    };
    Ok(Case {
        mode,
        read_only: truth("read_only")?,
        mutates: truth("mutates")?,
        risk,
        freeze: None,
        facts: Value::Null,
    })
}

/// Puts values over the reference; only names that are there, but for maps that are open.
fn overlay(base: &mut Value, over: &Value, path: &str) -> Result<(), String> {
    match (base, over) {
        (_, Value::Null) => Ok(()),
        (Value::Object(base), Value::Object(over)) => {
            let open = base.is_empty();
            for (name, value) in over {
                let path = format!("{path}.{name}");
                match base.get_mut(name) {
                    Some(known) => overlay(known, value, &path)?,
                    None if open => {
                        base.insert(name.clone(), value.clone());
                    }
                    None => return Err(format!("{path}: there is no such fact")),
                }
            }
            Ok(())
        }
        (base, over) => {
            if std::mem::discriminant(base) != std::mem::discriminant(over) {
                return Err(format!("{path}: {over} is of another kind than {base}"));
            }
            *base = over.clone();
            Ok(())
        }
    }
}
