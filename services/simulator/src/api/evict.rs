//! Evictions: a delete that respects disruption budgets.

use serde_json::{Value, json};

use super::{
    Api,
    delete::DeleteOptions,
    reply::Reply,
    request::{Query, Target},
    selector::Labels,
};
use crate::{
    store::{Gvr, Status, name_of, rfc3339},
    world::control::taints::disrupt,
};

impl Api {
    /// Evicts a pod, or answers 429 when a budget does not allow it now.
    pub(super) fn evict(&self, target: &Target, query: &Query, body: &Value) -> Result<Reply, Status> {
        let gvr = Gvr::pods();
        let pod = self.store.get_shared(&gvr, target.ns(), target.name());
        let pod = pod.ok_or_else(|| Status::not_found(&gvr, target.name()))?;
        let mut options = body["deleteOptions"].clone();
        if body["dryRun"].is_array() {
            options["dryRun"] = body["dryRun"].clone();
        }
        let options = DeleteOptions::parse(query, &options)?;
        let dry = query.dry_run()? || options_dry(body);
        let pods = Target {
            sub: None,
            ..target.clone()
        };
        // A pod that is not the one meant costs no budget.
        options.check(&pods, &pod)?;
        let finished = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed" | "Pending"));
        let leaving = pod["metadata"]["deletionTimestamp"].is_string();
        if !finished && !leaving {
            self.spend_budget(target, &pod, dry)?;
        }
        if !dry {
            let why = ("EvictionByEvictionAPI", "Eviction API: evicting");
            disrupt(&self.store, &pod, why, self.store.now());
        }
        self.delete(&pods, &options)?;
        Ok(Reply::json(
            201,
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}),
            Vec::new(),
        ))
    }

    fn spend_budget(&self, target: &Target, pod: &Value, dry: bool) -> Result<(), Status> {
        let gvr = Gvr::pod_disruption_budgets();
        let labels = &pod["metadata"]["labels"];
        let budgets = self.store.list_shared(&gvr, target.ns()).0;
        let mut matching = budgets
            .iter()
            .filter(|b| Labels::from_object(&b["spec"]["selector"]).is_some_and(|selector| selector.matches(labels)));
        let Some(budget) = matching.next() else { return Ok(()) };
        if matching.next().is_some() {
            let why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
            return Err(Status::internal(why));
        }
        let name = name_of(budget).to_owned();
        let at = rfc3339(self.store.now());
        let mut spend = |object: &mut Value| {
            let status = &object["status"];
            let number = |key: &str| status[key].as_i64().unwrap_or(0);
            if status["observedGeneration"].as_i64().unwrap_or(0) < object["metadata"]["generation"].as_i64().unwrap_or(0) {
                return Err(unsettled(&name));
            }
            let allowed = number("disruptionsAllowed");
            let (wanted, have) = (number("desiredHealthy"), number("currentHealthy"));
            // A pod that is not ready guards nothing, as long as the others are enough (or the budget says so).
            let unready = !is_ready(pod);
            let always = object["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow";
            if unready && (always || (have >= wanted && wanted > 0)) {
                return Ok(());
            }
            if allowed <= 0 {
                return Err(refused(&format!(
                    "The disruption budget {name} needs {wanted} healthy pods and has {have} currently"
                )));
            }
            object["status"]["disruptionsAllowed"] = json!(allowed - 1);
            if !object["status"]["disruptedPods"].is_object() {
                object["status"]["disruptedPods"] = json!({});
            }
            object["status"]["disruptedPods"][target.name()] = json!(at);
            Ok(())
        };
        if dry {
            self.store.update_dry(&gvr, target.ns(), &name, &mut spend)?;
        } else {
            self.store.update(&gvr, target.ns(), &name, &mut spend)?;
        }
        Ok(())
    }
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"))
}

fn options_dry(body: &Value) -> bool {
    body["deleteOptions"]["dryRun"]
        .as_array()
        .is_some_and(|list| list.iter().any(|v| v == "All"))
}

fn refused(why: &str) -> Status {
    Status::new(
        429,
        "TooManyRequests",
        "Cannot evict pod as it would violate the pod's disruption budget.",
    )
    .with_details(json!({"causes": [{"reason": "DisruptionBudget", "message": why}]}))
}

/// The budget's controller has not seen its newest version yet: worth asking again.
fn unsettled(budget: &str) -> Status {
    let mut status = refused(&format!("The disruption budget {budget} is still being processed by the server."));
    if let Some(details) = &mut status.details {
        details["retryAfterSeconds"] = json!(10);
    }
    status
}
