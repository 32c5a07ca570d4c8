//! Where answers are taken: the decision, its append, and what its author is told.

use std::sync::Arc;

use crate::{
    core::{
        decide::{decide, explain, recorded, same_person},
        link::{self, BadLink, Claims},
        refusal::Refusal,
    },
    metrics,
};
use bytes::Bytes;
use paramedic_bus::{Error as BusError, Kv, LogError};
use paramedic_domain::{
    approval::{Answer, Decision, GateState},
    id::{ClusterId, IncidentId},
    incident::Incident,
    plan::Gate,
};
use paramedic_runtime::Kit;
use secrecy::{ExposeSecret as _, SecretSlice};

/// Takes answers, from whatever channel.
#[derive(Clone)]
pub struct Desk {
    kit: Kit,
    nonces: Arc<dyn Kv>,
    secret: Arc<SecretSlice<u8>>,
}

/// A counted answer.
pub struct Counted {
    /// The incident after it.
    pub incident: Arc<Incident>,
    /// Whether this call counted it; false when it already was.
    pub now: bool,
    /// A sentence for its author.
    pub message: String,
}

/// Why an answer was not counted.
#[derive(Debug, thiserror::Error)]
pub enum NotCounted {
    /// It does not count.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nobody knows: the log could not be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Why a link led nowhere.
#[derive(Debug, thiserror::Error)]
pub enum LinkFailure {
    /// The link itself.
    #[error(transparent)]
    Bad(#[from] BadLink),
    /// It was used.
    #[error("this link was already used: each link works once")]
    Used,
    /// The answer behind it.
    #[error(transparent)]
    NotCounted(#[from] NotCounted),
    /// The bus.
    #[error(transparent)]
    Bus(#[from] BusError),
}

impl Desk {
    /// A desk on this bus.
    #[must_use]
    pub fn new(kit: Kit, nonces: Arc<dyn Kv>, secret: SecretSlice<u8>) -> Self {
        Self {
            kit,
            nonces,
            secret: Arc::new(secret),
        }
    }

    /// Counts an answer, or says why not. The same answer of the same person again is no error and counts nothing.
    ///
    /// # Errors
    /// Refusals, and a bus that cannot be used.
    pub async fn answer(&self, cluster: &ClusterId, id: &IncidentId, answer: Answer, decision: &Decision) -> Result<Counted, NotCounted> {
        let mut refusal = None;
        let mut tried = false;
        let decided = self.kit.log.decide(cluster, id, None, &self.kit.clock, |incident, now| {
            refusal = None;
            if tried && recorded(incident, answer, decision) {
                // our own append, whose acknowledgement was lost
                return Vec::new();
            }
            decide(incident, answer, decision, now).map_or_else(
                |reason| {
                    refusal = Some(reason);
                    Vec::new()
                },
                |events| {
                    tried = true;
                    events
                },
            )
        });
        let incident = decided.await?.incident;
        match refusal {
            None => {
                let (word, channel) = (answer_word(answer), channel_word(decision));
                ::metrics::counter!(metrics::DECISIONS, "answer" => word, "channel" => channel).increment(1);
                tracing::info!(incident = %id, gate = %decision.gate, answer = word, by = decision.by, channel, "counted");
                let message = standing(&incident, decision);
                Ok(Counted {
                    incident,
                    now: true,
                    message,
                })
            }
            Some(reason) if is_repetition(&reason, answer, decision) => Ok(Counted {
                incident,
                now: false,
                message: reason.to_string(),
            }),
            Some(reason) => {
                let reason = match reason {
                    Refusal::UnknownGate { .. } => explain(reason, &self.kit.log.read(cluster, id).await?),
                    other => other,
                };
                ::metrics::counter!(metrics::REFUSALS, "reason" => reason.code()).increment(1);
                tracing::info!(incident = %id, gate = %decision.gate, by = decision.by, %reason, "refused");
                Err(reason.into())
            }
        }
    }

    /// The claims of a link that can still be used, and the incident it is about. Changes nothing.
    ///
    /// # Errors
    /// Why the link cannot be used.
    pub async fn look(&self, token: &str) -> Result<(Claims, Incident), LinkFailure> {
        let claims = self.claims(token)?;
        if self
            .nonces
            .get(&link::nonce_key(token))
            .await?
            .is_some_and(|entry| entry.value.is_some())
        {
            return Err(LinkFailure::Used);
        }
        let incident = self
            .kit
            .log
            .load(&claims.cluster, &claims.incident)
            .await
            .map_err(NotCounted::Log)?;
        decide(&incident, claims.answer, &claims.decision(""), self.kit.clock.now()).map_err(NotCounted::Refused)?;
        Ok((claims, incident))
    }

    /// Uses a link up and counts its answer.
    ///
    /// # Errors
    /// Why it was not counted; after a failure of the log the link can be used again.
    pub async fn use_link(&self, token: &str, reason: &str) -> Result<(Claims, Counted), LinkFailure> {
        let claims = self.claims(token)?;
        let nonce = link::nonce_key(token);
        match self.nonces.create(&nonce, Bytes::from_static(b"used")).await {
            Ok(_) => {}
            Err(BusError::WrongRevision { .. }) => return Err(LinkFailure::Used),
            Err(error) => return Err(error.into()),
        }
        match self
            .answer(&claims.cluster, &claims.incident, claims.answer, &claims.decision(reason))
            .await
        {
            Ok(counted) => Ok((claims, counted)),
            Err(NotCounted::Log(error)) => {
                if let Err(kept) = self.nonces.delete(&nonce, None).await {
                    tracing::warn!(%kept, gate = %claims.gate, "the answer was not stored and its link stays used up; the command line still works");
                }
                Err(NotCounted::Log(error).into())
            }
            Err(refused) => Err(refused.into()),
        }
    }

    /// The links of a recipient; `None` when the gate does not wait.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn links(
        &self,
        cluster: &ClusterId,
        id: &IncidentId,
        gate: &paramedic_domain::id::GateId,
        recipient: &str,
    ) -> Result<Option<link::Pair>, LogError> {
        let incident = self.kit.log.load(cluster, id).await?;
        Ok(link::pair(self.secret.expose_secret(), &incident, gate, recipient))
    }

    /// The incident as its log stands.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn incident(&self, cluster: &ClusterId, id: &IncidentId) -> Result<Incident, LogError> {
        self.kit.log.load(cluster, id).await
    }

    fn claims(&self, token: &str) -> Result<Claims, BadLink> {
        link::verify(self.secret.expose_secret(), token, self.kit.clock.now())
    }
}

/// A person who says the same thing again has not been refused.
fn is_repetition(refusal: &Refusal, answer: Answer, decision: &Decision) -> bool {
    match refusal {
        Refusal::AlreadyCounted { .. } => true,
        Refusal::AlreadyDecided { answer: earlier, by, .. } => {
            *earlier == answer && by.split(", ").any(|person| same_person(person, &decision.by))
        }
        Refusal::OwnRequest { .. }
        | Refusal::NoPlan { .. }
        | Refusal::UnknownGate { .. }
        | Refusal::OlderPlan { .. }
        | Refusal::Over { .. }
        | Refusal::NotAsked { .. }
        | Refusal::WrongDigest { .. }
        | Refusal::Expired { .. }
        | Refusal::NoIdentity
        | Refusal::ReasonTooLong { .. } => false,
    }
}

fn standing(incident: &Incident, decision: &Decision) -> String {
    let gate = &decision.gate;
    let quorum = incident
        .plan
        .as_ref()
        .and_then(|plan| plan.gate(gate))
        .map_or(1, |gate: &Gate| gate.quorum);
    match incident.gates.get(gate) {
        Some(GateState::Waiting { approvals, .. }) => {
            format!(
                "counted: {} of {quorum} approvals for {gate}; it waits for other people",
                approvals.len()
            )
        }
        Some(GateState::Granted { .. }) => format!("approved: {gate} is open and exactly {} will run", decision.digest.short()),
        Some(GateState::Denied { .. }) => format!("denied: nothing behind {gate} will run"),
        Some(GateState::Planned | GateState::Expired { .. }) | None => format!("counted for {gate}"),
    }
}

fn answer_word(answer: Answer) -> &'static str {
    match answer {
        Answer::Approve => "approve",
        Answer::Deny => "deny",
    }
}

fn channel_word(decision: &Decision) -> &'static str {
    use paramedic_domain::approval::Channel;
    match decision.channel {
        Channel::Cli => "cli",
        Channel::Email => "email",
        Channel::Slack => "slack",
        Channel::Web => "web",
        Channel::Grpc => "grpc",
    }
}
