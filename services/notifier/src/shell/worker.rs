//! One consumer per channel: what is owed is composed from the log, delivered, and recorded.
//!
//! A channel whose provider is down holds back only its own messages.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use paramedic_bus::{
    consume::{Handler, Verdict},
    streams,
};
use paramedic_domain::{
    envelope::{Envelope, Recorded},
    event::{Event, Receipt},
    incident::Incident,
};
use paramedic_runtime::Kit;

use super::{
    channel::{Channel, Delivered, Outgoing, SendError},
    links::{Approvals, Asked},
};
use crate::{
    core::{
        breaker::{Breaker, Permit},
        compose,
        message::Message,
        owed,
        story::Story,
        words,
    },
    metrics,
};

/// How long a message waits for an earlier one before it looks again.
const ORDER_PAUSE: Duration = Duration::from_secs(1);
/// How long a question waits for its links before it goes out without them: people should not wait for comfort.
const LINKS_PATIENCE: Duration = Duration::from_secs(30);
/// Largest sum of files in one mail; bigger ones are only named. Many mail servers take 10 MB.
const MAX_FILES: u64 = 7 << 20;

/// Delivers through one channel.
pub struct Worker {
    /// Kit.
    pub kit: Kit,
    /// The channel.
    pub channel: Arc<dyn Channel>,
    /// Signs links.
    pub approvals: Approvals,
    /// Whether the provider is asked.
    pub breaker: Mutex<Breaker>,
}

struct Job<'a> {
    event: &'a Envelope,
    message: &'a Message,
    log: &'a [Recorded],
    again: bool,
}

#[async_trait]
impl Handler for Worker {
    async fn handle(&self, event: &Envelope, delivery: u32) -> Verdict {
        let log = match self.kit.log.read(&event.cluster, &event.incident).await {
            Ok(log) => log,
            Err(error) => return error.verdict(),
        };
        let story = match Story::at(&log, event.seq) {
            Ok(Some(story)) => story,
            Ok(None) => {
                return Verdict::Retry {
                    after: ORDER_PAUSE,
                    reason: format!("event {} is not in the log yet", event.seq),
                };
            }
            Err(error) => return Verdict::Reject { reason: error.to_string() },
        };
        let Some(message) = compose::message(&story) else {
            return Verdict::Done;
        };
        let job = Job {
            event,
            message: &message,
            log: &log,
            again: delivery > 1,
        };
        let mut verdict = Verdict::Done;
        for recipient in self.channel.recipients() {
            verdict = worse(verdict, self.deliver(&job, recipient).await);
        }
        verdict
    }
}

impl Worker {
    async fn deliver(&self, job: &Job<'_>, recipient: &str) -> Verdict {
        let envelope = job.event;
        let channel = self.channel.name();
        let key = owed::key(&envelope.incident, envelope.seq, envelope.event.kind(), channel, recipient);
        let incident = match Incident::fold(envelope.cluster.clone(), envelope.incident.clone(), job.log) {
            Ok(incident) => incident,
            Err(error) => return Verdict::Reject { reason: error.to_string() },
        };
        if owed::given_up(&incident, &key) {
            // recorded, but perhaps not among the dead letters: a crash came between, or another recipient was still tried
            return Verdict::Reject {
                reason: format!("{key}: given up"),
            };
        }
        if owed::settled(&incident, &key) {
            return Verdict::Done;
        }
        let now = self.kit.clock.now();
        match owed::earlier(&incident, job.log, envelope.seq, (channel, self.channel.kinds()), recipient, now) {
            Ok(None) => {}
            Ok(Some(earlier)) => {
                return Verdict::Retry {
                    after: ORDER_PAUSE,
                    reason: format!("{earlier} comes first"),
                };
            }
            Err(error) => return Verdict::Reject { reason: error.to_string() },
        }
        let message = match self.personal(job, recipient, now).await {
            Ok(message) => message,
            Err(verdict) => return verdict,
        };
        if let Err(verdict) = self.permitted(job, &key, now).await {
            return verdict;
        }
        if let Err(verdict) = self.close(job, recipient).await {
            return verdict;
        }
        let files = self.files(job.message).await;
        let outgoing = Outgoing {
            message: &message,
            key: &key,
            recipient,
            thread: owed::thread(job.log, channel, recipient),
            time: envelope.time,
            again: job.again,
            files: &files,
        };
        let sent = self.channel.send(&outgoing).await;
        self.learn(&sent);
        match sent {
            Ok(delivered) => self.sent(job, &key, recipient, delivered).await,
            Err(SendError::Transient { reason, .. }) if owed::too_late(envelope.time, now) => {
                self.give_up(job, &key, format!("{reason}; given up after {}", words::duration(owed::GIVE_UP)))
                    .await
            }
            Err(SendError::Transient { reason, after }) => self.later(job, &key, reason, after, now).await,
            Err(SendError::Permanent { reason }) => self.give_up(job, &key, reason).await,
        }
    }

    /// Whether the channel's provider is asked now, or left alone since it did not answer.
    async fn permitted(&self, job: &Job<'_>, key: &str, now: Timestamp) -> Result<(), Verdict> {
        let permit = self.breaker.lock().unwrap_or_else(PoisonError::into_inner).ask(now);
        let Permit::Wait(after) = permit else { return Ok(()) };
        let reason = format!("{} does not answer and is left alone for a while", self.channel.name());
        if owed::too_late(job.event.time, now) {
            let reason = format!("{reason}; given up after {}", words::duration(owed::GIVE_UP));
            return Err(self.give_up(job, key, reason).await);
        }
        Err(Verdict::Retry { after, reason })
    }

    /// What an answer says about the provider.
    fn learn(&self, sent: &Result<Delivered, SendError>) {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        match sent {
            Ok(_) | Err(SendError::Permanent { .. }) => breaker.answered(),
            Err(SendError::Transient { after, .. }) => breaker.failed(self.kit.clock.now(), after.map(|wall| self.clock_time(wall))),
        }
        let open = if breaker.is_open() { 1.0 } else { 0.0 };
        ::metrics::gauge!(metrics::OPEN, "channel" => self.channel.name()).set(open);
    }

    /// The message with this recipient's links, where the channel is personal and the message asks.
    async fn personal(&self, job: &Job<'_>, recipient: &str, now: Timestamp) -> Result<Message, Verdict> {
        let Some(gate) = job.message.asks().filter(|_| self.channel.personal()) else {
            return Ok(job.message.clone());
        };
        match self.approvals.links(job.message, gate, recipient).await {
            Asked::Links(links) => Ok(job.message.clone().with_links(&links)),
            Asked::None => Ok(job.message.clone()),
            Asked::Unavailable(reason) if words::between(job.event.time, now) < LINKS_PATIENCE => Err(Verdict::Retry {
                after: ORDER_PAUSE,
                reason: format!("waiting for approval links: {reason}"),
            }),
            Asked::Unavailable(reason) => {
                tracing::warn!(reason, incident = %job.message.incident, "the question goes out without links");
                Ok(job.message.clone())
            }
        }
    }

    /// Where the message says how a question ended, the messages that asked it do so too.
    async fn close(&self, job: &Job<'_>, recipient: &str) -> Result<(), Verdict> {
        let Some(settled) = &job.message.settles else { return Ok(()) };
        for (seq, receipt) in owed::questions(job.log, &settled.gate, self.channel.name(), recipient) {
            let Ok(Some(story)) = Story::at(job.log, seq) else { continue };
            let Some(question) = compose::message(&story) else { continue };
            let closed = question.closed(&settled.outcome);
            if let Err(SendError::Transient { reason, after }) = self.channel.close(receipt, &closed).await {
                return Err(Verdict::Retry {
                    after: after.map_or(ORDER_PAUSE, |wall| self.clock_time(wall)),
                    reason,
                });
            }
        }
        Ok(())
    }

    /// The attached files that can be had and fit; the message names all of them anyway.
    async fn files(&self, message: &Message) -> Vec<(String, Bytes)> {
        let mut files = Vec::new();
        if !self.channel.files() || message.attachments.is_empty() {
            return files;
        }
        let blobs = match self.kit.bus.blobs(streams::ARTIFACTS).await {
            Ok(blobs) => blobs,
            Err(error) => {
                tracing::warn!(%error, "files cannot be attached");
                return files;
            }
        };
        let mut room = MAX_FILES;
        for artifact in &message.attachments {
            if artifact.bytes > room {
                continue;
            }
            match blobs.get(&artifact.name).await {
                Ok(Some(content)) => {
                    room -= artifact.bytes;
                    let name = artifact.name.rsplit('/').next().unwrap_or(&artifact.name);
                    files.push((crate::core::mask::line(name), content));
                }
                Ok(None) => tracing::warn!(name = artifact.name, "a file to attach is not in the store"),
                Err(error) => tracing::warn!(name = artifact.name, %error, "a file cannot be attached"),
            }
        }
        files
    }

    async fn sent(&self, job: &Job<'_>, key: &str, recipient: &str, delivered: Delivered) -> Verdict {
        let channel = self.channel.name();
        ::metrics::counter!(metrics::SENT, "channel" => channel).increment(1);
        let delay = words::between(job.event.time, self.kit.clock.now());
        ::metrics::histogram!(metrics::DELAY, "channel" => channel).record(delay.as_secs_f64());
        let receipt = Receipt {
            key: key.to_owned(),
            channel: channel.to_owned(),
            recipient: recipient.to_owned(),
            title: job.message.title.clone(),
            message_id: delivered.message_id,
            thread: delivered.thread,
        };
        self.append(job, key, Event::NotificationSent { receipt }, Verdict::Done).await
    }

    async fn later(&self, job: &Job<'_>, key: &str, reason: String, after: Option<Duration>, now: Timestamp) -> Verdict {
        let channel = self.channel.name();
        ::metrics::counter!(metrics::FAILED, "channel" => channel, "outcome" => "retry").increment(1);
        let pause = after.map_or_else(|| owed::pause(job.event.time, now), |wall| self.clock_time(wall));
        let verdict = Verdict::Retry {
            after: pause,
            reason: reason.clone(),
        };
        if owed::complained(job.log, key) {
            return verdict;
        }
        let failed = Event::NotificationFailed {
            key: key.to_owned(),
            channel: channel.to_owned(),
            error: reason,
            next_try_in: Some(pause),
        };
        self.append(job, key, failed, verdict).await
    }

    /// A provider speaks of real time; delays are given in the clock's.
    fn clock_time(&self, wall: Duration) -> Duration {
        let second = self.kit.clock.wall(Duration::from_secs(1)).as_secs_f64();
        if second > 0.0 { wall.div_f64(second.min(1.0)) } else { wall }
    }

    async fn give_up(&self, job: &Job<'_>, key: &str, reason: String) -> Verdict {
        let channel = self.channel.name();
        ::metrics::counter!(metrics::FAILED, "channel" => channel, "outcome" => "given_up").increment(1);
        tracing::error!(key, reason, "a message was given up");
        let failed = Event::NotificationFailed {
            key: key.to_owned(),
            channel: channel.to_owned(),
            error: reason.clone(),
            next_try_in: None,
        };
        let reason = format!("{key}: {}", reason.trim());
        self.append(job, key, failed, Verdict::Reject { reason }).await
    }

    async fn append(&self, job: &Job<'_>, key: &str, event: Event, then: Verdict) -> Verdict {
        let event_of = job.event;
        let appended = self.kit.log.decide(
            &event_of.cluster,
            &event_of.incident,
            Some(&event_of.id),
            &self.kit.clock,
            |incident, _| {
                if owed::settled(incident, key) {
                    Vec::new()
                } else {
                    vec![event.clone()]
                }
            },
        );
        match appended.await {
            Ok(_) => then,
            Err(error) => error.verdict(),
        }
    }
}

/// With several recipients: what must still be tried outweighs what was given up, that outweighs what is done.
fn worse(one: Verdict, other: Verdict) -> Verdict {
    match (one, other) {
        (Verdict::Retry { after, reason }, Verdict::Retry { after: sooner, .. }) => Verdict::Retry {
            after: after.min(sooner),
            reason,
        },
        (retry @ Verdict::Retry { .. }, _) | (_, retry @ Verdict::Retry { .. }) => retry,
        (reject @ Verdict::Reject { .. }, _) | (_, reject @ Verdict::Reject { .. }) => reject,
        (Verdict::Done, Verdict::Done) => Verdict::Done,
    }
}
