//! `SafetyService`: the kill switch.

use paramedic_bus::kill_switch::{KillSwitch, Position};
use paramedic_domain::people::Role;
use paramedic_proto::v1::{self, safety_service_server::SafetyService};
use paramedic_runtime::{Clock, Kit};
use paramedic_wire::Wire;
use tonic::{Request, Response, Status};

use super::{identity::Callers, status};

/// Longest reason, characters: a paragraph.
const MAX_REASON: usize = 2_000;

/// The service.
pub(crate) struct Safety {
    switch: KillSwitch,
    clock: Clock,
    callers: Callers,
}

impl Safety {
    /// The service on the kit's bus.
    ///
    /// # Errors
    /// When the bus is unavailable.
    pub(crate) async fn open(kit: &Kit) -> Result<Self, paramedic_bus::Error> {
        Ok(Self {
            switch: KillSwitch::open(&kit.bus).await?,
            clock: kit.clock.clone(),
            callers: Callers::new(kit),
        })
    }
}

fn told(position: Option<Position>) -> v1::KillSwitchPosition {
    position.map_or_else(v1::KillSwitchPosition::default, |position| v1::KillSwitchPosition {
        thrown: position.thrown,
        by: position.by,
        reason: position.reason,
        at: Some(position.at.to_proto()),
    })
}

#[tonic::async_trait]
impl SafetyService for Safety {
    async fn set_kill_switch(&self, request: Request<v1::SetKillSwitchRequest>) -> Result<Response<v1::SetKillSwitchResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        // To stop everything must be easy; to let it go on is for whoever answers for all of it.
        let role = if request.thrown { Role::Responder } else { Role::Admin };
        let by = self.callers.with_role(role, None, &metadata, &request.by)?;
        let reason = request.reason.trim();
        if reason.is_empty() || reason.chars().count() > MAX_REASON {
            return Err(Status::invalid_argument(format!(
                "reason: say why, in at most {MAX_REASON} characters: it is the first thing that others will ask"
            )));
        }
        let position = Position {
            thrown: request.thrown,
            by,
            reason: reason.to_owned(),
            at: self.clock.now(),
        };
        self.switch.set(&position).await.map_err(|error| status::bus(&error))?;
        tracing::warn!(
            thrown = position.thrown,
            by = position.by,
            reason = position.reason,
            "the kill switch was moved"
        );
        Ok(Response::new(v1::SetKillSwitchResponse {
            position: Some(told(Some(position))),
        }))
    }

    async fn get_kill_switch(&self, _: Request<v1::GetKillSwitchRequest>) -> Result<Response<v1::GetKillSwitchResponse>, Status> {
        let position = self.switch.position().await.map_err(|error| status::bus(&error))?;
        Ok(Response::new(v1::GetKillSwitchResponse {
            position: Some(told(position)),
        }))
    }
}
