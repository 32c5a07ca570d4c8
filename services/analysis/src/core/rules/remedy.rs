//! The steps and criteria of a candidate, from remedies written as data.

use paramedic_domain::{
    id::StepId,
    plan::{Approach, PlanOption, Recommendation},
    verification::{Comparison, Criterion, Probe, WorkloadMetric},
};
use serde_json::{Map, Value, json};

use super::{
    candidates::Candidate,
    expression::{Condition, Functions, Scope, Text},
    text,
};
use crate::core::{
    quantity,
    read::figure,
    recommend,
    snapshot::Snapshot,
    subjects::{Subject, path},
};

/// What texts of remedies may name besides the subject's variables.
const MORE: [&str; 1] = ["diagnosis"];
/// The action that keeps what is known of a workload and changes nothing.
const KEEPS: &str = "collect_diagnostics";

/// A remedy whose expressions are compiled for the subjects of one rule.
#[derive(Debug)]
pub(super) struct Remedy {
    approach: Approach,
    title: Text,
    tradeoff: Text,
    condition: Option<Condition>,
    steps: Vec<Step>,
    checks: Vec<Check>,
}

#[derive(Debug)]
struct Step {
    text: text::Step,
    condition: Option<Condition>,
    with: Vec<(String, Argument)>,
    says: Text,
    why: Text,
}

impl Step {
    /// Whether it acts on an object, and does not only keep what is known of it.
    fn acts(&self) -> bool {
        self.text.on.is_some() && self.text.action != KEEPS
    }
}

#[derive(Debug)]
enum Argument {
    Plain(Value),
    Filled(Text),
    List(Vec<Argument>),
    Map(Vec<(String, Argument)>),
}

#[derive(Debug)]
struct Check {
    text: text::Check,
    says: Option<Text>,
    promql: Option<Text>,
    condition: Option<Condition>,
    before: Option<Condition>,
    border: Option<(Comparison, Argument)>,
}

impl Argument {
    fn new(value: &Value, names: &[&str]) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) if text.contains('{') => Self::Filled(Text::new(text, names)?),
            Value::Array(items) => Self::List(items.iter().map(|item| Self::new(item, names)).collect::<Result<_, _>>()?),
            Value::Object(map) => Self::Map(
                map.iter()
                    .map(|(key, value)| Ok((key.clone(), Self::new(value, names)?)))
                    .collect::<Result<_, String>>()?,
            ),
            other => Self::Plain(other.clone()),
        })
    }

    fn value(&self, scope: &Scope<'_>) -> Result<Value, String> {
        Ok(match self {
            Self::Plain(value) => value.clone(),
            Self::Filled(text) => text.value(scope)?,
            Self::List(items) => Value::Array(items.iter().map(|item| item.value(scope)).collect::<Result<_, _>>()?),
            Self::Map(map) => {
                let entries = map.iter().map(|(key, value)| Ok((key.clone(), value.value(scope)?)));
                Value::Object(entries.collect::<Result<Map<_, _>, String>>()?)
            }
        })
    }
}

impl Remedy {
    pub(super) fn new(name: &str, remedy: &text::Remedy, names: &[&str]) -> Result<Self, String> {
        let names: Vec<&str> = names.iter().copied().chain(MORE).collect();
        let condition = |source: &Option<String>| source.as_ref().map(|source| Condition::new(source, &names)).transpose();
        let mut seen: Vec<&str> = Vec::new();
        let mut steps = Vec::new();
        for step in &remedy.steps {
            if let Some(unknown) = step.after.iter().find(|id| !seen.contains(&id.as_str())) {
                return Err(format!(
                    "step {} comes after {unknown}, which is no earlier step of {name}",
                    step.id
                ));
            }
            if let Some(variable) = step.on.as_ref().filter(|variable| !names.contains(&variable.as_str())) {
                return Err(format!("step {}: on: {variable:?} is none of {}", step.id, names.join(", ")));
            }
            seen.push(&step.id);
            let with = step
                .with
                .iter()
                .map(|(key, value)| Ok((key.clone(), Argument::new(value, &names)?)));
            steps.push(Step {
                condition: condition(&step.condition)?,
                with: with.collect::<Result<_, String>>()?,
                says: Text::new(&step.says, &names)?,
                why: Text::new(&step.why, &names)?,
                text: step.clone(),
            });
        }
        Ok(Self {
            approach: remedy.approach,
            title: Text::new(&remedy.title, &names)?,
            tradeoff: Text::new(&remedy.tradeoff, &names)?,
            condition: condition(&remedy.condition)?,
            steps,
            checks: remedy
                .criteria
                .iter()
                .map(|check| Check::new(check, &names))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Check {
    fn new(check: &text::Check, names: &[&str]) -> Result<Self, String> {
        let border = |most: &Option<Value>, least: &Option<Value>| match (most, least) {
            (Some(most), None) => Ok((Comparison::AtMost, Argument::new(most, names)?)),
            (None, Some(least)) => Ok((Comparison::AtLeast, Argument::new(least, names)?)),
            _ => Err("a criterion has either at_most or at_least".to_owned()),
        };
        let known = |name: &String| match names.contains(&name.as_str()) {
            true => Ok(()),
            false => Err(format!("{name:?} is none of {}", names.join(", "))),
        };
        let mut compiled = Self {
            text: check.clone(),
            says: None,
            promql: None,
            condition: None,
            before: None,
            border: None,
        };
        match check {
            text::Check::Ready(name) | text::Check::Calm(name) => known(name)?,
            text::Check::Query(query) => {
                compiled.says = Some(Text::new(&query.says, names)?);
                compiled.promql = Some(Text::between(&query.promql, ("{{", "}}"), names)?);
                compiled.condition = query.condition.as_ref().map(|source| Condition::new(source, names)).transpose()?;
                compiled.before = query.before.as_ref().map(|source| Condition::new(source, names)).transpose()?;
                compiled.border = Some(border(&query.at_most, &query.at_least)?);
            }
            text::Check::Field(field) => {
                known(&field.of)?;
                compiled.says = Some(Text::new(&field.says, names)?);
                compiled.border = Some(border(&field.at_most, &field.at_least)?);
            }
        }
        Ok(compiled)
    }
}

/// What to do about a candidate.
///
/// # Errors
/// The expression that has no value.
pub fn remedy(candidate: &Candidate<'_>, functions: &Functions, snapshot: &Snapshot) -> Result<recommend::Remedy, String> {
    let mut scope = functions.scope(&candidate.subject.variables);
    let reasons: Vec<&str> = candidate.reasons.iter().map(|reason| reason.text.as_str()).collect();
    let told = json!({
        "summary": candidate.summary,
        "reasons": reasons.join("\n- "),
        "category": candidate.rule.category,
        "kind": candidate.target.kind,
        "namespace": candidate.target.namespace,
        "name": candidate.target.name,
    });
    scope.add("diagnosis", &told);
    let mut ways = Vec::new();
    let mut criteria = Vec::new();
    // No action on workloads takes a pod that has no controller, and nothing would make it anew: people are told.
    let alone = candidate.subject.alone();
    for remedy in &candidate.rule.remedies {
        if alone && remedy.steps.iter().any(Step::acts) {
            continue;
        }
        if let Some(condition) = &remedy.condition
            && !condition.holds(&scope)?
        {
            continue;
        }
        if ways.is_empty() {
            for check in remedy.checks.iter().filter(|check| !alone || check.promql.is_some()) {
                criteria.extend(criterion(check, candidate, &scope, snapshot)?);
            }
        }
        ways.push(PlanOption {
            approach: remedy.approach,
            title: remedy.title.fill(&scope)?,
            tradeoff: remedy.tradeoff.fill(&scope)?,
            recommendations: steps(remedy, &candidate.subject, &scope)?,
            refusals: Vec::new(),
            rollback: None,
        });
    }
    ways.truncate(3);
    Ok(recommend::Remedy {
        recommendations: ways.first().map_or_else(Vec::new, |way| way.recommendations.clone()),
        options: if ways.len() > 1 { ways } else { Vec::new() },
        criteria,
    })
}

fn steps(remedy: &Remedy, subject: &Subject, scope: &Scope<'_>) -> Result<Vec<Recommendation>, String> {
    let mut all: Vec<Recommendation> = Vec::new();
    let mut ids: Vec<(&str, StepId)> = Vec::new();
    for step in remedy.steps.iter().filter(|step| !subject.alone() || step.text.on.is_none()) {
        if let Some(condition) = &step.condition
            && !condition.holds(scope)?
        {
            continue;
        }
        let mut parameters = Map::new();
        if let Some(object) = step
            .text
            .on
            .as_ref()
            .and_then(|name| subject.variable(name))
            .map(|variable| &variable.object)
        {
            parameters.insert(object.kind.to_lowercase(), json!(object.name));
            if let Some(namespace) = &object.namespace {
                parameters.insert("namespace".into(), json!(namespace));
            }
        }
        for (key, argument) in &step.with {
            parameters.insert(key.clone(), argument.value(scope)?);
        }
        let id: StepId = format!("rec-{:03}", all.len() + 1)
            .parse()
            .expect("letters, a hyphen and digits are a valid id");
        let after = step
            .text
            .after
            .iter()
            .filter_map(|name| ids.iter().find(|(known, _)| known == name));
        all.push(Recommendation {
            id: id.clone(),
            action: step.text.action.clone(),
            description: step.says.fill(scope)?,
            confidence: step.text.confidence,
            parameters,
            dependencies: after.map(|(_, id)| id.clone()).collect(),
            rationale: step.why.fill(scope)?,
            risk: Some(step.text.risk),
            requires_approval: step.text.ask.then_some(true),
        });
        ids.push((&step.text.id, id));
    }
    Ok(all)
}

fn criterion(check: &Check, candidate: &Candidate<'_>, scope: &Scope<'_>, snapshot: &Snapshot) -> Result<Option<Criterion>, String> {
    if let Some(condition) = &check.condition
        && !condition.holds(scope)?
    {
        return Ok(None);
    }
    let object = |name: &str| candidate.subject.variable(name).map(|variable| variable.object.clone());
    let workload = |name: &str, metric, text: &str, field: &str, unit: &str| {
        object(name).map(|target| Criterion {
            description: text.replace("{}", &target.to_string()),
            before: candidate.subject.variable(name).and_then(|variable| {
                let number = |key: &str| variable.fields.get(key).and_then(Value::as_f64);
                match field {
                    "unready" => Some((number("desired")? - number("ready")?).max(0.0)),
                    _ => None,
                }
            }),
            probe: Probe::Workload { target, metric },
            comparison: Comparison::AtMost,
            threshold: 0.0,
            unit: unit.into(),
            decisive: true,
        })
    };
    let (comparison, threshold) = match &check.border {
        Some((comparison, argument)) => (
            *comparison,
            number(&argument.value(scope)?).ok_or("the border of a criterion is no number")?,
        ),
        None => (Comparison::AtMost, 0.0),
    };
    let says = check.says.as_ref().map_or(Ok(String::new()), |text| text.fill(scope))?;
    Ok(match &check.text {
        text::Check::Ready(name) => workload(
            name,
            WorkloadMetric::UnreadyReplicas,
            "every replica of {} is rolled out and ready",
            "unready",
            "replicas",
        ),
        text::Check::Calm(name) => workload(
            name,
            WorkloadMetric::RestartsSinceChange,
            "no container of {} restarted since the change",
            "",
            "restarts",
        ),
        text::Check::Query(query) => {
            let promql = check.promql.as_ref().map_or(Ok(String::new()), |text| text.fill(scope))?;
            Some(Criterion {
                description: says,
                probe: Probe::Promql { query: promql },
                comparison,
                threshold,
                unit: query.unit.clone(),
                before: check.before.as_ref().and_then(|expression| expression.number(scope)),
                decisive: true,
            })
        }
        text::Check::Field(field) => object(&field.of).map(|target| {
            let namespace = target.namespace.as_deref().unwrap_or_default();
            let now = snapshot.named(&target.kind, namespace, &target.name);
            Criterion {
                description: says,
                before: now.and_then(|object| figure(object, &field.pointer)),
                probe: Probe::Field {
                    path: path(&target),
                    pointer: field.pointer.clone(),
                },
                comparison,
                threshold,
                unit: field.unit.clone(),
                decisive: true,
            }
        }),
    })
}

/// A number, or a quantity.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| quantity::parse(value.as_str()?))
}
