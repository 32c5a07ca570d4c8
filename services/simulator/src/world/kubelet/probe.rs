//! Readiness that depends on others: a pod whose probe calls a Service is ready as long as that answers.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{Context, Kubelets, run::Cell, status, step::note};
use crate::world::{events::tell, locked::read, network, obj};

/// When a container whose needs are not met fails its probe for good.
pub(super) fn due(cell: &Cell) -> Option<Timestamp> {
    let (since, _) = cell.cut.as_ref().filter(|_| !cell.failed_probe)?;
    Some(obj::after(*since, PATIENCE))
}

/// Three failures, ten seconds apart (the defaults of `failureThreshold` and `periodSeconds`).
const PATIENCE: Duration = Duration::from_secs(30);

impl Kubelets {
    /// Looks whether the pod reaches what it needs. Reached => cut => failed => reached.
    pub(super) fn probe(&mut self, ctx: &Context<'_>, pod: &Value, now: Timestamp) {
        let uid = obj::uid(pod);
        let needs: Vec<(usize, &[String])> = {
            let ledger = read(ctx.ledger);
            let containers = ledger.pod(uid).into_iter().flat_map(|record| record.containers.iter().enumerate());
            let described = containers.filter_map(|(i, c)| Some((i, ctx.scenario.workloads[c.behaviour?].needs.as_slice())));
            described.filter(|(_, needs)| !needs.is_empty()).collect()
        };
        let Some(run) = self.runs.get_mut(uid).filter(|run| run.stop.is_none()) else {
            return;
        };
        let mut moved = false;
        for (i, needs) in needs {
            let cell = &mut run.cells[i];
            if status::container_spec(pod, &cell.name).get("readinessProbe").is_none() {
                continue;
            }
            let Some(why) = needs.iter().find_map(|service| network::cut(ctx.store, pod, service)) else {
                moved |= std::mem::take(&mut cell.failed_probe);
                cell.cut = None;
                continue;
            };
            // A container that was never ready does not become so.
            let patience = if cell.is_ready() { PATIENCE } else { Duration::ZERO };
            let (since, _) = cell.cut.get_or_insert((now, why.clone()));
            if !cell.failed_probe && obj::after(*since, patience) <= now {
                cell.failed_probe = true;
                moved = true;
                let message = format!("Readiness probe failed: {why}");
                tell(ctx.store, &note(pod, &run.node, &cell.name, true, "Unhealthy", &message, now));
            }
        }
        if moved {
            self.report(ctx, uid, now);
        }
    }
}
