//! What rules see of a step and of everything around it.

use std::{collections::BTreeSet, sync::LazyLock};

use jiff::{Timestamp, tz::TimeZone};
use paramedic_domain::{
    alert::Severity,
    change::{Change, Operation},
    diagnosis::Category,
    id::{ClusterId, StepId},
    incident::Incident,
    plan::Step,
    policy::Mode,
    risk::{Context, Risk, RiskLevel},
};
use serde_json::{Map, Value, json};

/// The incident behind a plan, as far as rules see it.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// Cluster.
    pub cluster: ClusterId,
    /// Headline of the incident: untrusted text.
    pub title: String,
    /// Greatest severity among its alerts.
    pub severity: Severity,
    /// `P1`, ...; empty: not known.
    pub priority: String,
    /// `production`, ...; empty: not known.
    pub environment: String,
    /// Whose it is; empty: not known.
    pub team: String,
    /// Names of its alerts.
    pub alerts: BTreeSet<String>,
    /// It was declared a storm.
    pub storm: bool,
    /// Who asked for the change; empty: nobody did, alerts led to it.
    pub requester: String,
    /// Its diagnosis says this; `None`: nothing yet.
    pub category: Option<Category>,
    /// 0 to 1.
    pub confidence: f64,
    /// 1 for the first plan of the incident.
    pub attempt: u32,
}

impl About {
    /// A plan without an incident: what somebody wants to see before it is asked for.
    #[must_use]
    pub fn preview(cluster: ClusterId, confidence: f64) -> Self {
        Self {
            cluster,
            title: String::new(),
            severity: Severity::Info,
            priority: String::new(),
            environment: String::new(),
            team: String::new(),
            alerts: BTreeSet::new(),
            storm: false,
            requester: String::new(),
            category: None,
            confidence,
            attempt: 1,
        }
    }

    /// What is known of an incident.
    #[must_use]
    pub fn of(incident: &Incident, attempt: u32) -> Self {
        Self {
            cluster: incident.cluster.clone(),
            title: incident.title.clone(),
            severity: incident.severity,
            priority: incident.priority.as_ref().map(word).unwrap_or_default(),
            environment: incident.environment.clone(),
            team: incident.team.clone(),
            alerts: incident.alerts.values().map(|alert| alert.name().to_owned()).collect(),
            storm: incident.storm.is_some(),
            requester: incident.request.as_ref().map(|request| request.by.clone()).unwrap_or_default(),
            category: incident.diagnosis.as_ref().map(|diagnosis| diagnosis.category),
            confidence: incident.diagnosis.as_ref().map_or(0.0, |diagnosis| diagnosis.confidence),
            attempt,
        }
    }
}

/// Surroundings that nobody kept: what is not known to be elsewhere is in production.
static UNKNOWN: LazyLock<Context> = LazyLock::new(|| Context {
    production: true,
    ..Context::default()
});

/// The step that is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its id.
    pub id: &'a StepId,
    /// Name of its action.
    pub action: &'a str,
    /// Its arguments.
    pub parameters: &'a Map<String, Value>,
    /// The recommendation wants people to be asked.
    pub requires_approval: bool,
    /// It leaves the cluster as it was.
    pub read_only: bool,
    /// It sends a mutating request.
    pub mutates: bool,
    /// Its exact change.
    pub change: &'a Change,
    /// Our grade of it.
    pub risk: &'a Risk,
    /// What is known of its surroundings.
    pub context: &'a Context,
}

impl<'a> Asked<'a> {
    /// A step of a plan.
    #[must_use]
    pub fn of(step: &'a Step) -> Self {
        Self {
            id: &step.id,
            action: &step.action,
            parameters: &step.parameters,
            requires_approval: false,
            read_only: step.change.read_only(),
            mutates: step.change.mutates(),
            change: &step.change,
            risk: &step.risk,
            context: step.context.as_ref().unwrap_or(&UNKNOWN),
        }
    }
}

/// What is asked about one step.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The incident.
    pub about: &'a About,
    /// The step.
    pub step: Asked<'a>,
    /// Mode of the cluster.
    pub mode: Mode,
    /// The present.
    pub now: Timestamp,
}

impl Question<'_> {
    /// The namespaces that the change touches; what has none is not listed.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<&str> {
        let targets = self.step.change.lease_targets();
        targets.into_iter().filter_map(|target| target.namespace.as_deref()).collect()
    }

    /// What rules see, as far as `uses` names it; times by the clock of `zone`.
    #[must_use]
    pub(crate) fn facts(&self, mode: Mode, zone: &TimeZone, uses: &BTreeSet<String>) -> Value {
        let (about, step, context) = (self.about, &self.step, self.step.context);
        // What is no number is no confidence.
        let confidence = if about.confidence.is_nan() { 0.0 } else { about.confidence };
        let targets = step.change.lease_targets();
        let target = targets.first();
        let local = || self.now.to_zoned(zone.clone());
        let mut facts = Facts { uses, made: Map::new() };
        facts.plain("mode", || json!(mode));
        facts.plain("cluster", || json!(about.cluster.as_str()));
        facts.plain("environment", || json!(about.environment));
        facts.plain("production", || json!(context.production));
        facts.plain("requester", || json!(about.requester));
        facts.of("incident", "title", || json!(about.title));
        facts.of("incident", "severity", || json!(about.severity));
        facts.of("incident", "priority", || json!(about.priority));
        facts.of("incident", "environment", || json!(about.environment));
        facts.of("incident", "team", || json!(about.team));
        facts.of("incident", "alerts", || json!(about.alerts));
        facts.of("incident", "storm", || json!(about.storm));
        facts.of("incident", "requested", || json!(!about.requester.is_empty()));
        facts.of("diagnosis", "category", || {
            json!(about.category.as_ref().map(word).unwrap_or_default())
        });
        facts.of("diagnosis", "confidence", || json!(confidence));
        facts.of("diagnosis", "percent", || json!((confidence * 100.0).round() as i64));
        facts.of("plan", "attempt", || json!(about.attempt));
        facts.of("step", "id", || json!(step.id.as_str()));
        facts.of("step", "action", || json!(step.action));
        facts.of("step", "risk", || json!(step.risk.level));
        facts.of("step", "reasons", || json!(step.risk.reasons));
        facts.of("step", "requires_approval", || json!(step.requires_approval));
        facts.of("step", "read_only", || json!(step.read_only));
        facts.of("step", "mutates", || json!(step.mutates));
        facts.of("step", "parameters", || json!(step.parameters));
        facts.of("change", "verbs", || json!(verbs(step.change)));
        facts.of("change", "kinds", || {
            json!(targets.iter().map(|target| target.kind.as_str()).collect::<BTreeSet<_>>())
        });
        facts.of("change", "namespaces", || json!(self.namespaces()));
        facts.of("change", "objects", || json!(targets.len()));
        facts.of("change", "restarts", || json!(context.template_change));
        facts.of("change", "replicas", || json!(context.replicas.map_or(-1, i64::from)));
        facts.of("change", "disruptions_allowed", || {
            json!(context.disruptions_allowed.map_or(-1, i64::from))
        });
        facts.of("target", "kind", || json!(target.map_or("", |target| target.kind.as_str())));
        facts.of("target", "namespace", || {
            json!(target.and_then(|target| target.namespace.as_deref()).unwrap_or_default())
        });
        facts.of("target", "name", || json!(target.map_or("", |target| target.name.as_str())));
        facts.of("target", "labels", || json!(context.labels));
        facts.of("target", "owner", || json!(context.gitops_owner.as_deref().unwrap_or_default()));
        facts.of("time", "weekday", || json!(local().strftime("%a").to_string().to_lowercase()));
        facts.of("time", "hour", || json!(local().hour()));
        facts.of("time", "minute", || json!(local().minute()));
        facts.of("time", "date", || json!(local().date().to_string()));
        Value::Object(facts.made)
    }
}

/// Facts on their way: only those that somebody asks for are made, since a decision is asked for often.
struct Facts<'u> {
    uses: &'u BTreeSet<String>,
    made: Map<String, Value>,
}

impl Facts<'_> {
    fn plain(&mut self, name: &str, value: impl FnOnce() -> Value) {
        if self.uses.contains(name) {
            self.made.insert(name.to_owned(), value());
        }
    }

    fn of(&mut self, object: &str, name: &str, value: impl FnOnce() -> Value) {
        let names = |path: &String| {
            path.strip_prefix(object)
                .is_some_and(|rest| rest.is_empty() || rest.strip_prefix('.') == Some(name))
        };
        if self.uses.iter().any(names) {
            let fields = self.made.entry(object).or_insert_with(|| json!({}));
            fields[name] = value();
        }
    }
}

fn verbs(change: &Change) -> BTreeSet<&'static str> {
    change.operations().iter().map(Operation::verb).collect()
}

/// How a closed set spells one of its values.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        Ok(_) | Err(_) => String::new(),
    }
}

/// Facts of a plain step, which conditions are checked against and that expectations of `policy test` start from: a sure change of low
/// risk to one Deployment outside production. Empty maps are open.
#[must_use]
pub fn reference() -> Value {
    json!({
        "mode": Mode::Standard,
        "cluster": "cluster",
        "environment": "staging",
        "production": false,
        "requester": "",
        "incident": {
            "title": "",
            "severity": Severity::Warning,
            "priority": "",
            "environment": "staging",
            "team": "",
            "alerts": [],
            "storm": false,
            "requested": false,
        },
        "diagnosis": { "category": "bad_release", "confidence": 0.9, "percent": 90 },
        "plan": { "attempt": 1 },
        "step": {
            "id": "step",
            "action": "rollback_deployment",
            "risk": RiskLevel::Low,
            "reasons": [],
            "requires_approval": false,
            "read_only": false,
            "mutates": true,
            "parameters": {},
        },
        "change": {
            "verbs": ["patch"],
            "kinds": ["Deployment"],
            "namespaces": ["shop"],
            "objects": 1,
            "restarts": false,
            "replicas": 3,
            "disruptions_allowed": -1,
        },
        "target": { "kind": "Deployment", "namespace": "shop", "name": "web", "labels": {}, "owner": "" },
        "time": { "weekday": "mon", "hour": 12, "minute": 0, "date": "2026-01-05" },
    })
}
