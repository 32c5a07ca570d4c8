//! How urgent an alert is, where it comes from and whose it is; and what that makes of the incident that it is in.

pub mod condition;

use std::{cmp::Reverse, collections::BTreeMap};

use paramedic_correlation::locate;
use paramedic_domain::{
    alert::{Alert, Priority, Severity},
    event::Event,
    incident::Incident,
};

use self::condition::{About, Condition, Functions};
use super::{
    facts::{self, Facts},
    problems,
};

/// The compiled rules.
#[derive(Debug)]
pub struct Triage {
    /// Label that says how severe an alert is.
    pub severity_label: String,
    /// What its values mean, in lower case.
    pub severities: BTreeMap<String, Severity>,
    /// Labels that say where an alert comes from, the first one set counts.
    pub environment_labels: Vec<String>,
    /// Labels that say whose it is, the first one set counts.
    pub team_labels: Vec<String>,
    /// Priority of a severity that no rule is about.
    pub priorities: BTreeMap<Severity, Priority>,
    /// The first one that holds counts.
    pub rules: Vec<Rule>,
    /// What their conditions share.
    pub functions: Functions,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// For people.
    pub name: String,
    /// When it counts.
    pub when: Condition,
    /// What it says.
    pub priority: Priority,
    /// It may say this too.
    pub severity: Option<Severity>,
    /// And this.
    pub team: Option<String>,
}

/// What the rules say of one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// How severe it is.
    pub severity: Severity,
    /// How soon people must look.
    pub priority: Priority,
    /// Where it comes from; `""`: not known.
    pub environment: String,
    /// Whose it is; `""`: not known.
    pub team: String,
    /// The rule that said so; `""`: none did.
    pub rule: String,
    /// Rules that could not say whether they hold: their numbers, and why.
    pub failed: Vec<(usize, String)>,
}

impl Triage {
    /// What the rules say of an alert.
    #[must_use]
    pub fn assess(&self, alert: &Alert, facts: &Facts) -> Assessment {
        let namespace = locate::namespace(alert);
        let of_workload = facts.workload(alert);
        let of_namespace = facts.namespaces.get(namespace);
        let environment = known([
            labelled(alert, &self.environment_labels),
            of_workload.and_then(|facts| facts.environment.as_deref()),
            of_namespace.and_then(|facts| facts.environment.as_deref()),
        ]);
        let team = known([
            labelled(alert, &self.team_labels),
            of_workload.and_then(|facts| facts.team.as_deref()),
            of_namespace.and_then(|facts| facts.team.as_deref()),
        ]);
        let severity = self.severity(alert);
        let about = About {
            alert,
            namespace,
            workload: facts::workload(alert),
            environment: &environment,
            team: &team,
            severity: word(severity),
        };
        let mut failed = Vec::new();
        let mut held = None;
        for (number, rule) in self.rules.iter().enumerate() {
            match rule.when.holds(about, &self.functions) {
                Ok(true) => {
                    held = Some(rule);
                    break;
                }
                Ok(false) => {}
                Err(problem) => failed.push((number, problem)),
            }
        }
        let severity = held.and_then(|rule| rule.severity).unwrap_or(severity);
        Assessment {
            severity,
            priority: held.map_or_else(
                || self.priorities.get(&severity).copied().unwrap_or(Priority::P3),
                |rule| rule.priority,
            ),
            team: held.and_then(|rule| rule.team.clone()).unwrap_or(team),
            environment,
            rule: held.map(|rule| rule.name.clone()).unwrap_or_default(),
            failed,
        }
    }

    /// What the alert's label says; a word that nobody explained is a warning, no word is none.
    #[must_use]
    pub fn severity(&self, alert: &Alert) -> Severity {
        let value = alert.label(&self.severity_label).trim().to_lowercase();
        let unexplained = if value.is_empty() { Severity::Info } else { Severity::Warning };
        self.severities.get(&value).copied().unwrap_or(unexplained)
    }
}

/// The event that is missing for `incident` to be as urgent as these alerts of it, if any. Its urgency never falls, so it does not
/// matter in which order alerts come, or whether they were looked at before.
#[must_use]
pub fn decide<'a>(incident: &Incident, alerts: impl IntoIterator<Item = &'a Assessment>) -> Option<Event> {
    let alerts: Vec<&Assessment> = alerts.into_iter().collect();
    let most = alerts.iter().min_by(|a, b| urgency(a).cmp(&urgency(b)))?;
    let severity = alerts.iter().map(|alert| alert.severity).fold(incident.severity, Severity::max);
    let is_more_urgent = incident.priority.is_none_or(|priority| most.priority < priority);
    let priority = incident.priority.filter(|_| !is_more_urgent).unwrap_or(most.priority);
    // The most urgent alert says where and whose; what nobody said yet may come from any of them.
    let first = |of: fn(&Assessment) -> &String| alerts.iter().map(|alert| of(alert)).filter(|text| !text.is_empty()).min();
    let said = |most: &String, before: &String, any: Option<&String>| match (is_more_urgent && !most.is_empty(), before.is_empty()) {
        (true, _) => most.clone(),
        (false, false) => before.clone(),
        (false, true) => any.cloned().unwrap_or_default(),
    };
    let environment = said(&most.environment, &incident.environment, first(|alert| &alert.environment));
    let team = said(&most.team, &incident.team, first(|alert| &alert.team));
    let is_news = is_more_urgent || severity > incident.severity || environment != incident.environment || team != incident.team;
    (is_news && incident.end.is_none()).then(|| Event::IncidentTriaged {
        severity,
        priority,
        environment,
        team,
        rule: most.rule.clone(),
    })
}

/// The least is the most urgent; the same whatever the order.
fn urgency(alert: &Assessment) -> (Priority, Reverse<Severity>, bool, bool, &str, &str, &str) {
    (
        alert.priority,
        Reverse(alert.severity),
        alert.environment.is_empty(),
        alert.team.is_empty(),
        &alert.environment,
        &alert.team,
        &alert.rule,
    )
}

fn labelled<'a>(alert: &'a Alert, labels: &[String]) -> Option<&'a str> {
    labels.iter().map(|label| alert.label(label)).find(|value| !value.is_empty())
}

/// The first that is set, as a word for people: labels may hold anything.
fn known<const N: usize>(words: [Option<&str>; N]) -> String {
    let set = words.into_iter().flatten().map(problems::clipped);
    set.map(|word| word.trim().to_owned())
        .find(|word| !word.is_empty())
        .unwrap_or_default()
}

/// As rules write it.
fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

#[cfg(test)]
mod tests;
