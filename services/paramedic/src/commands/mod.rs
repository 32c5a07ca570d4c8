//! The commands for people: read, decide, check.

mod artifacts;
mod dead_letters;
mod decide;
mod kill_switch;
mod maintenance;
mod people;
mod plan;
mod policy;
mod regroup;
mod report;
mod request;
mod rules;
mod show;
mod source;
mod storm;
mod topology;
mod workflow;

use std::process::ExitCode;

pub use artifacts::artifacts;
pub use dead_letters::dead_letters;
pub use decide::{acknowledge, confirmed, decide, take_over};
pub use kill_switch::kill_switch;
pub use maintenance::maintenance;
pub use people::people;
pub use plan::plan;
pub use policy::policy;
pub use regroup::regroup;
pub use report::report;
pub use request::request;
pub use rules::rules;
pub use show::{change_lines, show};
pub use storm::storm;
pub use topology::topology;
pub use workflow::{actions, workflow};

use crate::{
    cli::{Audit, Server},
    client::{self, Client},
    text,
};

/// Lists incidents.
pub async fn incidents(server: &Server, open: bool, json: bool) -> anyhow::Result<ExitCode> {
    let summaries = Client::new(server)?.list(open).await?;
    if json {
        let rows: Vec<_> = summaries.iter().map(text::summary_json).collect();
        text::say(&serde_json::to_string_pretty(&rows)?);
    } else if summaries.is_empty() {
        text::say("no incidents");
    } else {
        let rows = summaries.iter().map(text::summary_row).collect::<Vec<_>>();
        text::say(&text::table(
            &["INCIDENT", "STATUS", "SEVERITY", "PRIORITY", "ALERTS", "OPENED", "TITLE"],
            &rows,
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the log as a story.
pub async fn timeline(server: &Server, id: &str) -> anyhow::Result<ExitCode> {
    let log = Client::new(server)?.log(id).await?;
    for recorded in &log {
        let envelope = &recorded.envelope;
        text::say(&format!(
            "{}  {:>3}  {}",
            text::utc(envelope.time),
            envelope.seq,
            text::event(&envelope.event)
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Folds the log again and prints the state; says whether the server folds it to the same.
pub async fn replay(server: &Server, id: &str) -> anyhow::Result<ExitCode> {
    let mut client = Client::new(server)?;
    let log = client.log(id).await?;
    let replayed = client::fold(id, &log)?;
    text::say(&serde_json::to_string_pretty(&replayed)?);
    let served: serde_json::Value = serde_json::from_str(&client.state_json(id).await?)?;
    let same = served == serde_json::to_value(&replayed)?;
    text::note(&format!(
        "replayed {} events: {}",
        log.len(),
        if same {
            "the server's state is the same"
        } else {
            "the server has moved on or differs; replay again"
        }
    ));
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Verifies hash chains and the invariants that a log can show.
pub async fn audit(command: Audit) -> anyhow::Result<ExitCode> {
    let Audit::Verify { server, id } = command;
    let mut client = Client::new(&server)?;
    let ids = match id {
        Some(id) => vec![id],
        None => client.list(false).await?.into_iter().map(|summary| summary.incident).collect(),
    };
    let (mut events, mut broken) = (0, 0);
    for id in &ids {
        let log = client.log(id).await?;
        events += log.len();
        let violations = paramedic_domain::invariant::check_log(&log);
        broken += violations.len();
        let head = log.last().map_or_else(|| "empty".to_owned(), |last| last.digest.to_string());
        text::say(&format!(
            "{} {id}  {:>4} events  head {head}",
            if violations.is_empty() { "ok    " } else { "BROKEN" },
            log.len()
        ));
        for violation in violations {
            text::say(&format!("       {violation}"));
        }
    }
    text::say(&format!("{} incidents, {events} events, {broken} violations", ids.len()));
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
