//! Approve or deny: read the exact change, then say yes or no to its digest.

use std::{io::Write, process::ExitCode};

use anyhow::bail;
use paramedic_domain::{approval::GateState, digest::Digest, id::GateId, incident::Incident};
use paramedic_proto::v1::{AcknowledgeRequest, Answer, Channel, DecideRequest, TakeOverRequest};

use super::show::change_lines;
use crate::{
    cli::{Decision, Question, Server},
    client::{self, Client},
    text,
};

/// Decides a gate.
pub async fn decide(server: &Server, decision: &Decision, approve: bool) -> anyhow::Result<ExitCode> {
    let mut client = Client::new(server)?;
    let incident = client::fold(&decision.id, &client.log(&decision.id).await?)?;
    let gate = waiting_gate(&incident, decision.gate.as_deref())?;
    let Some(plan) = &incident.plan else {
        bail!("{} has no plan", incident.id)
    };
    let Some(question) = plan.gate(&gate) else {
        bail!("{gate} is not a gate of the current plan")
    };
    let digest = match &decision.digest {
        Some(digest) => digest.parse::<Digest>()?,
        None => {
            text::say(&text::clean(&change_lines(plan, question).join("\n")));
            if !confirmed(if approve {
                "approve exactly this change?"
            } else {
                "deny this change?"
            })
            .await?
            {
                text::note("nothing was decided");
                return Ok(ExitCode::FAILURE);
            }
            question.digest
        }
    };
    let request = client.request(DecideRequest {
        cluster: incident.cluster.to_string(),
        incident: incident.id.to_string(),
        gate: gate.to_string(),
        digest: digest.bytes().to_vec(),
        answer: if approve { Answer::Approve } else { Answer::Deny }.into(),
        by: decision.by.clone(),
        channel: Channel::Cli.into(),
        reason: decision.reason.clone(),
    })?;
    let answer = client.approvals.decide(request).await;
    let answer = answer.map_err(|status| client.explain(status))?.into_inner();
    text::say(&text::clean(&answer.message));
    Ok(ExitCode::SUCCESS)
}

/// Says that somebody looks at a gate.
pub async fn acknowledge(server: &Server, question: &Question) -> anyhow::Result<ExitCode> {
    let mut client = Client::new(server)?;
    let (incident, gate) = waiting(&mut client, question).await?;
    let request = client.request(AcknowledgeRequest {
        cluster: incident.cluster.to_string(),
        incident: incident.id.to_string(),
        gate: gate.to_string(),
        by: question.by.clone(),
        channel: Channel::Cli.into(),
    })?;
    let answer = client.approvals.acknowledge(request).await;
    let approval = answer.map_err(|status| client.explain(status))?.into_inner();
    text::say(&text::clean(&format!(
        "{} looks at {gate}: reminders and escalations wait",
        approval.acknowledged_by
    )));
    Ok(ExitCode::SUCCESS)
}

/// Says that somebody does by hand what a gate is about.
pub async fn take_over(server: &Server, question: &Question, reason: &str) -> anyhow::Result<ExitCode> {
    let mut client = Client::new(server)?;
    let (incident, gate) = waiting(&mut client, question).await?;
    let request = client.request(TakeOverRequest {
        cluster: incident.cluster.to_string(),
        incident: incident.id.to_string(),
        gate: gate.to_string(),
        by: question.by.clone(),
        reason: reason.to_owned(),
        channel: Channel::Cli.into(),
    })?;
    client.approvals.take_over(request).await.map_err(|status| client.explain(status))?;
    text::say(&text::clean(&format!(
        "{0} is yours: the workflow ends, what it changed is undone; see `paramedic show {0}`",
        question.id
    )));
    Ok(ExitCode::SUCCESS)
}

async fn waiting(client: &mut Client, question: &Question) -> anyhow::Result<(Incident, GateId)> {
    let incident = client::fold(&question.id, &client.log(&question.id).await?)?;
    let gate = waiting_gate(&incident, question.gate.as_deref())?;
    Ok((incident, gate))
}

fn waiting_gate(incident: &Incident, wanted: Option<&str>) -> anyhow::Result<GateId> {
    if let Some(wanted) = wanted {
        return Ok(wanted.parse()?);
    }
    let waiting: Vec<&GateId> = incident
        .gates
        .iter()
        .filter(|(_, state)| matches!(state, GateState::Waiting { .. }))
        .map(|(id, _)| id)
        .collect();
    match waiting.as_slice() {
        [only] => Ok((*only).clone()),
        [] => bail!("no gate of {} waits for an answer", incident.id),
        several => bail!(
            "several gates wait; choose one with --gate: {}",
            several.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// Asks on the terminal; anything but `yes` or `y` is no.
pub async fn confirmed(question: &str) -> anyhow::Result<bool> {
    let question = format!("{question} [y/N] ");
    let answer = tokio::task::spawn_blocking(move || {
        let mut error = std::io::stderr();
        write!(error, "{question}")?;
        error.flush()?;
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        std::io::Result::Ok(line)
    });
    Ok(matches!(answer.await??.trim().to_lowercase().as_str(), "y" | "yes"))
}
