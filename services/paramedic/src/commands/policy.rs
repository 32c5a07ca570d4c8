//! Policies: checked, tested, explained on a plan, and tried on the past.

use std::{fs, path::Path, process::ExitCode};

use anyhow::Context;
use jiff::{Timestamp, tz::TimeZone};
use paramedic_domain::{
    change::Change,
    envelope::Recorded,
    event::Event,
    incident::Incident,
    people::any_of,
    plan::{Plan, Step},
    policy::{Decision, Mode},
    terms::Terms,
};
use paramedic_policy::{About, Asked, Policy, Question, Verdict};

use crate::{
    cli::{Policies, Server},
    client::{self, Client, MOST_LISTED},
    text,
};

/// Checks, tests, explains or simulates.
pub async fn policy(command: Policies, now: Timestamp) -> anyhow::Result<ExitCode> {
    match command {
        Policies::Shipped => {
            text::say(Policy::shipped_text().trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Policies::Check { file } => check(&file),
        Policies::Test { file } => test(file.as_deref()),
        Policies::Explain {
            server,
            incident,
            file,
            mode,
        } => explain(&server, &incident, file.as_deref(), mode, now).await,
        Policies::Simulate { server, file, since, mode } => {
            let from = now
                .to_zoned(TimeZone::UTC)
                .checked_sub(since)
                .context("--since reaches too far back")?;
            simulate(&server, &file, from.timestamp(), mode).await
        }
    }
}

fn read(file: &Path) -> anyhow::Result<Result<Policy, Vec<String>>> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Policy::parse(&text))
}

fn load(file: Option<&Path>) -> anyhow::Result<Policy> {
    let Some(file) = file else { return Ok(Policy::shipped()) };
    read(file)?.map_err(|problems| anyhow::anyhow!("{} cannot be used:\n  {}", file.display(), problems.join("\n  ")))
}

fn check(file: &Path) -> anyhow::Result<ExitCode> {
    match read(file)? {
        Ok(policy) => {
            let rules = text::plural(policy.rules().len(), "rule");
            text::say(&format!("{}: {rules}, digest {}", file.display(), policy.digest()));
            if policy.rules().is_empty() {
                text::say("it has no rule: every step asks");
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            for problem in problems {
                text::say(&format!("{}: {}", file.display(), text::clean(&problem)));
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

fn test(file: Option<&Path>) -> anyhow::Result<ExitCode> {
    let outcomes = load(file)?.test();
    let mut failures = 0_usize;
    for outcome in &outcomes {
        match &outcome.failed {
            None => text::say(&format!("ok      {}", outcome.name)),
            Some(failed) => {
                failures += 1;
                text::say(&format!(
                    "FAILED  {}\n        expected {}\n        found    {}",
                    outcome.name, failed.expected, failed.found
                ));
            }
        }
    }
    text::say(&format!("{} passed, {failures} failed", outcomes.len() - failures));
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn explain(server: &Server, id: &str, file: Option<&Path>, mode: Mode, now: Timestamp) -> anyhow::Result<ExitCode> {
    let policy = load(file)?;
    let mut client = Client::new(server)?;
    let incident = client::fold(id, &client.log(id).await?)?;
    let Some(plan) = &incident.plan else {
        anyhow::bail!("{id} has no plan: nothing was decided; see `paramedic show {id}`");
    };
    text::say(&format!(
        "{} under policy {}, in mode {}",
        plan.id,
        policy.digest().short(),
        text::word(&mode)
    ));
    if plan.policy.is_some_and(|made| made != policy.digest()) {
        text::say("the plan was made under another policy; what it says stands in the second line of each step");
    }
    for step in plan.steps.iter().filter(|step| decided(step)) {
        let verdict = decide(&policy, &incident, plan, step, mode, now);
        text::say(&text::clean(&format!("{:<20} {}", step.id.as_str(), words(&verdict))));
        text::say(&text::clean(&format!("{:<20} as planned: {}{}", "", then(step), step.policy)));
    }
    Ok(ExitCode::SUCCESS)
}

async fn simulate(server: &Server, file: &Path, from: Timestamp, mode: Mode) -> anyhow::Result<ExitCode> {
    let policy = load(Some(file))?;
    let mut client = Client::new(server)?;
    let (mut steps, mut different, mut incidents) = (0_usize, 0_usize, 0_usize);
    let summaries = client.list(false).await?;
    let all = summaries.len() < MOST_LISTED as usize;
    for summary in summaries {
        let opened = summary.opened_at.as_ref().map_or(i64::MAX, |time| time.seconds);
        if opened < from.as_second() {
            continue;
        }
        incidents += 1;
        let log = client.log(&summary.incident).await?;
        for (number, recorded) in log.iter().enumerate() {
            let Event::PlanProposed { plan } = &recorded.envelope.event else {
                continue;
            };
            let before: &[Recorded] = &log[..number];
            let incident = client::fold(&summary.incident, before)?;
            for step in plan.steps.iter().filter(|step| decided(step)) {
                steps += 1;
                let verdict = decide(&policy, &incident, plan, step, mode, recorded.envelope.time);
                if as_planned(step, &verdict) {
                    continue;
                }
                different += 1;
                text::say(&text::clean(&format!(
                    "{} step {} ({}): was {}{}; would be {}",
                    summary.incident,
                    step.id,
                    step.action,
                    then(step),
                    step.policy,
                    words(&verdict)
                )));
            }
        }
    }
    text::say(&format!(
        "{} in {} since {}: {different} would be decided otherwise",
        text::plural(steps, "planned step"),
        text::plural(incidents, "incident"),
        text::utc(from)
    ));
    if !all {
        text::say(&format!(
            "only the newest {MOST_LISTED} incidents were looked at: a server lists no more"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn decide(policy: &Policy, incident: &Incident, plan: &Plan, step: &Step, mode: Mode, now: Timestamp) -> Verdict {
    policy.decide(&Question {
        about: &About::of(incident, plan.attempt),
        step: Asked {
            requires_approval: wished(plan, step),
            ..Asked::of(step)
        },
        mode,
        now,
    })
}

/// Whether the step has a decision of its own: what rides in the patch of another is decided there.
fn decided(step: &Step) -> bool {
    !matches!(step.change, Change::Carried { .. })
}

/// Whether the recommendation behind the step wanted people to be asked.
fn wished(plan: &Plan, step: &Step) -> bool {
    let option = plan.options.get(plan.chosen as usize);
    let recommendations = option.into_iter().flat_map(|option| &option.recommendations);
    recommendations
        .filter(|recommendation| recommendation.id == step.id)
        .any(|recommendation| recommendation.requires_approval == Some(true))
}

/// Whether the verdict is what the plan says.
fn as_planned(step: &Step, verdict: &Verdict) -> bool {
    match verdict.decision {
        Decision::Auto { .. } => step.gate.is_none(),
        Decision::Ask { .. } => step.gate.is_some(),
        Decision::Deny { .. } => false,
    }
}

/// What a plan says about a step.
fn then(step: &Step) -> &'static str {
    if step.gate.is_some() { "ask: " } else { "auto: " }
}

fn words(verdict: &Verdict) -> String {
    let rule = &verdict.rule;
    match &verdict.decision {
        Decision::Auto { reason } => format!("auto by {rule}: {reason}"),
        Decision::Ask { reason, terms } => format!("ask {} by {rule}: {reason}", people(terms)),
        Decision::Deny { reason } => format!("deny by {rule}: {reason}"),
    }
}

fn people(terms: &Terms) -> String {
    let number = match terms.quorum {
        1 => "1 person".to_owned(),
        more => format!("{more} people"),
    };
    let groups: String = terms.from.iter().map(|group| format!(" of {}", any_of(group))).collect();
    let eyes = if terms.four_eyes { ", four eyes" } else { "" };
    format!("{number}{groups}{eyes}")
}
