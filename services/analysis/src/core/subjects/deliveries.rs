//! What tools that deliver say of a workload, and those tools' own trouble.

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::object::ObjectRef;

use super::{Quote, Subject, Variable, World, minutes, view::view};
use crate::core::delivery::Delivery;

/// Commits that are quoted of one workload.
const MOST_COMMITS: usize = 3;

view! {
    /// What delivers a workload (Argo CD, Flux, Helm), as it says itself. All is empty where nothing does, or it was not asked.
    pub(super) struct DeliveryView {
        /// `argocd`, `flux`, `helm`; empty: nothing is known of it.
        tool: &'static str,
        /// The Application, Kustomization, HelmRelease or release of Helm.
        owner: String,
        /// Whether the cluster is as it is to be: `Synced`, `OutOfSync`; of Flux the reason of its condition `Ready`, of Helm the status of its newest release.
        sync: String,
        /// How well it finds what it delivered: `Healthy`, `Degraded`; empty: it does not say.
        health: String,
        /// What was applied last.
        applied: String,
        /// Minutes since then; -1: it does not say.
        applied_minutes: f64,
        /// What was applied before; empty: it does not say.
        previous: String,
        /// Why the newest cannot be applied; empty: it is, or only does not come up.
        failure: String,
        /// Minutes since it fails; -1: it does not, or does not say.
        failing_minutes: f64,
        /// It applies what is new without being asked.
        automatic: bool,
        /// It takes back what others change.
        reverts: bool,
        /// What it applied last is what began the workload's newest rollout.
        began_release: bool,
        /// Commits on what it applies within the time that is looked back, newest first.
        commits: Vec<String>,
    }
}

/// What delivers a workload whose newest rollout began so many minutes ago.
pub(super) fn of(world: &World, workload: &ObjectRef, released: Option<f64>) -> DeliveryView {
    let Some(delivery) = world.deliveries.iter().find(|delivery| delivery.owns(workload)) else {
        return DeliveryView::default();
    };
    let began = released.and_then(|ago| before(world.snapshot.at, ago));
    DeliveryView {
        began_release: began.is_some_and(|began| delivery.began(began)),
        ..told(world, delivery)
    }
}

fn told(world: &World, delivery: &Delivery) -> DeliveryView {
    let ago = |at: Option<Timestamp>| at.map_or(-1.0, |at| minutes(world.snapshot.at, at));
    let failure = delivery.failure.as_ref().filter(|failure| !failure.symptom);
    DeliveryView {
        tool: delivery.tool.name(),
        owner: delivery.owner.to_string(),
        sync: delivery.sync.clone(),
        health: delivery.health.clone(),
        applied: delivery.applied(),
        applied_minutes: ago(delivery.applied_at()),
        previous: delivery.previous().to_owned(),
        failure: failure.map_or_else(String::new, |failure| format!("{}: {}", failure.reason, failure.message)),
        failing_minutes: ago(failure.and_then(|failure| failure.at)),
        automatic: delivery.automatic,
        reverts: delivery.reverts,
        began_release: false,
        commits: delivery.commits(&world.commits).map(|commit| commit.words()).collect(),
    }
}

/// Evidence of what delivers a workload.
pub(super) fn quotes(world: &World, workload: &ObjectRef) -> Vec<Quote> {
    let deliveries = world.deliveries.iter().filter(|delivery| delivery.owns(workload));
    deliveries.flat_map(|delivery| quoted(world, delivery)).collect()
}

fn quoted(world: &World, delivery: &Delivery) -> Vec<Quote> {
    let commits = delivery.commits(&world.commits).take(MOST_COMMITS);
    std::iter::once(delivery.quote())
        .chain(commits.map(|commit| commit.quote()))
        .collect()
}

/// The tools' own objects, for what keeps them from applying anything.
pub(super) fn subjects(world: &World, all: &mut Vec<Subject>) {
    for delivery in &world.deliveries {
        all.push(Subject {
            of: "delivery",
            object: delivery.owner.clone(),
            variables: vec![Variable {
                name: "delivery",
                fields: serde_json::to_value(told(world, delivery)).unwrap_or_default(),
                object: delivery.owner.clone(),
                quotes: quoted(world, delivery),
            }],
        });
    }
}

/// The time so many minutes before another.
fn before(at: Timestamp, minutes: f64) -> Option<Timestamp> {
    at.checked_sub(SignedDuration::try_from_secs_f64(minutes * 60.0).ok()?).ok()
}
