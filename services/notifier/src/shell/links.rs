//! Signed links, asked of the approval role when a mail that asks a question is composed.

use std::time::Duration;

use anyhow::Context as _;
use paramedic_domain::id::GateId;
use paramedic_proto::v1::{LinksRequest, approval_service_client::ApprovalServiceClient};
use paramedic_runtime::grpc;
use secrecy::{ExposeSecret as _, SecretString};
use tonic::{Code, Status, metadata::MetadataValue, transport::Channel};

use crate::core::message::{Links, Message};

/// Longest wait for the links of one message.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What came of asking for links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Here they are.
    Links(Links),
    /// There are none: the gate no longer waits, or the approval role hands none out.
    None,
    /// The approval role did not answer.
    Unavailable(String),
}

/// The approval role.
#[derive(Clone)]
pub struct Approvals {
    client: ApprovalServiceClient<Channel>,
    token: SecretString,
}

impl Approvals {
    /// A client; connects when first used.
    ///
    /// # Errors
    /// When the address is not one.
    pub fn new(url: &str, token: SecretString) -> anyhow::Result<Self> {
        let channel = grpc::channel(url, TIMEOUT).context("notifier.approval_url")?;
        Ok(Self {
            client: ApprovalServiceClient::new(channel),
            token,
        })
    }

    /// The links by which `recipient` can answer `gate`.
    pub async fn links(&self, message: &Message, gate: &GateId, recipient: &str) -> Asked {
        let mut request = grpc::with_trace(LinksRequest {
            cluster: message.cluster.to_string(),
            incident: message.incident.to_string(),
            gate: gate.to_string(),
            recipient: recipient.to_owned(),
        });
        let token = self.token.expose_secret();
        if !token.is_empty() {
            match MetadataValue::try_from(format!("Bearer {token}")) {
                Ok(value) => {
                    request.metadata_mut().insert("authorization", value);
                }
                Err(_) => {
                    tracing::warn!("notifier.approval_token holds characters that headers do not allow; mails carry no links");
                    return Asked::None;
                }
            }
        }
        match self.client.clone().links(request).await.map(tonic::Response::into_inner) {
            Ok(found) if found.approve_url.is_empty() || found.deny_url.is_empty() => Asked::None,
            Ok(found) => Asked::Links(Links {
                approve: found.approve_url,
                deny: found.deny_url,
            }),
            Err(status) => from_status(&status),
        }
    }
}

fn from_status(status: &Status) -> Asked {
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown | Code::Internal => {
            Asked::Unavailable(status.message().to_owned())
        }
        Code::FailedPrecondition => Asked::None,
        _ => {
            tracing::warn!(code = ?status.code(), message = status.message(), "the approval role hands out no links; mails show the command only");
            Asked::None
        }
    }
}
