//! What rules look at: typed views of objects, each with what can be quoted of it as evidence.

pub mod answers;
mod batch;
mod claims;
mod cluster;
mod deliveries;
pub mod disks;
pub mod gateways;
pub mod machines;
pub(super) mod nodes;
mod overheard;
pub mod owners;
mod pods;
mod policies;
mod releases;
mod scaling;
mod services;
pub mod view;
mod workloads;
mod zones;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use paramedic_domain::{
    alert::Alert,
    evidence::{Evidence, Source},
    id::EvidenceId,
    object::ObjectRef,
};
use serde::Serialize;
use serde_json::Value;

use self::{
    answers::Answered,
    owners::Owners,
    view::{Field, Shape, Shaped, View, view},
};
use super::{
    clouds::Told,
    delivery::{Delivery, commits::Commit},
    estate::Listings,
    facts::file,
    measures::Measures,
    read::{text, time},
    redact::redact,
    rights::Review,
    snapshot::{Snapshot, kinds},
};

/// Everything that subjects are made from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct World {
    /// Listed objects.
    pub snapshot: Snapshot,
    /// Workloads, services and settings by namespace, for who calls whom.
    pub listings: Listings,
    /// Who calls whom, as traces have it.
    pub traced: Vec<(ObjectRef, ObjectRef)>,
    /// What logs complain about.
    pub said: Vec<Said>,
    /// What a team's own tools said about the alerted workload.
    pub answers: Vec<Answered>,
    /// What the API server says of rights that logs say were refused.
    pub reviews: Vec<Review>,
    /// Numbers of Prometheus.
    pub measures: Measures,
    /// What cloud providers told of machines and disks.
    pub told: Vec<Told>,
    /// What tools that deliver say of workloads that they own.
    pub deliveries: Vec<Delivery>,
    /// What was committed to the repositories that they apply, newest first.
    pub commits: Vec<Commit>,
    /// Sources that did not answer.
    pub silent: BTreeSet<Source>,
}

/// Log lines of one shape that a workload or Job wrote.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Said {
    /// Who wrote them.
    #[serde(skip)]
    pub by: ObjectRef,
    /// The newest of them.
    pub text: String,
    /// How many were read.
    pub count: i64,
    /// Whether it reports an error.
    pub alarming: bool,
    /// Who keeps them: the log store, or the API server.
    #[serde(skip)]
    pub source: Source,
    /// The query that found them.
    #[serde(skip)]
    pub query: String,
}

/// One thing to look at.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The name by which rules ask for it: `container`, `workload`, `node`, ...
    pub of: &'static str,
    /// The object itself; of a container, its pod.
    pub object: ObjectRef,
    /// What expressions may name, with its fields and the object it stands for.
    pub variables: Vec<Variable>,
}

/// A name in expressions.
#[derive(Debug, Clone)]
pub struct Variable {
    /// `pod`.
    pub name: &'static str,
    /// Its fields.
    pub fields: Value,
    /// The object that it stands for.
    pub object: ObjectRef,
    /// What it says, as evidence.
    pub quotes: Vec<Quote>,
}

/// A piece of evidence that is filed when a reason cites it.
#[derive(Debug, Clone, PartialEq)]
pub struct Quote {
    /// Who said it.
    pub source: Source,
    /// The request or query.
    pub query: String,
    /// What it says.
    pub excerpt: String,
    /// The number in it.
    pub value: Option<(f64, String)>,
}

impl Quote {
    /// The id of the evidence that says this; filed if nothing does yet.
    pub fn file(&self, at: Timestamp, evidence: &mut Vec<Evidence>) -> EvidenceId {
        let excerpt = redact(&self.excerpt);
        match evidence.iter().find(|known| known.query == self.query && known.excerpt == excerpt) {
            Some(known) => known.id.clone(),
            None => {
                let value = self.value.as_ref().map(|(value, unit)| (*value, unit.as_str()));
                file(evidence, at, self.source, self.query.clone(), &self.excerpt, value)
            }
        }
    }
}

view! {
    /// An event about an object.
    pub struct EventView {
        /// `FailedScheduling`.
        pub reason: String,
        /// Its words.
        pub message: String,
        /// `Normal` or `Warning`.
        pub r#type: String,
        /// How often it was seen.
        pub count: i64,
        /// Minutes since it was last seen.
        pub minutes_ago: f64,
    }
}

impl Shaped for Said {
    fn shape() -> Shape {
        let field = |name, meaning, shape| Field { name, meaning, shape };
        Shape::Fields(View {
            about: "Log lines of one shape.",
            fields: vec![
                field("text", "The newest of them.", Shape::Text),
                field("count", "How many were read.", Shape::Whole),
                field("alarming", "They report an error.", Shape::Truth),
            ],
        })
    }
}

impl Subject {
    /// One that expressions know by its own name alone.
    fn of(of: &'static str, view: &impl Serialize, object: ObjectRef, excerpt: String) -> Self {
        Self {
            of,
            variables: vec![Variable::new(of, view, object.clone(), excerpt)],
            object,
        }
    }

    /// The variable of a name.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|variable| variable.name == name)
    }
}

impl Variable {
    fn new(name: &'static str, view: &impl Serialize, object: ObjectRef, excerpt: String) -> Self {
        let quote = Quote {
            source: Source::Kubernetes,
            query: path(&object),
            excerpt,
            value: None,
        };
        Self {
            name,
            fields: serde_json::to_value(view).unwrap_or_default(),
            object,
            quotes: vec![quote],
        }
    }

    fn quoting(mut self, more: impl IntoIterator<Item = Quote>) -> Self {
        self.quotes.extend(more);
        self
    }
}

/// Every name that expressions may use, with what is found there.
#[must_use]
pub fn shapes() -> Vec<(&'static str, Shape)> {
    vec![
        ("container", pods::ContainerView::shape()),
        ("pod", pods::PodView::shape()),
        ("workload", workloads::WorkloadView::shape()),
        ("service", services::ServiceView::shape()),
        ("ingress", services::IngressView::shape()),
        ("gateway", gateways::GatewayView::shape()),
        ("route", gateways::RouteView::shape()),
        ("delivery", deliveries::DeliveryView::shape()),
        ("policy", policies::PolicyView::shape()),
        ("quota", policies::QuotaView::shape()),
        ("claim", claims::ClaimView::shape()),
        ("volume", claims::VolumeView::shape()),
        ("node", nodes::NodeView::shape()),
        ("machine", machines::Machine::shape()),
        ("disk", disks::DiskView::shape()),
        ("zone", zones::ZoneView::shape()),
        ("autoscaler", scaling::AutoscalerView::shape()),
        ("budget", scaling::BudgetView::shape()),
        ("job", batch::JobView::shape()),
        ("cron_job", batch::CronJobView::shape()),
        ("api_service", cluster::ApiServiceView::shape()),
        ("webhook", cluster::WebhookView::shape()),
        ("certificate", cluster::CertificateView::shape()),
        ("signing_request", cluster::SigningRequestView::shape()),
        ("alert", cluster::AlertView::shape()),
        ("cluster", cluster::ClusterView::shape()),
        ("logs", overheard::LogsView::shape()),
    ]
}

/// Most quotes of what one object's logs and events say.
const MOST_QUOTES: usize = 4;

/// Every subject of a world.
#[must_use]
pub fn all(world: &World, alerts: &[Alert]) -> Vec<Subject> {
    let owners = Owners::of(&world.snapshot);
    let mut all = Vec::new();
    pods::subjects(world, &owners, &mut all);
    workloads::subjects(world, &owners, &mut all);
    services::subjects(world, &owners, &mut all);
    gateways::subjects(world, &mut all);
    deliveries::subjects(world, &mut all);
    policies::subjects(world, &owners, &mut all);
    claims::subjects(world, &mut all);
    nodes::subjects(world, &mut all);
    zones::subjects(world, &mut all);
    scaling::subjects(world, &mut all);
    batch::subjects(world, &owners, &mut all);
    cluster::subjects(world, alerts, &mut all);
    overheard::add(world, &mut all);
    disks::add(world, &mut all);
    all
}

/// The path at which an object is read.
#[must_use]
pub fn path(object: &ObjectRef) -> String {
    let list = kinds::named(&object.kind).map_or_else(
        || format!("{} {}", object.api_version, object.kind),
        |kind| kind.path(object.namespace.as_deref()),
    );
    format!("{list}/{}", object.name)
}

/// Events about an object, newest first.
fn events(snapshot: &Snapshot, kind: &str, namespace: &str, name: &str) -> Vec<EventView> {
    // Events of cluster-scoped objects are kept in the namespace `default`, and may be kept in any.
    let about = |event: &&Value| {
        let object = &event["involvedObject"];
        text(object, "/kind") == kind && text(object, "/name") == name && text(object, "/namespace") == namespace
    };
    let mut found: Vec<EventView> = snapshot
        .of("Event")
        .iter()
        .filter(about)
        .map(|event| {
            let last = [
                "/series/lastObservedTime",
                "/lastTimestamp",
                "/eventTime",
                "/metadata/creationTimestamp",
            ];
            let at = last.iter().find_map(|pointer| time(event, pointer)).unwrap_or(snapshot.at);
            let count = event
                .get("count")
                .or_else(|| event.pointer("/series/count"))
                .and_then(Value::as_i64);
            EventView {
                reason: text(event, "/reason").to_owned(),
                message: text(event, "/message").to_owned(),
                r#type: text(event, "/type").to_owned(),
                count: count.unwrap_or(1),
                minutes_ago: minutes(snapshot.at, at),
            }
        })
        .collect();
    found.sort_by(|a, b| a.minutes_ago.total_cmp(&b.minutes_ago));
    found
}

/// What events say, as evidence: warnings first.
fn quoted(object: &ObjectRef, events: &[EventView]) -> Vec<Quote> {
    let namespace = object.namespace.as_deref().unwrap_or("default");
    let mut events: Vec<&EventView> = events.iter().collect();
    events.sort_by_key(|event| event.r#type != "Warning");
    events
        .into_iter()
        .take(MOST_QUOTES)
        .map(|event| Quote {
            source: Source::Kubernetes,
            query: format!(
                "/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.kind={},involvedObject.name={}",
                object.kind, object.name
            ),
            excerpt: format!("{} ({} times): {}", event.reason, event.count, event.message),
            value: Some((event.count as f64, "times".into())),
        })
        .collect()
}

/// What somebody's logs say, as evidence.
pub(super) fn lines(said: &[&Said]) -> Vec<Quote> {
    said.iter()
        .take(MOST_QUOTES)
        .map(|said| Quote {
            source: said.source,
            query: said.query.clone(),
            excerpt: format!("{} lines like: {}", said.count, said.text),
            value: Some((said.count as f64, "lines".into())),
        })
        .collect()
}

/// Minutes from one time to another.
fn minutes(now: Timestamp, then: Timestamp) -> f64 {
    now.duration_since(then).as_secs_f64() / 60.0
}

/// Conditions of a status by type.
fn conditions(object: &Value) -> BTreeMap<String, BTreeMap<&'static str, String>> {
    super::read::each(object, "/status/conditions")
        .map(|condition| {
            let field = |name| text(condition, name).to_owned();
            let fields = [
                ("status", field("/status")),
                ("reason", field("/reason")),
                ("message", field("/message")),
            ];
            (text(condition, "/type").to_owned(), fields.into())
        })
        .collect()
}

/// The last manager that wrote something else than status, and minutes since then.
fn last_change(at: Timestamp, object: &Value) -> (String, f64) {
    let entries = super::read::each(object, "/metadata/managedFields").filter(|entry| text(entry, "/subresource") != "status");
    let controllers = ["kube-controller-manager", "kubelet", "kube-scheduler"];
    let people = entries.filter(|entry| !controllers.contains(&text(entry, "/manager")));
    let newest = people
        .filter_map(|entry| Some((time(entry, "/time")?, text(entry, "/manager"))))
        .max();
    let created = || (time(object, "/metadata/creationTimestamp").unwrap_or(at), "");
    let (then, manager) = newest.unwrap_or_else(created);
    (manager.to_owned(), minutes(at, then))
}
