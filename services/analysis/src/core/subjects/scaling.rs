//! Autoscalers and disruption budgets.

use std::collections::BTreeMap;

use paramedic_domain::object::ObjectRef;
use serde_json::Value;

use super::{Subject, Variable, World, conditions, events, owners::Owners, quoted, view::view, workloads};
use crate::core::{
    read::{each, text},
    snapshot::{kinds, reference},
};

view! {
    /// A HorizontalPodAutoscaler.
    pub(super) struct AutoscalerView {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// Replicas that there are.
        current: i64,
        /// Replicas that it wants.
        desired: i64,
        /// Fewest that it may want.
        least: i64,
        /// Most that it may want.
        most: i64,
        /// What it scales.
        target: String,
        /// That exists; true where its kind is not listed.
        target_exists: bool,
        /// Containers of the target that do not ask for a resource whose use it scales by.
        without_requests: Vec<String>,
        /// Conditions of its status by type, each with `status`, `reason` and `message`.
        conditions: BTreeMap<String, BTreeMap<&'static str, String>>,
        /// Greatest ratio of a measured utilisation to the one it aims at; -1: not known.
        pressure: f64,
    }
}

view! {
    /// A PodDisruptionBudget.
    pub(super) struct BudgetView {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// Pods that may be evicted now.
        allowed: i64,
        /// Pods that are healthy.
        healthy: i64,
        /// Pods that have to be healthy.
        wanted: i64,
        /// Pods that it is about.
        expected: i64,
    }
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
            "HorizontalPodAutoscaler {}/{}: {} of {} wanted replicas, between {} and {}, use is {:.2} of the aim; {}{}",
            view.namespace,
            view.name,
            view.current,
            view.desired,
            view.least,
            view.most,
            view.pressure,
            unmet.join("; "),
            if view.without_requests.is_empty() {
                String::new()
            } else {
                format!("; containers without requests: {}", view.without_requests.join(", "))
            }
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
        let said = quoted(
            &autoscaler,
            &events(&world.snapshot, "HorizontalPodAutoscaler", &view.namespace, &view.name),
        );
        let mut variables = vec![Variable::new("autoscaler", &view, autoscaler.clone(), excerpt).quoting(said)];
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
            "PodDisruptionBudget {}/{}: {} of {} pods are healthy, {} have to be, {} may go",
            view.namespace, view.name, view.healthy, view.expected, view.wanted, view.allowed
        );
        all.push(Subject::of("budget", &view, reference("PodDisruptionBudget", object), excerpt));
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
    let scaled = world.snapshot.named(kind, namespace, target);
    AutoscalerView {
        name: text(object, "/metadata/name").to_owned(),
        namespace: namespace.to_owned(),
        current: number("/status/currentReplicas").unwrap_or(0),
        desired: number("/status/desiredReplicas").unwrap_or(0),
        least: number("/spec/minReplicas").unwrap_or(1),
        most: number("/spec/maxReplicas").unwrap_or(0),
        target: target.to_owned(),
        target_exists: kinds::named(kind).is_none() || scaled.is_some(),
        without_requests: scaled.map(|scaled| without_requests(object, scaled)).unwrap_or_default(),
        conditions: conditions(object),
        pressure: aims.max_by(f64::total_cmp).unwrap_or(-1.0),
    }
}

/// Containers of what it scales that do not ask for a resource whose utilisation it scales by: there is nothing to be a share of.
fn without_requests(scaler: &Value, scaled: &Value) -> Vec<String> {
    let by_use = |metric: &&Value| metric.pointer("/resource/target/averageUtilization").is_some();
    let resources: Vec<&str> = each(scaler, "/spec/metrics")
        .filter(by_use)
        .map(|metric| text(metric, "/resource/name"))
        .collect();
    let asks = |container: &Value, resource: &str| {
        let asked = |what: &str| container["resources"][what].get(resource).is_some();
        asked("requests") || asked("limits")
    };
    each(scaled, "/spec/template/spec/containers")
        .filter(|container| resources.iter().any(|resource| !asks(container, resource)))
        .map(|container| text(container, "/name").to_owned())
        .collect()
}
