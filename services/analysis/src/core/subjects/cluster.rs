//! What belongs to no workload: API services, webhooks, certificates, and the alerts themselves.

use std::collections::BTreeMap;

use paramedic_domain::{alert::Alert, evidence::Source, object::ObjectRef};
use serde::Serialize;
use serde_json::Value;

use super::{Quote, Subject, Variable, World, conditions, minutes};
use crate::core::{
    measures::Measure,
    read::{each, text, time},
    snapshot::reference,
};

/// `alert`: one kind of alert of the incident.
#[derive(Debug, Clone, Default, Serialize)]
struct AlertView {
    name: String,
    labels: BTreeMap<String, String>,
    severity: String,
    firing_minutes: f64,
    /// How many of this name there are.
    count: i64,
}

/// `api_service`: an aggregated API.
#[derive(Debug, Clone, Default, Serialize)]
struct ApiServiceView {
    name: String,
    available: bool,
    reason: String,
    message: String,
    service: String,
}

/// `webhook`: one webhook of an admission configuration.
#[derive(Debug, Clone, Default, Serialize)]
struct WebhookView {
    name: String,
    service: String,
    service_exists: bool,
    fails_closed: bool,
}

/// `certificate`: a Certificate of cert-manager.
#[derive(Debug, Clone, Default, Serialize)]
struct CertificateView {
    name: String,
    namespace: String,
    ready: bool,
    reason: String,
    message: String,
    secret: String,
    /// Who issues it.
    issuer: String,
    /// Hours until it expires; negative: it has. 1e9: not known.
    hours_left: f64,
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
            service: text(object, "/spec/service/name").to_owned(),
        };
        let excerpt = format!(
            "APIService {}: available {} ({}): {}",
            view.name, view.available, view.reason, view.message
        );
        all.push(subject("api_service", &view, reference("APIService", object), excerpt));
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
                    fails_closed: text(hook, "/failurePolicy") != "Ignore",
                };
                let excerpt = format!(
                    "webhook {} asks Service {}, which exists: {}",
                    view.name, view.service, view.service_exists
                );
                all.push(subject("webhook", &view, reference(kind, object), excerpt));
            }
        }
    }
    for object in world.snapshot.of("Certificate") {
        all.push(certificate(world, object));
    }
}

fn subject(of: &'static str, view: &impl Serialize, object: ObjectRef, excerpt: String) -> Subject {
    Subject {
        of,
        variables: vec![Variable::new(of, view, object.clone(), excerpt)],
        object,
    }
}

fn of_alerts(world: &World, alerts: &[Alert]) -> Vec<Subject> {
    let mut by_name: BTreeMap<&str, Vec<&Alert>> = BTreeMap::new();
    for alert in alerts {
        by_name.entry(alert.name()).or_default().push(alert);
    }
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
            variables: vec![variable],
        })
    };
    by_name.into_iter().filter_map(one).collect()
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
