//! Following a log: what is durable, a few messages at a time, then whatever is added.

use std::{collections::VecDeque, sync::Arc};

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};

use super::stream::Stream;
use crate::{Error, Stored};

/// Messages looked at in one go.
const PAGE: u64 = 256;

struct Follow {
    stream: Arc<Stream>,
    filter: String,
    /// The last message that was looked at.
    last: u64,
    ready: VecDeque<Stored>,
    ended: bool,
}

pub(super) fn follow(stream: Arc<Stream>, filter: &str, after: u64) -> BoxStream<'static, Result<Stored, Error>> {
    let follow = Follow {
        stream,
        filter: filter.to_owned(),
        last: after,
        ready: VecDeque::new(),
        ended: false,
    };
    stream::unfold(follow, |mut follow| async move {
        if follow.ended {
            return None;
        }
        let item = follow.next().await;
        follow.ended = item.is_err();
        Some((item, follow))
    })
    .boxed()
}

impl Follow {
    async fn next(&mut self) -> Result<Stored, Error> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(message);
            }
            let durable = self.stream.grown_beyond(self.last).await?;
            let (first, last) = (self.last + 1, durable.min(self.last + PAGE));
            let (stream, filter) = (self.stream.clone(), self.filter.clone());
            // It may read the disk for a while: not on a thread that serves others.
            let found = tokio::task::spawn_blocking(move || stream.between(first, last, &filter))
                .await
                .map_err(|e| Error::Unavailable(format!("reading stopped: {e}")))??;
            self.last = last;
            self.ready = found.into();
        }
    }
}
