//! A person's word on a running workflow, and the catalogue of what workflows are made of.

use std::{process::ExitCode, time::Duration};

use paramedic_proto::v1::{
    ControlRequest, ListActionsRequest,
    control_request::{Cancel, Command, Pause, Resume, Rollback, Skip},
    executor_service_client::ExecutorServiceClient,
};
use paramedic_runtime::grpc;
use tonic::{Code, Status, transport::Channel};

use crate::{
    cli::{Actions, Fate, Word, Workflow},
    client::Client,
    text,
};

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Widest description in the table of actions.
const WIDEST: usize = 90;

/// Runs one of the commands.
pub async fn workflow(command: Workflow) -> anyhow::Result<ExitCode> {
    match command {
        Workflow::Pause(word) => say(&word, Command::Pause(Pause {})).await,
        Workflow::Resume(word) => say(&word, Command::Resume(Resume {})).await,
        Workflow::Cancel(word) => say(&word, Command::Cancel(Cancel {})).await,
        Workflow::Skip { step, word } => say(&word, Command::Skip(Skip { step })).await,
        Workflow::Rollback { fate, word } => {
            let Fate { undo, keep: _ } = fate;
            say(&word, Command::Rollback(Rollback { undo })).await
        }
    }
}

/// Lists the actions, or shows one with its parameters.
pub async fn actions(arguments: &Actions) -> anyhow::Result<ExitCode> {
    let url = &arguments.executor;
    let answer = executor(url)?
        .list_actions(grpc::with_trace(ListActionsRequest {}))
        .await
        .map_err(|status| explain(url, &status))?
        .into_inner();
    let Some(name) = &arguments.name else {
        let rows: Vec<Vec<String>> = answer
            .actions
            .into_iter()
            .map(|action| {
                let description: String = action.description.chars().take(WIDEST).collect();
                vec![
                    action.name,
                    if action.mutates { "changes" } else { "looks" }.to_owned(),
                    description,
                ]
            })
            .collect();
        text::say(&text::clean(&text::table(&["ACTION", "", "WHAT IT DOES"], &rows)));
        return Ok(ExitCode::SUCCESS);
    };
    let found = answer
        .actions
        .into_iter()
        .find(|action| action.name == *name || action.aliases.contains(name));
    let Some(action) = found else {
        anyhow::bail!("{name} is not in the catalogue; `paramedic actions` lists what is");
    };
    let schema: serde_json::Value = serde_json::from_str(&action.parameters_schema_json)?;
    let mut lines = vec![format!("{}: {}", action.name, action.description)];
    if !action.aliases.is_empty() {
        lines.push(format!("also called: {}", action.aliases.join(", ")));
    }
    lines.push(format!("risk: {}", action.risk));
    lines.push(format!("dry run: {}", action.dry_run));
    lines.push(format!("undo: {}", action.undo));
    lines.push(format!("parameters: {}", serde_json::to_string_pretty(&schema)?));
    text::say(&text::clean(&lines.join("\n")));
    Ok(ExitCode::SUCCESS)
}

async fn say(word: &Word, command: Command) -> anyhow::Result<ExitCode> {
    let mut client = Client::new(&word.server)?;
    let url = word.executor.as_ref().unwrap_or(&word.server.server);
    let request = client.request(ControlRequest {
        cluster: String::new(),
        incident: word.id.clone(),
        by: word.by.clone(),
        reason: word.reason.clone(),
        command: Some(command),
    })?;
    let request = {
        let cluster = client.cluster_of(&word.id).await?;
        request.map(|control| ControlRequest { cluster, ..control })
    };
    let answer = executor(url)?.control(request).await.map_err(|status| explain(url, &status))?;
    text::say(&text::clean(&answer.into_inner().outcome));
    Ok(ExitCode::SUCCESS)
}

fn executor(url: &str) -> anyhow::Result<ExecutorServiceClient<Channel>> {
    Ok(ExecutorServiceClient::new(grpc::channel(url, TIMEOUT)?))
}

fn explain(url: &str, status: &Status) -> anyhow::Error {
    match status.code() {
        Code::Unavailable => anyhow::anyhow!(
            "the executor at {url} cannot help now: is `paramedic up` running, and is --executor right? ({})",
            status.message()
        ),
        _ => anyhow::anyhow!("{}", status.message()),
    }
}
