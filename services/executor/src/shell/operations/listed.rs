//! Whether the list of pods that go one at a time still is the list of all of them.

use jiff::Timestamp;
use paramedic_domain::{
    change::{Change, Deletion, Operation},
    event::{Direction, Event},
    fault::Effect,
    object::ObjectRef,
};
use serde_json::Value;

use super::{drifted, uid};
use crate::shell::{failure::Halt, kubernetes::ended, run::Run};

impl Run<'_> {
    /// Before the first of a workload's pods goes one at a time: whether the approved list still is what it was made of. A listed
    /// pod that is gone needs no restart. A pod that came since and is not listed may run what an earlier step has replaced, and
    /// nothing would restart it. That the list was found complete is told to the log, so that whoever takes over does not mistake
    /// the successors of deleted pods for such.
    pub(super) async fn listed(&self, deletion: &Deletion) -> Result<(), Halt> {
        let (Some(owner), None, Change::Sequence { operations }) = (&deletion.owner, &deletion.ended, &self.step.change) else {
            return Ok(());
        };
        let complete = format!("{owner}: its pods are those that were approved");
        if operations.first().map(Operation::target) != Some(&deletion.target) || self.said(&complete).await? {
            return Ok(());
        }
        let looking = |trouble| Halt::looking(&trouble, self.effect());
        let namespace = owner.namespace.as_deref().unwrap_or_default();
        let workload = self.worker.cluster.get(owner).await.map_err(looking)?;
        let pods = self.worker.cluster.pods_of(&workload, namespace).await.map_err(looking)?;
        let targets: Vec<&ObjectRef> = operations.iter().map(Operation::target).collect();
        let prepared = self.incident.run.as_ref().map(|run| run.since);
        let unlisted = unlisted(owner, &pods, &targets, prepared);
        if unlisted.is_empty() {
            return self.progress(&complete).await;
        }
        self.know(Effect::None);
        let named = unlisted
            .iter()
            .map(|name| format!("{name} came after the list of its pods was approved: it would not be restarted"));
        Err(drifted(owner, &named.collect::<Vec<_>>(), self.effect()))
    }

    /// Whether the step has told that already, in this attempt or an earlier one.
    async fn said(&self, wanted: &str) -> Result<bool, Halt> {
        let log = self.worker.kit.log.read(&self.event.cluster, &self.event.incident).await?;
        Ok(log.iter().any(|recorded| {
            matches!(&recorded.envelope.event, Event::StepProgressed { plan, step, direction: Direction::Forward, message, .. }
                if *plan == self.attempt.plan && *step == self.step.id && message == wanted)
        }))
    }
}

/// Names of pods that should be in the list and are not. Some pods of a StatefulSet may have been chosen: then the list lacks a
/// pod that was there when the plan was proposed, and only successors of chosen pods matter.
fn unlisted<'a>(owner: &ObjectRef, pods: &'a [Value], targets: &[&ObjectRef], proposed: Option<Timestamp>) -> Vec<&'a str> {
    let older = |pod: &Value| {
        let created = pod.pointer("/metadata/creationTimestamp").and_then(Value::as_str);
        let created: Option<Timestamp> = created.and_then(|time| time.parse().ok());
        created.zip(proposed).is_some_and(|(created, proposed)| created < proposed)
    };
    let name = |pod: &'a Value| pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let stays = |pod: &&Value| !ended(pod) && pod.pointer("/metadata/deletionTimestamp").is_none();
    let others: Vec<&Value> = pods
        .iter()
        .filter(stays)
        .filter(|pod| !targets.iter().any(|target| uid(pod) == target.uid.as_deref()))
        .collect();
    let chosen = owner.kind == "StatefulSet" && others.iter().any(|pod| older(pod));
    others
        .into_iter()
        .map(name)
        .filter(|name| !chosen || targets.iter().any(|target| target.name == *name))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, uid: &str, created: &str) -> Value {
        json!({"metadata": {"name": name, "uid": uid, "creationTimestamp": created}, "status": {"phase": "Running"}})
    }

    fn target(name: &str, uid: &str) -> ObjectRef {
        let mut target = ObjectRef::new("v1", "Pod", Some("shop"), name);
        target.uid = Some(uid.into());
        target
    }

    #[test]
    fn a_pod_that_came_since_is_missing_in_the_list_unless_it_goes_by_itself() {
        let web = ObjectRef::new("apps/v1", "Deployment", Some("shop"), "web");
        let a = target("web-a", "1");
        let missing = |pods: &[Value]| unlisted(&web, pods, &[&a], "2026-11-22T10:00:00Z".parse().ok()).len();
        let mut pods = vec![pod("web-a", "1", "2026-11-22T09:00:00Z")];
        assert_eq!(missing(&pods), 0);
        pods.push(pod("web-b", "2", "2026-11-22T10:30:00Z"));
        assert_eq!(missing(&pods), 1);
        pods[1]["metadata"]["deletionTimestamp"] = json!("2026-11-22T10:59:00Z");
        assert_eq!(missing(&pods), 0, "it goes by itself");
        pods[1] = pod("web-b", "2", "2026-11-22T10:30:00Z");
        pods[1]["status"]["phase"] = json!("Failed");
        assert_eq!(missing(&pods), 0, "it has ended");
    }

    #[test]
    fn of_chosen_ordinals_only_their_own_successors_are_missed() {
        let proposed = "2026-11-22T10:00:00Z".parse().ok();
        let set = ObjectRef::new("apps/v1", "StatefulSet", Some("shop"), "db");
        let pods = [
            pod("db-0", "1", "2026-11-22T09:00:00Z"),
            pod("db-1", "9", "2026-11-22T10:30:00Z"),
            pod("db-2", "8", "2026-11-22T10:30:00Z"),
        ];
        let chosen = target("db-1", "2");
        assert_eq!(unlisted(&set, &pods, &[&chosen], proposed), ["db-1"]);
        let all = [target("db-0", "1"), target("db-1", "2")];
        let all: Vec<&ObjectRef> = all.iter().collect();
        assert_eq!(unlisted(&set, &pods, &all, proposed), ["db-1", "db-2"], "a new ordinal, too");
    }
}
