//! The `[gateway.triage]` section.

use std::collections::BTreeMap;

use paramedic_domain::alert::{Priority, Severity};
use paramedic_runtime::config::Invalid;
use serde::Deserialize;

use crate::core::triage::{
    self,
    condition::{Condition, Functions},
};

/// How urgent alerts are. `defaults.toml` says what each setting is for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Triage {
    /// Label that says how severe an alert is.
    pub severity_label: String,
    /// Labels that say where an alert comes from.
    pub environment_labels: Vec<String>,
    /// Labels that say whose it is.
    pub team_labels: Vec<String>,
    /// What the words of the severity label mean.
    pub severities: BTreeMap<String, Severity>,
    /// Priority of a severity that no rule is about.
    pub priorities: BTreeMap<Severity, Priority>,
    /// The first one that holds counts.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// A `[[gateway.triage.rules]]` entry.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// For people; empty: the condition itself.
    #[serde(default)]
    pub name: String,
    /// CEL expression.
    pub when: String,
    /// What it says.
    pub priority: Priority,
    /// It may say this too.
    pub severity: Option<Severity>,
    /// And this.
    pub team: Option<String>,
}

impl Triage {
    /// The rules that decide.
    ///
    /// # Errors
    /// The key of the condition that cannot be used.
    pub fn compiled(&self) -> Result<triage::Triage, Invalid> {
        let functions = Functions::new();
        let rules = self.rules.iter().enumerate().map(|(number, rule)| {
            let when = Condition::new(&rule.when, &functions)
                .map_err(|problem| Invalid::new(format!("gateway.triage.rules[{number}].when"), problem))?;
            Ok(triage::Rule {
                name: if rule.name.is_empty() {
                    rule.when.clone()
                } else {
                    rule.name.clone()
                },
                when,
                priority: rule.priority,
                severity: rule.severity,
                team: rule.team.clone(),
            })
        });
        Ok(triage::Triage {
            rules: rules.collect::<Result<_, Invalid>>()?,
            severity_label: self.severity_label.clone(),
            severities: self
                .severities
                .iter()
                .map(|(word, severity)| (word.to_lowercase(), *severity))
                .collect(),
            environment_labels: self.environment_labels.clone(),
            team_labels: self.team_labels.clone(),
            priorities: self.priorities.clone(),
            functions,
        })
    }
}
