//! What belongs to no workload: API services, webhooks, certificates, and the alerts themselves.

use std::collections::{BTreeMap, BTreeSet};

use paramedic_domain::{alert::Alert, evidence::Source, object::ObjectRef};
use serde_json::Value;

use super::{Quote, Subject, Variable, World, conditions, minutes, services::endpoints, view::view};
use crate::core::{
    measures::Measure,
    read::{each, text, time},
    snapshot::reference,
};

view! {
    /// One kind of alert of the incident.
    pub(super) struct AlertView {
        /// Its name.
        name: String,
        /// Labels of the first of them.
        labels: BTreeMap<String, String>,
        /// Its severity.
        severity: String,
        /// Minutes since the first of them fires.
        firing_minutes: f64,
        /// How many of this name there are.
        count: i64,
    }
}

view! {
    /// The cluster as a whole.
    pub(super) struct ClusterView {
        /// How many nodes there are.
        nodes: i64,
        /// How many of them are not ready.
        not_ready: i64,
        /// Versions of kubelets, each once.
        kubelet_versions: Vec<String>,
        /// CPU that pods ask for as a share of what the nodes have; -1: not measured.
        cpu_requested: f64,
        /// The same of memory.
        memory_requested: f64,
        /// CPU that quotas promise as a share of what the nodes have; -1: not measured.
        cpu_promised: f64,
        /// The same of memory.
        memory_promised: f64,
        /// Share of requests to the API server that fail; -1: not measured.
        api_failed: f64,
        /// Used share of etcd's file that is empty; -1: not measured.
        etcd_fragmented: f64,
    }
}

view! {
    /// An aggregated API.
    pub(super) struct ApiServiceView {
        /// Its name.
        name: String,
        /// It is available.
        available: bool,
        /// Why, in one word.
        reason: String,
        /// Why, as a sentence.
        message: String,
        /// The Service that answers for it, as `namespace/name`.
        service: String,
    }
}

view! {
    /// One webhook of an admission configuration.
    pub(super) struct WebhookView {
        /// Its name.
        name: String,
        /// The Service that it asks, as `namespace/name`.
        service: String,
        /// That Service exists; true where its namespace was not listed.
        service_exists: bool,
        /// That Service has no ready endpoint; false where its namespace was not listed.
        service_dead: bool,
        /// What it cannot judge is refused.
        fails_closed: bool,
    }
}

view! {
    /// A Certificate of cert-manager.
    pub(super) struct CertificateView {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// It is ready.
        ready: bool,
        /// Why, in one word.
        reason: String,
        /// Why, as a sentence.
        message: String,
        /// The Secret that holds it.
        secret: String,
        /// Who signs it.
        issuer: String,
        /// Hours until it expires; negative: it has. 1e9: not known.
        hours_left: f64,
    }
}

view! {
    /// A CertificateSigningRequest.
    pub(super) struct SigningRequestView {
        /// Its name.
        name: String,
        /// Who has to sign.
        signer: String,
        /// Who asks.
        requester: String,
        /// The node that asks; empty: none does.
        node: String,
        /// Nobody has decided on it.
        pending: bool,
        /// It was denied, or could not be signed.
        refused: bool,
        /// Why.
        message: String,
        /// Minutes since it was made.
        age_minutes: f64,
    }
}

pub(super) fn subjects(world: &World, alerts: &[Alert], all: &mut Vec<Subject>) {
    all.extend(of_alerts(world, alerts));
    for object in world.snapshot.of("APIService") {
        let conditions = conditions(object);
        let available = conditions.get("Available");
        let field = |name: &str| available.map_or_else(String::new, |condition| condition[name].clone());
        let view = ApiServiceView {
            name: text(object, "/metadata/name").to_owned(),
            available: available.is_none_or(|condition| condition["status"] == "True"),
            reason: field("reason"),
            message: field("message"),
            service: match text(object, "/spec/service/name") {
                "" => String::new(),
                name => format!("{}/{name}", text(object, "/spec/service/namespace")),
            },
        };
        let excerpt = format!(
            "APIService {}: available {} ({}): {}",
            view.name, view.available, view.reason, view.message
        );
        all.push(Subject::of("api_service", &view, reference("APIService", object), excerpt));
    }
    for kind in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] {
        for object in world.snapshot.of(kind) {
            for hook in each(object, "/webhooks") {
                let (namespace, name) = (
                    text(hook, "/clientConfig/service/namespace"),
                    text(hook, "/clientConfig/service/name"),
                );
                if name.is_empty() {
                    continue;
                }
                // Services of namespaces that were not listed may exist.
                let known = world.snapshot.scope.contains(namespace) || world.listings.contains_key(namespace);
                let view = WebhookView {
                    name: text(hook, "/name").to_owned(),
                    service: format!("{namespace}/{name}"),
                    service_exists: !known || world.snapshot.named("Service", namespace, name).is_some(),
                    service_dead: known && endpoints(world, namespace, name).0 == 0,
                    fails_closed: text(hook, "/failurePolicy") != "Ignore",
                };
                let excerpt = format!(
                    "webhook {} asks Service {}, which exists: {}, has no ready endpoint: {}, and fails closed: {}",
                    view.name, view.service, view.service_exists, view.service_dead, view.fails_closed
                );
                all.push(Subject::of("webhook", &view, reference(kind, object), excerpt));
            }
        }
    }
    for object in world.snapshot.of("Certificate") {
        all.push(certificate(world, object));
    }
    for object in world.snapshot.of("CertificateSigningRequest") {
        all.push(signing_request(world, object));
    }
}

fn of_alerts(world: &World, alerts: &[Alert]) -> Vec<Subject> {
    let mut by_name: BTreeMap<&str, Vec<&Alert>> = BTreeMap::new();
    for alert in alerts {
        by_name.entry(alert.name()).or_default().push(alert);
    }
    let cluster = cluster(world);
    let one = |(name, alerts): (&str, Vec<&Alert>)| {
        let first = alerts.iter().min_by_key(|alert| (alert.starts_at, &alert.fingerprint))?;
        let view = AlertView {
            name: name.to_owned(),
            labels: first.labels.clone(),
            severity: first.label("severity").to_owned(),
            firing_minutes: minutes(world.snapshot.at, first.starts_at),
            count: alerts.len() as i64,
        };
        let about = ["node", "instance", "job", "name"]
            .iter()
            .map(|label| first.label(label))
            .find(|value| !value.is_empty());
        let object = ObjectRef::new("alerts", "Alert", None, about.unwrap_or(name));
        let mut variable = Variable::new(
            "alert",
            &view,
            object.clone(),
            format!("{name} fires for {:.0} min", view.firing_minutes),
        );
        variable.quotes = vec![Quote {
            source: Source::Alertmanager,
            query: format!("/api/v2/alerts?filter=alertname={name:?}"),
            excerpt: format!("{name} fires since {} ({} of this name)", first.starts_at, alerts.len()),
            value: Some((alerts.len() as f64, "alerts".into())),
        }];
        Some(Subject {
            of: "alert",
            object,
            variables: vec![variable, cluster.clone()],
        })
    };
    by_name.into_iter().filter_map(one).collect()
}

fn cluster(world: &World) -> Variable {
    let measured = |name| world.measures.find(name, &[]);
    let value = |name| measured(name).map_or(-1.0, |measure| measure.value);
    let nodes = world.snapshot.of("Node");
    let ready = |node: &&Value| each(node, "/status/conditions").any(|c| text(c, "/type") == "Ready" && text(c, "/status") == "True");
    let versions: BTreeSet<&str> = nodes.iter().map(|node| text(node, "/status/nodeInfo/kubeletVersion")).collect();
    let view = ClusterView {
        nodes: nodes.len() as i64,
        not_ready: nodes.iter().filter(|node| !ready(node)).count() as i64,
        kubelet_versions: versions
            .into_iter()
            .filter(|version| !version.is_empty())
            .map(ToOwned::to_owned)
            .collect(),
        cpu_requested: value("cpu_requested"),
        memory_requested: value("memory_requested"),
        cpu_promised: value("cpu_promised"),
        memory_promised: value("memory_promised"),
        api_failed: value("api_failed"),
        etcd_fragmented: value("etcd_fragmented"),
    };
    let excerpt = format!(
        "{} nodes, {} not ready, kubelets of {}",
        view.nodes,
        view.not_ready,
        view.kubelet_versions.join(", ")
    );
    let names = [
        "cpu_requested",
        "memory_requested",
        "cpu_promised",
        "memory_promised",
        "api_failed",
        "etcd_fragmented",
    ];
    let numbers = names.into_iter().filter_map(measured).map(Measure::quote);
    Variable::new("cluster", &view, ObjectRef::new("v1", "Cluster", None, "cluster"), excerpt).quoting(numbers)
}

fn signing_request(world: &World, object: &Value) -> Subject {
    let conditions = conditions(object);
    let decided = |name: &str| conditions.get(name);
    let refusal = decided("Denied").or_else(|| decided("Failed"));
    let requester = text(object, "/spec/username");
    let view = SigningRequestView {
        name: text(object, "/metadata/name").to_owned(),
        signer: text(object, "/spec/signerName").to_owned(),
        requester: requester.to_owned(),
        node: requester.strip_prefix("system:node:").unwrap_or_default().to_owned(),
        pending: conditions.is_empty(),
        refused: refusal.is_some(),
        message: refusal.map_or_else(String::new, |condition| condition["message"].clone()),
        age_minutes: time(object, "/metadata/creationTimestamp").map_or(0.0, |made| minutes(world.snapshot.at, made)),
    };
    let excerpt = format!(
        "CertificateSigningRequest {} of {} for {}: pending {}, refused {} {}, {:.0} min old",
        view.name, view.requester, view.signer, view.pending, view.refused, view.message, view.age_minutes
    );
    Subject::of("signing_request", &view, reference("CertificateSigningRequest", object), excerpt)
}

fn certificate(world: &World, object: &Value) -> Subject {
    let conditions = conditions(object);
    let ready = conditions.get("Ready");
    let field = |name: &str| ready.map_or_else(String::new, |condition| condition[name].clone());
    let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
    let left = time(object, "/status/notAfter").map(|end| -minutes(world.snapshot.at, end) / 60.0);
    let measured = world
        .measures
        .find("certificate_seconds", &[("namespace", namespace), ("name", name)]);
    let view = CertificateView {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        ready: ready.is_none_or(|condition| condition["status"] == "True"),
        reason: field("reason"),
        message: field("message"),
        secret: text(object, "/spec/secretName").to_owned(),
        issuer: text(object, "/spec/issuerRef/name").to_owned(),
        hours_left: left.or_else(|| measured.map(|measure| measure.value / 3600.0)).unwrap_or(1e9),
    };
    let excerpt = format!(
        "Certificate {namespace}/{name}: ready {} ({}): {}; {:.0} h left",
        view.ready, view.reason, view.message, view.hours_left
    );
    let object = reference("Certificate", object);
    Subject {
        of: "certificate",
        variables: vec![Variable::new("certificate", &view, object.clone(), excerpt).quoting(measured.map(Measure::quote))],
        object,
    }
}
