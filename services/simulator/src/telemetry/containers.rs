//! Series of pods and containers: what cAdvisor and kube-state-metrics export, computed from the ledger.

use jiff::Timestamp;

use super::{
    series::{Labels, Series},
    source::View,
};
use crate::world::{
    ledger::{ContainerRecord, PodRecord},
    logs::metric_value,
    model::{Run, noise},
    obj::{at_secs, secs},
    rps,
};

/// Adds the series of every pod and container.
pub(crate) fn series<'a>(view: &'a View<'_>, wanted: &dyn Fn(&str) -> bool, out: &mut Vec<Series<'a>>) {
    for pod in &view.ledger.pods {
        pod_series(pod, wanted, out);
        for container in pod.containers.iter().filter(|container| !container.init) {
            usage(view, pod, container, wanted, out);
            status(pod, container, wanted, out);
            own(view, pod, container, wanted, out);
        }
    }
}

struct Out<'o, 'a, 'f> {
    out: &'o mut Vec<Series<'a>>,
    wanted: &'f dyn Fn(&str) -> bool,
}

impl<'a> Out<'_, 'a, '_> {
    fn push(&mut self, name: &str, labels: &[(&str, &str)], sample: impl Fn(f64) -> Option<f64> + 'a) {
        if (self.wanted)(name) {
            self.out.push(Series::new(Labels::new(name, labels), sample));
        }
    }
}

fn pod_series<'a>(pod: &'a PodRecord, wanted: &dyn Fn(&str) -> bool, out: &mut Vec<Series<'a>>) {
    let mut out = Out { out, wanted };
    let job = ("job", "kube-state-metrics");
    let base = [
        ("namespace", pod.namespace.as_str()),
        ("pod", pod.name.as_str()),
        ("uid", pod.uid.as_str()),
        job,
    ];
    let there = move |t: f64, value: f64| pod.exists_at(at_secs(t)).then_some(value);
    let with = |more: &[(&'a str, &'a str)]| [&base[..], more].concat();
    let info = with(&[
        ("node", &pod.node),
        ("pod_ip", &pod.ip),
        ("created_by_kind", &pod.owner.0),
        ("created_by_name", &pod.owner.1),
    ]);
    out.push("kube_pod_info", &info, move |t| there(t, 1.0));
    let owner = with(&[
        ("owner_kind", &pod.owner.0),
        ("owner_name", &pod.owner.1),
        ("owner_is_controller", "true"),
    ]);
    out.push("kube_pod_owner", &owner, move |t| there(t, 1.0));
    out.push("kube_pod_created", &base, move |t| there(t, secs(pod.created)));
    out.push("kube_pod_start_time", &base, move |t| there(t, secs(pod.created)));
    if (out.wanted)("kube_pod_labels") {
        let named: Vec<(String, &str)> = pod.labels.iter().map(|(key, value)| (label_name(key), value.as_str())).collect();
        let more: Vec<(&str, &str)> = named.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        out.push("kube_pod_labels", &[&base[..], &more[..]].concat(), move |t| there(t, 1.0));
    }
    for phase in ["Pending", "Running", "Succeeded", "Failed", "Unknown"] {
        out.push("kube_pod_status_phase", &with(&[("phase", phase)]), move |t| {
            let at = at_secs(t);
            let next = pod.phase.partition_point(|(from, _)| *from <= at);
            let is = next.checked_sub(1).is_some_and(|i| pod.phase[i].1 == phase);
            there(t, f64::from(u8::from(is)))
        });
    }
    for (condition, holds) in [("true", true), ("false", false)] {
        out.push("kube_pod_status_ready", &with(&[("condition", condition)]), move |t| {
            there(t, f64::from(u8::from(pod.ready_at(at_secs(t)) == holds)))
        });
    }
}

/// Use of memory, CPU and network.
fn usage<'a>(
    view: &'a View<'_>,
    pod: &'a PodRecord,
    container: &'a ContainerRecord,
    wanted: &dyn Fn(&str) -> bool,
    out: &mut Vec<Series<'a>>,
) {
    let mut out = Out { out, wanted };
    let base = [
        ("namespace", pod.namespace.as_str()),
        ("pod", pod.name.as_str()),
        ("container", container.name.as_str()),
        ("node", pod.node.as_str()),
        ("job", "kubelet"),
    ];
    let labels = [&base[..], &[("image", container.image.as_str())]].concat();
    let run_at = move |t: f64| -> Option<Run<'a>> {
        Some(Run {
            scenario: view.world.scenario(),
            container,
            instance: container.instance_at(at_secs(t))?,
        })
    };
    let measured = move |t: f64, share: f64| {
        let run = run_at(t)?;
        let exact = run.working_set(t, rps(&view.ledger, pod, &run, at_secs(t)));
        let spread = run.behaviour().map_or(0.5, |behaviour| behaviour.memory.noise_mib) * 1_048_576.0;
        let noisy = exact + spread * noise(&pod.uid, t as i64);
        Some((run.limit().map_or(noisy, |limit| noisy.min(limit)) * share).max(0.0).round())
    };
    out.push("container_memory_working_set_bytes", &labels, move |t| measured(t, 1.0));
    out.push("container_memory_rss", &labels, move |t| measured(t, 0.96));
    out.push("container_memory_usage_bytes", &labels, move |t| measured(t, 1.03));
    let limit = container.limits.get("memory").copied().unwrap_or(0.0);
    out.push("container_spec_memory_limit_bytes", &labels, move |t| run_at(t).map(|_| limit));
    let cpu = container.limits.get("cpu").copied();
    out.push("container_spec_cpu_quota", &labels, move |t| {
        run_at(t).and(cpu).map(|cores| cores * 100_000.0)
    });
    out.push("container_spec_cpu_period", &labels, move |t| run_at(t).and(cpu).map(|_| 100_000.0));
    out.push("container_start_time_seconds", &labels, move |t| {
        run_at(t).map(|run| secs(run.instance.started))
    });
    out.push("container_oom_events_total", &labels, move |t| {
        run_at(t)?;
        let ended = container.instances.iter().filter_map(|run| run.end.as_ref());
        Some(ended.filter(|end| end.reason == "OOMKilled" && secs(end.at) <= t).count() as f64)
    });
    let cpu_total = [&labels[..], &[("cpu", "total")]].concat();
    out.push("container_cpu_usage_seconds_total", &cpu_total, move |t| {
        let run = run_at(t)?;
        let (idle, per_request) = run.cpu_parts();
        Some(idle * (t - secs(run.instance.started)) + per_request * served(view, pod, &run, t))
    });
    out.push("container_cpu_cfs_periods_total", &labels, move |t| {
        let run = run_at(t)?;
        cpu.map(|_| ((t - secs(run.instance.started)) * 10.0).floor())
    });
    out.push("container_cpu_cfs_throttled_periods_total", &labels, move |t| {
        let run = run_at(t)?;
        let use_now = run.cpu(rps(&view.ledger, pod, &run, at_secs(t)));
        // Throttling begins when the use comes near the quota.
        let share = cpu.map(|quota| ((use_now / quota - 0.8) / 0.2).clamp(0.0, 1.0))?;
        Some(((t - secs(run.instance.started)) * 10.0 * share).floor())
    });
    if container.behaviour.is_some() {
        let net = [
            ("namespace", pod.namespace.as_str()),
            ("pod", pod.name.as_str()),
            ("interface", "eth0"),
            ("job", "kubelet"),
        ];
        for (name, bytes) in [
            ("container_network_receive_bytes_total", 1_800.0),
            ("container_network_transmit_bytes_total", 5_200.0),
        ] {
            out.push(name, &net, move |t| {
                let run = run_at(t)?;
                Some((40.0 * (t - secs(run.instance.started)) + bytes * served(view, pod, &run, t)).round())
            });
        }
    }
}

/// Requests this run of the container has served by `t`.
pub(crate) fn served(view: &View<'_>, pod: &PodRecord, run: &Run<'_>, t: f64) -> f64 {
    let Some(traffic) = run.behaviour().and_then(|behaviour| behaviour.traffic.as_ref()) else {
        return 0.0;
    };
    let started = run.instance.started;
    let mut total = 0.0;
    for (i, (from, ready)) in pod.ready.iter().enumerate() {
        let until = pod.ready.get(i + 1).map_or(t, |(until, _)| secs(*until)).min(t);
        let from = secs((*from).max(started));
        if *ready && from < until {
            let by = |t| view.ledger.served_by(&pod.workload, traffic, t);
            total += (by(until) - by(from)).max(0.0);
        }
    }
    total
}

/// State of the container.
fn status<'a>(pod: &'a PodRecord, container: &'a ContainerRecord, wanted: &dyn Fn(&str) -> bool, out: &mut Vec<Series<'a>>) {
    let mut out = Out { out, wanted };
    let base = [
        ("namespace", pod.namespace.as_str()),
        ("pod", pod.name.as_str()),
        ("container", container.name.as_str()),
        ("uid", pod.uid.as_str()),
        ("job", "kube-state-metrics"),
    ];
    let with = |more: &[(&'a str, &'a str)]| [&base[..], more].concat();
    let there = move |t: f64, value: f64| pod.exists_at(at_secs(t)).then_some(value);
    let flag = |is: bool| f64::from(u8::from(is));
    out.push("kube_pod_container_info", &with(&[("image", &container.image)]), move |t| {
        there(t, 1.0)
    });
    out.push("kube_pod_container_status_restarts_total", &base, move |t| {
        there(t, container.restarts_at(at_secs(t)) as f64)
    });
    out.push("kube_pod_container_status_running", &base, move |t| {
        there(t, flag(container.instance_at(at_secs(t)).is_some()))
    });
    out.push("kube_pod_container_status_ready", &base, move |t| {
        there(t, flag(pod.ready_at(at_secs(t)) && container.instance_at(at_secs(t)).is_some()))
    });
    let waiting_at = move |t: Timestamp| -> Option<&'a str> {
        let next = container.waiting.partition_point(|(from, _)| *from <= t);
        container.waiting[next.checked_sub(1)?].1.as_deref()
    };
    out.push("kube_pod_container_status_waiting", &base, move |t| {
        there(t, flag(waiting_at(at_secs(t)).is_some()))
    });
    let mut reasons: Vec<&'a str> = container.waiting.iter().filter_map(|(_, reason)| reason.as_deref()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    for reason in reasons {
        out.push("kube_pod_container_status_waiting_reason", &with(&[("reason", reason)]), move |t| {
            (waiting_at(at_secs(t)) == Some(reason)).then(|| there(t, 1.0)).flatten()
        });
    }
    for reason in ["OOMKilled", "Error", "Completed"] {
        let is = move |t: f64| container.last_end_at(at_secs(t)).is_some_and(|end| end.reason == reason);
        let ever = container
            .instances
            .iter()
            .filter_map(|run| run.end.as_ref())
            .any(|end| end.reason == reason);
        if ever {
            out.push(
                "kube_pod_container_status_last_terminated_reason",
                &with(&[("reason", reason)]),
                move |t| is(t).then(|| there(t, 1.0)).flatten(),
            );
            out.push(
                "kube_pod_container_status_terminated_reason",
                &with(&[("reason", reason)]),
                move |t| {
                    (is(t) && container.instance_at(at_secs(t)).is_none())
                        .then(|| there(t, 1.0))
                        .flatten()
                },
            );
        }
    }
    out.push("kube_pod_container_status_last_terminated_exitcode", &base, move |t| {
        container.last_end_at(at_secs(t)).and_then(|end| there(t, f64::from(end.exit_code)))
    });
    out.push("kube_pod_container_status_last_terminated_timestamp", &base, move |t| {
        container.last_end_at(at_secs(t)).and_then(|end| there(t, secs(end.at)))
    });
    out.push("kube_pod_container_state_started", &base, move |t| {
        container.instance_at(at_secs(t)).and_then(|run| there(t, secs(run.started)))
    });
    for (name, list) in [
        ("kube_pod_container_resource_requests", &container.requests),
        ("kube_pod_container_resource_limits", &container.limits),
    ] {
        for (resource, amount) in list {
            let unit = if resource == "cpu" { "core" } else { "byte" };
            let labels = with(&[("resource", resource), ("unit", unit), ("node", &pod.node)]);
            let amount = *amount;
            out.push(name, &labels, move |t| there(t, amount));
        }
    }
}

/// Metrics the workload exports itself.
fn own<'a>(
    view: &'a View<'_>,
    pod: &'a PodRecord,
    container: &'a ContainerRecord,
    wanted: &dyn Fn(&str) -> bool,
    out: &mut Vec<Series<'a>>,
) {
    let Some(behaviour) = container.behaviour.map(|i| &view.world.scenario().workloads[i]) else {
        return;
    };
    let mut out = Out { out, wanted };
    let job = format!("{}/{}", pod.namespace, pod.workload.name);
    let base = [
        ("namespace", pod.namespace.as_str()),
        ("pod", pod.name.as_str()),
        ("container", container.name.as_str()),
        ("job", job.as_str()),
    ];
    let run_at = move |t: f64| -> Option<Run<'a>> {
        Some(Run {
            scenario: view.world.scenario(),
            container,
            instance: container.instance_at(at_secs(t))?,
        })
    };
    out.push("up", &base, move |t| {
        pod.exists_at(at_secs(t)).then(|| f64::from(u8::from(run_at(t).is_some())))
    });
    for metric in &behaviour.metrics {
        let more: Vec<(&str, &str)> = metric.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let troubles = metric.during.as_ref().map(|during| view.sight().troubles(&during.workloads));
        let troubles = troubles.unwrap_or_default();
        out.push(&metric.name, &[&base[..], &more[..]].concat(), move |t| {
            // Four decimals: shares and times of less than a second are values, too.
            Some((metric_value(metric, &run_at(t)?, t, &troubles) * 10_000.0).round() / 10_000.0)
        });
    }
}

/// A Kubernetes label as kube-state-metrics names it.
fn label_name(key: &str) -> String {
    let clean: String = key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("label_{clean}")
}
