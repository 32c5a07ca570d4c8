//! `delete_evicted` and `cleanup_finished_jobs`: leftovers that nothing needs.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::object::ObjectRef;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{BuiltIn, parse, refuse, schema_of, span};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Refused, Request},
    references::items,
    world::{self, Need, World, with_uid},
};

/// Most objects of one step.
const MOST: usize = 100;
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) const EVICTED: BuiltIn = BuiltIn {
    name: "delete_evicted",
    aliases: &["delete_evicted_pods", "cleanup_evicted_pods"],
    about: About {
        description: "deletes the records of pods of a namespace that the kubelet evicted; they ended long ago",
        risk: "low: what is deleted has ended already",
        undo: "none: an evicted pod has ended, only its record goes, and its logs with it",
        dry_run: "server-side dry run of every deletion",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 300,
    typical_seconds: 10,
    schema: schema_of::<Evicted>,
    needs: needs_evicted,
    draft: evicted,
};

pub(super) const JOBS: BuiltIn = BuiltIn {
    name: "cleanup_finished_jobs",
    aliases: &["delete_finished_jobs", "cleanup_jobs"],
    about: About {
        description: "deletes Jobs of a namespace that ended some time ago, their pods included",
        risk: "low: what is deleted has ended already",
        undo: "none: a Job that is created again would run again",
        dry_run: "server-side dry run of every deletion",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 300,
    typical_seconds: 15,
    schema: schema_of::<Finished>,
    needs: needs_finished,
    draft: finished,
};

/// Where, and how many.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Evicted {
    /// Namespace.
    namespace: String,
    /// Most pods to delete, the oldest first.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<usize>,
}

/// Where, how old and how many.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Finished {
    /// Namespace.
    namespace: String,
    /// Only Jobs that ended longer ago than this, for instance `24h`; left out: `1h`.
    #[serde(rename = "olderThan", alias = "older_than")]
    older_than: Option<String>,
    /// Whether failed Jobs go, too; left out, they stay for people to look at.
    #[serde(default)]
    failed: bool,
    /// Most Jobs to delete, the oldest first.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<usize>,
}

fn pods(namespace: &str) -> world::Kind {
    world::Kind::within("v1", "Pod", namespace)
}

fn jobs(namespace: &str) -> world::Kind {
    world::Kind::within("batch/v1", "Job", namespace)
}

fn needs_evicted(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Evicted = parse(params)?;
    bounded(params.limit)?;
    Ok(vec![Need::Kind(pods(&params.namespace))])
}

fn evicted(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: Evicted = parse(params)?;
    let limit = bounded(params.limit)?;
    let is = |pod: &Value, path: &str, value: &str| pod.pointer(path).and_then(Value::as_str) == Some(value);
    let found: Vec<_> = listed(world, &pods(&params.namespace))?
        .into_iter()
        .filter(|(_, pod)| is(pod, "/status/phase", "Failed") && is(pod, "/status/reason", "Evicted"))
        .collect();
    if found.is_empty() {
        return refuse(format!("namespace {} has no evicted pods", params.namespace));
    }
    let why = "the kubelet evicted it, it runs no more; its record goes, and its logs with it";
    Ok(deleted(found, limit, "evicted pods", why))
}

fn needs_finished(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Finished = parse(params)?;
    bounded(params.limit)?;
    Ok(vec![Need::Kind(jobs(&params.namespace))])
}

fn finished(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let params: Finished = parse(params)?;
    let limit = bounded(params.limit)?;
    let age = match &params.older_than {
        Some(text) => span::duration("olderThan", text, LONGEST)?,
        None => Duration::from_secs(3600),
    };
    let before = SignedDuration::try_from(age)
        .ok()
        .and_then(|age| moment.now.checked_sub(age).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH);
    let found: Vec<_> = listed(world, &jobs(&params.namespace))?
        .into_iter()
        .filter(|(_, job)| ended(job, params.failed).is_some_and(|at| at < before))
        .collect();
    if found.is_empty() {
        return refuse(format!(
            "namespace {} has no Jobs that ended more than {} s ago",
            params.namespace,
            age.as_secs()
        ));
    }
    let why = "it has ended; its record goes, and its pods with their logs";
    Ok(deleted(found, limit, "finished Jobs", why))
}

/// When a Job ended: it completed, or (if those count) failed for good.
fn ended(job: &Value, failed: bool) -> Option<Timestamp> {
    items(job, "/status/conditions").find_map(|condition| {
        let text = |name: &str| condition.get(name).and_then(Value::as_str);
        let counts = text("type") == Some("Complete") || failed && text("type") == Some("Failed");
        (counts && text("status") == Some("True")).then(|| text("lastTransitionTime")?.parse().ok())?
    })
}

fn listed<'a>(world: &'a World, kind: &world::Kind) -> Result<Vec<(&'a ObjectRef, &'a Value)>, Refused> {
    world
        .all(kind)
        .ok_or_else(|| Refused::because(format!("{}s may not be listed: nothing can be cleaned up", kind.kind)))
}

/// The oldest first. What has gone meanwhile is no harm: each is deleted by its UID.
fn deleted(mut found: Vec<(&ObjectRef, &Value)>, limit: usize, what: &str, ended: &str) -> Draft {
    let created = |object: &Value| {
        object
            .pointer("/metadata/creationTimestamp")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    found.sort_by_key(|(name, object)| (created(object), (*name).clone()));
    let all = found.len();
    let requests: Vec<Request> = found
        .into_iter()
        .take(limit)
        .map(|(name, object)| Request::Delete {
            target: with_uid(name, object),
            owner: None,
            restore: false,
            ended: Some(ended.to_owned()),
        })
        .collect();
    let count = requests.len();
    Draft::from(requests).note(format!("{count} of {all} {what} are deleted, the oldest first"))
}

fn bounded(limit: Option<usize>) -> Result<usize, Refused> {
    match limit {
        None => Ok(MOST),
        Some(limit) if (1..=MOST).contains(&limit) => Ok(limit),
        Some(limit) => Err(Refused::parameter("/limit", format!("{limit} is not between 1 and {MOST}"))),
    }
}
