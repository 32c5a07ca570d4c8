//! Rollouts: what the newest revision of a workload changed, and how it fares beside the one before.

use paramedic_domain::{evidence::Source, object::ObjectRef};
use serde_json::Value;

use super::{Quote, World, view::view};
use crate::core::{
    read::{self, each, text},
    snapshot::age,
};

/// A rollout longer ago, minutes, is not the cause of something that begins now.
const RECENT: f64 = 24.0 * 60.0;

view! {
    /// The newest rollout against the one before.
    pub(super) struct ReleaseView {
        /// Its revision; 0: not known.
        pub(super) number: i64,
        /// Minutes since it began.
        pub(super) minutes_ago: f64,
        /// Within a day, and there is one before.
        pub(super) recent: bool,
        /// Fields of the template that differ, each with before and after.
        pub(super) changes: Vec<String>,
        /// An image is among them.
        pub(super) changes_image: bool,
        /// What its author wrote down as the cause.
        pub(super) cause: String,
        /// Number of the revision before; 0: there is none.
        pub(super) previous: i64,
        /// Ready replicas of the revision before.
        pub(super) previous_ready: i64,
        /// Every pod that is not ready is of the newest revision, and there is one.
        pub(super) only_new_fail: bool,
    }
}

pub(super) fn revision_number(set: &Value) -> i64 {
    text(set, "/metadata/annotations/deployment.kubernetes.io~1revision")
        .parse()
        .unwrap_or(0)
}

/// The newest rollout of a workload.
pub(super) fn of(world: &World, workload: &ObjectRef, object: &Value, pods: &[&Value]) -> ReleaseView {
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    if workload.kind != "Deployment" {
        return of_set(world, object, pods);
    }
    let sets: Vec<&Value> = world
        .snapshot
        .within("ReplicaSet", namespace)
        .filter(|set| read::controller(set).is_some_and(|(kind, name)| kind == "Deployment" && name == workload.name))
        .collect();
    let nobody = "none".parse().expect("letters are a valid id");
    let revisions = read::revisions(&sets, &nobody);
    let Some(newest) = revisions.first() else {
        return ReleaseView::default();
    };
    let previous = revisions.get(1);
    let minutes_ago = super::minutes(world.snapshot.at, newest.created);
    let failing: Vec<&str> = pods
        .iter()
        .filter(|pod| !ready(pod))
        .filter_map(|pod| each(pod, "/metadata/ownerReferences").next())
        .map(|owner| text(owner, "/name"))
        .collect();
    let set = sets.iter().find(|set| text(set, "/metadata/name") == newest.name);
    ReleaseView {
        number: i64::try_from(newest.number).unwrap_or(0),
        minutes_ago,
        recent: previous.is_some() && minutes_ago <= RECENT,
        changes_image: newest.changes.iter().any(|change| change.contains(".image:")),
        changes: newest.changes.clone(),
        cause: set.map_or_else(String::new, |set| {
            text(set, "/metadata/annotations/kubernetes.io~1change-cause").to_owned()
        }),
        previous: previous.map_or(0, |previous| i64::try_from(previous.number).unwrap_or(0)),
        previous_ready: previous.map_or(0, |previous| i64::from(previous.ready)),
        only_new_fail: !failing.is_empty() && failing.iter().all(|owner| *owner == newest.name),
    }
}

/// What is known of the rollouts of a StatefulSet or DaemonSet without its ControllerRevisions: the revision of each pod, and its age.
fn of_set(world: &World, object: &Value, pods: &[&Value]) -> ReleaseView {
    let hash = |pod: &Value| text(pod, "/metadata/labels/controller-revision-hash").to_owned();
    let age_of = |pod: &&Value| age(world.snapshot.at, pod, "/metadata/creationTimestamp").unwrap_or(f64::MAX);
    let newest = || pods.iter().min_by(|a, b| age_of(a).total_cmp(&age_of(b))).map(|pod| hash(pod));
    // A DaemonSet does not say which revision is its newest: its youngest pod does.
    let update = match text(object, "/status/updateRevision") {
        "" => newest().unwrap_or_default(),
        named => named.to_owned(),
    };
    let (new, old): (Vec<&Value>, Vec<&Value>) = pods.iter().partition(|pod| hash(pod) == update);
    let current = match text(object, "/status/currentRevision") {
        "" => old.first().map(|pod| hash(pod)).unwrap_or_default(),
        named => named.to_owned(),
    };
    if update.is_empty() || current.is_empty() || current == update {
        return ReleaseView::default();
    }
    let minutes_ago = new.iter().map(age_of).fold(f64::MAX, f64::min) / 60.0;
    let failing = new.iter().any(|pod| !ready(pod));
    ReleaseView {
        number: 2,
        minutes_ago,
        recent: minutes_ago <= RECENT,
        previous: 1,
        previous_ready: old.iter().filter(|pod| ready(pod)).count() as i64,
        only_new_fail: failing && old.iter().all(|pod| ready(pod)),
        changes: vec![format!("revision: {current} -> {update}")],
        ..ReleaseView::default()
    }
}

fn ready(pod: &Value) -> bool {
    each(pod, "/status/conditions").any(|condition| text(condition, "/type") == "Ready" && text(condition, "/status") == "True")
}

/// The rollout, as evidence.
pub(super) fn quote(workload: &ObjectRef, release: &ReleaseView) -> Quote {
    let cause = if release.cause.is_empty() {
        String::new()
    } else {
        format!(" ({})", release.cause)
    };
    Quote {
        source: Source::Kubernetes,
        query: format!(
            "/apis/apps/v1/namespaces/{}/replicasets owned by {}",
            workload.namespace.as_deref().unwrap_or_default(),
            workload.name
        ),
        excerpt: format!(
            "revision {}{cause} since {:.0} min; changed {}; revision {} before it has {} ready replicas",
            release.number,
            release.minutes_ago,
            release.changes.iter().take(4).cloned().collect::<Vec<_>>().join(", "),
            release.previous,
            release.previous_ready
        ),
        value: Some((release.minutes_ago, "min".into())),
    }
}
