//! What to do about a finding: actions with parameters computed from the facts.

mod options;
mod roots;

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
    quantity::{human, memory},
    sizing,
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

/// The remedy for a finding.
#[must_use]
pub fn remedy(facts: &Facts, workload: &Workload, knobs: &Knobs, finding: &Finding) -> Remedy {
    if let Some(root) = &finding.root {
        return roots::remedy(facts, finding, root);
    }
    let mut list = List::of(workload);
    let mut criteria = criteria::healthy(facts, workload);
    match finding.category {
        Category::MemoryLeak => leak(facts, knobs, finding, &mut list, &mut criteria),
        Category::OomLimitTooLow => too_low(facts, finding, &mut list, &mut criteria),
        Category::BadRelease | Category::ImagePull => release(facts, finding, &mut list),
        _ => {}
    }
    Remedy {
        options: options::of(facts, workload, finding, &list.items),
        recommendations: list.items,
        criteria,
    }
}

fn leak(facts: &Facts, knobs: &Knobs, finding: &Finding, list: &mut List<'_>, criteria: &mut Vec<Criterion>) {
    let workload = list.workload;
    let slope = finding.slope.unwrap_or(0.0);
    let diagnostics = list
        .add(
            "collect_diagnostics",
            "Capture a heap dump before any changes",
            json!({"type": "heap_dump"}),
            &[],
        )
        .why(0.98, RiskLevel::Low, "a restart destroys the memory that shows what leaks".into());
    let mut before = vec![diagnostics.clone()];
    if !workload.scratch.is_empty() {
        let paths = workload.scratch.clone();
        let what = format!("Back up {} before the pods are replaced", paths.join(", "));
        let backup = list.add("backup_data", &what, json!({"paths": paths}), &[]).why(
            0.95,
            RiskLevel::Low,
            "these volumes are emptied with their pods".into(),
        );
        before.push(backup);
    }
    let raised = workload.limit.zip(sizing::limit_for_leak(facts, workload, slope));
    if let Some((old, new)) = raised {
        let raise = list
            .add(
                "increase_resources",
                &format!("Increase the memory limit from {} to {}", memory(old), memory(new)),
                json!({"memory": memory(new), "container": workload.container}),
                &before,
            )
            .why(
                0.88,
                RiskLevel::Low,
                format!(
                    "at {}/h the larger limit buys {:.0} h more; nodes and quota permit it",
                    human(slope),
                    (new - old) / slope
                ),
            );
        before = vec![raise];
    }
    let restart = list
        .add(
            "restart_pod",
            "Rolling restart to clear the leaked memory",
            json!({"strategy": "rolling"}),
            &before,
        )
        .why(
            0.95,
            RiskLevel::Medium,
            "a new process begins without what was leaked; it leaks on from there".into(),
        );
    list.require_approval(&restart);
    let mut last = Vec::new();
    if workload.has_args && !knobs.debug_flags.is_empty() {
        last.push(
            list.add(
                "enable_debug_mode",
                "Enable memory profiling for ongoing analysis",
                json!({"debug_flags": knobs.debug_flags, "container": workload.container}),
                std::slice::from_ref(&restart),
            )
            .why(0.85, RiskLevel::Low, "the profile shows the developers what grows".into()),
        );
    }
    last.extend(cap(facts, list, raised.map_or(workload.limit, |(_, new)| Some(new)), &restart));
    if last.is_empty() {
        last.push(restart);
    }
    report(facts, finding, list, &diagnostics, &last, "bug");
    if let Some(limit) = raised.map_or(workload.limit, |(_, new)| Some(new)) {
        criteria.push(criteria::below_limit(facts, workload, limit));
    }
    criteria.push(criteria::growth(workload, slope));
}

/// More replicas of a leaking service would take the memory of everybody else.
fn cap(facts: &Facts, list: &mut List<'_>, limit: Option<f64>, after: &StepId) -> Option<StepId> {
    let hpa = facts.hpa.as_ref()?;
    let limit = limit?;
    let cap = sizing::replica_cap(facts, list.workload, limit)?
        .max(hpa.min)
        .max(list.workload.desired);
    if cap >= hpa.max {
        return None;
    }
    let namespace = list.namespace();
    Some(
        list.push(
            "update_hpa",
            &format!("Cap the maximum of {} replicas to {cap}", hpa.max),
            json!({"hpa": hpa.name, "namespace": namespace, "maxReplicas": cap}),
            std::slice::from_ref(after),
        )
        .why(
            0.80,
            RiskLevel::Low,
            format!(
                "if the leak persists, more than {cap} replicas could exhaust the nodes: {}",
                sizing::explain_cap(facts, limit)
            ),
        ),
    )
}

fn too_low(facts: &Facts, finding: &Finding, list: &mut List<'_>, criteria: &mut Vec<Criterion>) {
    let workload = list.workload;
    let diagnostics = list
        .add(
            "collect_diagnostics",
            "Keep logs, events and states before any changes",
            json!({"type": "all"}),
            &[],
        )
        .why(0.98, RiskLevel::Low, "a restart destroys what shows the need for memory".into());
    let mut last = diagnostics.clone();
    // A container that was killed at its limit had that limit in use, whatever was sampled.
    let peak = facts
        .memory
        .iter()
        .flat_map(|series| series.points.iter().map(|p| p.1))
        .fold(workload.limit.unwrap_or(0.0), f64::max);
    if let Some((old, new)) = workload.limit.zip(sizing::limit_for_peak(facts, workload, peak)) {
        last = list
            .add(
                "increase_resources",
                &format!("Increase the memory limit from {} to {}", memory(old), memory(new)),
                json!({"memory": memory(new), "container": workload.container}),
                std::slice::from_ref(&diagnostics),
            )
            .why(
                0.88,
                RiskLevel::Medium,
                format!("the observed peak of {} plus 30 % headroom; nodes and quota permit it", human(peak)),
            );
        criteria.push(criteria::below_limit(facts, workload, new));
    }
    report(
        facts,
        finding,
        list,
        &diagnostics,
        &[last],
        "change request for the deployment's source",
    );
}

fn release(facts: &Facts, finding: &Finding, list: &mut List<'_>) {
    let workload = list.workload;
    let diagnostics = list
        .add(
            "collect_diagnostics",
            "Keep logs, events and states of the failing pods",
            json!({"type": "logs"}),
            &[],
        )
        .why(0.98, RiskLevel::Low, "a rollback removes the failing pods and their logs".into());
    let mut last = diagnostics.clone();
    let previous = facts.revisions.get(1);
    if let Some(previous) = previous.filter(|_| workload.object.kind == "Deployment") {
        let rollback = list
            .add(
                "rollback_deployment",
                &format!("Roll back to revision {}", previous.number),
                json!({"revision": previous.number}),
                std::slice::from_ref(&diagnostics),
            )
            .why(
                0.90,
                RiskLevel::Medium,
                format!("revision {} worked; the rollout since then does not", previous.number),
            );
        list.require_approval(&rollback);
        last = list
            .add(
                "health_check",
                "Wait until every pod is ready on the old revision",
                json!({}),
                &[rollback],
            )
            .why(0.95, RiskLevel::None, "the rollback is done when it serves".into());
    }
    report(facts, finding, list, &diagnostics, &[last], "bug");
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
