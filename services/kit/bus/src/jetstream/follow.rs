//! Following a log: an ordered consumer, opened again after the last message that came whenever the connection or the consumer is lost.

use std::time::Duration;

use async_nats::jetstream::{
    Context,
    consumer::{
        DeliverPolicy,
        pull::{Ordered, OrderedConfig},
    },
};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{convert, errors};
use crate::{Error, Stored};

/// Pause before opening a consumer again after it failed.
const PAUSE: Duration = Duration::from_millis(250);

struct Follow {
    context: Context,
    stream: String,
    filter: String,
    /// The last message that came.
    last: u64,
    messages: Option<Ordered>,
    connections: watch::Receiver<u64>,
    closed: CancellationToken,
    ended: bool,
}

pub(super) fn follow(
    context: Context,
    stream: &str,
    filter: &str,
    after: u64,
    mut connections: watch::Receiver<u64>,
    closed: CancellationToken,
) -> BoxStream<'static, Result<Stored, Error>> {
    // Only a connection made after this one loses the subscription.
    connections.mark_unchanged();
    let follow = Follow {
        context,
        stream: stream.to_owned(),
        filter: filter.to_owned(),
        last: after,
        messages: None,
        connections,
        closed,
        ended: false,
    };
    stream::unfold(follow, |mut follow| async move {
        let item = follow.next().await?;
        Some((item, follow))
    })
    .boxed()
}

impl Follow {
    async fn next(&mut self) -> Option<Result<Stored, Error>> {
        if self.ended {
            return None;
        }
        let closed = self.closed.clone();
        let item = tokio::select! {
            item = self.message() => item,
            () = closed.cancelled() => Err(Error::Unavailable("bus closed".into())),
        };
        self.ended = item.is_err();
        Some(item)
    }

    async fn message(&mut self) -> Result<Stored, Error> {
        loop {
            let Some(messages) = &mut self.messages else {
                self.open().await;
                continue;
            };
            let message = tokio::select! {
                message = messages.next() => message,
                Ok(()) = self.connections.changed() => {
                    self.messages = None;
                    continue;
                }
            };
            match message {
                Some(Ok(message)) => {
                    let unreadable = |e: async_nats::Error| errors::unavailable(&format!("message of {}", self.stream), &e);
                    let info = message.info().map_err(unreadable)?;
                    // A consumer that was opened again may begin earlier.
                    if info.stream_sequence <= self.last {
                        continue;
                    }
                    self.last = info.stream_sequence;
                    return Ok(Stored {
                        seq: info.stream_sequence,
                        time: convert::timestamp(info.published)?,
                        subject: message.subject.to_string(),
                        headers: convert::headers(message.headers.as_ref()),
                        payload: message.payload.clone(),
                    });
                }
                Some(Err(error)) => {
                    tracing::debug!(stream = self.stream, %error, "following was interrupted");
                    self.messages = None;
                }
                None => self.messages = None,
            }
        }
    }

    async fn open(&mut self) {
        match open(&self.context, &self.stream, &self.filter, self.last + 1).await {
            Ok(messages) => self.messages = Some(messages),
            Err(error) => {
                tracing::debug!(stream = self.stream, %error, "cannot follow, trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn open(context: &Context, stream: &str, filter: &str, first: u64) -> Result<Ordered, async_nats::Error> {
    let stream = context.get_stream_no_info(stream).await?;
    let config = OrderedConfig {
        filter_subject: filter.to_owned(),
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: first },
        ..OrderedConfig::default()
    };
    Ok(stream.create_consumer(config).await?.messages().await?)
}
