//! Tests of rules as their authors write them: a few objects, an alert, and what has to be found.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use paramedic_domain::{
    alert::{Alert, AlertStatus},
    diagnosis::Category,
    object::ObjectRef,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    candidates::{Candidate, candidates},
    parse::RuleSet,
};
use crate::core::{
    estate::Listing,
    measures::{Measure, Measures, QUERIES},
    read::{text, texts},
    snapshot::{Snapshot, kinds::KINDS},
    subjects::{Said, World, owners::WORKLOADS},
};

/// One file of tests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Tests.
    pub tests: Vec<Test>,
}

/// A test.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// What it shows.
    pub name: String,
    /// The time of the world.
    pub now: Timestamp,
    /// Objects as `kubectl get -o yaml` shows them.
    pub objects: Vec<Value>,
    /// Labels of alerts.
    pub alerts: Vec<BTreeMap<String, String>>,
    /// Log lines.
    #[serde(default)]
    pub logs: Vec<Line>,
    /// Numbers, by the names that rules know.
    #[serde(default)]
    pub measures: Vec<Number>,
    /// What has to be found.
    pub expect: Expect,
}

/// A log line.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Kind of the workload or Job that wrote it.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The line.
    pub text: String,
}

/// A number.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// `throttled`, `volume_used`, ...
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Value.
    pub value: f64,
}

/// What has to be found first, among everything that rules find.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Name of the rule; left out with everything else: nothing may be found.
    #[serde(default)]
    pub rule: Option<String>,
    /// Cause.
    #[serde(default)]
    pub category: Option<Category>,
    /// `Kind namespace/name`, or `Kind name`.
    #[serde(default)]
    pub target: Option<String>,
}

/// Runs a test.
///
/// # Errors
/// What was found instead.
pub fn run(set: &RuleSet, test: &Test) -> Result<(), String> {
    let (world, alerts) = world(test)?;
    let (found, problems) = candidates(set, &world, &alerts);
    if !problems.is_empty() {
        return Err(problems.join("; "));
    }
    let shown = |candidate: &Candidate<'_>| {
        format!(
            "{} finds {} of {} with {:.2}",
            candidate.rule.name,
            word(candidate.rule.category),
            candidate.target,
            candidate.weight(alerts.len())
        )
    };
    let Expect { rule, category, target } = &test.expect;
    let nothing = rule.is_none() && category.is_none() && target.is_none();
    match (found.first(), nothing) {
        (None, true) => Ok(()),
        (None, false) => Err("no rule finds anything".into()),
        (Some(first), true) => Err(format!("nothing was expected, but {}", shown(first))),
        (Some(first), false) => {
            let fits = rule.as_ref().is_none_or(|rule| *rule == first.rule.name)
                && category.is_none_or(|category| category == first.rule.category)
                && target.as_ref().is_none_or(|target| *target == first.target.to_string());
            let all: Vec<String> = found.iter().map(shown).collect();
            if fits { Ok(()) } else { Err(all.join("; then ")) }
        }
    }
}

fn word(category: Category) -> String {
    serde_json::to_value(category)
        .ok()
        .and_then(|value| value.as_str().map(ToOwned::to_owned))
        .unwrap_or_default()
}

fn world(test: &Test) -> Result<(World, Vec<Alert>), String> {
    let scope: BTreeSet<String> = test
        .objects
        .iter()
        .map(|object| text(object, "/metadata/namespace").to_owned())
        .collect();
    let mut snapshot = Snapshot::new(test.now, scope.clone());
    for object in &test.objects {
        let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
        let known = KINDS.into_iter().find(|known| known.name == kind);
        match known {
            Some(kind) => snapshot.file(kind, vec![object.clone()]),
            None if kind == "ConfigMap" => {}
            None => return Err(format!("object {name}: rules do not look at {kind:?}")),
        }
    }
    let mut world = World {
        snapshot,
        ..World::default()
    };
    for namespace in scope {
        world.listings.insert(namespace.clone(), listing(test, &world.snapshot, &namespace));
    }
    for line in &test.logs {
        let api = if line.kind == "Job" { "batch/v1" } else { "apps/v1" };
        let found = world.snapshot.named(&line.kind, &line.namespace, &line.name);
        let mut by = ObjectRef::new(api, &line.kind, Some(&line.namespace), &line.name);
        by.uid = found
            .map(|found| text(found, "/metadata/uid").to_owned())
            .filter(|uid| !uid.is_empty());
        world.said.push(Said {
            by,
            text: line.text.clone(),
            count: 1,
            alarming: true,
            query: format!("{{namespace={:?}}}", line.namespace),
        });
    }
    let measures = test.measures.iter().map(|number| {
        let query = QUERIES
            .iter()
            .find(|query| query.name == number.name)
            .ok_or_else(|| format!("there is no number {}", number.name))?;
        Ok(Measure {
            name: query.name,
            labels: number.labels.clone(),
            value: number.value,
            query: query.promql.to_owned(),
        })
    });
    world.measures = Measures(measures.collect::<Result<_, String>>()?);
    let alerts = test.alerts.iter().enumerate().map(|(i, labels)| Alert {
        fingerprint: format!("{i:016x}"),
        status: AlertStatus::Firing,
        labels: labels.clone(),
        annotations: BTreeMap::new(),
        starts_at: test.now,
        ends_at: None,
        generator_url: String::new(),
        group_key: "{}".into(),
    });
    Ok((world, alerts.collect()))
}

fn listing(test: &Test, snapshot: &Snapshot, namespace: &str) -> Listing {
    let of = |kind: &'static str| {
        snapshot
            .within(kind, namespace)
            .map(move |object| (kind.to_owned(), object.clone()))
    };
    let maps = test
        .objects
        .iter()
        .filter(|object| text(object, "/kind") == "ConfigMap" && text(object, "/metadata/namespace") == namespace);
    let pods = snapshot.within("Pod", namespace);
    Listing {
        workloads: WORKLOADS.into_iter().flat_map(of).collect(),
        services: snapshot.within("Service", namespace).cloned().collect(),
        pods: pods
            .map(|pod| (text(pod, "/metadata/name").to_owned(), texts(pod, "/metadata/labels")))
            .collect(),
        config_maps: maps
            .map(|map| (text(map, "/metadata/name").to_owned(), texts(map, "/data")))
            .collect(),
    }
}
