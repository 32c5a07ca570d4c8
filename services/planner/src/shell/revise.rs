//! A person wants another of the plan's options, or other parameters.

use paramedic_bus::{IncidentLog, LogError};
use paramedic_domain::{
    id::{ClusterId, IncidentId},
    incident::Incident,
    people::Role,
    plan::{Rollback, StepEdit},
};
use paramedic_people::{Place, Standing};
use paramedic_proto::v1;
use paramedic_runtime::caller::permitted;
use paramedic_wire::Wire;
use tonic::Status;

use super::propose::Proposer;
use crate::core::{
    options::{self, Wanted},
    revise::{Objection, Wish, check, event},
};

/// Checks the wish, tries it, and writes it into the incident's log.
///
/// # Errors
/// `INVALID_ARGUMENT` for a wish that is incomplete or names what does not exist, `FAILED_PRECONDITION` when no plan runs or
/// the wanted one could not be planned, `NOT_FOUND`, `UNAVAILABLE`.
pub async fn revise(
    log: &IncidentLog,
    proposer: &Proposer,
    who: Standing,
    request: v1::ReviseRequest,
) -> Result<v1::ReviseResponse, Status> {
    let cluster: ClusterId = request
        .cluster
        .parse()
        .map_err(|error| Status::invalid_argument(format!("cluster: {error}")))?;
    let id: IncidentId = request
        .incident
        .parse()
        .map_err(|error| Status::invalid_argument(format!("incident: {error}")))?;
    let edits = request.edits.into_iter().map(StepEdit::from_proto).collect::<Result<_, _>>();
    let incident = log.load(&cluster, &id).await.map_err(|error| unavailable(&error))?;
    let wish = Wish {
        option: request.option,
        edits: edits.map_err(|invalid| Status::invalid_argument(format!("edits: {invalid}")))?,
        by: permitted(who, Role::Responder, Some(&Place::of(&incident)))?.id,
        reason: request.reason,
    };
    if incident.version == 0 {
        return Err(Status::not_found(format!("there is no incident {id} in cluster {cluster}")));
    }
    let plan = check(&incident, &wish).map_err(objected)?;
    tried(proposer, &incident, &wish).await?;
    let fate = match plan.rollback {
        // Who asks for another plan has said what becomes of this one.
        Rollback::Automatic | Rollback::Ask => "what it changed is put back",
        Rollback::None => "what it changed stays, since it undoes nothing",
    };
    let plan = plan.id.clone();
    let mut objection = None;
    let decided = log
        .decide(&cluster, &id, None, &proposer.clock, |incident, _| {
            // asked again after an acknowledgement was lost: the log shows that it was written
            if incident
                .revision
                .as_ref()
                .is_some_and(|revision| revision.plan == plan && revision.by == wish.by)
            {
                return Vec::new();
            }
            match event(incident, &plan, &wish) {
                Ok(event) => vec![event],
                Err(why) => {
                    objection = Some(why);
                    Vec::new()
                }
            }
        })
        .await
        .map_err(|error| unavailable(&error))?;
    if let Some(objection) = objection {
        return Err(objected(objection));
    }
    tracing::info!(incident = %id, %plan, option = wish.option, by = wish.by, events = decided.appended.len(), "plan revised");
    Ok(v1::ReviseResponse {
        outcome: format!(
            "{plan} ends, {fate}, and a plan of option {} follows, to be approved anew",
            wish.option + 1
        ),
    })
}

/// Nobody should end a running plan for one that cannot be made.
async fn tried(proposer: &Proposer, incident: &Incident, wish: &Wish) -> Result<(), Status> {
    let Some(plan) = &incident.plan else { return Ok(()) };
    let index = usize::try_from(wish.option).unwrap_or(usize::MAX);
    let Some(mut option) = plan.options.get(index).cloned() else {
        return Ok(());
    };
    for edit in &wish.edits {
        if let Some(step) = option.recommendations.iter_mut().find(|step| step.id == edit.step) {
            step.parameters.clone_from(&edit.parameters);
        }
    }
    let wanted = Wanted {
        options: vec![option],
        only: None,
        by_person: true,
        notes: Vec::new(),
    };
    let attempt = incident.plans + 1;
    match proposer.choose(incident, attempt, wanted).await.map_err(Status::unavailable)? {
        Ok(_) => Ok(()),
        Err(refusals) => Err(Status::failed_precondition(format!(
            "option {} cannot be planned, so nothing was changed: {}",
            wish.option + 1,
            options::reasons(&refusals)
        ))),
    }
}

fn objected(objection: Objection) -> Status {
    match objection {
        Objection::Wrong(text) => Status::invalid_argument(text),
        Objection::Untimely(text) => Status::failed_precondition(text),
    }
}

fn unavailable(error: &LogError) -> Status {
    match error {
        LogError::Bus(_) | LogError::Contended { .. } => Status::unavailable(error.to_string()),
        LogError::Fold(_) | LogError::Decode { .. } => Status::data_loss(error.to_string()),
    }
}
