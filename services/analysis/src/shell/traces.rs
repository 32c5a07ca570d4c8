//! What traces say of the alerted workloads.

use std::{collections::BTreeSet, time::Duration};

use jiff::SignedDuration;

use super::{probes::Probes, tracing::Tracing};
use crate::core::{
    facts::Facts,
    timeline::{Moment, Telling, first_felt},
    traces::{Finding, calls, resolved, traced},
};

/// Services that are asked about.
const MOST_SERVICES: usize = 3;
/// Traces of now, and of before.
const MOST_TRACES: usize = 20;
/// An alert waits before it fires: traces count from so long before it.
const LEAD: SignedDuration = SignedDuration::from_mins(10);
/// How long before that things were as usual.
const USUAL: SignedDuration = SignedDuration::from_hours(2);
/// How far back calls are counted.
const CALLS: Duration = Duration::from_secs(24 * 3_600);

/// Reads traces from every place that has them.
pub(super) async fn traces(probes: &Probes, facts: &mut Facts) {
    for tracing in &probes.tracing {
        if let Err(problem) = read(tracing, facts).await {
            facts.missing.push(format!("{}: {problem}", tracing.name()));
        }
    }
}

async fn read(tracing: &Tracing, facts: &mut Facts) -> Result<(), String> {
    let since = Probes::before(first_felt(facts), LEAD);
    let mut known = BTreeSet::new();
    for service in services(facts) {
        let now = tracing.search(&service, since, facts.at, MOST_TRACES).await?;
        if now.spans.is_empty() {
            continue;
        }
        let before = tracing.search(&service, Probes::before(since, USUAL), since, MOST_TRACES).await?;
        known.extend(calls(&now.spans));
        known.extend(calls(&before.spans));
        let found = traced(&now.spans, &before.spans, tracing.source(), &now.query);
        facts
            .moments
            .extend([&found.slow, &found.failing].into_iter().flatten().map(moment));
        facts.traced.slow = facts.traced.slow.take().or(found.slow);
        facts.traced.failing = facts.traced.failing.take().or(found.failing);
    }
    known.extend(tracing.calls(facts.at, CALLS).await?);
    join(facts, &known);
    Ok(())
}

/// The services of what is alerted about, by the names that workloads and alerts give them.
fn services(facts: &Facts) -> Vec<String> {
    let workload = facts.workload.iter().map(|workload| workload.object.name.clone());
    let labels = facts.alerts.iter().map(|alert| alert.label("service").to_owned());
    let members = facts.estate.alerted().map(|member| member.workload.object.name.clone());
    let mut names: Vec<String> = Vec::new();
    for name in workload.chain(labels).chain(members) {
        // Names of alerts go into queries.
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if plain && !names.contains(&name) && names.len() < MOST_SERVICES {
            names.push(name);
        }
    }
    names
}

fn moment(found: &Finding) -> Moment {
    Moment {
        at: found.at,
        telling: Telling::Symptom,
        object: found.service.clone(),
        what: found.what.clone(),
        quote: found.quote.clone(),
    }
}

/// Calls that no environment names become dependencies like those that one does.
fn join(facts: &mut Facts, known: &BTreeSet<(String, String)>) {
    let edges = resolved(known, &facts.world.snapshot);
    for (caller, called) in &edges {
        let member = facts
            .estate
            .members
            .iter_mut()
            .find(|member| member.workload.object.same_object(caller));
        if let Some(member) = member.filter(|member| !member.calls.iter().any(|known| known.same_object(called))) {
            member.calls.push(called.clone());
        }
    }
    facts.world.traced = edges;
}
