//! The state at the start: the scenario's objects with their past, then the warm-up.

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    World,
    control::{cron_job, daemon_set, deployment, pods, revisions, stateful_set},
    kubelet::{record, seed},
    locked::{lock, write},
    obj,
};
use crate::{
    api::{custom::Kinds, defaults},
    scenario::{Past, Seed, SeededPod, definitions},
    store::{Gvr, Status},
};

/// Something to do during the warm-up.
enum Due<'a> {
    Create(&'a Seed),
    Patch(&'a Past),
}

impl World {
    pub(super) fn bootstrap(&self) -> anyhow::Result<()> {
        let start = self.clock.now();
        let mut due: Vec<(Timestamp, Due<'_>)> = Vec::new();
        for seed in &self.scenario.objects {
            let created = obj::before(self.origin, seed.age.0);
            if created > start {
                due.push((created, Due::Create(seed)));
            } else {
                self.seed(seed, created)?;
            }
        }
        self.service_namespace(start)?;
        {
            let traffic = |key: &super::ledger::WorkloadKey| {
                let behaviour = self.scenario.behaviour(&key.namespace, &key.name)?;
                self.scenario.workloads[behaviour].traffic.clone()
            };
            write(&self.ledger).rebuild_shares(traffic);
        }
        due.extend(
            self.scenario
                .history
                .iter()
                .map(|past| (obj::before(self.origin, past.ago.0), Due::Patch(past))),
        );
        due.sort_by_key(|(at, _)| *at);
        self.warm_up(due)
    }

    fn warm_up(&self, due: Vec<(Timestamp, Due<'_>)>) -> anyhow::Result<()> {
        let mut due = due.into_iter().peekable();
        loop {
            while let Some((_, what)) = due.next_if(|(at, _)| *at <= self.clock.now()) {
                match what {
                    Due::Create(seed) => self.seed(seed, self.clock.now())?,
                    Due::Patch(past) => self.patch(past)?,
                }
            }
            let next = self.settle();
            if self.clock.now() >= self.origin {
                return Ok(());
            }
            let planned = due.peek().map(|(at, _)| *at);
            let until = [next, planned].into_iter().flatten().fold(self.origin, Timestamp::min);
            self.clock.advance_to(until);
        }
    }

    fn patch(&self, past: &Past) -> anyhow::Result<()> {
        let gvr = gvr_of(&past.api_version, &past.resource);
        let patch: json_patch::Patch = serde_json::from_value(Value::Array(past.json_patch.clone()))?;
        self.store
            .update(&gvr, past.namespace.as_deref(), &past.name, &mut |object| {
                json_patch::patch(object, &patch).map_err(|error| Status::bad_request(error.to_string()))
            })
            .map_err(|status| anyhow::anyhow!("history of {gvr} {}: {}", past.name, status.message))?;
        Ok(())
    }

    /// Namespace of the node leases, present in every cluster.
    fn service_namespace(&self, now: Timestamp) -> anyhow::Result<()> {
        if self.store.get_shared(&Gvr::namespaces(), None, "kube-node-lease").is_some() {
            return Ok(());
        }
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-node-lease"}});
        self.create(object, now).map(|_| ())
    }

    fn create(&self, mut object: Value, created: Timestamp) -> anyhow::Result<Value> {
        let kind = obj::text(&object, "/kind").to_owned();
        let api_version = obj::text(&object, "/apiVersion").to_owned();
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        let find = || {
            Kinds::of(&self.store)
                .of_version(group, version)
                .find(|resource| resource.kind == kind)
        };
        if find().is_none() {
            for definition in definitions::of_group(group) {
                let known = obj::name(&definition);
                if self.store.get_shared(&Gvr::custom_resource_definitions(), None, known).is_some() {
                    continue;
                }
                self.create(definition, created)?;
            }
        }
        let resource = find().with_context(|| format!("the simulator serves no {kind} of {api_version}"))?;
        defaults::fill(resource, &mut object);
        let gvr = resource.gvr();
        if gvr == Gvr::namespaces() {
            object["spec"] = json!({"finalizers": ["kubernetes"]});
            object["status"] = json!({"phase": "Active"});
        }
        object["metadata"]["uid"] = json!(lock(&self.machinery).chance.uid());
        object["metadata"]["creationTimestamp"] = json!(obj::rfc3339(created));
        if gvr == Gvr::persistent_volume_claims() && object["status"].is_null() {
            object["status"] = json!({"phase": "Pending"});
        }
        if gvr == Gvr::jobs() {
            defaults::job(&mut object);
        }
        let name = obj::name(&object).to_owned();
        self.store
            .create(&gvr, object)
            .map_err(|status| anyhow::anyhow!("{}", status.message))
            .with_context(|| format!("cannot create {kind} {name}"))
    }

    fn seed(&self, seed: &Seed, created: Timestamp) -> anyhow::Result<()> {
        let object = self.create(seed.object.clone(), created)?;
        match obj::text(&object, "/kind") {
            // Created on the way: the controllers make everything else.
            _ if created == self.clock.now() => Ok(()),
            "Deployment" => self.seed_deployment(seed, &object),
            "StatefulSet" => self.seed_stateful_set(seed, &object),
            "DaemonSet" => self.seed_daemon_set(seed, &object),
            "CronJob" => {
                self.seed_cron_job(&object);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn seed_deployment(&self, seed: &Seed, object: &Value) -> anyhow::Result<()> {
        let wanted = obj::int(object, "/spec/replicas").unwrap_or(1);
        let newest = i64::try_from(seed.revisions.len()).unwrap_or(0) + 1;
        let rolled_out = obj::before(self.origin, seed.rolled_out.unwrap_or(seed.age).0);
        for (i, revision) in seed.revisions.iter().enumerate() {
            let mut old = object.clone();
            for (container, image) in &revision.images {
                set_image(&mut old["spec"]["template"], container, image)?;
            }
            let patch: json_patch::Patch = serde_json::from_value(Value::Array(revision.json_patch.clone()))?;
            json_patch::patch(&mut old["spec"]["template"], &patch).context("a revision's json_patch does not apply")?;
            if let Some(cause) = &revision.change_cause {
                deployment::annotate(&mut old, "kubernetes.io/change-cause", cause);
            }
            let number = i64::try_from(i).unwrap_or(0) + 1;
            self.seed_set(&old, number, 0, obj::before(self.origin, revision.age.0))?;
        }
        let set = self.seed_set(object, newest, wanted, rolled_out)?;
        let since = obj::rfc3339(rolled_out);
        obj::change(&self.store, &Gvr::replica_sets(), obj::namespace(&set), obj::name(&set), |set| {
            set["status"] = json!({
                "observedGeneration": 1, "replicas": wanted, "fullyLabeledReplicas": wanted, "readyReplicas": wanted,
                "availableReplicas": wanted, "terminatingReplicas": 0,
            });
        });
        let message = format!("ReplicaSet \"{}\" has successfully progressed.", obj::name(&set));
        obj::change(&self.store, &Gvr::deployments(), obj::namespace(object), obj::name(object), |d| {
            deployment::annotate(d, deployment::REVISION, &newest.to_string());
            d["status"] = json!({
                "observedGeneration": 1,
                "conditions": [
                    {"type": "Available", "status": "True", "lastUpdateTime": since, "lastTransitionTime": since,
                     "reason": "MinimumReplicasAvailable", "message": "Deployment has minimum availability."},
                    {"type": "Progressing", "status": "True", "lastUpdateTime": since, "lastTransitionTime": since,
                     "reason": "NewReplicaSetAvailable", "message": message},
                ],
            });
        });
        let template = set["spec"]["template"].clone();
        for i in 0..wanted {
            let past = self.past(seed, i, rolled_out);
            self.seed_pod((&set, "apps/v1", "ReplicaSet"), &template, None, i, &past, rolled_out)?;
        }
        Ok(())
    }

    fn seed_set(&self, deployment: &Value, revision: i64, replicas: i64, created: Timestamp) -> anyhow::Result<Value> {
        let uid = lock(&self.machinery).chance.uid();
        let set = deployment::new_set(deployment, &uid, revision, replicas);
        self.create(set, created)
    }

    fn seed_stateful_set(&self, seed: &Seed, object: &Value) -> anyhow::Result<()> {
        let revision = stateful_set::revision(&self.store, object);
        let created = obj::before(self.origin, seed.rolled_out.unwrap_or(seed.age).0);
        for i in 0..obj::int(object, "/spec/replicas").unwrap_or(1) {
            let template = stateful_set::pod_template(object, i, &revision);
            let name = format!("{}-{i}", obj::name(object));
            let past = self.past(seed, i, created);
            self.seed_pod((object, "apps/v1", "StatefulSet"), &template, Some(&name), i, &past, created)?;
        }
        Ok(())
    }

    fn seed_daemon_set(&self, seed: &Seed, object: &Value) -> anyhow::Result<()> {
        let hash = revisions::hash(&self.store, object);
        let created = obj::before(self.origin, seed.rolled_out.unwrap_or(seed.age).0);
        for (i, node) in self.store.list_shared(&Gvr::nodes(), None).0.iter().enumerate() {
            if !daemon_set::runs_on(object, node) {
                continue;
            }
            let template = daemon_set::pod_template(object, obj::name(node), &hash);
            let past = SeededPod {
                node: Some(obj::name(node).to_owned()),
                ..SeededPod::default()
            };
            let i = i64::try_from(i).unwrap_or(0);
            self.seed_pod((object, "apps/v1", "DaemonSet"), &template, None, i, &past, created)?;
        }
        Ok(())
    }

    /// A CronJob that is older than the simulation has kept its schedule so far.
    fn seed_cron_job(&self, object: &Value) {
        let Some(last) = cron_job::last_run(object, self.clock.now()) else {
            return;
        };
        obj::change(&self.store, &Gvr::cron_jobs(), obj::namespace(object), obj::name(object), |cron| {
            if cron["status"]["lastScheduleTime"].is_null() {
                cron["status"]["lastScheduleTime"] = json!(obj::rfc3339(last));
                cron["status"]["lastSuccessfulTime"] = json!(obj::rfc3339(last));
            }
        });
    }

    fn past(&self, seed: &Seed, i: i64, _oldest: Timestamp) -> SeededPod {
        usize::try_from(i).ok().and_then(|i| seed.pods.get(i)).cloned().unwrap_or_default()
    }

    fn seed_pod(
        &self,
        owner: (&Value, &str, &str),
        template: &Value,
        name: Option<&str>,
        i: i64,
        past: &SeededPod,
        oldest: Timestamp,
    ) -> anyhow::Result<()> {
        let node = match &past.node {
            Some(node) => node.clone(),
            None => self.some_node(obj::name(owner.0), i)?,
        };
        let mut template = template.clone();
        template["spec"]["nodeName"] = json!(node);
        let mut machinery = lock(&self.machinery);
        let machinery = &mut *machinery;
        let mut pod = pods::build(&mut machinery.chance, owner, &template, name);
        let context = self.context();
        let record = record::of(&context, &pod, "");
        let runs = seed::runs(&context, &record, past, oldest);
        pod["metadata"]["creationTimestamp"] = json!(obj::rfc3339(seed::created(&runs)));
        let pod = self
            .store
            .create(&Gvr::pods(), pod)
            .map_err(|status| anyhow::anyhow!("cannot create a pod of {}: {}", obj::name(owner.0), status.message))?;
        machinery.kubelets.adopt(&context, &mut machinery.chance, &pod, &runs);
        Ok(())
    }

    /// Spreads pods without a given node over all nodes.
    fn some_node(&self, owner: &str, i: i64) -> anyhow::Result<String> {
        let nodes = self.store.list_shared(&Gvr::nodes(), None).0;
        if nodes.is_empty() {
            bail!("the scenario lists pods of {owner} before any Node; put the nodes first");
        }
        let offset = super::model::hash(owner, 0) as usize;
        let at = (offset % nodes.len() + usize::try_from(i).unwrap_or(0)) % nodes.len();
        Ok(obj::name(&nodes[at]).to_owned())
    }
}

fn set_image(template: &mut Value, container: &str, image: &str) -> anyhow::Result<()> {
    let containers = template["spec"]["containers"]
        .as_array_mut()
        .context("a pod template without containers")?;
    let found = containers.iter_mut().find(|c| c["name"] == container);
    found.with_context(|| format!("a revision names container {container:?}, which the template does not have"))?["image"] = json!(image);
    Ok(())
}

fn gvr_of(api_version: &str, resource: &str) -> Gvr {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    Gvr::new(group, version, resource)
}
