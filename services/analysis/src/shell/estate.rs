//! The neighbourhood of the alerts: workloads, their dependencies, running Jobs, and what telemetry says of them.

use std::collections::BTreeSet;

use paramedic_domain::{evidence::Source, object::ObjectRef};
use serde_json::Value;

use super::{
    kubernetes::Problem,
    probes::{Probes, Unreachable},
    prometheus::{Answer, Prometheus},
    reader::Reader,
    resolve::ask,
};
use crate::core::{
    criteria,
    estate::{Database, Estate, Figure, Listing, Listings, Member, RunningJob, calls, config_maps, members, mentioned_namespaces},
    facts::Facts,
    read::{self, is_label},
};

/// Most namespaces that are looked at.
const MOST_NAMESPACES: usize = 8;
/// What [`listing`] reads, of all namespaces.
const EVERYWHERE: [&str; 5] = [
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/statefulsets",
    "/apis/apps/v1/daemonsets",
    "/api/v1/services",
    "/api/v1/pods",
];
/// More ConfigMaps of one namespace than these are listed together.
const MOST_ALONE: usize = 2;
/// Figures by which shared services say themselves whether they are whole: 1 is whole.
const STATES: [&str; 3] = ["redis_cluster_state", "etcd_server_has_leader", "kafka_controller_active"];

/// Fills in the estate.
///
/// # Errors
/// When the cluster cannot be reached.
pub(super) async fn estate(probes: &Probes, kubernetes: &Reader, facts: &mut Facts) -> Result<(), Unreachable> {
    let listings = list(kubernetes, facts).await?;
    facts.world.listings.clone_from(&listings);
    let evidence = facts.next_id();
    let found = members(&listings, &facts.alerts, &evidence);
    if found.is_empty() {
        return Ok(());
    }
    facts.cite(
        Source::Kubernetes,
        format!(
            "workloads, services and environment of {}",
            listings.keys().cloned().collect::<Vec<_>>().join(", ")
        ),
        describe(&found),
        Some((found.len() as f64, "workloads")),
    );
    let mut estate = Estate {
        members: found,
        ..Estate::default()
    };
    for member in &mut estate.members {
        member.workload.counted = facts.counted;
        unready(kubernetes, facts, member).await?;
    }
    for namespace in listings.keys() {
        estate.jobs.extend(jobs(kubernetes, facts, &listings, namespace).await?);
    }
    if let Some(prometheus) = &probes.prometheus {
        figures(prometheus, facts, &mut estate).await;
    }
    facts.estate = estate;
    Ok(())
}

/// Objects of the namespaces that alerts name, and of those that their workloads depend on.
async fn list(kubernetes: &Reader, facts: &mut Facts) -> Result<Listings, Unreachable> {
    let mut listings = Listings::new();
    let mut open: BTreeSet<String> = facts
        .alerts
        .iter()
        .map(|alert| alert.label("namespace"))
        .filter(|name| is_label(name))
        .map(ToOwned::to_owned)
        .collect();
    // One namespace further is read by itself; what more there are, and whatever they lead to, is in lists of the whole cluster.
    let mut alone: usize = 1;
    while !open.is_empty() {
        if !listings.is_empty() {
            match alone.checked_sub(open.len()) {
                Some(left) => alone = left,
                None => known(kubernetes, &EVERYWHERE).await?,
            }
        }
        let mut mentioned = BTreeSet::new();
        for namespace in std::mem::take(&mut open) {
            if listings.len() >= MOST_NAMESPACES {
                break;
            }
            let listing = listing(kubernetes, facts, &namespace).await?;
            for (_, workload) in &listing.workloads {
                mentioned.extend(mentioned_namespaces(&listing, &workload["spec"]["template"], &namespace));
            }
            listings.insert(namespace, listing);
        }
        mentioned.retain(|name| is_label(name) && !listings.contains_key(name));
        if mentioned.is_empty() {
            break;
        }
        let all = ask(kubernetes, facts, "/api/v1/namespaces").await?;
        let names: BTreeSet<&str> = all
            .iter()
            .flat_map(|all| read::each(all, "/items"))
            .map(|one| read::text(one, "/metadata/name"))
            .collect();
        open.extend(mentioned.into_iter().filter(|name| names.contains(name.as_str())));
    }
    Ok(listings)
}

/// Lists what is then asked for in parts, so that it is asked for once; where that may not be, it is not.
async fn known(kubernetes: &Reader, paths: &[&str]) -> Result<(), Unreachable> {
    for path in paths {
        match kubernetes.get(path).await {
            Ok(_) | Err(Problem::Absent(_) | Problem::Refused { .. } | Problem::TooMuch { .. }) => {}
            Err(unreachable @ Problem::Unreachable { .. }) => return Err(Unreachable(unreachable.to_string())),
        }
    }
    Ok(())
}

async fn listing(kubernetes: &Reader, facts: &mut Facts, namespace: &str) -> Result<Listing, Unreachable> {
    let mut listing = Listing::default();
    for (kind, plural) in [
        ("Deployment", "deployments"),
        ("StatefulSet", "statefulsets"),
        ("DaemonSet", "daemonsets"),
    ] {
        let path = format!("/apis/apps/v1/namespaces/{namespace}/{plural}");
        if let Some(list) = ask(kubernetes, facts, &path).await? {
            listing
                .workloads
                .extend(read::each(&list, "/items").map(|object| (kind.to_owned(), object.clone())));
        }
    }
    if let Some(list) = ask(kubernetes, facts, &format!("/api/v1/namespaces/{namespace}/services")).await? {
        listing.services = read::each(&list, "/items").cloned().collect();
    }
    if let Some(list) = ask(kubernetes, facts, &format!("/api/v1/namespaces/{namespace}/pods")).await? {
        let pods = read::each(&list, "/items");
        listing.pods = pods
            .map(|pod| (read::text(pod, "/metadata/name").to_owned(), read::texts(pod, "/metadata/labels")))
            .collect();
    }
    let maps: BTreeSet<String> = listing
        .workloads
        .iter()
        .flat_map(|(_, object)| config_maps(&object["spec"]["template"]))
        .collect();
    if maps.len() > MOST_ALONE {
        known(kubernetes, &[&format!("/api/v1/namespaces/{namespace}/configmaps")]).await?;
    }
    for name in maps {
        // Where ConfigMaps may not be read, that is one missing source, however many there are.
        if closed(facts, "/configmaps/") {
            break;
        }
        if let Some(map) = ask(kubernetes, facts, &format!("/api/v1/namespaces/{namespace}/configmaps/{name}")).await? {
            listing.config_maps.insert(name, read::texts(&map, "/data"));
        }
    }
    Ok(listing)
}

/// Whether paths like this were refused before: what may not be read is one missing source, however often it is asked for.
fn closed(facts: &Facts, part: &str) -> bool {
    facts.missing.iter().any(|missing| missing.contains(part))
}

fn describe(members: &[Member]) -> String {
    let line = |member: &Member| {
        let object = &member.workload.object;
        let called: Vec<String> = member.calls.iter().map(ToString::to_string).collect();
        let about = if member.alerts.is_empty() { "" } else { ", alerted about" };
        if called.is_empty() {
            format!("{object}{about}")
        } else {
            format!("{object}{about}, calls {}", called.join(", "))
        }
    };
    members.iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn unready(kubernetes: &Reader, facts: &mut Facts, member: &mut Member) -> Result<(), Unreachable> {
    let workload = &member.workload;
    if workload.ready >= workload.desired {
        return Ok(());
    }
    let namespace = workload.object.namespace.as_deref().unwrap_or_default();
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    let Some(list) = ask(kubernetes, facts, &path).await? else {
        return Ok(());
    };
    let own = |pod: &&Value| {
        read::controller(pod).is_some_and(|(kind, name)| {
            let direct = kind == workload.object.kind && name == workload.object.name;
            direct
                || kind == "ReplicaSet"
                    && name
                        .rsplit_once('-')
                        .is_some_and(|(deployment, _)| deployment == workload.object.name)
        })
    };
    for object in read::each(&list, "/items").filter(own) {
        let pod = read::pod(object, facts.next_id());
        if !pod.ready {
            let line = format!(
                "pod {} of {} is not ready on node {}",
                pod.name,
                workload.object,
                read::text(object, "/spec/nodeName")
            );
            let evidence = facts.cite(Source::Kubernetes, format!("{path}/{}", pod.name), line, None);
            member.unready.push((pod.name, evidence));
        }
    }
    Ok(())
}

async fn jobs(kubernetes: &Reader, facts: &mut Facts, listings: &Listings, namespace: &str) -> Result<Vec<RunningJob>, Unreachable> {
    if closed(facts, "/jobs") {
        return Ok(Vec::new());
    }
    let path = format!("/apis/batch/v1/namespaces/{namespace}/jobs");
    let Some(list) = ask(kubernetes, facts, &path).await? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for job in read::each(&list, "/items").filter(|job| read::count(job, "/status/active").unwrap_or(0) > 0) {
        let mut object = ObjectRef::new("batch/v1", "Job", Some(namespace), read::text(job, "/metadata/name"));
        object.uid = Some(read::text(job, "/metadata/uid").to_owned()).filter(|uid| !uid.is_empty());
        let calls = calls(listings, &job["spec"]["template"], &object);
        if calls.is_empty() {
            continue;
        }
        let cron_job = read::controller(job).filter(|(kind, _)| kind == "CronJob").map(|(_, name)| name);
        let mut cron_suspended = false;
        if let Some(name) = &cron_job {
            let cron = ask(kubernetes, facts, &format!("/apis/batch/v1/namespaces/{namespace}/cronjobs/{name}")).await?;
            cron_suspended = cron.is_some_and(|cron| cron.pointer("/spec/suspend") == Some(&Value::Bool(true)));
        }
        let team = Some(read::text(job, "/metadata/labels/team"))
            .filter(|team| !team.is_empty())
            .or_else(|| Some(read::text(job, "/spec/template/metadata/labels/team")).filter(|team| !team.is_empty()));
        let line = format!("{object} runs since {}", read::text(job, "/status/startTime"));
        let evidence = facts.cite(Source::Kubernetes, format!("{path}/{}", object.name), line, None);
        found.push(RunningJob {
            object,
            cron_job,
            cron_suspended,
            team: team.map(ToOwned::to_owned),
            calls,
            evidence,
        });
    }
    Ok(found)
}

async fn figures(prometheus: &Prometheus, facts: &mut Facts, estate: &mut Estate) {
    let namespaces: BTreeSet<String> = estate
        .members
        .iter()
        .filter_map(|member| member.workload.object.namespace.clone())
        .collect();
    for namespace in &namespaces {
        let database = database(prometheus, facts, namespace).await;
        let known = database.takes.is_some() || !database.clients.is_empty() || !database.deadlocks.is_empty();
        estate.databases.extend(known.then_some(database));
        let alerted: Vec<&Member> = estate
            .alerted()
            .filter(|member| member.workload.object.namespace.as_ref() == Some(namespace))
            .collect();
        if !alerted.is_empty() {
            let of = facts.counted.of(namespace, alerted.iter().map(|member| &member.workload.object));
            let query = criteria::share_failed(facts.counted, &of, "2m");
            let figure = measured(prometheus, facts, &query, "share of requests").await;
            estate.errors.extend(figure.map(|figure| (namespace.clone(), figure)));
        }
    }
    for member in &mut estate.members {
        let pods = format!(
            "namespace=\"{}\",pod=~\"{}\"",
            member.workload.object.namespace.as_deref().unwrap_or_default(),
            criteria::pods_of(&member.workload)
        );
        if !member.alerts.is_empty() {
            let total = member.workload.counted.rate(&criteria::counted(&member.workload), "1m");
            let query = format!("{total} / {}", total.replace("[1m]", "[10m] offset 1h"));
            member.load = measured(prometheus, facts, &query, "times the load of an hour before").await;
        }
        if !member.unready.is_empty() {
            for name in STATES {
                if member.state.is_none() {
                    member.state = measured(prometheus, facts, &format!("min({name}{{{pods}}})"), "1 is whole").await;
                }
            }
        }
    }
}

/// One number and where it comes from; not every cluster has every figure, so its absence is no missing source.
async fn measured(prometheus: &Prometheus, facts: &mut Facts, query: &str, unit: &str) -> Option<Figure> {
    let value = prometheus.greatest(query, facts.at).await.ok()??;
    Some(figure(facts, query.to_owned(), value, unit))
}

fn figure(facts: &mut Facts, query: String, value: f64, unit: &str) -> Figure {
    let evidence = facts.cite(Source::Prometheus, &query, format!("{value:.4} {unit}"), Some((value, unit)));
    Figure { query, value, evidence }
}

async fn database(prometheus: &Prometheus, facts: &mut Facts, namespace: &str) -> Database {
    let takes = format!(
        "min(pg_settings_max_connections{{namespace=\"{namespace}\"}}) - max(pg_settings_superuser_reserved_connections{{namespace=\"{namespace}\"}})"
    );
    let mut database = Database {
        namespace: namespace.to_owned(),
        takes: measured(prometheus, facts, &takes, "connections for clients").await,
        ..Database::default()
    };
    let of = |more: &str| format!("{{namespace=\"{namespace}\"{more}}}");
    let activity = |more: &str| format!("max by (application_name) (pg_stat_activity_count{})", of(more));
    database.clients = labelled(prometheus, facts, &activity, "application_name", "connections").await;
    let deadlocks = |more: &str| format!("max by (datname) (rate(pg_stat_database_deadlocks{}[5m]))", of(more));
    database.deadlocks = labelled(prometheus, facts, &deadlocks, "datname", "deadlocks/s").await;
    let longest = |more: &str| format!("max by (application_name) (pg_stat_activity_max_tx_duration{})", of(more));
    database.transactions = labelled(prometheus, facts, &longest, "application_name", "seconds").await;
    database
}

/// The series of a query by one label, each with the query for it alone.
async fn labelled(
    prometheus: &Prometheus,
    facts: &mut Facts,
    query: &(dyn Fn(&str) -> String + Sync),
    label: &str,
    unit: &str,
) -> Vec<(String, Figure)> {
    let Ok(answers) = prometheus.instant(&query(""), facts.at).await else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for Answer { labels, points } in answers {
        let (Some(name), Some((_, value))) = (labels.get(label), points.last()) else {
            continue;
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_. ".contains(c);
        if name.chars().all(plain) {
            let one = query(&format!(",{label}=\"{name}\""));
            found.push((name.clone(), figure(facts, one, *value, unit)));
        }
    }
    found
}
