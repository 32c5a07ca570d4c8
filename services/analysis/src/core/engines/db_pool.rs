//! A connection pool that is too small for its load: requests wait for a connection until they time out, and so does everybody
//! who asks.
//!
//! Weights: the logs say that the pool is taken 0.30, the database counts exactly pool times replicas connections 0.20, alerted
//! workloads depend on it 0.15, the load rose 0.05, the database has room for more 0.10, no pod fails and nothing was rolled
//! out 0.05.

use paramedic_domain::diagnosis::Category;

use super::{
    Finding, factor,
    roots::{Pool, Root, alerted, named},
};
use crate::core::{
    estate::{Complaint, Database, Member, Setting},
    facts::{Facts, Workload},
};

/// Words of a log line that speak of a pool without free connections, all of one group.
const TAKEN: [&[&str]; 5] = [
    &["acquiring connection", "pool"],
    &["connection pool", "exhausted"],
    &["pool", "timeout", "connection"],
    &["remaining connection slots"],
    &["connection is not available", "timed out"],
];
/// A count of connections this near to pool times replicas is the pool's limit, not chance.
const NEAR: f64 = 0.03;
/// Share of what the database takes that one client may have at most: others connect, too, and rollouts surge.
const SHARE: f64 = 0.9;
/// A rise of the load that is worth naming.
const RISE: f64 = 1.15;
/// Replicas are at most multiplied by this at once.
const MOST_RISE: f64 = 2.0;
/// A pool is at most multiplied by this at once.
const GROWTH: u32 = 2;

pub(super) fn diagnose(facts: &Facts, _workload: &Workload) -> Result<Finding, String> {
    let found = facts
        .estate
        .members
        .iter()
        .filter_map(|member| Some((member, member.complaints.iter().find(|complaint| taken(complaint))?)))
        .max_by_key(|(member, _)| {
            facts
                .estate
                .alerted()
                .filter(|other| facts.estate.depends(other, &member.workload.object))
                .count()
        });
    let Some((member, complaint)) = found else {
        return Err("no log of the alerted workloads and their dependencies speaks of a pool without free connections".into());
    };
    let Some((setting, size_key)) = pool_setting(member) else {
        return Err(format!(
            "{} waits for connections of its pool, but no ConfigMap says how large that is",
            member.workload.object
        ));
    };
    let size: u32 = setting.value.trim().parse().map_err(|_| format!("{} is no number", setting.name))?;
    let workload = &member.workload;
    let namespace = workload.object.namespace.as_deref().unwrap_or_default();
    let database = facts.estate.databases.iter().find(|known| known.namespace == namespace);
    let open = f64::from(size * workload.desired);
    let mut factors = Vec::new();
    factors.extend(factor(
        0.30,
        format!(
            "{} logs {:?} ({} times in ten minutes)",
            workload.object, complaint.latest, complaint.count
        ),
        [complaint.evidence.clone()],
    ));
    let client = database.and_then(|database| client(database, open));
    if let Some((name, figure)) = client {
        factors.extend(factor(
            0.20,
            format!(
                "the database counts {:.0} connections of {name}: {} pods x {size} of the pool, not one more",
                figure.value, workload.desired
            ),
            [figure.evidence.clone()],
        ));
    }
    let room = room(database, client.map(|(name, _)| name));
    if let (Some(room), Some(takes)) = (room, database.and_then(|database| database.takes.as_ref())) {
        let fits = room > open;
        factors.extend(factor(
            if fits { 0.10 } else { -0.10 },
            format!("the database takes {room:.0} connections of this client, {open:.0} are open"),
            [takes.evidence.clone()],
        ));
    }
    let dependants: Vec<&Member> = facts
        .estate
        .alerted()
        .filter(|other| facts.estate.depends(other, &workload.object))
        .collect();
    if !dependants.is_empty() {
        factors.extend(factor(
            0.15,
            format!(
                "{} of {} alerted workloads depend on it: {}",
                dependants.len(),
                alerted(facts),
                named(dependants.iter().map(|member| &member.workload.object))
            ),
            [workload.evidence.clone()],
        ));
    }
    let rise = member.load.as_ref().filter(|load| load.value >= RISE);
    if let Some(load) = rise {
        factors.extend(factor(
            0.05,
            format!("it serves {:.1} times the load of an hour before", load.value),
            [load.evidence.clone()],
        ));
    }
    if member.unready.is_empty() && workload.ready >= workload.desired {
        factors.extend(factor(
            0.05,
            format!("all {} pods are ready: it is not they that fail", workload.desired),
            [workload.evidence.clone()],
        ));
    }
    let wanted = wanted(size, workload.desired, rise.map_or(1.0, |load| load.value), room);
    let callers: Vec<_> = facts
        .estate
        .callers(&workload.object)
        .filter(|caller| !caller.alerts.is_empty())
        .map(|caller| caller.workload.object.clone())
        .collect();
    let timeout_key = member
        .settings
        .iter()
        .find(|other| other.name.to_uppercase().contains("POOL_TIMEOUT"))
        .and_then(|other| {
            let (map, key) = other.source.clone()?;
            (map == size_key.0).then(|| (key, other.value.clone()))
        });
    let database = member.calls.iter().find(|called| called.kind == "StatefulSet").cloned();
    Ok(Finding {
        category: Category::DbPoolExhaustion,
        summary: format!(
            "the database connections of {} are exhausted: each of its {} pods may open {size} ({}), all are taken, and requests time out waiting for one",
            workload.object, workload.desired, setting.name
        ),
        chain: vec![
            rise.map_or_else(
                || format!("{} needs more connections than its pools of {size} have", workload.object.name),
                |load| {
                    format!(
                        "the load of {} rose to {:.1} times that of an hour before",
                        workload.object.name, load.value
                    )
                },
            ),
            format!("all {open:.0} connections are taken, requests wait until they time out"),
            format!(
                "whoever asks it fails, too: {}",
                named(dependants.iter().map(|member| &member.workload.object))
            ),
        ],
        factors,
        slope: None,
        root: Some(Root::Pool(Pool {
            workload: workload.clone(),
            size_key,
            timeout_key,
            size,
            wanted,
            room,
            database,
            callers,
        })),
    })
}

/// Whether a line says that every connection of a pool is taken.
pub(super) fn taken(complaint: &Complaint) -> bool {
    let text = complaint.latest.to_lowercase();
    TAKEN.iter().any(|words| words.iter().all(|word| text.contains(word)))
}

fn pool_setting(member: &Member) -> Option<(&Setting, (String, String))> {
    let names = ["POOL_SIZE", "MAX_POOL", "POOL_MAX", "MAX_OPEN_CONN", "MAXIMUM_POOL"];
    member.settings.iter().find_map(|setting| {
        let name = setting.name.to_uppercase().replace(['-', '.'], "_");
        let source = setting.source.clone()?;
        (names.iter().any(|word| name.contains(word)) && setting.value.trim().parse::<u32>().is_ok_and(|size| size > 0))
            .then_some((setting, source))
    })
}

fn client(database: &Database, open: f64) -> Option<(&str, &crate::core::estate::Figure)> {
    let near = |value: f64| (value - open).abs() <= open * NEAR;
    let (name, figure) = database.clients.iter().find(|(_, figure)| near(figure.value))?;
    Some((name, figure))
}

/// What the database takes less what others have open.
fn room(database: Option<&Database>, own: Option<&str>) -> Option<f64> {
    let database = database?;
    let takes = database.takes.as_ref()?.value;
    let others: f64 = database
        .clients
        .iter()
        .filter(|(name, _)| Some(name.as_str()) != own)
        .map(|(_, figure)| figure.value)
        .sum();
    Some((takes - others).max(0.0))
}

/// A larger pool, and more replicas as the load rose, so that both together stay within what the database takes. `None` when
/// not even a larger pool for the present replicas fits, or when nobody knows what the database takes.
pub(crate) fn wanted(size: u32, replicas: u32, load: f64, room: Option<f64>) -> Option<(u32, u32)> {
    let room = room? * SHARE;
    let more = (f64::from(replicas) * load.clamp(1.0, MOST_RISE)).round() as u32;
    [more.max(replicas), replicas].into_iter().find_map(|replicas| {
        let most = (room / f64::from(replicas.max(1)) / 10.0).floor() as u32 * 10;
        let larger = (size * GROWTH).min(most);
        (larger > size).then_some((larger, replicas))
    })
}
