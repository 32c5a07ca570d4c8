//! A durable pull consumer, one message at a time.

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
    /// When the server was last heard of the request under way; `None`: no request is.
    asked: Option<Instant>,
}

/// What a reply means.
enum Reply {
    Delivery(Message),
    StillThere,
    AskAgain,
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
        let request = BatchConfig {
            batch: 1,
            expires: Some(EXPIRES),
            idle_heartbeat: HEARTBEAT,
            ..BatchConfig::default()
        };
        let sent = self.consumer.request_batch(request, self.inbox.clone()).await;
        sent.map_err(|e| {
            self.asked = None;
            errors::unavailable(&format!("consumer {}", self.name), &e)
        })
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
    async fn next(&mut self) -> Result<Delivery, Error> {
        loop {
            // Something may have arrived while nobody waited.
            let waiting = self.replies.next().now_or_never();
            let reply = match waiting {
                Some(reply) => reply,
                None => {
                    let heard = match self.asked {
                        Some(heard) => heard,
                        None => {
                            self.ask().await?;
                            continue;
                        }
                    };
                    tokio::select! {
                        reply = self.replies.next() => reply,
                        Ok(()) = self.connections.changed() => {
                            self.asked = None;
                            continue;
                        }
                        () = tokio::time::sleep_until(heard + SILENCE) => {
                            tracing::warn!(consumer = %self.name, "nats forgot a request for a message, asking again");
                            self.asked = None;
                            continue;
                        }
                    }
                }
            };
            let message = reply.ok_or_else(|| Error::Unavailable("nats: connection closed".into()))?;
            match read(message) {
                Reply::Delivery(message) => {
                    self.asked = None;
                    return self.delivery(message);
                }
                Reply::StillThere => self.asked = Some(Instant::now()),
                Reply::AskAgain => self.asked = None,
                Reply::AskLater => {
                    tokio::time::sleep(PAUSE).await;
                    self.asked = None;
                }
                Reply::Gone(why) => {
                    self.asked = None;
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
        Some(StatusCode::TIMEOUT) => Reply::AskAgain,
        Some(_) if why.contains("Consumer Deleted") => Reply::Gone(why.to_string()),
        Some(_) => Reply::AskLater,
    }
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
    async fn ack(&self) -> Result<(), Error> {
        self.tell(AckKind::Ack).await
    }

    async fn nak(&self, delay: Duration) -> Result<(), Error> {
        self.tell(AckKind::Nak((!delay.is_zero()).then_some(delay))).await
    }

    async fn in_progress(&self) -> Result<(), Error> {
        self.tell(AckKind::Progress).await
    }

    async fn term(&self, reason: &str) -> Result<(), Error> {
        tracing::warn!(consumer = %self.name, reason, "message terminated");
        self.tell(AckKind::Term).await
    }
}
