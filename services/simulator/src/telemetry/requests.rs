//! Series of served requests and of whole nodes.

use std::sync::Arc;

use super::{
    containers::served,
    series::{Labels, Series},
    source::View,
};
use crate::{
    scenario::fault::Fault,
    store::Gvr,
    world::{
        ledger::{ContainerRecord, PodRecord},
        model::Run,
        obj,
        onset::Phase,
        quantity, rps,
    },
};

/// Upper bounds of the latency histogram, seconds (Prometheus' defaults).
const BOUNDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Memory the system of a node uses itself, bytes.
const SYSTEM_BYTES: f64 = 900.0 * 1_048_576.0;

/// Adds the request series of every serving pod and the memory of every node.
pub(crate) fn series<'a>(view: &'a View<'_>, wanted: &dyn Fn(&str) -> bool, out: &mut Vec<Series<'a>>) {
    let requests = [
        "http_requests_total",
        "http_request_duration_seconds_bucket",
        "http_request_duration_seconds_sum",
        "http_request_duration_seconds_count",
    ];
    if requests.iter().any(|name| wanted(name)) {
        for pod in &view.ledger.pods {
            for container in &pod.containers {
                serving(view, pod, container, wanted, out);
            }
        }
    }
    if ["node_memory_MemTotal_bytes", "node_memory_MemAvailable_bytes"]
        .iter()
        .any(|name| wanted(name))
    {
        nodes(view, wanted, out);
    }
}

fn serving<'a>(
    view: &'a View<'_>,
    pod: &'a PodRecord,
    container: &'a ContainerRecord,
    wanted: &dyn Fn(&str) -> bool,
    out: &mut Vec<Series<'a>>,
) {
    let scenario = view.world.scenario();
    let Some(behaviour) = container.behaviour.map(|i| &scenario.workloads[i]) else {
        return;
    };
    let Some(traffic) = &behaviour.traffic else { return };
    let error_code = behaviour.error_code.to_string();
    let service = traffic.service.as_deref().unwrap_or(&pod.workload.name);
    let job = format!("{}/{}", pod.namespace, pod.workload.name);
    let base = [
        ("namespace", pod.namespace.as_str()),
        ("pod", pod.name.as_str()),
        ("container", container.name.as_str()),
        ("service", service),
        ("job", job.as_str()),
    ];
    let run_of = move |instance| Run {
        scenario,
        container,
        instance,
    };
    let run_at = move |t: f64| container.instance_at(obj::at_secs(t)).map(run_of);
    let sight = view.sight();
    let phases: Arc<[Vec<Phase<'a>>]> = container.instances.iter().map(|instance| sight.phases(&run_of(instance))).collect();
    // Served so far, each stretch weighed with its own share.
    let weighed = move |t: f64, share: &dyn Fn(&Run<'a>, &[&'a Fault]) -> f64| -> Option<f64> {
        let run = run_at(t)?;
        let current = container.instances.partition_point(|run| run.started <= obj::at_secs(t)) - 1;
        let past = phases[current].iter().filter(|phase| phase.from < t);
        let part = |phase: &Phase<'a>| {
            (served(view, pod, &run, phase.until.min(t)) - served(view, pod, &run, phase.from)) * share(&run, &phase.faults)
        };
        Some(past.map(part).sum())
    };
    let mut push = |name: &str, more: &[(&str, &str)], sample: Box<dyn Fn(f64) -> Option<f64> + 'a>| {
        if wanted(name) {
            out.push(Series::new(Labels::new(name, &[&base[..], more].concat()), sample));
        }
    };
    for (code, failed) in [("200", false), (error_code.as_str(), true)] {
        let weighed = weighed.clone();
        push(
            "http_requests_total",
            &[("method", "POST"), ("code", code)],
            Box::new(move |t| {
                let share = |run: &Run<'a>, biting: &[&'a Fault]| {
                    let errors = run.error_rate(biting);
                    if failed { errors } else { 1.0 - errors }
                };
                weighed(t, &share).map(f64::floor)
            }),
        );
    }
    for bound in BOUNDS.iter().copied().chain([f64::INFINITY]) {
        let le = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
        let weighed = weighed.clone();
        push(
            "http_request_duration_seconds_bucket",
            &[("le", &le)],
            Box::new(move |t| {
                let share = |run: &Run<'a>, biting: &[&'a Fault]| {
                    if bound.is_finite() {
                        run.latency(biting).share_within(bound)
                    } else {
                        1.0
                    }
                };
                weighed(t, &share).map(f64::floor)
            }),
        );
    }
    push(
        "http_request_duration_seconds_count",
        &[],
        Box::new(move |t| {
            let run = run_at(t)?;
            Some(served(view, pod, &run, t).floor())
        }),
    );
    push(
        "http_request_duration_seconds_sum",
        &[],
        Box::new(move |t| weighed(t, &|run, biting| run.latency(biting).mean())),
    );
}

fn nodes<'a>(view: &'a View<'_>, wanted: &dyn Fn(&str) -> bool, out: &mut Vec<Series<'a>>) {
    for node in view.world.store().list_shared(&Gvr::nodes(), None).0 {
        let total = quantity::of(&node["status"]["capacity"]["memory"]).unwrap_or(0.0);
        let name = obj::name(&node).to_owned();
        let labels = [("node", obj::name(&node)), ("instance", obj::name(&node)), ("job", "node-exporter")];
        if wanted("node_memory_MemTotal_bytes") {
            out.push(Series::new(Labels::new("node_memory_MemTotal_bytes", &labels), move |_| {
                Some(total)
            }));
        }
        if wanted("node_memory_MemAvailable_bytes") {
            out.push(Series::new(Labels::new("node_memory_MemAvailable_bytes", &labels), move |t| {
                let at = obj::at_secs(t);
                let here = view.ledger.pods.iter().filter(|pod| pod.node == name && pod.exists_at(at));
                let used: f64 = here
                    .flat_map(|pod| pod.containers.iter().map(move |container| (pod, container)))
                    .filter_map(|(pod, container)| {
                        let run = Run {
                            scenario: view.world.scenario(),
                            container,
                            instance: container.instance_at(at)?,
                        };
                        Some(run.working_set(t, rps(&view.ledger, pod, &run, at)))
                    })
                    .sum();
                Some((total - used - SYSTEM_BYTES).max(0.0).round())
            }));
        }
    }
}
