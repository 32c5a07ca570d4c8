//! Plans: what recommendations would become, what an incident's plan is, and another way out.

mod page;

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use paramedic_domain::plan::{Plan, Refusal, StepEdit};
use paramedic_proto::v1::{PreviewRequest, ReviseRequest, planner_service_client::PlannerServiceClient};
use paramedic_runtime::grpc;
use paramedic_wire::Wire;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tonic::{Code, Status, transport::Channel};

use crate::{
    cli::{self, Choice, Preview, Server},
    client::{self, Client},
    text,
};

/// Longest wait for a plan: every step is prepared and dry-run, some twice.
const TIMEOUT: Duration = Duration::from_secs(120);
/// A plan of fifty steps with large objects may pass gRPC's 4 MiB.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// What a refused set ends with, so that scripts can tell it from a failure.
const REFUSED: u8 = 2;

/// Runs one of the commands.
pub async fn plan(command: cli::Plan) -> anyhow::Result<ExitCode> {
    match command {
        cli::Plan::Preview(preview) => preview_of(&preview).await,
        cli::Plan::Show { server, id } => show(&server, &id).await,
        cli::Plan::Choose(choice) => choose(&choice).await,
    }
}

fn planner(url: &str) -> anyhow::Result<PlannerServiceClient<Channel>> {
    Ok(PlannerServiceClient::new(grpc::channel(url, TIMEOUT)?).max_decoding_message_size(MAX_ANSWER_BYTES))
}

fn explain(url: &str, status: &Status) -> anyhow::Error {
    match status.code() {
        Code::Unavailable => anyhow::anyhow!(
            "the planner at {url} cannot help now: is `paramedic up` running, and is --planner right? ({})",
            status.message()
        ),
        _ => anyhow::anyhow!("{}", status.message()),
    }
}

async fn preview_of(preview: &Preview) -> anyhow::Result<ExitCode> {
    let request = PreviewRequest {
        cluster: preview.cluster.clone().unwrap_or_default(),
        recommendations_json: read(&preview.file).await?,
        confidence: preview.confidence,
    };
    let answer = planner(&preview.planner)?
        .preview(grpc::with_trace(request))
        .await
        .map_err(|status| explain(&preview.planner, &status))?
        .into_inner();
    let refusals = answer
        .refusals
        .into_iter()
        .map(Refusal::from_proto)
        .collect::<Result<Vec<_>, _>>()?;
    let Some(plan) = answer.plan else {
        if preview.json {
            text::say(&serde_json::to_string_pretty(&serde_json::json!({"refusals": refusals}))?);
        } else {
            text::say(&text::clean(&page::refused(&refusals)));
        }
        return Ok(ExitCode::from(REFUSED));
    };
    let plan = Plan::from_proto(plan)?;
    if preview.json {
        text::say(&serde_json::to_string_pretty(&plan)?);
    } else {
        text::say(&text::clean(&page::page(&plan)));
    }
    Ok(ExitCode::SUCCESS)
}

/// A file, or standard input for `-`.
async fn read(file: &str) -> anyhow::Result<String> {
    let mut content = String::new();
    if file == "-" {
        tokio::io::stdin()
            .read_to_string(&mut content)
            .await
            .context("cannot read standard input")?;
        return Ok(content);
    }
    tokio::fs::read_to_string(file).await.with_context(|| format!("cannot read {file}"))
}

async fn show(server: &Server, id: &str) -> anyhow::Result<ExitCode> {
    let mut client = Client::new(server)?;
    let incident = client::fold(id, &client.log(id).await?)?;
    match (&incident.plan, &incident.refusals) {
        (Some(plan), _) => text::say(&text::clean(&page::page(plan))),
        (None, Some(refusals)) => {
            text::say(&text::clean(&page::refused(refusals)));
            return Ok(ExitCode::from(REFUSED));
        }
        (None, None) => bail!("{id} has no plan yet"),
    }
    Ok(ExitCode::SUCCESS)
}

async fn choose(choice: &Choice) -> anyhow::Result<ExitCode> {
    let mut client = Client::new(&choice.server)?;
    let incident = client::fold(&choice.id, &client.log(&choice.id).await?)?;
    let Some(plan) = &incident.plan else {
        bail!("{} has no plan that could be replaced", incident.id)
    };
    let option = choice
        .option
        .checked_sub(1)
        .context("options are counted from 1; `paramedic plan show` lists them")?;
    let request = client.request(ReviseRequest {
        cluster: incident.cluster.to_string(),
        incident: incident.id.to_string(),
        option,
        edits: edits(plan, option, &choice.set)?.iter().map(Wire::to_proto).collect(),
        by: choice.by.clone(),
        reason: choice.reason.clone(),
    })?;
    let url = choice.planner.as_deref().unwrap_or(&choice.server.server);
    let answer = planner(url)?.revise(request).await.map_err(|status| explain(url, &status))?;
    text::say(&text::clean(&answer.into_inner().outcome));
    Ok(ExitCode::SUCCESS)
}

/// The parameters of the option's steps with what was set put over them: `STEP.param=value`, deeper ones with more dots.
fn edits(plan: &Plan, option: u32, settings: &[String]) -> anyhow::Result<Vec<StepEdit>> {
    let Some(option) = usize::try_from(option).ok().and_then(|index| plan.options.get(index)) else {
        bail!("the plan has {} options; `paramedic plan show` lists them", plan.options.len())
    };
    let mut edits: Vec<StepEdit> = Vec::new();
    for setting in settings {
        let parts = setting
            .split_once('=')
            .and_then(|(path, value)| Some((path.split_once('.')?, value)));
        let Some(((step, path), value)) = parts else {
            bail!("{setting:?} is not STEP.param=value")
        };
        let Some(recommended) = option.recommendations.iter().find(|r| r.id.as_str() == step) else {
            let known: Vec<&str> = option.recommendations.iter().map(|r| r.id.as_str()).collect();
            bail!("the option has no step {step}; it has {}", known.join(", "))
        };
        let at = edits.iter().position(|edit| edit.step == recommended.id).unwrap_or_else(|| {
            edits.push(StepEdit {
                step: recommended.id.clone(),
                parameters: recommended.parameters.clone(),
            });
            edits.len() - 1
        });
        // what is no JSON is meant as text: 3Gi, production
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        set(&mut edits[at].parameters, path, value).with_context(|| format!("{setting:?}"))?;
    }
    Ok(edits)
}

fn set(parameters: &mut serde_json::Map<String, Value>, path: &str, value: Value) -> anyhow::Result<()> {
    let Some((name, rest)) = path.split_once('.') else {
        parameters.insert(path.to_owned(), value);
        return Ok(());
    };
    let inner = parameters.entry(name).or_insert_with(|| Value::Object(serde_json::Map::new()));
    match inner {
        Value::Object(inner) => set(inner, rest, value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            bail!("{name} is {inner}, so there is no {rest} in it")
        }
    }
}

#[cfg(test)]
mod tests;
