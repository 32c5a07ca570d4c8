//! A person's word on a running workflow, written to the log if it fits what runs now.

use paramedic_domain::id::{ClusterId, IncidentId};
use paramedic_proto::v1::{self, control_request::Command as Wanted};
use paramedic_runtime::Kit;
use tonic::Status;

use crate::core::control::{Command, Refused, decide};

pub(super) async fn control(kit: &Kit, request: v1::ControlRequest) -> Result<v1::ControlResponse, Status> {
    let cluster: ClusterId = request
        .cluster
        .parse()
        .map_err(|error| Status::invalid_argument(format!("cluster: {error}")))?;
    let incident: IncidentId = request
        .incident
        .parse()
        .map_err(|error| Status::invalid_argument(format!("incident: {error}")))?;
    if request.by.trim().is_empty() {
        return Err(Status::invalid_argument("by: say who you are; it is kept in the incident's log"));
    }
    let command = parse(request.command)?;
    if request.reason.trim().is_empty() && command != Command::Resume {
        return Err(Status::invalid_argument("reason: say why; it is kept in the incident's log"));
    }
    let mut answer = None;
    kit.log
        .decide(&cluster, &incident, None, &kit.clock, |incident, now| {
            match decide(incident, &command, &request.by, &request.reason, now) {
                Ok((events, outcome)) => {
                    answer = Some(Ok(outcome));
                    events
                }
                Err(refused) => {
                    answer = Some(Err(refused));
                    Vec::new()
                }
            }
        })
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    match answer {
        Some(Ok(outcome)) => Ok(v1::ControlResponse { outcome }),
        Some(Err(Refused(reason))) => Err(Status::failed_precondition(reason)),
        None => Err(Status::internal("the log was not asked")),
    }
}

fn parse(command: Option<Wanted>) -> Result<Command, Status> {
    Ok(match command {
        Some(Wanted::Pause(_)) => Command::Pause,
        Some(Wanted::Resume(_)) => Command::Resume,
        Some(Wanted::Cancel(_)) => Command::Cancel,
        Some(Wanted::Skip(skip)) => Command::Skip(
            skip.step
                .parse()
                .map_err(|error| Status::invalid_argument(format!("skip.step: {error}")))?,
        ),
        Some(Wanted::Rollback(rollback)) => Command::Rollback { undo: rollback.undo },
        None => return Err(Status::invalid_argument("command: is missing")),
    })
}
