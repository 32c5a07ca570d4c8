//! ApprovalService.

use std::{pin::Pin, sync::Arc};

use futures::{Stream, StreamExt as _};
use paramedic_bus::{Error as BusError, Kv, LogError};
use paramedic_domain::{
    approval::{Answer, Channel},
    digest::Digest,
    id::{ClusterId, GateId, IncidentId},
    people::Role,
};
use paramedic_people::Standing;
use paramedic_proto::v1::{self, approval_service_server::ApprovalService};
use paramedic_runtime::{
    Kit,
    caller::{bearer, caller, permitted},
};
use paramedic_wire::{Invalid, Wire};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use tonic::{Request, Response, Status, metadata::MetadataMap};

use super::{
    desk::{Desk, NotCounted},
    index::{Note, Place},
    view,
};
use crate::core::decide::Vote;

/// The service.
pub struct Service {
    /// Takes answers.
    pub desk: Desk,
    /// Which gates there are.
    pub index: Arc<dyn Kv>,
    /// Kit.
    pub kit: Kit,
    /// The notifier's token; empty: none.
    pub notifier_token: SecretString,
    /// Base URL of links; empty: there are none.
    pub public_url: String,
}

impl Service {
    /// Who calls, by the people file as it stands now.
    fn caller(&self, metadata: &MetadataMap, claimed: &str) -> Result<Standing, Status> {
        caller(&self.kit.people.current(), metadata, claimed, self.kit.clock.now())
    }

    /// Everybody who is known may look.
    fn viewer(&self, metadata: &MetadataMap) -> Result<(), Status> {
        permitted(self.caller(metadata, "anybody")?, Role::Viewer, None).map(drop)
    }

    /// Lets the notifier through: a link decides in its recipient's name, so not everybody may have one made.
    fn notifier(&self, metadata: &MetadataMap) -> Result<(), Status> {
        let token = self.notifier_token.expose_secret();
        if token.is_empty() {
            return if self.kit.people.current().is_unchecked() {
                Ok(())
            } else {
                Err(Status::permission_denied(
                    "no links are handed out: people are configured, but approval.notifier_token is not",
                ))
            };
        }
        if token.as_bytes().ct_eq(bearer(metadata)?.as_bytes()).into() {
            Ok(())
        } else {
            Err(Status::permission_denied("only the notifier's token may ask for links"))
        }
    }
}

type Approvals = Pin<Box<dyn Stream<Item = Result<v1::Approval, Status>> + Send>>;

#[tonic::async_trait]
impl ApprovalService for Service {
    async fn list(&self, request: Request<v1::ListApprovalsRequest>) -> Result<Response<v1::ListApprovalsResponse>, Status> {
        self.viewer(request.metadata())?;
        let wanted = request.into_inner();
        let mut approvals = Vec::new();
        for key in self.index.keys().await.map_err(unavailable)? {
            let Some(place) = Place::parse(&key) else { continue };
            let cluster_fits = wanted.cluster.as_ref().is_none_or(|cluster| place.cluster.as_str() == cluster);
            let incident_fits = wanted.incident.as_ref().is_none_or(|incident| place.incident.as_str() == incident);
            if !cluster_fits || !incident_fits {
                continue;
            }
            let entry = self.index.get(&key).await.map_err(unavailable)?;
            let note = entry.and_then(|entry| entry.value).map(|value| Note::parse(&value));
            if wanted.all || note.is_some_and(|note| note.waits) {
                approvals.extend(look(&self.desk, &place, wanted.all).await?);
            }
        }
        approvals.sort_by_key(|one| {
            let ends = one.expires_at.as_ref().map_or(i64::MAX, |time| time.seconds);
            (ends, one.gate.as_ref().map(|gate| gate.id.clone()))
        });
        Ok(Response::new(v1::ListApprovalsResponse { approvals }))
    }

    async fn get(&self, request: Request<v1::GetApprovalRequest>) -> Result<Response<v1::Approval>, Status> {
        self.viewer(request.metadata())?;
        let wanted = request.into_inner();
        let place = place(wanted.cluster, wanted.incident, wanted.gate)?;
        let found = look(&self.desk, &place, true).await?;
        found.map(Response::new).ok_or_else(|| not_found(&place))
    }

    async fn decide(&self, request: Request<v1::DecideRequest>) -> Result<Response<v1::DecideResponse>, Status> {
        let who = self.caller(request.metadata(), &request.get_ref().by)?;
        let wanted = request.into_inner();
        let place = place(wanted.cluster, wanted.incident, wanted.gate)?;
        let answer: Answer = field("answer", wanted.answer)?;
        let vote = Vote {
            gate: place.gate.clone(),
            digest: field::<Digest>("digest", wanted.digest)?,
            answer,
            channel: field::<Channel>("channel", wanted.channel)?,
            reason: wanted.reason.trim().to_owned(),
        };
        let counted = self
            .desk
            .answer(&place.cluster, &place.incident, &vote, &who)
            .await
            .map_err(not_counted)?;
        Ok(Response::new(v1::DecideResponse {
            approval: view::approval(&counted.incident, &place.gate),
            counted: counted.now,
            message: counted.message,
        }))
    }

    async fn acknowledge(&self, request: Request<v1::AcknowledgeRequest>) -> Result<Response<v1::Approval>, Status> {
        let who = self.caller(request.metadata(), &request.get_ref().by)?;
        let wanted = request.into_inner();
        let place = place(wanted.cluster, wanted.incident, wanted.gate)?;
        let channel = field::<Channel>("channel", wanted.channel)?;
        let asked = (&place.gate, channel);
        let incident = self
            .desk
            .acknowledge(&place.cluster, &place.incident, asked, &who)
            .await
            .map_err(not_counted)?;
        view::approval(&incident, &place.gate)
            .map(Response::new)
            .ok_or_else(|| not_found(&place))
    }

    async fn take_over(&self, request: Request<v1::TakeOverRequest>) -> Result<Response<v1::Approval>, Status> {
        let who = self.caller(request.metadata(), &request.get_ref().by)?;
        let wanted = request.into_inner();
        let place = place(wanted.cluster, wanted.incident, wanted.gate)?;
        let channel = field::<Channel>("channel", wanted.channel)?;
        let said = (&place.gate, channel, wanted.reason.as_str());
        let incident = self
            .desk
            .take_over(&place.cluster, &place.incident, said, &who)
            .await
            .map_err(not_counted)?;
        view::approval(&incident, &place.gate)
            .map(Response::new)
            .ok_or_else(|| not_found(&place))
    }

    type WatchStream = Approvals;

    async fn watch(&self, request: Request<v1::WatchApprovalsRequest>) -> Result<Response<Approvals>, Status> {
        self.viewer(request.metadata())?;
        let wanted = request.into_inner().cluster;
        // what is settled already is not news: entries up to here are only reported when they wait
        let mut known = 0;
        for key in self.index.keys().await.map_err(unavailable)? {
            known = self
                .index
                .get(&key)
                .await
                .map_err(unavailable)?
                .map_or(known, |entry| known.max(entry.revision));
        }
        let prefix = wanted.map(|cluster| format!("{cluster}/")).unwrap_or_default();
        let entries = self.index.watch(&prefix).await.map_err(unavailable)?;
        let desk = self.desk.clone();
        let approvals = entries.filter_map(move |entry| {
            let desk = desk.clone();
            async move {
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(error) => return Some(Err(unavailable(error))),
                };
                let place = Place::parse(&entry.key)?;
                entry.value?;
                look(&desk, &place, entry.revision > known).await.transpose()
            }
        });
        Ok(Response::new(Box::pin(approvals)))
    }

    async fn links(&self, request: Request<v1::LinksRequest>) -> Result<Response<v1::LinksResponse>, Status> {
        self.notifier(request.metadata())?;
        let wanted = request.into_inner();
        let place = place(wanted.cluster, wanted.incident, wanted.gate)?;
        let recipient = wanted.recipient.trim();
        if recipient.is_empty() || recipient.chars().any(char::is_control) {
            return Err(Status::invalid_argument("recipient: must be the address the message goes to"));
        }
        let links = self.desk.links(&place.cluster, &place.incident, &place.gate, recipient).await;
        let Some(links) = links.map_err(|error| log_status(&error))? else {
            return Err(Status::failed_precondition(format!("{} does not wait for an answer", place.gate)));
        };
        let url = |token: &str| {
            if self.public_url.is_empty() {
                String::new()
            } else {
                format!("{}/approvals/{token}", self.public_url.trim_end_matches('/'))
            }
        };
        Ok(Response::new(v1::LinksResponse {
            approve_url: url(&links.approve),
            deny_url: url(&links.deny),
            expires_at: Some(links.expires_at.to_proto()),
        }))
    }
}

/// The gate as its log stands; `None` when it is gone, or does not wait and only waiting ones are wanted.
async fn look(desk: &Desk, place: &Place, all: bool) -> Result<Option<v1::Approval>, Status> {
    let incident = desk
        .incident(&place.cluster, &place.incident)
        .await
        .map_err(|error| log_status(&error))?;
    if !all && !view::waits(&incident, &place.gate) {
        return Ok(None);
    }
    Ok(view::approval(&incident, &place.gate))
}

fn place(cluster: String, incident: String, gate: String) -> Result<Place, Status> {
    Ok(Place {
        cluster: field::<ClusterId>("cluster", cluster)?,
        incident: field::<IncidentId>("incident", incident)?,
        gate: field::<GateId>("gate", gate)?,
    })
}

fn field<T: Wire>(name: &str, value: T::Proto) -> Result<T, Status> {
    T::from_proto(value).map_err(|invalid: Invalid| Status::invalid_argument(invalid.within(name).to_string()))
}

fn not_found(place: &Place) -> Status {
    Status::not_found(format!(
        "the current plan of {} has no gate {}; see `paramedic show {}`",
        place.incident, place.gate, place.incident
    ))
}

fn not_counted(problem: NotCounted) -> Status {
    match problem {
        NotCounted::Refused(refusal) => refused(&refusal),
        NotCounted::Log(error) => log_status(&error),
    }
}

fn refused(refusal: &crate::core::refusal::Refusal) -> Status {
    use crate::core::refusal::Refusal;
    let sentence = refusal.to_string();
    match refusal {
        Refusal::NoPlan { .. } | Refusal::UnknownGate { .. } => Status::not_found(sentence),
        Refusal::NoRole { .. } | Refusal::NotAmong { .. } => Status::permission_denied(sentence),
        Refusal::ReasonTooLong { .. } => Status::invalid_argument(sentence),
        Refusal::NotAsked { .. } => Status::unavailable(sentence),
        Refusal::OlderPlan { .. }
        | Refusal::Over { .. }
        | Refusal::WrongDigest { .. }
        | Refusal::AlreadyDecided { .. }
        | Refusal::Expired { .. }
        | Refusal::OwnRequest { .. }
        | Refusal::AlreadyCounted { .. } => Status::failed_precondition(sentence),
    }
}

fn log_status(error: &LogError) -> Status {
    match error {
        LogError::Bus(_) | LogError::Contended { .. } => Status::unavailable(error.to_string()),
        LogError::Fold(_) | LogError::Decode { .. } => Status::data_loss(error.to_string()),
    }
}

fn unavailable(error: BusError) -> Status {
    Status::unavailable(error.to_string())
}
