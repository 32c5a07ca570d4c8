//! A person's word on a running workflow, written to the log if it fits what runs now.

use paramedic_domain::{
    id::{ClusterId, IncidentId},
    people::Role,
};
use paramedic_people::Place;
use paramedic_proto::v1::{self, control_request::Command as Wanted};
use paramedic_runtime::{
    Kit,
    caller::{caller, permitted},
};
use tonic::{Status, metadata::MetadataMap};

use crate::core::control::{Command, Refused, decide};

pub(super) async fn control(kit: &Kit, metadata: &MetadataMap, request: v1::ControlRequest) -> Result<v1::ControlResponse, Status> {
    let cluster: ClusterId = request
        .cluster
        .parse()
        .map_err(|error| Status::invalid_argument(format!("cluster: {error}")))?;
    let incident: IncidentId = request
        .incident
        .parse()
        .map_err(|error| Status::invalid_argument(format!("incident: {error}")))?;
    let who = caller(&kit.people.current(), metadata, &request.by, kit.clock.now())?;
    let command = parse(request.command)?;
    let role = match command {
        Command::Pause | Command::Cancel => Role::Responder,
        // What goes on, is left out or stays is as good as approved.
        Command::Resume | Command::Skip(_) | Command::Rollback { .. } => Role::Approver,
    };
    let concerned = kit
        .log
        .load(&cluster, &incident)
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let by = permitted(who, role, Some(&Place::of(&concerned)))?.id;
    if request.reason.trim().is_empty() && command != Command::Resume {
        return Err(Status::invalid_argument("reason: say why; it is kept in the incident's log"));
    }
    let mut answer = None;
    kit.log
        .decide(&cluster, &incident, None, &kit.clock, |incident, now| {
            match decide(incident, &command, &by, &request.reason, now) {
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
