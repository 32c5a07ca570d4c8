//! Remedies for roots in the neighbourhood of the alerts.

mod deadlock;
mod dependency;
mod pool;

use std::collections::{BTreeMap, BTreeSet};

use paramedic_domain::{
    object::ObjectRef,
    verification::{Comparison, Criterion},
};
use serde_json::{Map, Value, json};

use super::Remedy;
use crate::core::{
    criteria,
    engines::{Finding, roots::Root},
    facts::Facts,
};

/// Share of failing requests that counts as recovered: ten times the usual share of a healthy service, and far from any alert.
const FEW_ERRORS: f64 = 0.02;

pub(super) fn remedy(facts: &Facts, finding: &Finding, root: &Root) -> Remedy {
    let mut criteria = criteria::healthy(facts, root.workload());
    for (namespace, figure) in &facts.estate.errors {
        criteria.push(criteria::measured(
            format!("the alerted workloads of {namespace} answer again"),
            figure,
            Comparison::AtMost,
            FEW_ERRORS,
            "share of requests",
        ));
    }
    let (recommendations, options) = match root {
        Root::Pool(pool) => pool::remedy(facts, finding, pool),
        Root::Dependency(dependency) => dependency::remedy(facts, finding, dependency, &mut criteria),
        Root::Deadlock(deadlock) => deadlock::remedy(facts, finding, deadlock, &mut criteria),
    };
    Remedy {
        recommendations,
        options,
        criteria,
    }
}

/// The parameters that name a workload.
fn named(object: &ObjectRef, more: Value) -> Value {
    let mut all = Map::new();
    all.insert(object.kind.to_lowercase(), json!(object.name));
    all.insert("namespace".into(), json!(object.namespace));
    if let Value::Object(more) = more {
        all.extend(more);
    }
    Value::Object(all)
}

/// Names of objects by their namespace.
fn by_namespace<'a>(objects: impl Iterator<Item = &'a ObjectRef>) -> BTreeMap<String, BTreeSet<&'a str>> {
    let mut all: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for object in objects {
        all.entry(object.namespace.clone().unwrap_or_default())
            .or_default()
            .insert(&object.name);
    }
    all
}

/// A figure that decides whether it worked.
fn decisive(description: &str, figure: &crate::core::estate::Figure, comparison: Comparison, threshold: f64, unit: &str) -> Criterion {
    criteria::measured(description.into(), figure, comparison, threshold, unit)
}
