//! Pods that existed before the simulation began, with their restarts behind them.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Context, Kubelets, PodRun, record,
    run::{Cell, Last, Living, Restart, State},
    step::foresee,
};
use crate::{
    scenario::SeededPod,
    world::{
        chance::Chance,
        ledger::{End, Instance, PodRecord},
        locked::write,
        model::{self, Run},
        obj,
    },
};

/// Time between the end of a run and the start of the next.
const RESTART_GAP: Duration = Duration::from_secs(1);
/// Time between the creation of a pod and the start of its containers.
const CREATION_GAP: Duration = Duration::from_secs(2);

/// When the runs of a pod's main container began and ended, oldest first; the last one still lives.
pub(crate) fn runs(ctx: &Context<'_>, record: &PodRecord, past: &SeededPod, oldest: Timestamp) -> Vec<(Timestamp, Option<Timestamp>)> {
    let Some(container) = record.containers.iter().find(|container| container.behaviour.is_some()) else {
        return vec![(obj::after(oldest, CREATION_GAP), None)];
    };
    let faults = model::biting(ctx.scenario, record, container, Duration::ZERO);
    let probe = Instance {
        started: ctx.origin,
        faults,
        end: None,
    };
    let run = Run {
        scenario: ctx.scenario,
        container,
        instance: &probe,
    };
    let life = run.oom_at().map(|at| at.duration_since(ctx.origin).unsigned_abs());
    // A leaking container's working set tells how long it has been running.
    let newest = match (past.working_set_mib, life) {
        (Some(mib), Some(life)) => {
            let limit = run.limit().unwrap_or(0.0) / 1_048_576.0;
            let hour = run.leaked_mib(obj::secs(ctx.origin) + 3600.0);
            obj::before(
                ctx.origin,
                life.saturating_sub(Duration::from_secs_f64(((limit - mib) / hour * 3600.0).max(0.0))),
            )
        }
        _ => obj::after(past.age.map_or(oldest, |age| obj::before(ctx.origin, age.0)), CREATION_GAP),
    };
    let mut all = vec![(newest, None)];
    for _ in 0..past.restarts {
        let end = obj::before(all[0].0, RESTART_GAP);
        let start = obj::before(end, life.unwrap_or(Duration::from_secs(3600)));
        all.insert(0, (start, Some(end)));
    }
    all
}

/// The creation time that goes with those runs.
pub(crate) fn created(runs: &[(Timestamp, Option<Timestamp>)]) -> Timestamp {
    runs.first()
        .map_or(Timestamp::UNIX_EPOCH, |(start, _)| obj::before(*start, CREATION_GAP))
}

impl Kubelets {
    /// Takes over a pod whose containers have been running since long ago.
    pub(crate) fn adopt(&mut self, ctx: &Context<'_>, chance: &mut Chance, pod: &Value, runs: &[(Timestamp, Option<Timestamp>)]) {
        let ip = self.address();
        let mut record = record::of(ctx, pod, &ip);
        let created = created(runs);
        let newest = runs.last().map_or(created, |(start, _)| *start);
        let mut cells = Vec::new();
        let mut ready_from = newest;
        let mut never = false;
        for i in 0..record.containers.len() {
            if record.containers[i].init {
                cells.push(passed(&record.containers[i].name, pod, created, chance.hex64()));
                continue;
            }
            let faults = model::biting(ctx.scenario, &record, &record.containers[i], Duration::ZERO);
            let behaviour = record.containers[i].behaviour.map(|b| &ctx.scenario.workloads[b]);
            // Containers nobody described have run all the time.
            let lives = if behaviour.is_some() { runs } else { &runs[..1] };
            let (mut restarts, mut last) = (0, None);
            for (start, end) in lives {
                let end = end.filter(|_| behaviour.is_some());
                let ended = end.map(|at| End {
                    at,
                    exit_code: 137,
                    reason: "OOMKilled",
                    log: Vec::new(),
                });
                record.containers[i].instances.push(Instance {
                    started: *start,
                    faults: faults.clone(),
                    end: ended,
                });
                if let Some(ended) = end {
                    restarts += 1;
                    last = Some(Last {
                        started: *start,
                        ended,
                        exit_code: 137,
                        reason: "OOMKilled",
                        id: chance.hex64(),
                    });
                }
            }
            record.containers[i].waiting.push((created, None));
            let container = &record.containers[i];
            let Some(instance) = container.instances.last() else { continue };
            let biting: Vec<_> = behaviour.map_or_else(Vec::new, |b| faults.iter().map(|&f| &b.faults[f]).collect());
            let ends = foresee(
                &Run {
                    scenario: ctx.scenario,
                    container,
                    instance,
                },
                &biting,
                &record.workload,
            );
            let warm = behaviour.map_or(Duration::ZERO, |behaviour| behaviour.startup.0);
            ready_from = ready_from.max(obj::after(instance.started, warm));
            let unready = biting.iter().any(|fault| fault.never_ready.is_some());
            never |= unready;
            let mut cell = Cell::creating(&container.name, newest)
                .with_past(restarts, last)
                .role(false, Restart::of(pod))
                .given(super::status::container_spec(pod, &container.name));
            cell.id = chance.hex64();
            cell.state = State::Running(Living {
                since: instance.started,
                ready_at: (!unready).then(|| obj::after(instance.started, warm)),
                ready: !unready,
                ends,
                complain_at: unready.then(|| obj::after(instance.started, warm)),
            });
            cells.push(cell);
        }
        record.phase.push((created, "Running"));
        record.ready = if never {
            Vec::new()
        } else {
            readiness(runs, ready_from.duration_since(newest).unsigned_abs())
        };
        let run = PodRun {
            namespace: record.namespace.clone(),
            name: record.name.clone(),
            node: record.node.clone(),
            host_ip: record::node_address(ctx.store, &record.node),
            ip,
            started: created,
            cells,
            resized: None,
            stop: None,
        };
        let uid = record.uid.clone();
        write(ctx.ledger).insert(record);
        self.runs.insert(uid.clone(), run);
        self.report(ctx, &uid, ready_from);
    }
}

/// An init container that succeeded when the pod was new.
fn passed(name: &str, pod: &Value, created: Timestamp, id: String) -> Cell {
    let spec = super::status::container_spec(pod, name);
    let last = Last {
        started: created,
        ended: obj::after(created, RESTART_GAP),
        exit_code: 0,
        reason: "Completed",
        id: id.clone(),
    };
    let mut cell = Cell::creating(name, created).role(true, Restart::of_init(pod, spec)).given(spec);
    cell.id = id;
    cell.state = if cell.restart == Restart::Always {
        State::Running(Living {
            since: created,
            ready_at: Some(created),
            ready: true,
            ends: None,
            complain_at: None,
        })
    } else {
        cell.last = Some(last);
        State::Done
    };
    cell
}

fn readiness(runs: &[(Timestamp, Option<Timestamp>)], warm: Duration) -> Vec<(Timestamp, bool)> {
    let mut changes = Vec::new();
    for (start, end) in runs {
        changes.push((obj::after(*start, warm), true));
        changes.extend(end.map(|end| (end, false)));
    }
    changes
}
