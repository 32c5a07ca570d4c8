//! What rules see of a step and of everything around it.

use std::{collections::BTreeSet, sync::LazyLock};

use jiff::{Timestamp, Zoned, tz::TimeZone};
use paramedic_domain::{
    alert::Severity,
    change::{Change, Operation},
    diagnosis::Category,
    id::{ClusterId, StepId},
    incident::Incident,
    plan::Step,
    policy::Mode,
    risk::{Context, Risk, RiskLevel},
    touched::{Touched, targets},
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
    /// Namespace of the object that its diagnosis names; `None`: it has none, or there is no diagnosis.
    pub namespace: Option<String>,
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
            namespace: None,
            confidence,
            attempt: 1,
        }
    }

    /// The confidence; what is no number is none.
    fn sure(&self) -> f64 {
        if self.confidence.is_nan() { 0.0 } else { self.confidence }
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
            namespace: incident.diagnosis.as_ref().and_then(|diagnosis| diagnosis.target.namespace.clone()),
            confidence: incident.diagnosis.as_ref().map_or(0.0, |diagnosis| diagnosis.confidence),
            attempt,
        }
    }
}

/// Paths of all facts, as rules name them: `step.risk`, `production`.
pub(crate) fn paths() -> BTreeSet<String> {
    let of = |(name, value): (&String, &Value)| match value.as_object() {
        Some(fields) => fields.keys().map(|field| format!("{name}.{field}")).collect::<Vec<_>>(),
        None => vec![name.clone()],
    };
    reference().as_object().into_iter().flatten().flat_map(of).collect()
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
    /// The namespaces that the step touches.
    pub(crate) fn touched(&self) -> Touched<'_> {
        Touched::by(self.step.change, self.step.parameters, self.about.namespace.as_deref())
    }

    /// What rules see at these paths; times by the clock of `zone`.
    #[must_use]
    pub(crate) fn facts(&self, mode: Mode, zone: &TimeZone, paths: &BTreeSet<String>) -> Value {
        let mut facts = Map::new();
        for path in paths {
            let value = self.fact(path, mode, zone);
            match path.split_once('.') {
                None => drop(facts.insert(path.clone(), value)),
                Some((object, name)) => facts.entry(object).or_insert_with(|| json!({}))[name] = value,
            }
        }
        Value::Object(facts)
    }

    /// One fact; only those that a policy names are made, since a decision is asked for often.
    fn fact(&self, path: &str, mode: Mode, zone: &TimeZone) -> Value {
        let (about, step, context) = (self.about, &self.step, self.step.context);
        let target = || targets(self.step.change).into_iter().next();
        match path {
            "mode" => json!(mode),
            "cluster" => json!(about.cluster.as_str()),
            "environment" | "incident.environment" => json!(about.environment),
            "production" => json!(context.production),
            "requester" => json!(about.requester),
            "incident.title" => json!(about.title),
            "incident.severity" => json!(about.severity),
            "incident.priority" => json!(about.priority),
            "incident.team" => json!(about.team),
            "incident.alerts" => json!(about.alerts),
            "incident.storm" => json!(about.storm),
            "incident.requested" => json!(!about.requester.is_empty()),
            "diagnosis.category" => json!(about.category.as_ref().map(word).unwrap_or_default()),
            "diagnosis.confidence" => json!(about.sure()),
            "diagnosis.percent" => json!((about.sure() * 100.0).round() as i64),
            "plan.attempt" => json!(about.attempt),
            "step.id" => json!(step.id.as_str()),
            "step.action" => json!(step.action),
            "step.risk" => json!(step.risk.level),
            "step.reasons" => json!(step.risk.reasons),
            "step.requires_approval" => json!(step.requires_approval),
            "step.read_only" => json!(step.read_only),
            "step.mutates" => json!(step.mutates),
            "step.parameters" => json!(step.parameters),
            "change.verbs" => json!(verbs(step.change)),
            "change.kinds" => json!(
                targets(self.step.change)
                    .iter()
                    .map(|target| target.kind.as_str())
                    .collect::<BTreeSet<_>>()
            ),
            "change.namespaces" => match self.touched() {
                Touched::Known(names) => json!(names),
                Touched::Unknown => json!([]),
            },
            "change.objects" => json!(targets(self.step.change).len()),
            "change.restarts" => json!(context.template_change),
            "change.replicas" => json!(context.replicas.map_or(-1, i64::from)),
            "change.disruptions_allowed" => json!(context.disruptions_allowed.map_or(-1, i64::from)),
            "target.kind" => json!(target().map_or("", |target| target.kind.as_str())),
            "target.namespace" => json!(target().and_then(|target| target.namespace.as_deref()).unwrap_or_default()),
            "target.name" => json!(target().map_or("", |target| target.name.as_str())),
            "target.labels" => json!(context.labels),
            "target.owner" => json!(context.gitops_owner.as_deref().unwrap_or_default()),
            path => match path.strip_prefix("time.") {
                Some(name) => time(&self.now.to_zoned(zone.clone()))[name].take(),
                // paths were checked against the reference, and a test holds the reference against this
                None => Value::Null,
            },
        }
    }
}

fn verbs(change: &Change) -> BTreeSet<&'static str> {
    change.operations().iter().map(Operation::verb).collect()
}

/// A time as rules see it.
pub(crate) fn time(local: &Zoned) -> Value {
    json!({
        "weekday": local.strftime("%a").to_string().to_lowercase(),
        "hour": local.hour(),
        "minute": local.minute(),
        "date": local.date().to_string(),
    })
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

#[cfg(test)]
mod tests {
    use paramedic_domain::object::ObjectRef;

    use super::*;

    #[test]
    fn what_conditions_are_checked_against_is_what_they_find() {
        let about = About::preview("test".parse().unwrap(), 0.9);
        let id: StepId = "a".parse().unwrap();
        let question = Question {
            about: &about,
            step: Asked {
                id: &id,
                action: "scale",
                parameters: &Map::new(),
                requires_approval: false,
                read_only: true,
                mutates: false,
                change: &Change::Read {
                    what: String::new(),
                    targets: vec![ObjectRef::new("v1", "Pod", Some("shop"), "web")],
                },
                risk: &Risk {
                    level: RiskLevel::None,
                    reasons: Vec::new(),
                },
                context: &Context::default(),
            },
            mode: Mode::Standard,
            now: Timestamp::UNIX_EPOCH,
        };
        let made = question.facts(Mode::Standard, &TimeZone::UTC, &paths());
        let kinds = |value: &Value| -> Vec<(String, std::mem::Discriminant<Value>)> {
            let found = paths().into_iter().map(|path| {
                let at = value.pointer(&format!("/{}", path.replace('.', "/")));
                (path.clone(), std::mem::discriminant(at.unwrap_or_else(|| panic!("no {path}"))))
            });
            found.collect()
        };
        assert_eq!(kinds(&made), kinds(&reference()));
        assert_eq!(made.as_object().unwrap().len(), reference().as_object().unwrap().len());
        assert_eq!(question.facts(Mode::Standard, &TimeZone::UTC, &BTreeSet::new()), json!({}));
    }

    #[test]
    fn the_page_names_every_fact_and_its_example_holds() {
        let page = include_str!("../../../../docs/policy.md");
        for path in paths() {
            let name = path.rsplit('.').next().unwrap_or(&path);
            assert!(page.contains(&format!("`{name}`")), "docs/policy.md does not name {path}");
        }
        let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let policy = crate::Policy::parse(example).unwrap();
        assert!(!policy.test().is_empty());
        for outcome in policy.test() {
            assert_eq!(outcome.failed, None, "{}", outcome.name);
        }
    }
}
