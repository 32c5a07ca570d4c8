//! Where answers are taken: the decision, its append, and what its author is told.

use std::sync::Arc;

use crate::{
    core::{
        decide::{Vote, acknowledge, decide, explain, recorded, take_over},
        link::{self, BadLink, Claims},
        refusal::Refusal,
    },
    metrics,
};
use bytes::Bytes;
use jiff::Timestamp;
use paramedic_bus::{Error as BusError, Kv, LogError};
use paramedic_domain::{
    approval::{Answer, Channel, GateState},
    event::Event,
    id::{ClusterId, GateId, IncidentId},
    incident::Incident,
    people::same_person,
    plan::Gate,
};
use paramedic_people::{Standing, Unknown};
use paramedic_runtime::Kit;
use secrecy::{ExposeSecret as _, SecretSlice};

/// Takes answers, from whatever channel.
#[derive(Clone)]
pub struct Desk {
    kit: Kit,
    nonces: Arc<dyn Kv>,
    secret: Arc<SecretSlice<u8>>,
}

/// How somebody is known in a channel.
#[derive(Debug, Clone, Copy)]
pub enum Name<'a> {
    /// The address that a mail went to.
    Email(&'a str),
    /// A user of a Slack workspace.
    Slack {
        /// Id of the workspace.
        team: &'a str,
        /// Id of the user.
        user: &'a str,
    },
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
    /// Whose it is.
    #[error(transparent)]
    Unknown(#[from] Unknown),
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

    /// What somebody may do, by the people file as it stands now: a role that was taken away no longer counts, whenever the message was sent.
    ///
    /// # Errors
    /// When nobody is known by that name.
    pub fn standing(&self, who: &Name<'_>) -> Result<Standing, Unknown> {
        let (people, now) = (self.kit.people.current(), self.kit.clock.now());
        let standing = match who {
            Name::Email(address) => people.by_email(address, now),
            Name::Slack { team, user } => people.by_slack(team, user, now),
        };
        if let Err(unknown) = &standing {
            ::metrics::counter!(metrics::REFUSALS, "reason" => "unknown_person").increment(1);
            tracing::warn!(%unknown, "somebody unknown wanted to decide");
        }
        standing
    }

    /// Counts a vote, or says why not. The same answer of the same person again is no error and counts nothing.
    ///
    /// # Errors
    /// Refusals, and a bus that cannot be used.
    pub async fn answer(&self, cluster: &ClusterId, id: &IncidentId, vote: &Vote, who: &Standing) -> Result<Counted, NotCounted> {
        let mut refusal = None;
        let mut tried: Option<Event> = None;
        let decided = self.kit.log.decide(cluster, id, None, &self.kit.clock, |incident, now| {
            refusal = None;
            if tried.as_ref().is_some_and(|event| recorded(incident, event)) {
                // our own append, whose acknowledgement was lost
                return Vec::new();
            }
            match decide(incident, vote, who, now) {
                Ok(event) => {
                    tried = Some(event.clone());
                    vec![event]
                }
                Err(reason) => {
                    refusal = Some(reason);
                    Vec::new()
                }
            }
        });
        let incident = decided.await?.incident;
        match refusal {
            None => {
                let (word, channel) = (answer_word(vote.answer), channel_word(vote.channel));
                ::metrics::counter!(metrics::DECISIONS, "answer" => word, "channel" => channel).increment(1);
                tracing::info!(incident = %id, gate = %vote.gate, answer = word, by = who.id, channel, "counted");
                let message = standing(&incident, vote);
                Ok(Counted {
                    incident,
                    now: true,
                    message,
                })
            }
            Some(reason) if is_repetition(&reason, vote, who) => Ok(Counted {
                incident,
                now: false,
                message: reason.to_string(),
            }),
            Some(reason) => {
                let reason = match reason {
                    Refusal::UnknownGate { .. } => explain(reason, &self.kit.log.read(cluster, id).await?),
                    other => other,
                };
                self.keep(cluster, id, (&vote.gate, vote.channel, who), &reason).await?;
                Err(reason.into())
            }
        }
    }

    /// Somebody says that they look at a question.
    ///
    /// # Errors
    /// Refusals, and a bus that cannot be used.
    pub async fn acknowledge(
        &self,
        cluster: &ClusterId,
        id: &IncidentId,
        (gate, channel): (&GateId, Channel),
        who: &Standing,
    ) -> Result<Arc<Incident>, NotCounted> {
        let said = |incident: &Incident, now| acknowledge(incident, gate, channel, who, now);
        self.say(cluster, id, (gate, channel, who), said).await
    }

    /// Somebody does by hand what a question is about.
    ///
    /// # Errors
    /// Refusals, and a bus that cannot be used.
    pub async fn take_over(
        &self,
        cluster: &ClusterId,
        id: &IncidentId,
        (gate, channel, reason): (&GateId, Channel, &str),
        who: &Standing,
    ) -> Result<Arc<Incident>, NotCounted> {
        let said = |incident: &Incident, now| take_over(incident, gate, reason, who, now).map(Some);
        let incident = self.say(cluster, id, (gate, channel, who), said).await?;
        tracing::info!(incident = %id, %gate, by = who.id, "taken over by hand");
        Ok(incident)
    }

    async fn say(
        &self,
        cluster: &ClusterId,
        id: &IncidentId,
        by: (&GateId, Channel, &Standing),
        said: impl Fn(&Incident, Timestamp) -> Result<Option<Event>, Refusal> + Send + Sync,
    ) -> Result<Arc<Incident>, NotCounted> {
        let mut refusal = None;
        let decided = self.kit.log.decide(cluster, id, None, &self.kit.clock, |incident, now| {
            refusal = None;
            let event = said(incident, now).map_err(|reason| refusal = Some(reason));
            event.ok().flatten().into_iter().collect()
        });
        let incident = decided.await?.incident;
        match refusal {
            None => Ok(incident),
            Some(reason) => {
                self.keep(cluster, id, by, &reason).await?;
                Err(reason.into())
            }
        }
    }

    /// The log keeps who wanted to decide and could not.
    async fn keep(
        &self,
        cluster: &ClusterId,
        id: &IncidentId,
        (gate, channel, who): (&GateId, Channel, &Standing),
        reason: &Refusal,
    ) -> Result<(), LogError> {
        ::metrics::counter!(metrics::REFUSALS, "reason" => reason.code()).increment(1);
        tracing::info!(incident = %id, %gate, by = who.id, %reason, "refused");
        let event = Event::ApprovalRefused {
            gate: gate.clone(),
            by: who.id.clone(),
            channel,
            code: reason.code().to_owned(),
            reason: reason.to_string(),
        };
        let kept = self.kit.log.decide(cluster, id, None, &self.kit.clock, |incident, _| {
            let keeps = incident.keeps_refusal(gate, reason.code(), &who.id);
            if keeps { vec![event.clone()] } else { Vec::new() }
        });
        kept.await.map(drop)
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
        let who = self.standing(&Name::Email(&claims.recipient))?;
        decide(&incident, &claims.vote(""), &who, self.kit.clock.now()).map_err(NotCounted::Refused)?;
        Ok((claims, incident))
    }

    /// Uses a link up and counts its answer.
    ///
    /// # Errors
    /// Why it was not counted; after a failure of the log the link can be used again.
    pub async fn use_link(&self, token: &str, reason: &str) -> Result<(Claims, Counted), LinkFailure> {
        let claims = self.claims(token)?;
        let who = self.standing(&Name::Email(&claims.recipient))?;
        let nonce = link::nonce_key(token);
        match self.nonces.create(&nonce, Bytes::from_static(b"used")).await {
            Ok(_) => {}
            Err(BusError::WrongRevision { .. }) => return Err(LinkFailure::Used),
            Err(error) => return Err(error.into()),
        }
        match self.answer(&claims.cluster, &claims.incident, &claims.vote(reason), &who).await {
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
        gate: &GateId,
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
        link::verify(self.secret.expose_secret(), token, self.kit.clock.now()).inspect_err(|bad| {
            ::metrics::counter!(metrics::FORGED, "with" => "link").increment(1);
            tracing::warn!(%bad, "a link that is not valid");
        })
    }
}

/// A person who says the same thing again has not been refused.
fn is_repetition(refusal: &Refusal, vote: &Vote, who: &Standing) -> bool {
    match refusal {
        Refusal::AlreadyCounted { .. } => true,
        Refusal::AlreadyDecided { answer: earlier, by, .. } => {
            *earlier == vote.answer && by.split(", ").any(|person| same_person(person, &who.id))
        }
        Refusal::OwnRequest { .. }
        | Refusal::NoRole { .. }
        | Refusal::NotAmong { .. }
        | Refusal::NoPlan { .. }
        | Refusal::UnknownGate { .. }
        | Refusal::OlderPlan { .. }
        | Refusal::Over { .. }
        | Refusal::NotAsked { .. }
        | Refusal::WrongDigest { .. }
        | Refusal::Expired { .. }
        | Refusal::ReasonTooLong { .. } => false,
    }
}

fn standing(incident: &Incident, vote: &Vote) -> String {
    let gate = &vote.gate;
    let quorum = incident
        .plan
        .as_ref()
        .and_then(|plan| plan.gate(gate))
        .map_or(1, |gate: &Gate| gate.terms.quorum);
    match incident.gates.get(gate) {
        Some(GateState::Waiting { approvals, .. }) => {
            format!(
                "counted: {} of {quorum} approvals for {gate}; it waits for other people",
                approvals.len()
            )
        }
        Some(GateState::Granted { .. }) => format!("approved: {gate} is open and exactly {} will run", vote.digest.short()),
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

fn channel_word(channel: Channel) -> &'static str {
    match channel {
        Channel::Cli => "cli",
        Channel::Email => "email",
        Channel::Slack => "slack",
        Channel::Web => "web",
        Channel::Grpc => "grpc",
    }
}
