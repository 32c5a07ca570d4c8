//! Rollouts: what the newest revision of a workload changed, and how it fares beside the one before.

use paramedic_domain::{evidence::Source, object::ObjectRef};
use serde_json::Value;

use super::{Quote, World, view::view};
use crate::core::{
    read::{each, text},
    revisions::{self, keeper, revisions},
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

impl ReleaseView {
    /// Minutes since it began, where that is known.
    pub(super) fn began(&self) -> Option<f64> {
        (self.number > 0).then_some(self.minutes_ago)
    }
}

/// The newest rollout of a workload.
pub(super) fn of(world: &World, workload: &ObjectRef, pods: &[&Value]) -> ReleaseView {
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let listed = world.snapshot.within(keeper(&workload.kind).0, namespace);
    let kept = revisions::own(listed, &workload.kind, &workload.name);
    let made_from: Vec<(String, bool)> = pods.iter().map(|pod| (revisions::of_pod(pod), ready(pod))).collect();
    let nobody = "none".parse().expect("letters are a valid id");
    let revisions = revisions(&kept, &made_from, &nobody);
    let Some(newest) = revisions.first() else {
        return ReleaseView::default();
    };
    let previous = revisions.get(1);
    let minutes_ago = super::minutes(world.snapshot.at, newest.created);
    let mut failing = made_from.iter().filter(|(_, ready)| !ready).peekable();
    let own = kept.iter().find(|kept| text(kept, "/metadata/name") == newest.name);
    ReleaseView {
        number: i64::try_from(newest.number).unwrap_or(0),
        minutes_ago,
        recent: previous.is_some() && minutes_ago <= RECENT,
        changes_image: newest.changes.iter().any(|change| change.contains(".image:")),
        changes: newest.changes.clone(),
        cause: own.map_or_else(String::new, |kept| {
            text(kept, "/metadata/annotations/kubernetes.io~1change-cause").to_owned()
        }),
        previous: previous.map_or(0, |previous| i64::try_from(previous.number).unwrap_or(0)),
        previous_ready: previous.map_or(0, |previous| i64::from(previous.ready)),
        only_new_fail: failing.peek().is_some() && failing.all(|(revision, _)| *revision == newest.name),
    }
}

pub(super) fn ready(pod: &Value) -> bool {
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
            "/apis/apps/v1/namespaces/{}/{} owned by {}",
            workload.namespace.as_deref().unwrap_or_default(),
            keeper(&workload.kind).1,
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
