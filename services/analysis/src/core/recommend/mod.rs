//! What to do about a finding: actions with parameters computed from the facts.

mod leak;
mod limit;
mod options;
pub(super) mod outside;
mod release;
pub(super) mod requested;
mod roots;
mod steps;

use paramedic_domain::{
    diagnosis::Category,
    id::StepId,
    plan::{PlanOption, Recommendation},
    risk::RiskLevel,
    verification::Criterion,
};
use serde_json::{Map, Value, json};

use super::{
    criteria,
    engines::{Finding, Knobs},
    facts::{Facts, Workload},
};

/// Actions, and how to tell that they worked.
#[derive(Debug, Clone, PartialEq)]
pub struct Remedy {
    /// In the order of their ids `rec-001`, `rec-002`, ...
    pub recommendations: Vec<Recommendation>,
    /// Up to three ways out, the recommendations first; empty when there is only that one.
    pub options: Vec<PlanOption>,
    /// Conditions of success.
    pub criteria: Vec<Criterion>,
}

impl Remedy {
    /// Nothing to do, and no way to tell.
    #[must_use]
    pub fn none() -> Self {
        Self {
            recommendations: Vec::new(),
            options: Vec::new(),
            criteria: Vec::new(),
        }
    }
}

/// What is done where a rule's remedy cannot be worked out: people are told, that included.
pub(super) fn only_told(summary: &str, rule: &str, problem: &str) -> Remedy {
    let parameters = json!({
        "type": "jira",
        "priority": "high",
        "title": format!("no remedy could be worked out (rule {rule})"),
        "message": format!("{summary}\n\nThe remedy of rule {rule} could not be worked out: {problem}"),
    });
    let step = Recommendation {
        id: "rec-001".parse().expect("letters, a hyphen and digits are a valid id"),
        action: "notify_only".into(),
        description: "Tell people what was found".into(),
        confidence: 1.0,
        parameters: parameters.as_object().cloned().unwrap_or_default(),
        dependencies: Vec::new(),
        rationale: "what to do could not be worked out".into(),
        risk: Some(RiskLevel::None),
        requires_approval: None,
    };
    Remedy {
        recommendations: vec![step],
        ..Remedy::none()
    }
}

/// The remedy for a finding.
#[must_use]
pub fn remedy(facts: &Facts, workload: &Workload, knobs: &Knobs, finding: &Finding) -> Remedy {
    if let Some(root) = &finding.root {
        return roots::remedy(facts, finding, root);
    }
    match finding.category {
        Category::MemoryLeak => leak::remedy(facts, workload, knobs, finding),
        Category::OomLimitTooLow => limit::remedy(facts, workload, finding),
        Category::BadRelease | Category::ImagePull => release::remedy(facts, workload, finding),
        _ => Remedy {
            recommendations: Vec::new(),
            options: Vec::new(),
            criteria: criteria::healthy(facts, workload),
        },
    }
}

fn report(facts: &Facts, finding: &Finding, list: &mut List<'_>, diagnostics: &StepId, after: &[StepId], kind: &str) {
    let team = list
        .workload
        .labels
        .get("team")
        .map_or_else(|| list.workload.object.name.clone(), Clone::clone);
    let reasons: Vec<&str> = finding.factors.iter().map(|factor| factor.text.as_str()).collect();
    let message = format!("{}\n\nWhy:\n- {}", finding.summary, reasons.join("\n- "));
    let (namespace, name) = (list.namespace(), list.workload.object.name.clone());
    let mut parameters = json!({
        "type": "jira",
        "project": team.to_uppercase(),
        "priority": if facts.oom_killed().next().is_some() { "high" } else { "medium" },
        "title": format!("{kind}: {namespace}/{name}: {}", word(finding.category)),
        "message": message,
        "namespace": namespace,
        "attachments": [format!("diagnostics_{diagnostics}")],
    });
    if list.workload.object.kind == "Deployment" {
        parameters["deployment"] = json!(name);
    }
    list.push("notify_only", &format!("File a {kind} with the evidence"), parameters, after)
        .why(
            1.0,
            RiskLevel::None,
            "the operation mends the symptom; the cause is the developers'".into(),
        );
}

fn word(category: Category) -> String {
    serde_json::to_value(category)
        .ok()
        .and_then(|value| value.as_str().map(ToOwned::to_owned))
        .unwrap_or_default()
}

struct List<'a> {
    workload: &'a Workload,
    items: Vec<Recommendation>,
}

/// The entry that was added last, to be completed.
struct Entry<'l>(&'l mut Recommendation);

impl Entry<'_> {
    fn why(self, confidence: f64, risk: RiskLevel, rationale: String) -> StepId {
        self.0.confidence = confidence;
        self.0.risk = Some(risk);
        self.0.rationale = rationale;
        self.0.id.clone()
    }
}

impl<'a> List<'a> {
    fn of(workload: &'a Workload) -> Self {
        Self {
            workload,
            items: Vec::new(),
        }
    }

    fn namespace(&self) -> String {
        self.workload.object.namespace.clone().unwrap_or_default()
    }

    /// An action on the workload itself.
    fn add(&mut self, action: &str, description: &str, parameters: Value, after: &[StepId]) -> Entry<'_> {
        let mut all = Map::new();
        all.insert(self.workload.object.kind.to_lowercase(), json!(self.workload.object.name));
        all.insert("namespace".into(), json!(self.namespace()));
        if let Value::Object(more) = parameters {
            all.extend(more);
        }
        self.push(action, description, Value::Object(all), after)
    }

    fn push(&mut self, action: &str, description: &str, parameters: Value, after: &[StepId]) -> Entry<'_> {
        let id = format!("rec-{:03}", self.items.len() + 1)
            .parse()
            .expect("letters, a hyphen and digits are a valid id");
        let parameters = match parameters {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        self.items.push(Recommendation {
            id,
            action: action.into(),
            description: description.into(),
            confidence: 1.0,
            parameters,
            dependencies: after.to_vec(),
            rationale: String::new(),
            risk: None,
            requires_approval: None,
        });
        Entry(self.items.last_mut().expect("one was just pushed"))
    }

    fn require_approval(&mut self, id: &StepId) {
        if let Some(item) = self.items.iter_mut().find(|item| item.id == *id) {
            item.requires_approval = Some(true);
        }
    }
}
