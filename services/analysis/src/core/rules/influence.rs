//! What a fault of one object reaches: the direction in which trouble spreads.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use paramedic_domain::object::ObjectRef;
use serde_json::Value;

use crate::core::{
    estate::{calls, named_services},
    read::{controller, each, text},
    snapshot::{reference, selects},
    subjects::{
        World,
        gateways::{backends, parents},
        owners::{ALONE, Owners, WORKLOADS},
    },
};

/// An object, whatever is known of its API version and UID.
pub type Key = (String, String, String);

/// Who suffers when something is at fault.
#[derive(Debug, Default)]
pub struct Influence {
    edges: BTreeMap<Key, BTreeSet<Key>>,
}

/// How far trouble is followed.
const DEPTH: usize = 8;

/// The key of an object.
#[must_use]
pub fn key(object: &ObjectRef) -> Key {
    (
        object.kind.clone(),
        object.namespace.clone().unwrap_or_default(),
        object.name.clone(),
    )
}

pub(super) fn at(kind: &str, namespace: &str, name: &str) -> Key {
    (kind.to_owned(), namespace.to_owned(), name.to_owned())
}

/// What alerts about the API server are about; it is no object of its own.
pub(super) fn api_server() -> Key {
    at("APIServer", "", "kube-apiserver")
}

/// What the API server said when it refused the pods of a ReplicaSet, or what an event says of that.
fn refusal(object: &Value) -> &str {
    if object.get("involvedObject").is_some() {
        return if text(object, "/reason") == "FailedCreate" {
            text(object, "/message")
        } else {
            ""
        };
    }
    let mut conditions = each(object, "/status/conditions");
    let failure = conditions.find(|condition| text(condition, "/type") == "ReplicaFailure");
    failure.map_or("", |condition| text(condition, "/message"))
}

impl Influence {
    /// Of everything that was listed.
    #[must_use]
    pub fn of(world: &World) -> Self {
        let mut all = Self::default();
        let owners = Owners::of(&world.snapshot);
        all.pods(world, &owners);
        all.workloads(world, &owners);
        all.deliveries(world);
        all.policies(world, &owners);
        all.others(world);
        all.control_plane(world);
        all
    }

    fn add(&mut self, cause: Key, sufferer: Key) {
        if cause != sufferer {
            self.edges.entry(cause).or_default().insert(sufferer);
        }
    }

    fn pods(&mut self, world: &World, owners: &Owners<'_>) {
        for pod in world.snapshot.of("Pod") {
            let (namespace, name) = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
            let own = at("Pod", namespace, name);
            let node = text(pod, "/spec/nodeName");
            if !node.is_empty() {
                self.add(at("Node", "", node), own.clone());
            }
            for volume in each(pod, "/spec/volumes") {
                let claim = text(volume, "/persistentVolumeClaim/claimName");
                if !claim.is_empty() {
                    self.add(at("PersistentVolumeClaim", namespace, claim), own.clone());
                }
            }
            if let Some(owner) = owners.of_pod(namespace, name) {
                // A workload is as well as its pods, and its template is theirs.
                self.add(own.clone(), key(owner));
                self.add(key(owner), own);
            }
        }
    }

    fn workloads(&mut self, world: &World, owners: &Owners<'_>) {
        for (caller, called) in &world.traced {
            self.add(key(called), key(caller));
        }
        for kind in WORKLOADS.into_iter().chain(["Job", ALONE]) {
            for object in world.snapshot.of(kind) {
                let workload = reference(kind, object);
                let namespace = text(object, "/metadata/namespace");
                let template = match kind {
                    ALONE if owners.of_pod(namespace, &workload.name) != Some(&workload) => continue,
                    // It has in it what a template has.
                    ALONE => object,
                    _ => &object["spec"]["template"],
                };
                for called in calls(&world.listings, template, &workload) {
                    self.add(key(&called), key(&workload));
                }
                for service in world.snapshot.within("Service", namespace) {
                    let selector = serde_json::json!({"matchLabels": service["spec"]["selector"]});
                    let some = service["spec"]["selector"].as_object().is_some_and(|labels| !labels.is_empty());
                    if some && selects(&selector, &template["metadata"]["labels"]) {
                        self.add(key(&workload), at("Service", namespace, text(service, "/metadata/name")));
                    }
                }
                // The Service that names the pods of a StatefulSet, whether it exists or not.
                self.add(at("Service", namespace, text(object, "/spec/serviceName")), key(&workload));
                self.references(namespace, template, &key(&workload));
                if let Some((kind, name)) = controller(object) {
                    self.add(at(&kind, namespace, &name), key(&workload));
                    self.add(key(&workload), at(&kind, namespace, &name));
                }
            }
        }
        for set in world.snapshot.of("ReplicaSet") {
            if let Some((kind, name)) = controller(set) {
                let namespace = text(set, "/metadata/namespace");
                self.add(
                    at("ReplicaSet", namespace, text(set, "/metadata/name")),
                    at(&kind, namespace, &name),
                );
            }
        }
    }

    /// What delivers something is as well as that. What it cannot apply keeps its workloads as they were, which is no fault of them.
    fn deliveries(&mut self, world: &World) {
        for delivery in &world.deliveries {
            for workload in &delivery.workloads {
                self.add(key(workload), key(&delivery.owner));
            }
        }
    }

    /// What a template names: configuration, accounts, classes.
    fn references(&mut self, namespace: &str, template: &Value, workload: &Key) {
        let mut names: Vec<(&str, &str)> = vec![("ServiceAccount", text(template, "/spec/serviceAccountName"))];
        for volume in each(template, "/spec/volumes") {
            names.push(("ConfigMap", text(volume, "/configMap/name")));
            names.push(("Secret", text(volume, "/secret/secretName")));
            names.push(("PersistentVolumeClaim", text(volume, "/persistentVolumeClaim/claimName")));
        }
        for secret in each(template, "/spec/imagePullSecrets") {
            names.push(("Secret", text(secret, "/name")));
        }
        for container in each(template, "/spec/containers").chain(each(template, "/spec/initContainers")) {
            for entry in each(container, "/env") {
                names.push(("ConfigMap", text(entry, "/valueFrom/configMapKeyRef/name")));
                names.push(("Secret", text(entry, "/valueFrom/secretKeyRef/name")));
            }
            for entry in each(container, "/envFrom") {
                names.push(("ConfigMap", text(entry, "/configMapRef/name")));
                names.push(("Secret", text(entry, "/secretRef/name")));
            }
        }
        for (kind, name) in names.into_iter().filter(|(_, name)| !name.is_empty()) {
            self.add(at(kind, namespace, name), workload.clone());
        }
    }

    fn policies(&mut self, world: &World, owners: &Owners<'_>) {
        for policy in world.snapshot.of("NetworkPolicy") {
            let namespace = text(policy, "/metadata/namespace");
            let own = at("NetworkPolicy", namespace, text(policy, "/metadata/name"));
            for pod in world.snapshot.within("Pod", namespace) {
                if selects(&policy["spec"]["podSelector"], &pod["metadata"]["labels"])
                    && let Some(owner) = owners.of_pod(namespace, text(pod, "/metadata/name"))
                {
                    self.add(own.clone(), key(owner));
                }
            }
        }
        for quota in world.snapshot.of("ResourceQuota").iter().chain(world.snapshot.of("LimitRange")) {
            let namespace = text(quota, "/metadata/namespace");
            let kind = if quota.pointer("/spec/limits").is_some() {
                "LimitRange"
            } else {
                "ResourceQuota"
            };
            let own = at(kind, namespace, text(quota, "/metadata/name"));
            for kind in WORKLOADS {
                for workload in world.snapshot.within(kind, namespace) {
                    self.add(own.clone(), at(kind, namespace, text(workload, "/metadata/name")));
                }
            }
        }
        for budget in world.snapshot.of("PodDisruptionBudget") {
            let namespace = text(budget, "/metadata/namespace");
            for pod in world.snapshot.within("Pod", namespace) {
                if selects(&budget["spec"]["selector"], &pod["metadata"]["labels"]) {
                    let own = at("PodDisruptionBudget", namespace, text(budget, "/metadata/name"));
                    self.add(at("Pod", namespace, text(pod, "/metadata/name")), own);
                }
            }
        }
        for scaler in world.snapshot.of("HorizontalPodAutoscaler") {
            let namespace = text(scaler, "/metadata/namespace");
            let own = at("HorizontalPodAutoscaler", namespace, text(scaler, "/metadata/name"));
            let (kind, name) = (text(scaler, "/spec/scaleTargetRef/kind"), text(scaler, "/spec/scaleTargetRef/name"));
            self.add(own.clone(), at(kind, namespace, name));
            self.add(at(kind, namespace, name), own);
        }
    }

    fn others(&mut self, world: &World) {
        for node in world.snapshot.of("Node") {
            let zone = text(node, "/metadata/labels/topology.kubernetes.io~1zone");
            self.add(at("Zone", "", zone), at("Node", "", text(node, "/metadata/name")));
        }
        for claim in world.snapshot.of("PersistentVolumeClaim") {
            let namespace = text(claim, "/metadata/namespace");
            let own = at("PersistentVolumeClaim", namespace, text(claim, "/metadata/name"));
            self.add(at("StorageClass", "", text(claim, "/spec/storageClassName")), own.clone());
            self.add(at("PersistentVolume", "", text(claim, "/spec/volumeName")), own);
        }
        for volume in world.snapshot.of("PersistentVolume") {
            // Kept for a claim, bound to it or not.
            let (namespace, claim) = (text(volume, "/spec/claimRef/namespace"), text(volume, "/spec/claimRef/name"));
            self.add(
                at("PersistentVolume", "", text(volume, "/metadata/name")),
                at("PersistentVolumeClaim", namespace, claim),
            );
        }
        for ingress in world.snapshot.of("Ingress") {
            let namespace = text(ingress, "/metadata/namespace");
            let own = at("Ingress", namespace, text(ingress, "/metadata/name"));
            for path in each(ingress, "/spec/rules").flat_map(|rule| each(rule, "/http/paths")) {
                let service = at("Service", namespace, text(path, "/backend/service/name"));
                self.add(service.clone(), own.clone());
                // Who is alerted about a Service that an Ingress does not find is alerted about the Ingress.
                self.add(own.clone(), service);
            }
        }
        for gateway in world.snapshot.of("Gateway") {
            let own = at("Gateway", text(gateway, "/metadata/namespace"), text(gateway, "/metadata/name"));
            self.add(at("GatewayClass", "", text(gateway, "/spec/gatewayClassName")), own);
        }
        for route in world.snapshot.of("HTTPRoute") {
            let own = at("HTTPRoute", text(route, "/metadata/namespace"), text(route, "/metadata/name"));
            for (namespace, gateway) in parents(route) {
                self.add(at("Gateway", namespace, gateway), own.clone());
            }
            for (namespace, service, _) in backends(route) {
                self.add(at("Service", namespace, service), own.clone());
                // As of an Ingress: who does not find the Service is alerted about.
                self.add(own.clone(), at("Service", namespace, service));
            }
        }
        for kind in WORKLOADS {
            for workload in world.snapshot.of(kind) {
                let namespace = text(workload, "/metadata/namespace");
                for (of, name) in named_services(&world.listings, &workload["spec"]["template"], namespace) {
                    self.add(at("Service", &of, &name), at(kind, namespace, text(workload, "/metadata/name")));
                }
            }
        }
        for certificate in world.snapshot.of("Certificate") {
            let namespace = text(certificate, "/metadata/namespace");
            let own = at("Certificate", namespace, text(certificate, "/metadata/name"));
            self.add(own, at("Secret", namespace, text(certificate, "/spec/secretName")));
        }
        for binding in world.snapshot.of("RoleBinding") {
            let namespace = text(binding, "/metadata/namespace");
            for subject in each(binding, "/subjects") {
                let account = at("ServiceAccount", namespace, text(subject, "/name"));
                self.add(at("RoleBinding", namespace, text(binding, "/metadata/name")), account);
            }
        }
    }

    /// What the API server asks before it answers, and whose pods it refuses because of that.
    fn control_plane(&mut self, world: &World) {
        for api in world.snapshot.of("APIService") {
            let own = at("APIService", "", text(api, "/metadata/name"));
            self.add(own.clone(), api_server());
            if text(api, "/spec/group").ends_with("metrics.k8s.io") {
                for scaler in world.snapshot.of("HorizontalPodAutoscaler") {
                    let (namespace, name) = (text(scaler, "/metadata/namespace"), text(scaler, "/metadata/name"));
                    self.add(own.clone(), at("HorizontalPodAutoscaler", namespace, name));
                }
            }
        }
        for kind in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] {
            for configuration in world.snapshot.of(kind) {
                let own = at(kind, "", text(configuration, "/metadata/name"));
                self.add(own.clone(), api_server());
                for hook in each(configuration, "/webhooks") {
                    let words = format!("webhook \"{}\"", text(hook, "/name"));
                    let refused = world.snapshot.of("ReplicaSet").iter().chain(world.snapshot.of("Event"));
                    for object in refused.filter(|object| refusal(object).contains(&words)) {
                        let sufferer = match object.get("involvedObject") {
                            Some(about) => at(text(about, "/kind"), text(about, "/namespace"), text(about, "/name")),
                            None => at("ReplicaSet", text(object, "/metadata/namespace"), text(object, "/metadata/name")),
                        };
                        self.add(own.clone(), sufferer);
                    }
                }
            }
        }
        for request in world.snapshot.of("CertificateSigningRequest") {
            let node = text(request, "/spec/username").strip_prefix("system:node:").unwrap_or_default();
            self.add(
                at("CertificateSigningRequest", "", text(request, "/metadata/name")),
                at("Node", "", node),
            );
        }
    }

    /// Everything that a fault of `cause` reaches, itself included, with its distance.
    #[must_use]
    pub fn reach(&self, cause: &ObjectRef) -> BTreeMap<Key, usize> {
        let start = key(cause);
        let mut reached = BTreeMap::from([(start.clone(), 0)]);
        let mut open = VecDeque::from([start]);
        while let Some(next) = open.pop_front() {
            let distance = reached[&next];
            if distance >= DEPTH {
                continue;
            }
            for sufferer in self.edges.get(&next).into_iter().flatten() {
                if !reached.contains_key(sufferer) {
                    reached.insert(sufferer.clone(), distance + 1);
                    open.push_back(sufferer.clone());
                }
            }
        }
        reached
    }
}
