//! A release that does not work: pods of the newest revision fail since its rollout, while the revision before it worked.
//!
//! Weights: failing pods are all of the newest revision 0.30, the previous revision still runs 0.20 (or once ran 0.10),
//! it began with the rollout 0.15, the log says why 0.10, the change is known 0.05, what delivers it applied it then 0.05; for errors instead of crashes: error
//! share at least five times that before the rollout 0.30. Response times or errors that left their usual level
//! before the rollout: -0.15, and nothing for its time.

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::diagnosis::{Category, Factor};

use super::{Finding, factor, seconds_between, span};
use crate::core::{
    delivery::{Delivery, commits::Commit},
    facts::{Container, Facts, Pod, Revision, Workload},
    onset::{Onset, Signal},
    shift,
};

/// Share of failing requests below which nobody would call it an outage.
const MIN_ERRORS: f64 = 0.01;
/// How much greater the share must be than before the rollout.
const ERRORS_FACTOR: f64 = 5.0;

/// What it adds that Argo CD or Flux applied something when the rollout began.
const DELIVERED: f64 = 0.05;
/// What a release loses that came later than what it would have caused.
const SOONER: f64 = -0.15;
/// The time of an onset is no more exact than this: samples a minute apart, of rates over some minutes.
const BLUR: SignedDuration = SignedDuration::from_mins(3);

/// Waiting reasons of containers that never get to run their image.
const PULL: [&str; 4] = ["ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"];
/// Waiting reasons of containers that cannot be created or do not stay up.
const BROKEN: [&str; 5] = [
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "StartError",
];

pub(super) fn diagnose(facts: &Facts, workload: &Workload) -> Result<Finding, String> {
    let [newest, previous, ..] = facts.revisions.as_slice() else {
        return Err("there are not two revisions to compare".into());
    };
    let age = seconds_between(newest.created, facts.at);
    if shift::recent_rollout(facts).is_none() {
        return Err(format!("the template has not changed for {}", span(age)));
    }
    let failing: Vec<(&Pod, &Container)> = facts
        .pods
        .iter()
        .flat_map(|pod| pod.containers.iter().map(move |container| (pod, container)))
        .filter(|(_, container)| fails(container))
        .collect();
    let errors = error_factor(facts, newest);
    if failing.is_empty() && errors.is_none() {
        return Err(format!(
            "no pod of revision {} (rolled out {} ago) fails for a reason other than memory, and errors did not rise with it",
            newest.number,
            span(age)
        ));
    }
    if let Some((pod, _)) = failing.iter().find(|(pod, _)| pod.revision != newest.name) {
        return Err(format!(
            "pod {} of another revision fails too, so the newest release is not what they share",
            pod.name
        ));
    }
    let mut factors: Vec<Factor> = errors.into_iter().collect();
    factors.extend(failing_factor(&failing, newest));
    factors.extend(previous_factor(previous));
    factors.extend(sooner_factor(facts, newest).or_else(|| onset_factor(facts, newest, age)));
    factors.extend(log_factor(facts, &failing));
    factors.extend(delivered_factor(facts, newest));
    factors.extend(change_factor(newest));
    let pull = !failing.is_empty() && failing.iter().all(|(_, container)| waits_for(container, &PULL));
    let what = match failing.first() {
        Some((_, container)) => describe(container),
        None => "requests fail".into(),
    };
    Ok(Finding {
        category: if pull { Category::ImagePull } else { Category::BadRelease },
        summary: format!(
            "revision {} of {}, rolled out {} ago, does not work ({what}); revision {} did",
            newest.number,
            workload.object,
            span(age),
            previous.number
        ),
        chain: vec![
            format!(
                "revision {} was rolled out{}",
                newest.number,
                newest.changes.first().map_or_else(String::new, |change| format!(": {change}"))
            ),
            what,
        ],
        factors,
        slope: None,
        root: None,
    })
}

/// Fails, and not for its memory.
fn fails(container: &Container) -> bool {
    let ended_badly = container
        .ended
        .as_ref()
        .is_some_and(|ended| ended.exit_code != 0 && !ended.oom_killed() && container.restarts > 0);
    let oom = container.ended.as_ref().is_some_and(super::super::facts::Ended::oom_killed);
    waits_for(container, &PULL) || (waits_for(container, &BROKEN) && !oom) || ended_badly
}

fn waits_for(container: &Container, reasons: &[&str]) -> bool {
    container
        .waiting
        .as_ref()
        .is_some_and(|(reason, _)| reasons.contains(&reason.as_str()))
}

fn describe(container: &Container) -> String {
    let ended = container
        .ended
        .as_ref()
        .map(|ended| format!("exit code {}, reason {}", ended.exit_code, ended.reason));
    let waiting = container.waiting.as_ref().map(|(reason, _)| reason.clone());
    let words: Vec<String> = waiting.into_iter().chain(ended).collect();
    format!("container {}: {}", container.name, words.join(", "))
}

fn failing_factor(failing: &[(&Pod, &Container)], newest: &Revision) -> Option<Factor> {
    let (_, container) = failing.first()?;
    factor(
        0.30,
        format!(
            "{} pods fail, all of revision {} ({})",
            failing.len(),
            newest.number,
            describe(container)
        ),
        failing.iter().map(|(pod, _)| pod.evidence.clone()),
    )
}

fn previous_factor(previous: &Revision) -> Option<Factor> {
    let (weight, text) = if previous.ready > 0 {
        (
            0.20,
            format!("{} pods of revision {} are ready and serve", previous.ready, previous.number),
        )
    } else {
        (0.10, format!("revision {} ran before it", previous.number))
    };
    factor(weight, text, [previous.evidence.clone()])
}

fn onset_factor(facts: &Facts, newest: &Revision, age: f64) -> Option<Factor> {
    let first_end = facts
        .pods
        .iter()
        .flat_map(|pod| &pod.containers)
        .filter_map(|container| container.ended.as_ref()?.at)
        .chain(facts.alerts.iter().map(|alert| alert.starts_at))
        .min();
    let before: Option<Timestamp> = first_end.filter(|at| *at < newest.created);
    before.is_none().then(|| {
        factor(
            0.15,
            format!("nothing failed before the rollout {} ago", span(age)),
            [newest.evidence.clone()],
        )
    })?
}

/// A figure that left its usual level before the rollout did not leave it for the rollout.
fn sooner_factor(facts: &Facts, newest: &Revision) -> Option<Factor> {
    let felt = |onset: &&Onset| onset.signal != Signal::Memory;
    let first = facts.onsets.iter().filter(felt).min_by_key(|onset| onset.at)?;
    let ahead = newest.created.duration_since(first.at);
    factor(
        SOONER,
        format!(
            "{} left its usual {} already {:.0} min before the rollout",
            first.signal.name(),
            first.signal.shown(first.usual),
            ahead.as_secs_f64() / 60.0
        ),
        [first.evidence.clone(), newest.evidence.clone()],
    )
    .filter(|_| ahead > BLUR)
}

/// What applied the revision, and what it applied.
fn delivered_factor(facts: &Facts, newest: &Revision) -> Option<Factor> {
    let workload = &facts.workload.as_ref()?.object;
    let own = |delivery: &&Delivery| delivery.owns(workload) && delivery.began(newest.created);
    let delivery = facts.world.deliveries.iter().find(own)?;
    let commits: Vec<String> = delivery.commits(&facts.world.commits).take(2).map(Commit::words).collect();
    let commits = if commits.is_empty() {
        String::new()
    } else {
        format!("; committed: {}", commits.join("; "))
    };
    let evidence = facts.evidence.iter().filter(|evidence| evidence.query == delivery.query);
    factor(
        DELIVERED,
        format!("{} applied {} when that rollout began{commits}", delivery.owner, delivery.applied()),
        evidence.map(|evidence| evidence.id.clone()),
    )
}

fn log_factor(facts: &Facts, failing: &[(&Pod, &Container)]) -> Option<Factor> {
    let pattern = facts
        .logs
        .iter()
        .find(|pattern| pattern.alarming && pattern.pods.iter().all(|name| failing.iter().any(|(pod, _)| pod.name == *name)))?;
    factor(
        0.10,
        format!("only the failing pods log {:?} ({} times)", pattern.latest, pattern.count),
        [pattern.evidence.clone()],
    )
}

fn change_factor(newest: &Revision) -> Option<Factor> {
    let change = newest.changes.first()?;
    let more = newest.changes.len() - 1;
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    factor(0.05, format!("the rollout changed {change}{more}"), [newest.evidence.clone()])
}

fn error_factor(facts: &Facts, newest: &Revision) -> Option<Factor> {
    let errors = facts.errors.as_ref()?;
    let rollout = newest.created.as_second() as f64;
    let mean = |after: bool| {
        let part: Vec<f64> = errors
            .points
            .iter()
            .filter(|(t, _)| (*t >= rollout) == after)
            .map(|p| p.1)
            .collect();
        (part.len() >= 3).then(|| part.iter().sum::<f64>() / part.len() as f64)
    };
    let (before, after) = (mean(false)?, mean(true)?);
    if after < MIN_ERRORS || after < before * ERRORS_FACTOR {
        return None;
    }
    factor(
        0.30,
        format!(
            "{:.2} % of requests fail since the rollout, {:.2} % before it",
            after * 100.0,
            before * 100.0
        ),
        [errors.evidence.clone(), newest.evidence.clone()],
    )
}
