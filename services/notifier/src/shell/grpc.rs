//! NotifierService.

use std::sync::Arc;

use paramedic_domain::{
    event::Receipt,
    id::{ClusterId, IncidentId},
};
use paramedic_proto::v1::{self, notifier_service_server::NotifierService};
use paramedic_runtime::Kit;
use paramedic_wire::{Invalid, Wire};
use tonic::{Request, Response, Status};

use super::channel::{Channel, Outgoing, SendError};
use crate::core::message::{Message, Tone, facts, paragraph};

/// The service.
pub struct Service {
    /// Kit.
    pub kit: Kit,
    /// Configured channels.
    pub channels: Vec<Arc<dyn Channel>>,
}

#[tonic::async_trait]
impl NotifierService for Service {
    async fn send_test(&self, request: Request<v1::SendTestRequest>) -> Result<Response<v1::SendTestResponse>, Status> {
        let wanted = request.into_inner();
        let known = self.channels.iter().map(|channel| channel.name()).collect::<Vec<_>>().join(", ");
        let channel = self
            .channels
            .iter()
            .find(|channel| channel.name() == wanted.channel)
            .ok_or_else(|| {
                Status::not_found(format!(
                    "channel {:?} is not configured; configured are: {}",
                    wanted.channel,
                    or_none(&known)
                ))
            })?;
        // only configured recipients: nobody may use us to write to strangers
        let recipients = channel.recipients();
        let recipient = recipients
            .iter()
            .find(|known| wanted.recipient.is_empty() || **known == wanted.recipient)
            .ok_or_else(|| {
                Status::permission_denied(format!(
                    "{:?} is not a configured recipient of {}",
                    wanted.recipient,
                    channel.name()
                ))
            })?;
        let now = self.kit.clock.now();
        let incident = IncidentId::derive(&["test", &now.to_string()]);
        let key = format!("{incident}/0/test/{}/{recipient}", channel.name());
        let message = test_message(self.kit.cluster.name.clone(), incident);
        let outgoing = Outgoing {
            message: &message,
            key: &key,
            recipient,
            thread: None,
            time: now,
            again: false,
            files: &[],
        };
        let delivered = channel.send(&outgoing).await.map_err(|error| match error {
            SendError::Transient { reason, .. } => Status::unavailable(reason),
            SendError::Permanent { reason } => Status::failed_precondition(reason),
        })?;
        let receipt = Receipt {
            key: key.clone(),
            channel: channel.name().into(),
            recipient: recipient.clone(),
            title: message.title.clone(),
            message_id: delivered.message_id,
            thread: delivered.thread,
        };
        Ok(Response::new(v1::SendTestResponse {
            receipt: Some(receipt.to_proto()),
        }))
    }

    async fn deliveries(&self, request: Request<v1::DeliveriesRequest>) -> Result<Response<v1::DeliveriesResponse>, Status> {
        let wanted = request.into_inner();
        let cluster: ClusterId = field("cluster", wanted.cluster)?;
        let incident: IncidentId = field("incident", wanted.incident)?;
        let incident = self
            .kit
            .log
            .load(&cluster, &incident)
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        if incident.version == 0 {
            return Err(Status::not_found(format!(
                "there is no incident {} on cluster {cluster}",
                incident.id
            )));
        }
        Ok(Response::new(v1::DeliveriesResponse {
            delivered: incident.notifications.values().map(Wire::to_proto).collect(),
            undeliverable: incident.undeliverable,
        }))
    }
}

fn test_message(cluster: ClusterId, incident: IncidentId) -> Message {
    Message {
        subject: "[paramedic] test message".into(),
        title: "Test message".into(),
        tone: Tone::Info,
        blocks: vec![
            paragraph("If you can read this, Paramedic reaches you here. Nothing is wrong."),
            facts([("Cluster", cluster.to_string())]),
        ],
        attachments: Vec::new(),
        settles: None,
        seq: 0,
        kind: "test",
        cluster,
        incident,
    }
}

fn or_none(known: &str) -> &str {
    if known.is_empty() { "none" } else { known }
}

fn field<T: Wire<Proto = String>>(name: &str, value: String) -> Result<T, Status> {
    T::from_proto(value).map_err(|invalid: Invalid| Status::invalid_argument(invalid.within(name).to_string()))
}
