//! The incident log: append by compare-and-set, load by folding.

mod cache;

use std::{sync::Arc, time::Duration};

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

use self::cache::{Cache, Loaded};
use crate::{Append, Appended, Error, Expect, Headers, SharedBus, Start, consume::Verdict, streams, trace};

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
    pub incident: Arc<Incident>,
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
    cache: Cache,
}

/// How new the state must be that a decision is made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needed {
    /// As new as the log.
    Newest,
    /// It holds the event of this sequence.
    AtLeast(u64),
}

impl IncidentLog {
    /// The logs kept on `bus`.
    #[must_use]
    pub fn new(bus: SharedBus) -> Self {
        Self {
            bus,
            cache: Cache::default(),
        }
    }

    /// The incident as its log stands; version 0 if there is none.
    ///
    /// # Errors
    /// When the bus is unavailable or the log is damaged.
    pub async fn load(&self, cluster: &ClusterId, id: &IncidentId) -> Result<Incident, LogError> {
        let place = self.cache.place(cluster, id);
        let mut kept = place.lock().await;
        let loaded = self.refreshed(&mut kept, cluster, id, Needed::Newest).await?;
        let incident = (*loaded.incident).clone();
        *kept = Some(loaded);
        Ok(incident)
    }

    /// The whole log, oldest first.
    ///
    /// # Errors
    /// When the bus is unavailable or a message is not an event.
    pub async fn read(&self, cluster: &ClusterId, id: &IncidentId) -> Result<Vec<Recorded>, LogError> {
        Ok(self
            .read_with_positions(cluster, id, Start::Beginning)
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
        decide: impl FnMut(&Incident, Timestamp) -> Vec<Event> + Send,
    ) -> Result<Decided, LogError> {
        self.decide_from(cluster, id, (causation, Needed::Newest), clock, decide).await
    }

    /// The same for whoever handles `event`: the state that `decide` sees holds it, but perhaps not what others appended a
    /// moment ago. That is enough: a decision on less than everything is refused and made again if it appends, and whatever
    /// was not seen is an event that somebody is given to handle.
    ///
    /// # Errors
    /// As [`Self::decide`].
    pub async fn decide_on(
        &self,
        event: &Envelope,
        clock: &dyn Now,
        decide: impl FnMut(&Incident, Timestamp) -> Vec<Event> + Send,
    ) -> Result<Decided, LogError> {
        let from = (Some(&event.id), Needed::AtLeast(event.seq));
        self.decide_from(&event.cluster, &event.incident, from, clock, decide).await
    }

    async fn decide_from(
        &self,
        cluster: &ClusterId,
        id: &IncidentId,
        (causation, mut needed): (Option<&EventId>, Needed),
        clock: &dyn Now,
        mut decide: impl FnMut(&Incident, Timestamp) -> Vec<Event> + Send,
    ) -> Result<Decided, LogError> {
        let mut appended = Vec::new();
        let mut conflicts = 0;
        let mut pauses = ExponentialBackoffBuilder::new()
            .with_initial_interval(FIRST_PAUSE)
            .with_max_elapsed_time(Some(PATIENCE))
            .build();
        let place = self.cache.place(cluster, id);
        let mut kept = place.lock().await;
        loop {
            let mut loaded = self.refreshed(&mut kept, cluster, id, needed).await?;
            needed = Needed::Newest;
            let now = clock.now();
            let events = decide(&loaded.incident, now);
            if !events.is_empty() {
                let (envelopes, failure) = self.append(&mut loaded, events, now, causation).await?;
                appended.extend(envelopes);
                match failure {
                    None => {}
                    Some(Error::Conflict { .. }) if conflicts < MAX_CONFLICTS => {
                        conflicts += 1;
                        *kept = Some(loaded);
                        continue;
                    }
                    Some(Error::Conflict { .. }) => {
                        return Err(LogError::Contended {
                            incident: id.clone(),
                            tries: conflicts,
                        });
                    }
                    Some(error @ Error::Unavailable(_)) => {
                        let Some(pause) = pauses.next_backoff() else {
                            return Err(error.into());
                        };
                        tokio::time::sleep(pause).await;
                        *kept = Some(loaded);
                        continue;
                    }
                    Some(error) => return Err(error.into()),
                }
            }
            *kept = Some(loaded.clone());
            return Ok(Decided {
                incident: loaded.incident,
                appended,
            });
        }
    }

    /// Takes what is kept, with what came since if it is not new enough. The caller puts it back when it is through: whoever
    /// is cancelled in between leaves an empty place, which is filled from the log.
    async fn refreshed(&self, kept: &mut Option<Loaded>, cluster: &ClusterId, id: &IncidentId, needed: Needed) -> Result<Loaded, LogError> {
        let mut loaded = kept.take().unwrap_or_else(|| Loaded {
            incident: Arc::new(Incident::new(cluster.clone(), id.clone())),
            last: 0,
        });
        if let Needed::AtLeast(seq) = needed
            && loaded.incident.version >= seq
        {
            return Ok(loaded);
        }
        let incident = Arc::make_mut(&mut loaded.incident);
        for (seq, recorded) in self.read_with_positions(cluster, id, Start::Sequence(loaded.last + 1)).await? {
            incident.apply(&recorded)?;
            loaded.last = seq;
        }
        Ok(loaded)
    }

    /// Appends the events of one decision: those that got into the log, and why others did not.
    async fn append(
        &self,
        loaded: &mut Loaded,
        events: Vec<Event>,
        now: Timestamp,
        causation: Option<&EventId>,
    ) -> Result<(Vec<Envelope>, Option<Error>), LogError> {
        let mut states = Vec::with_capacity(events.len());
        let mut messages = Vec::with_capacity(events.len());
        let mut after = loaded.incident.clone();
        for event in events {
            let envelope = after.next_envelope(event, now, causation.cloned());
            let payload = paramedic_wire::encode(&envelope);
            let recorded = paramedic_wire::decode(&payload).map_err(|problem| {
                Error::Invalid(format!(
                    "{} of {} does not encode: {problem}",
                    envelope.event.kind(),
                    envelope.incident
                ))
            })?;
            let expect = messages.is_empty().then(|| Expect {
                filter: subject::incident_filter(&envelope.cluster, &envelope.incident),
                last: loaded.last,
            });
            messages.push(message(&after, &envelope, payload, expect));
            let violations = invariant::check_next(&after, &recorded);
            Arc::make_mut(&mut after).apply(&recorded)?;
            states.push((envelope, recorded, violations));
        }
        let Appended { acks, failure } = self.bus.append_all(streams::INCIDENTS, messages).await;
        let whole = failure.is_none();
        let mut envelopes = Vec::with_capacity(acks.len());
        for (ack, (envelope, recorded, violations)) in acks.into_iter().zip(states) {
            for violation in violations {
                // Deciders make this impossible; if one has a defect, people must know before it spreads.
                metrics::counter!("paramedic_invariant_violations_total", "invariant" => violation.id).increment(1);
                tracing::error!(incident = %envelope.incident, %violation, "invariant violated");
            }
            if !whole {
                Arc::make_mut(&mut loaded.incident).apply(&recorded)?;
            }
            loaded.last = ack.seq;
            metrics::counter!("paramedic_events_appended_total", "kind" => envelope.event.kind()).increment(1);
            tracing::info!(incident = %envelope.incident, seq = envelope.seq, event = envelope.event.kind(), "appended");
            envelopes.push(envelope);
        }
        if whole {
            loaded.incident = after;
        }
        Ok((envelopes, failure))
    }

    async fn read_with_positions(&self, cluster: &ClusterId, id: &IncidentId, start: Start) -> Result<Vec<(u64, Recorded)>, LogError> {
        let filter = subject::incident_filter(cluster, id);
        let messages = self.bus.replay(streams::INCIDENTS, &filter, start).await?;
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

fn message(before: &Incident, envelope: &Envelope, payload: bytes::Bytes, expect: Option<Expect>) -> Append {
    let mut headers = Headers::new();
    headers.insert(paramedic_wire::headers::EVENT_ID.into(), envelope.id.to_string());
    headers.insert(paramedic_wire::headers::SCHEMA.into(), envelope.schema.to_string());
    trace::for_incident(&mut headers, before.traceparent.as_deref());
    let subject = Subject::Incident {
        cluster: envelope.cluster.clone(),
        incident: envelope.incident.clone(),
        kind: envelope.event.kind(),
    };
    Append {
        subject: subject.to_string(),
        headers,
        payload,
        msg_id: None,
        expect,
    }
}
