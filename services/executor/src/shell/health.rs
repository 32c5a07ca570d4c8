//! `health_check` and `verify_recovery`: waits until everything that was asked for holds, and goes on holding.

mod endpoint;
mod tcp;

use std::time::Duration;

use paramedic_catalogue::{
    actions::{Conditions, Query, STABLE, VERIFY_RECOVERY},
    progress::{Progress, progress},
};
use paramedic_domain::{
    change::Wait,
    fault::{Effect, FailureKind},
    object::ObjectRef,
};
use serde_json::Value;

use super::{
    failure::Halt,
    kubernetes::Trouble,
    run::{Report, Run},
};

/// What one look gives: how it is, or how it should not be.
type Look = Result<String, String>;

impl Run<'_> {
    pub(crate) async fn health(&self, targets: &[ObjectRef]) -> Result<Report, Halt> {
        let refused = |refused: paramedic_catalogue::Refused| Halt::failed(FailureKind::Permanent, Effect::None, refused.reason);
        let conditions = Conditions::from_params(&self.step.parameters).map_err(refused)?;
        let queries = conditions.queries().map_err(refused)?;
        let verifies = self
            .worker
            .catalogue
            .find(&self.step.action)
            .is_some_and(|action| action.name() == VERIFY_RECOVERY);
        let stable = conditions
            .stable()
            .map_err(refused)?
            .or(verifies.then_some(STABLE))
            .unwrap_or_default();
        let mut all = targets.to_vec();
        if verifies {
            for target in targets {
                for behind in self.behind(target).await? {
                    if !all.iter().any(|known| known.same_object(&behind)) {
                        all.push(behind);
                    }
                }
            }
        }
        let mut since = None;
        loop {
            match self.look_at(&all, &conditions, &queries).await? {
                Ok(state) => {
                    let now = self.worker.kit.clock.now();
                    let held = now.duration_since(*since.get_or_insert(now));
                    let held = Duration::try_from(held).unwrap_or_default();
                    if held >= stable {
                        let stayed = if stable.is_zero() {
                            String::new()
                        } else {
                            format!("; all of it for {} s", held.as_secs())
                        };
                        return Ok(Report::of(format!("{state}{stayed}")));
                    }
                    self.progress(&format!("well for {} of {} s", held.as_secs(), stable.as_secs()))
                        .await?;
                }
                Err(state) => {
                    since = None;
                    self.progress(&state).await?;
                }
            }
            self.pause().await;
        }
    }

    /// One look at everything. What cannot be asked just now is not well; what never can be ends the attempt.
    async fn look_at(&self, targets: &[ObjectRef], conditions: &Conditions, queries: &[Query]) -> Result<Look, Halt> {
        let mut states = Vec::new();
        for target in targets {
            let look = if target.kind == "Service" {
                self.served(target).await?
            } else {
                self.whole(target).await?
            };
            match look {
                Ok(state) => states.push(format!("{target}: {state}")),
                Err(state) => return Ok(Err(format!("{target}: {state}"))),
            }
            if let Some(endpoint) = conditions.endpoint() {
                match self.answers(target, &endpoint).await? {
                    Ok(state) => states.push(state),
                    Err(state) => return Ok(Err(format!("{target}: {state}"))),
                }
            }
            if let Some(port) = conditions.tcp() {
                match self.accepts(target, port).await? {
                    Ok(state) => states.push(state),
                    Err(state) => return Ok(Err(format!("{target}: {state}"))),
                }
            }
        }
        for query in queries {
            match self.holds(query).await {
                Ok(state) => states.push(state),
                Err(state) => return Ok(Err(state)),
            }
        }
        Ok(Ok(states.join("; ")))
    }

    /// Whether a workload is rolled out with every pod ready.
    async fn whole(&self, target: &ObjectRef) -> Result<Look, Halt> {
        match self.worker.cluster.get(target).await {
            Ok(object) => Ok(match progress(Wait::Rollout, &object, self.since()) {
                Progress::Done(state) => Ok(state),
                Progress::Progressing(state) => Err(state),
                Progress::Stuck(why) => {
                    return Err(Halt::failed(
                        FailureKind::Permanent,
                        self.effect(),
                        format!("{target} does not get on: {why}"),
                    ));
                }
            }),
            Err(trouble) => not_now(&trouble),
        }
    }

    /// Whether every endpoint of a service is ready.
    async fn served(&self, service: &ObjectRef) -> Result<Look, Halt> {
        let selector = [("labelSelector", &*format!("kubernetes.io/service-name={}", service.name))];
        let slices = self
            .worker
            .cluster
            .list("discovery.k8s.io/v1", "EndpointSlice", service.namespace.as_deref(), &selector)
            .await;
        match slices {
            Ok(slices) => {
                let (ready, all) = endpoints(&slices);
                Ok(if ready > 0 && ready == all {
                    Ok(format!("{ready} endpoints are ready"))
                } else {
                    Err(format!("{ready} of {all} endpoints are ready"))
                })
            }
            Err(trouble) => not_now(&trouble),
        }
    }

    /// Whether every sample of a query compares as wanted, and there is one.
    pub(crate) async fn holds(&self, wanted: &Query) -> Look {
        let (_, samples) = self.figures(&wanted.query).await?;
        if samples.is_empty() {
            return Err(format!("{}: no samples", wanted.query));
        }
        match samples.iter().find(|sample| !wanted.comparison.holds(sample.value, wanted.value)) {
            Some(sample) => Err(format!("{wanted} does not hold: {} {}", sample.value, sample.labels)),
            None => Ok(format!("{wanted} holds for {} series", samples.len())),
        }
    }

    /// The workloads whose pods a service selects.
    async fn behind(&self, service: &ObjectRef) -> Result<Vec<ObjectRef>, Halt> {
        if service.kind != "Service" {
            return Ok(Vec::new());
        }
        let looking = |trouble: Trouble| Halt::looking(&trouble, Effect::None);
        let object = self.worker.cluster.get(service).await.map_err(looking)?;
        let Some(wanted) = object
            .pointer("/spec/selector")
            .and_then(Value::as_object)
            .filter(|wanted| !wanted.is_empty())
        else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
            let namespace = service.namespace.as_deref();
            let workloads = self.worker.cluster.list("apps/v1", kind, namespace, &[]).await.map_err(looking)?;
            let selected = |workload: &&Value| {
                let labels = workload.pointer("/spec/template/metadata/labels");
                wanted
                    .iter()
                    .all(|(name, value)| labels.and_then(|labels| labels.get(name)) == Some(value))
            };
            found.extend(workloads.iter().filter(selected).filter_map(|workload| {
                let name = workload.pointer("/metadata/name")?.as_str()?;
                Some(ObjectRef::new("apps/v1", kind, namespace, name))
            }));
        }
        Ok(found)
    }
}

/// An API server that does not answer is asked again; a refusal is final.
fn not_now(trouble: &Trouble) -> Result<Look, Halt> {
    match trouble {
        Trouble::Transient { .. } => Ok(Err(trouble.to_string())),
        Trouble::Missing(_) | Trouble::Unfit { .. } | Trouble::Forbidden { .. } => Err(Halt::looking(trouble, Effect::None)),
    }
}

fn endpoints(slices: &[Value]) -> (usize, usize) {
    let all: Vec<&Value> = slices
        .iter()
        .filter_map(|slice| slice.get("endpoints")?.as_array())
        .flatten()
        .collect();
    // A missing condition means ready: the API says so.
    let ready = |endpoint: &&&Value| endpoint.pointer("/conditions/ready").and_then(Value::as_bool) != Some(false);
    (all.iter().filter(ready).count(), all.len())
}
