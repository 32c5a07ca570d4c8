//! In-place resize: a running pod gets other CPU and memory when its node has room for them.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Context, Kubelets, PodRun,
    run::{Cell, Ending, State},
    status,
    step::{foresee, note},
};
use crate::{
    store::Gvr,
    world::{control::scheduler::request, events::tell, ledger::End, locked::write, model::Run, obj, quantity},
};

/// Time between the decision and the new limits of the processes.
const ACTUATION: Duration = Duration::from_secs(2);

/// Why a resize has to wait: reason and message of `PodResizePending`.
type Wait = (&'static str, String);

impl Kubelets {
    /// Compares what a pod asks for with what it has. Pending => in progress => done.
    pub(super) fn resize(&mut self, ctx: &Context<'_>, pod: &Value, now: Timestamp) {
        let Some(run) = self.runs.get_mut(obj::uid(pod)).filter(|run| run.stop.is_none()) else {
            return;
        };
        let asked = |cell: &Cell| &status::container_spec(pod, &cell.name)["resources"];
        let mut moved = false;
        if run.cells.iter().any(|cell| *asked(cell) != cell.allocated) {
            if let Some((reason, message)) = obstacle(ctx, pod) {
                set(ctx, pod, "PodResizePending", Some((reason, &message)), now);
                return;
            }
            for cell in &mut run.cells {
                cell.allocated = asked(cell).clone();
            }
            run.resized = Some(obj::after(now, ACTUATION));
            moved = true;
            set(ctx, pod, "PodResizePending", None, now);
            set(ctx, pod, "PodResizeInProgress", Some(("", "")), now);
        } else if obj::condition(pod, "PodResizePending").is_some() {
            // Somebody took the wish back.
            set(ctx, pod, "PodResizePending", None, now);
        }
        if run.resized.is_some_and(|at| at <= now) {
            run.resized = None;
            moved = true;
            for i in 0..run.cells.len() {
                if run.cells[i].actual != run.cells[i].allocated {
                    actuate(ctx, run, i, pod, now);
                }
            }
            set(ctx, pod, "PodResizeInProgress", None, now);
            let message = "Pod resize completed";
            let mut done = note(pod, &run.node, "", false, "ResizeCompleted", message, now);
            done.container = None;
            tell(ctx.store, &done);
        }
        if moved {
            self.report(ctx, obj::uid(pod), now);
        }
    }
}

/// What keeps the node from giving the pod what it asks for.
fn obstacle(ctx: &Context<'_>, pod: &Value) -> Option<Wait> {
    let name = obj::text(pod, "/spec/nodeName");
    let node = ctx.store.get_shared(&Gvr::nodes(), None, name)?;
    let neighbours = ctx.store.list_shared(&Gvr::pods(), None).0;
    for (resource, unit) in [("cpu", 1000.0), ("memory", 1.0)] {
        let capacity = quantity::of(&node["status"]["allocatable"][resource]).unwrap_or(0.0);
        let wanted = request(pod, resource);
        let shown = |amount: f64| (amount * unit).round() as i64;
        if wanted > capacity {
            let message = format!(
                "Node didn't have enough capacity: {resource}, requested: {}, capacity: {}",
                shown(wanted),
                shown(capacity)
            );
            return Some(("Infeasible", message));
        }
        let others = neighbours.iter().filter(|other| {
            let here = obj::text(other, "/spec/nodeName") == name && obj::uid(other) != obj::uid(pod);
            here && !matches!(obj::text(other, "/status/phase"), "Failed" | "Succeeded")
        });
        let used: f64 = others.map(|other| request(other, resource)).sum();
        if used + wanted > capacity + 1e-9 {
            let message = format!(
                "Node didn't have enough resource: {resource}, requested: {}, used: {}, capacity: {}",
                shown(wanted),
                shown(used),
                shown(capacity)
            );
            return Some(("Deferred", message));
        }
    }
    None
}

/// The processes of a container get their new limits, if need be by a restart.
fn actuate(ctx: &Context<'_>, run: &mut PodRun, i: usize, pod: &Value, now: Timestamp) {
    let cell = &mut run.cells[i];
    let before = std::mem::replace(&mut cell.actual, cell.allocated.clone());
    let spec = status::container_spec(pod, &cell.name);
    let mut ledger = write(ctx.ledger);
    let Some(record) = ledger.pod_mut(obj::uid(pod)) else { return };
    let workload = record.workload.clone();
    let container = &mut record.containers[i];
    container.requests = super::record::resources(&cell.actual["requests"]);
    container.limits = super::record::resources(&cell.actual["limits"]);
    let State::Running(living) = &mut cell.state else { return };
    let changed = |resource: &str| {
        ["requests", "limits"]
            .iter()
            .any(|part| before[*part][resource] != cell.actual[*part][resource])
    };
    let policies = spec["resizePolicy"].as_array().into_iter().flatten();
    let mut strict = policies.filter(|policy| policy["restartPolicy"] == "RestartContainer");
    if strict.any(|policy| changed(obj::text(policy, "/resourceName"))) {
        let ending = Ending {
            at: now,
            exit_code: 143,
            reason: "Error",
            log: Vec::new(),
            unhealthy: None,
        };
        if let Some(instance) = container.instances.last_mut() {
            instance.end = Some(End {
                at: now,
                exit_code: ending.exit_code,
                reason: ending.reason,
                log: Vec::new(),
            });
        }
        cell.end(&ending);
        cell.state = State::Creating {
            until: obj::after(now, Duration::from_secs(1)),
        };
        drop(ledger);
        let message = format!("Container {} resize requires restart", cell.name);
        tell(ctx.store, &note(pod, &run.node, &cell.name, false, "Killing", &message, now));
        return;
    }
    // With another limit the process may live longer or shorter.
    let Some(instance) = container.instances.last() else { return };
    let foreseen = Run {
        scenario: ctx.scenario,
        container,
        instance,
    };
    let faults: Vec<_> = foreseen.faults().collect();
    living.ends = foresee(&foreseen, &faults, &workload).map(|mut ending| {
        ending.at = ending.at.max(now);
        ending
    });
}

/// Sets a condition to true with a reason, or takes it away.
fn set(ctx: &Context<'_>, pod: &Value, kind: &str, why: Option<(&str, &str)>, now: Timestamp) {
    let same = |known: &Value| {
        why.is_some_and(|(reason, message)| obj::text(known, "/reason") == reason && obj::text(known, "/message") == message)
    };
    obj::change(ctx.store, &Gvr::pods(), obj::namespace(pod), obj::name(pod), |pod| {
        let Some(all) = pod["status"]["conditions"].as_array_mut() else {
            return;
        };
        if all.iter().any(|known| known["type"] == kind && same(known)) {
            return;
        }
        all.retain(|known| known["type"] != kind);
        if let Some((reason, message)) = why {
            let mut condition = json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": obj::rfc3339(now)});
            for (key, text) in [("reason", reason), ("message", message)] {
                if !text.is_empty() {
                    condition[key] = json!(text);
                }
            }
            all.push(condition);
        }
    });
}
