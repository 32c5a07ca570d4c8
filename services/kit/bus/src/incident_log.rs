//! The incident log: append by compare-and-set, load by folding.

use std::time::Duration;

use backoff::{ExponentialBackoffBuilder, backoff::Backoff};
use jiff::Timestamp;
use paramedic_domain::{
    envelope::{Envelope, Recorded},
    event::Event,
    id::{ClusterId, EventId, IncidentId},
    incident::{FoldError, Incident},
    invariant,
    subject::{self, Subject},
};

use crate::{Append, Error, Expect, Headers, SharedBus, Start, consume::Verdict, streams, trace};

/// The clock as the bus needs it.
pub trait Now: Send + Sync + 'static {
    /// The present.
    fn now(&self) -> Timestamp;
    /// Real time that a span of the clock's time takes (a drill's clock runs fast).
    fn wall(&self, span: Duration) -> Duration;
}

/// Why a log could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The bus failed.
    #[error(transparent)]
    Bus(#[from] Error),
    /// The stored log is not a log.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// A stored message is not an event.
    #[error("message {seq} of {subject} is not an event: {problem}")]
    Decode {
        /// Stream sequence.
        seq: u64,
        /// Subject.
        subject: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Others kept appending first.
    #[error("{incident}: gave up after {tries} append conflicts; the event will be redelivered")]
    Contended {
        /// Incident.
        incident: IncidentId,
        /// Tries.
        tries: u32,
    },
}

impl LogError {
    /// What a consumer should do about it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Bus(Error::Invalid(_)) | Self::Fold(_) | Self::Decode { .. } => Verdict::Reject { reason: self.to_string() },
            Self::Bus(_) => Verdict::Retry {
                after: Duration::from_secs(2),
                reason: self.to_string(),
            },
            Self::Contended { .. } => Verdict::Retry {
                after: Duration::from_millis(200),
                reason: self.to_string(),
            },
        }
    }
}

/// What a decision led to.
#[derive(Debug)]
pub struct Decided {
    /// The incident after it.
    pub incident: Incident,
    /// The events that this call appended.
    pub appended: Vec<Envelope>,
}

/// Conflicts after which a decision is handed back to redelivery: far more than the replicas that can contend.
const MAX_CONFLICTS: u32 = 64;
/// First pause after a lost acknowledgement; an election takes a second or two.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Time after which the bus counts as unavailable and redelivery takes over.
const PATIENCE: Duration = Duration::from_secs(10);

/// All incident logs of a bus.
#[derive(Clone)]
pub struct IncidentLog {
    bus: SharedBus,
}

struct Loaded {
    incident: Incident,
    /// Sequence in the stream of the incident's last event; what the next append expects.
    last: u64,
}

impl IncidentLog {
    /// The logs kept on `bus`.
    #[must_use]
    pub fn new(bus: SharedBus) -> Self {
        Self { bus }
    }

    /// The incident as its log stands; version 0 if there is none.
    ///
    /// # Errors
    /// When the bus is unavailable or the log is damaged.
    pub async fn load(&self, cluster: &ClusterId, id: &IncidentId) -> Result<Incident, LogError> {
        Ok(self.load_with_position(cluster, id).await?.incident)
    }

    /// The whole log, oldest first.
    ///
    /// # Errors
    /// When the bus is unavailable or a message is not an event.
    pub async fn read(&self, cluster: &ClusterId, id: &IncidentId) -> Result<Vec<Recorded>, LogError> {
        Ok(self
            .read_with_positions(cluster, id)
            .await?
            .into_iter()
            .map(|(_, recorded)| recorded)
            .collect())
    }

    /// Every incident that was ever opened, oldest first.
    ///
    /// # Errors
    /// When the bus is unavailable.
    pub async fn incidents(&self) -> Result<Vec<(ClusterId, IncidentId)>, LogError> {
        let opened = self
            .bus
            .replay(streams::INCIDENTS, &subject::kind_filter("incident_opened"), Start::Beginning)
            .await?;
        let mut ids = Vec::with_capacity(opened.len());
        for message in opened {
            if let Some((cluster, incident, _)) = subject::parse_incident(&message.subject) {
                ids.push((cluster, incident));
            }
        }
        Ok(ids)
    }

    /// Loads, decides and appends; decides again whenever somebody else appended first or an acknowledgement was lost.
    ///
    /// `decide` says which events are missing, so that calling it again after a crash, a conflict or a duplicate
    /// delivery completes what was begun and repeats nothing.
    ///
    /// # Errors
    /// When the bus is unavailable, the log is damaged, or others keep winning.
    pub async fn decide(
        &self,
        cluster: &ClusterId,
        id: &IncidentId,
        causation: Option<&EventId>,
        clock: &dyn Now,
        mut decide: impl FnMut(&Incident, Timestamp) -> Vec<Event> + Send,
    ) -> Result<Decided, LogError> {
        let mut appended = Vec::new();
        let mut conflicts = 0;
        let mut pauses = ExponentialBackoffBuilder::new()
            .with_initial_interval(FIRST_PAUSE)
            .with_max_elapsed_time(Some(PATIENCE))
            .build();
        'decide: loop {
            let mut loaded = self.load_with_position(cluster, id).await?;
            let now = clock.now();
            for event in decide(&loaded.incident, now) {
                let envelope = loaded.incident.next_envelope(event, now, causation.cloned());
                match self.append(&mut loaded, &envelope).await {
                    Ok(()) => appended.push(envelope),
                    Err(LogError::Bus(Error::Conflict { .. })) if conflicts < MAX_CONFLICTS => {
                        conflicts += 1;
                        continue 'decide;
                    }
                    Err(LogError::Bus(Error::Conflict { .. })) => {
                        return Err(LogError::Contended {
                            incident: id.clone(),
                            tries: conflicts,
                        });
                    }
                    Err(error @ LogError::Bus(Error::Unavailable(_))) => {
                        let Some(pause) = pauses.next_backoff() else { return Err(error) };
                        tokio::time::sleep(pause).await;
                        continue 'decide;
                    }
                    Err(error) => return Err(error),
                }
            }
            return Ok(Decided {
                incident: loaded.incident,
                appended,
            });
        }
    }

    async fn append(&self, loaded: &mut Loaded, envelope: &Envelope) -> Result<(), LogError> {
        let payload = paramedic_wire::encode(envelope);
        let recorded = paramedic_wire::decode(&payload).map_err(|problem| {
            Error::Invalid(format!(
                "{} of {} does not encode: {problem}",
                envelope.event.kind(),
                envelope.incident
            ))
        })?;
        let mut headers = Headers::new();
        headers.insert(paramedic_wire::headers::EVENT_ID.into(), envelope.id.to_string());
        headers.insert(paramedic_wire::headers::SCHEMA.into(), envelope.schema.to_string());
        trace::for_incident(&mut headers, loaded.incident.traceparent.as_deref());
        let subject = Subject::Incident {
            cluster: envelope.cluster.clone(),
            incident: envelope.incident.clone(),
            kind: envelope.event.kind(),
        };
        let expect = Expect {
            filter: subject::incident_filter(&envelope.cluster, &envelope.incident),
            last: loaded.last,
        };
        let message = Append {
            subject: subject.to_string(),
            headers,
            payload,
            msg_id: None,
            expect: Some(expect),
        };
        let ack = self.bus.append(streams::INCIDENTS, message).await?;
        for violation in invariant::check_next(&loaded.incident, &recorded) {
            // Deciders make this impossible; if one has a defect, people must know before it spreads.
            metrics::counter!("paramedic_invariant_violations_total", "invariant" => violation.id).increment(1);
            tracing::error!(incident = %envelope.incident, %violation, "invariant violated");
        }
        loaded.incident.apply(&recorded)?;
        loaded.last = ack.seq;
        metrics::counter!("paramedic_events_appended_total", "kind" => envelope.event.kind()).increment(1);
        tracing::info!(incident = %envelope.incident, seq = envelope.seq, event = envelope.event.kind(), "appended");
        Ok(())
    }

    async fn load_with_position(&self, cluster: &ClusterId, id: &IncidentId) -> Result<Loaded, LogError> {
        let log = self.read_with_positions(cluster, id).await?;
        let last = log.last().map_or(0, |(seq, _)| *seq);
        let incident = Incident::fold(cluster.clone(), id.clone(), log.iter().map(|(_, recorded)| recorded))?;
        Ok(Loaded { incident, last })
    }

    async fn read_with_positions(&self, cluster: &ClusterId, id: &IncidentId) -> Result<Vec<(u64, Recorded)>, LogError> {
        let filter = subject::incident_filter(cluster, id);
        let messages = self.bus.replay(streams::INCIDENTS, &filter, Start::Beginning).await?;
        let decode = |message: crate::Stored| match paramedic_wire::decode(&message.payload) {
            Ok(recorded) => Ok((message.seq, recorded)),
            Err(problem) => Err(LogError::Decode {
                seq: message.seq,
                subject: message.subject,
                problem: problem.to_string(),
            }),
        };
        messages.into_iter().map(decode).collect()
    }
}
