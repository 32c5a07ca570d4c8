//! `health_check`: waits until workloads are whole and services have ready endpoints.

use paramedic_domain::{change::Wait, fault::Effect, object::ObjectRef};
use serde_json::Value;

use super::{
    failure::Halt,
    kubernetes::Trouble,
    worker::{Report, Run},
};

impl Run<'_> {
    pub(crate) async fn health(&self, targets: &[ObjectRef]) -> Result<Report, Halt> {
        let mut states = Vec::with_capacity(targets.len());
        for target in targets {
            let state = if target.kind == "Service" {
                self.served(target).await?
            } else {
                self.watched(target, Wait::Rollout).await?
            };
            states.push(format!("{target}: {state}"));
        }
        Ok(Report::of(states.join("; ")))
    }

    /// Waits for a ready endpoint.
    async fn served(&self, service: &ObjectRef) -> Result<String, Halt> {
        let selector = [("labelSelector", &*format!("kubernetes.io/service-name={}", service.name))];
        loop {
            let slices = self
                .worker
                .cluster
                .list("discovery.k8s.io/v1", "EndpointSlice", service.namespace.as_deref(), &selector)
                .await;
            match slices {
                Ok(slices) => {
                    let (ready, all) = endpoints(&slices);
                    if ready > 0 && ready == all {
                        return Ok(format!("{ready} endpoints are ready"));
                    }
                }
                Err(Trouble::Transient { .. }) => {}
                Err(trouble) => return Err(Halt::looking(&trouble, Effect::None)),
            }
            self.pause().await;
        }
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
