//! The kill switch.

use std::{process::ExitCode, time::Duration};

use jiff::Timestamp;
use paramedic_proto::v1::{self, KillSwitchPosition, safety_service_client::SafetyServiceClient};
use paramedic_runtime::grpc;
use paramedic_wire::Wire;
use tonic::transport::Channel;

use crate::{
    cli::{KillSwitch, MoveSwitch, Server},
    client::Client,
    text,
};

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Exit code of `show` while it is thrown, for scripts that watch it.
const THROWN: u8 = 2;

/// Runs one of the commands.
pub async fn kill_switch(command: KillSwitch) -> anyhow::Result<ExitCode> {
    match command {
        KillSwitch::Throw(wanted) => set(wanted, true).await,
        KillSwitch::Release(wanted) => set(wanted, false).await,
        KillSwitch::Show { server } => {
            let (client, mut safety) = clients(&server)?;
            let request = client.request(v1::GetKillSwitchRequest {})?;
            let answer = safety.get_kill_switch(request).await.map_err(|status| client.explain(status))?;
            let position = answer.into_inner().position.unwrap_or_default();
            text::say(&text::clean(&sentence(&position)));
            Ok(if position.thrown {
                ExitCode::from(THROWN)
            } else {
                ExitCode::SUCCESS
            })
        }
    }
}

async fn set(wanted: MoveSwitch, thrown: bool) -> anyhow::Result<ExitCode> {
    let (client, mut safety) = clients(&wanted.server)?;
    let request = client.request(v1::SetKillSwitchRequest {
        thrown,
        reason: wanted.reason,
        by: wanted.by,
    })?;
    let answer = safety.set_kill_switch(request).await.map_err(|status| client.explain(status))?;
    text::say(&text::clean(&sentence(&answer.into_inner().position.unwrap_or_default())));
    Ok(ExitCode::SUCCESS)
}

fn clients(server: &Server) -> anyhow::Result<(Client, SafetyServiceClient<Channel>)> {
    let safety = SafetyServiceClient::new(grpc::channel(&server.server, TIMEOUT)?);
    Ok((Client::new(server)?, safety))
}

fn sentence(position: &KillSwitchPosition) -> String {
    let when = position.at.and_then(|at| Timestamp::from_proto(at).ok()).map(text::utc);
    let moved = when.map(|when| format!(" by {} at {when}: {}", position.by, position.reason));
    match (position.thrown, moved) {
        (true, moved) => format!("thrown{}; nothing is changed until it is released", moved.unwrap_or_default()),
        (false, Some(moved)) => format!("released{moved}; changes run by policy and approval"),
        (false, None) => "never thrown; changes run by policy and approval".to_owned(),
    }
}
