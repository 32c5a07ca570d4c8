//! A durable pull consumer: as many messages as its owner can take are asked for together.

use std::time::Duration;

use async_nats::{
    Message, StatusCode, Subject, Subscriber,
    jetstream::{
        self, AckKind, Context, ErrorCode,
        consumer::{DeliverPolicy, PullConsumer, pull, pull::BatchConfig},
        context::ConsumerInfoErrorKind,
        stream::{ConsumerError, ConsumerErrorKind},
    },
};
use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use tokio::{sync::watch, time::Instant};

use super::{convert, errors};
use crate::{Consumer, ConsumerSpec, Delivery, Error, Settle, Stored};

/// How long the server keeps a request for a message.
const EXPIRES: Duration = Duration::from_secs(60);
/// How often the server says that it still has the request.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Silence after which the request is taken to be lost.
const SILENCE: Duration = Duration::from_secs(12);
/// Pause before asking again a server that cannot answer now.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) struct Puller {
    name: String,
    consumer: PullConsumer,
    context: Context,
    inbox: Subject,
    replies: Subscriber,
    connections: watch::Receiver<u64>,
    /// When the server was last heard of the requests under way; `None`: none is.
    asked: Option<Instant>,
    /// Messages asked for that have not come.
    owed: usize,
    /// Messages that the owner can take.
    wanted: usize,
}

/// What a reply means.
enum Reply {
    Delivery(Message),
    StillThere,
    /// A request ended with so many messages missing; `None`: the server does not say.
    Ended(Option<usize>),
    AskLater,
    Gone(String),
}

impl Puller {
    pub(super) async fn open(context: &Context, connections: watch::Receiver<u64>, spec: &ConsumerSpec) -> Result<Self, Error> {
        let name = format!("{}/{}", spec.stream, spec.durable);
        let stream = context.get_stream_no_info(&spec.stream).await;
        let stream = stream.map_err(|e| errors::get_stream_error(&spec.stream, &e))?;
        // The start of an existing consumer cannot be changed, and must not be.
        let start = match stream.consumer_info(&spec.durable).await {
            Ok(info) => info.config.deliver_policy,
            Err(e) if e.kind() == ConsumerInfoErrorKind::NotFound => convert::deliver_policy(spec.start)?,
            Err(e) => return Err(errors::unavailable(&format!("consumer {name}"), &e)),
        };
        let consumer = match Self::create(&stream, spec, start).await {
            // Somebody else created it meanwhile, with another start.
            Err(e) if is_start_conflict(&e) => {
                let info = stream.consumer_info(&spec.durable).await;
                let start = info
                    .map_err(|e| errors::unavailable(&format!("consumer {name}"), &e))?
                    .config
                    .deliver_policy;
                Self::create(&stream, spec, start).await
            }
            other => other,
        }
        .map_err(|e| errors::consumer_error(&name, &e))?;
        let inbox = Subject::from(context.client().new_inbox());
        let replies = context
            .client()
            .subscribe(inbox.clone())
            .await
            .map_err(|e| errors::unavailable(&name, &e))?;
        let context = context.clone();
        Ok(Self {
            name,
            consumer,
            context,
            inbox,
            replies,
            connections,
            asked: None,
            owed: 0,
            wanted: 1,
        })
    }

    async fn create<I>(
        stream: &jetstream::stream::Stream<I>,
        spec: &ConsumerSpec,
        start: DeliverPolicy,
    ) -> Result<PullConsumer, ConsumerError> {
        stream.create_consumer::<pull::Config>(convert::consumer_config(spec, start)).await
    }

    async fn ask(&mut self) -> Result<(), Error> {
        // What a reconnect before this request says is of no interest to it.
        self.connections.mark_unchanged();
        self.asked = Some(Instant::now());
        let more = self.wanted.saturating_sub(self.owed).max(1);
        self.owed += more;
        let request = BatchConfig {
            batch: more,
            expires: Some(EXPIRES),
            idle_heartbeat: HEARTBEAT,
            ..BatchConfig::default()
        };
        let sent = self.consumer.request_batch(request, self.inbox.clone()).await;
        sent.map_err(|e| {
            self.forget();
            errors::unavailable(&format!("consumer {}", self.name), &e)
        })
    }

    /// Nothing is on its way any more, as far as one can tell.
    fn forget(&mut self) {
        self.asked = None;
        self.owed = 0;
    }

    fn delivery(&self, message: Message) -> Result<Delivery, Error> {
        let message = jetstream::Message {
            message,
            context: self.context.clone(),
        };
        let unreadable = |e: async_nats::Error| errors::unavailable(&format!("delivery of {}", self.name), &e);
        let info = message.info().map_err(unreadable)?;
        let stored = Stored {
            seq: info.stream_sequence,
            subject: message.subject.to_string(),
            headers: convert::headers(message.headers.as_ref()),
            payload: message.payload.clone(),
            time: convert::timestamp(info.published)?,
        };
        let attempt = u32::try_from(info.delivered).unwrap_or(u32::MAX);
        Ok(Delivery {
            message: stored,
            attempt,
            settle: Box::new(Held {
                name: self.name.clone(),
                message,
            }),
        })
    }
}

#[async_trait]
impl Consumer for Puller {
    fn expect(&mut self, deliveries: usize) {
        self.wanted = deliveries.max(1);
    }

    async fn next(&mut self) -> Result<Delivery, Error> {
        loop {
            if self.asked.is_none() || self.owed * 2 <= self.wanted.saturating_sub(1) {
                self.ask().await?;
            }
            // Something may have arrived while nobody waited.
            let waiting = self.replies.next().now_or_never();
            let reply = match waiting {
                Some(reply) => reply,
                None => {
                    let heard = self.asked.unwrap_or_else(Instant::now);
                    tokio::select! {
                        reply = self.replies.next() => reply,
                        Ok(()) = self.connections.changed() => {
                            self.forget();
                            continue;
                        }
                        () = tokio::time::sleep_until(heard + SILENCE) => {
                            tracing::warn!(consumer = %self.name, "nats forgot a request for a message, asking again");
                            self.forget();
                            continue;
                        }
                    }
                }
            };
            let message = reply.ok_or_else(|| Error::Unavailable("nats: connection closed".into()))?;
            match read(message) {
                Reply::Delivery(message) => {
                    self.owed = self.owed.saturating_sub(1);
                    self.asked = (self.owed > 0).then(Instant::now);
                    return self.delivery(message);
                }
                Reply::StillThere => self.asked = Some(Instant::now()),
                Reply::Ended(missing) => {
                    self.owed = self.owed.saturating_sub(missing.unwrap_or(usize::MAX));
                    self.asked = self.asked.filter(|_| self.owed > 0);
                }
                Reply::AskLater => {
                    tokio::time::sleep(PAUSE).await;
                    self.forget();
                }
                Reply::Gone(why) => {
                    self.forget();
                    return Err(Error::Unavailable(format!("consumer {}: {why}: open it again", self.name)));
                }
            }
        }
    }
}

fn read(message: Message) -> Reply {
    let why = message.description.clone().unwrap_or_default();
    match message.status {
        None | Some(StatusCode::OK) => Reply::Delivery(message),
        Some(StatusCode::IDLE_HEARTBEAT) => Reply::StillThere,
        Some(StatusCode::TIMEOUT) => Reply::Ended(missing(&message)),
        Some(_) if why.contains("Consumer Deleted") => Reply::Gone(why.to_string()),
        Some(_) => Reply::AskLater,
    }
}

/// Messages that the server did not send of the request that ended.
fn missing(message: &Message) -> Option<usize> {
    message.headers.as_ref()?.get("Nats-Pending-Messages")?.as_str().parse().ok()
}

fn is_start_conflict(error: &ConsumerError) -> bool {
    match error.kind() {
        ConsumerErrorKind::JetStream(answer) => {
            answer.error_code() == ErrorCode::CONSUMER_CREATE && answer.to_string().contains("can not be updated")
        }
        _ => false,
    }
}

struct Held {
    name: String,
    message: jetstream::Message,
}

impl Held {
    async fn tell(&self, verdict: AckKind) -> Result<(), Error> {
        let confirmed = self.message.double_ack_with(verdict).await;
        confirmed.map_err(|e| errors::unavailable(&format!("settle a message of {}", self.name), &e))
    }
}

#[async_trait]
impl Settle for Held {
    /// The server counted it before it sent it.
    async fn counted(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Not confirmed: an acknowledgement that is lost on its way only means that the message comes again.
    async fn ack(&self) -> Result<(), Error> {
        let sent = self.message.ack_with(AckKind::Ack).await;
        sent.map_err(|e| errors::unavailable(&format!("settle a message of {}", self.name), &e))
    }

    async fn nak(&self, delay: Duration) -> Result<(), Error> {
        self.tell(AckKind::Nak((!delay.is_zero()).then_some(delay))).await
    }

    async fn in_progress(&self) -> Result<(), Error> {
        let sent = self.message.ack_with(AckKind::Progress).await;
        sent.map_err(|e| errors::unavailable(&format!("keep a message of {}", self.name), &e))
    }

    async fn term(&self, reason: &str) -> Result<(), Error> {
        tracing::warn!(consumer = %self.name, reason, "message terminated");
        self.tell(AckKind::Term).await
    }
}
