//! Autoscalers and disruption budgets.

use std::collections::BTreeMap;

use paramedic_domain::object::ObjectRef;
use serde::Serialize;
use serde_json::Value;

use super::{Subject, Variable, World, conditions, owners::Owners, workloads};
use crate::core::{
    read::{each, text},
    snapshot::reference,
};

/// `autoscaler`: a HorizontalPodAutoscaler.
#[derive(Debug, Clone, Default, Serialize)]
struct AutoscalerView {
    name: String,
    namespace: String,
    current: i64,
    desired: i64,
    least: i64,
    most: i64,
    target: String,
    target_exists: bool,
    conditions: BTreeMap<String, BTreeMap<&'static str, String>>,
    /// Greatest ratio of a measured utilisation to the one it aims at; -1: not known.
    pressure: f64,
}

/// `budget`: a PodDisruptionBudget.
#[derive(Debug, Clone, Default, Serialize)]
struct BudgetView {
    name: String,
    namespace: String,
    allowed: i64,
    healthy: i64,
    wanted: i64,
    expected: i64,
}

pub(super) fn subjects(world: &World, all: &mut Vec<Subject>) {
    let owners = Owners::of(&world.snapshot);
    for object in world.snapshot.of("HorizontalPodAutoscaler") {
        let view = autoscaler(world, object);
        let unmet: Vec<String> = view
            .conditions
            .iter()
            .filter(|(name, condition)| (condition["status"] == "True") == (name.as_str() == "ScalingLimited"))
            .map(|(name, condition)| format!("{name}={} ({}): {}", condition["status"], condition["reason"], condition["message"]))
            .collect();
        let excerpt = format!(
            "HorizontalPodAutoscaler {}/{}: {} of {} wanted replicas, between {} and {}, use is {:.2} of the aim; {}",
            view.namespace,
            view.name,
            view.current,
            view.desired,
            view.least,
            view.most,
            view.pressure,
            unmet.join("; ")
        );
        let autoscaler = reference("HorizontalPodAutoscaler", object);
        let target = ObjectRef::new(
            "apps/v1",
            text(object, "/spec/scaleTargetRef/kind"),
            Some(&view.namespace),
            &view.target,
        );
        let workload = world
            .snapshot
            .named(&target.kind, &view.namespace, &view.target)
            .and_then(|found| workloads::variable(world, &owners, &reference(&target.kind, found)));
        let mut variables = vec![Variable::new("autoscaler", &view, autoscaler.clone(), excerpt)];
        variables.extend(workload);
        all.push(Subject {
            of: "autoscaler",
            object: autoscaler,
            variables,
        });
    }
    for object in world.snapshot.of("PodDisruptionBudget") {
        let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
        let view = BudgetView {
            name: text(object, "/metadata/name").to_owned(),
            namespace: text(object, "/metadata/namespace").to_owned(),
            allowed: number("/status/disruptionsAllowed"),
            healthy: number("/status/currentHealthy"),
            wanted: number("/status/desiredHealthy"),
            expected: number("/status/expectedPods"),
        };
        let excerpt = format!(
            "PodDisruptionBudget {}/{}: {} of {} wanted pods are healthy, {} may go",
            view.namespace, view.name, view.healthy, view.wanted, view.allowed
        );
        let budget = reference("PodDisruptionBudget", object);
        all.push(Subject {
            of: "budget",
            variables: vec![Variable::new("budget", &view, budget.clone(), excerpt)],
            object: budget,
        });
    }
}

fn autoscaler(world: &World, object: &Value) -> AutoscalerView {
    let namespace = text(object, "/metadata/namespace");
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
    let (kind, target) = (text(object, "/spec/scaleTargetRef/kind"), text(object, "/spec/scaleTargetRef/name"));
    let aims = each(object, "/spec/metrics").filter_map(|metric| {
        let (name, aim) = (
            text(metric, "/resource/name"),
            metric.pointer("/resource/target/averageUtilization")?.as_f64()?,
        );
        let mut current = each(object, "/status/currentMetrics");
        let current = current.find(|metric| text(metric, "/resource/name") == name)?;
        Some(current.pointer("/resource/current/averageUtilization")?.as_f64()? / aim)
    });
    AutoscalerView {
        name: text(object, "/metadata/name").to_owned(),
        namespace: namespace.to_owned(),
        current: number("/status/currentReplicas").unwrap_or(0),
        desired: number("/status/desiredReplicas").unwrap_or(0),
        least: number("/spec/minReplicas").unwrap_or(1),
        most: number("/spec/maxReplicas").unwrap_or(0),
        target: target.to_owned(),
        target_exists: world.snapshot.named(kind, namespace, target).is_some(),
        conditions: conditions(object),
        pressure: aims.max_by(f64::total_cmp).unwrap_or(-1.0),
    }
}
