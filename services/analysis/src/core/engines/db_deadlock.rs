//! Deadlocks in a database between a service and a Job that holds its locks in one long transaction.
//!
//! Weights: the database counts deadlocks 0.30, its log shows them 0.20, one Job's transaction is the longest and old 0.20, that
//! Job runs and uses the database 0.10, an alerted workload uses it, too 0.05, no pool is exhausted 0.05.

use paramedic_domain::diagnosis::Category;

use super::{
    Finding, db_pool, factor,
    roots::{Deadlock, Root, named},
    span,
};
use crate::core::facts::{Facts, Workload};

/// Deadlocks per second above which they are no accident.
const MANY: f64 = 0.05;
/// Transactions older than this hold what others need, seconds.
const LONG: f64 = 300.0;

pub(super) fn diagnose(facts: &Facts, _workload: &Workload) -> Result<Finding, String> {
    let found = facts
        .estate
        .databases
        .iter()
        .flat_map(|database| database.deadlocks.iter().map(move |(name, rate)| (database, name, rate)))
        .max_by(|(_, _, one), (_, _, other)| one.value.total_cmp(&other.value));
    let Some((database, name, rate)) = found.filter(|(_, _, rate)| rate.value >= MANY) else {
        return Err("no database of the alerted workloads counts deadlocks".into());
    };
    let jobs: Vec<_> = facts
        .estate
        .jobs
        .iter()
        .filter(|job| job.object.namespace.as_deref() == Some(database.namespace.as_str()))
        .collect();
    let oldest = |job: &str| {
        let own = database
            .transactions
            .iter()
            .filter(|(client, _)| job == client || job.strip_prefix(client.as_str()).is_some_and(|rest| rest.starts_with('-')));
        own.map(|(_, age)| age).max_by(|one, other| one.value.total_cmp(&other.value))
    };
    let holder = jobs
        .iter()
        .filter_map(|job| Some((*job, oldest(&job.object.name)?)))
        .max_by(|one, other| one.1.value.total_cmp(&other.1.value));
    let Some((job, age)) = holder.filter(|(_, age)| age.value >= LONG) else {
        return Err(format!(
            "database {name} counts {:.2} deadlocks/s, but no running Job holds a transaction longer than {}",
            rate.value,
            span(LONG)
        ));
    };
    let server = job
        .calls
        .iter()
        .find(|called| called.kind == "StatefulSet" || called.name.ends_with("db"))
        .or_else(|| job.calls.first())
        .and_then(|called| facts.estate.member(called))
        .ok_or_else(|| {
            format!(
                "{} holds a long transaction, but its database is not among the alerted workloads' dependencies",
                job.object
            )
        })?;
    let clients: Vec<_> = facts
        .estate
        .callers(&server.workload.object)
        .filter(|member| !member.alerts.is_empty())
        .map(|member| member.workload.object.clone())
        .collect();
    let mut factors = Vec::new();
    factors.extend(factor(
        0.30,
        format!("database {name} counts {:.2} deadlocks a second", rate.value),
        [rate.evidence.clone()],
    ));
    if let Some(line) = server
        .complaints
        .iter()
        .find(|complaint| complaint.latest.to_lowercase().contains("deadlock detected"))
    {
        factors.extend(factor(
            0.20,
            format!("its log shows them ({} in ten minutes): {:?}", line.count, line.latest),
            [line.evidence.clone()],
        ));
    }
    factors.extend(factor(
        0.20,
        format!("the transaction of {} is open for {}", job.object.name, span(age.value)),
        [age.evidence.clone()],
    ));
    factors.extend(factor(
        0.10,
        format!("{} runs now and uses {}", job.object, server.workload.object),
        [job.evidence.clone()],
    ));
    if !clients.is_empty() {
        factors.extend(factor(
            0.05,
            format!("so does what is alerted about: {}", named(clients.iter())),
            [server.workload.evidence.clone()],
        ));
    }
    if !facts
        .estate
        .members
        .iter()
        .flat_map(|member| &member.complaints)
        .any(db_pool::taken)
    {
        factors.extend(factor(
            0.05,
            "nobody waits for a connection: no pool is exhausted".into(),
            [server.workload.evidence.clone()],
        ));
    }
    Ok(Finding {
        category: Category::DbDeadlock,
        summary: format!(
            "{} and {} lock each other out in database {name}: {:.2} deadlocks a second; the transaction of the Job is open for {}",
            job.object,
            named(clients.iter()),
            rate.value,
            span(age.value)
        ),
        chain: vec![
            format!("{} holds locks in one long transaction", job.object.name),
            format!("{} takes the same locks in the opposite order", named(clients.iter())),
            format!("database {name} aborts one of the two again and again; the others wait"),
        ],
        factors,
        slope: None,
        root: Some(Root::Deadlock(Deadlock {
            database: server.workload.clone(),
            job: job.clone(),
            rate: rate.clone(),
            clients,
        })),
    })
}
