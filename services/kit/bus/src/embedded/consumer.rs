//! A durable consumer: its saved position, the deliveries in hand, and the handles that compete for them.
//!
//! ```text
//! spec     -> the settings
//! next     -> <seq> not looked at yet
//! p <seq>  -> <attempts> <1 + deadline in ms since the epoch | 0>; a deadline only while a nak is waited out
//! ```
//! After a restart whoever held a delivery is dead, so what was out is ready at once; naks keep their deadline.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::{sync::Notify, time::Instant};

use super::{
    clock,
    queue::{Pending, Phase, Queue, Rules, Turn},
    store::{Durable, Store, broken, closed},
    stream::{Stream, Tail},
};
use crate::{Consumer, ConsumerSpec, Delivery, Error, Settle, Stored, subject};

const SPEC: &[u8] = b"spec";
const NEXT: &[u8] = b"next";

/// Messages looked at in one go while searching for the next match, before others get the thread.
const LOOK_AHEAD: u64 = 1024;

/// The state of one durable consumer, shared by its handles.
pub(super) struct Shared {
    name: String,
    // Weak: the stream keeps its consumers.
    stream: Weak<Stream>,
    store: Arc<Store>,
    tail: Arc<Tail>,
    tree: sled::Tree,
    state: Mutex<State>,
    /// Rung when a deadline may have moved closer or a place became free.
    changed: Notify,
}

struct State {
    rules: Rules,
    filters: Vec<String>,
    queue: Queue,
}

#[derive(Serialize, Deserialize)]
struct Record {
    filters: Vec<String>,
    ack_wait_ms: u64,
    max_deliver: Option<u32>,
    max_ack_pending: u32,
}

/// What one look at the queue gave.
enum Look {
    Found(Box<Claim>),
    /// Nothing among the messages looked at; there are more.
    More,
    Wait(Option<Instant>),
}

/// A delivery that is not with its consumer yet; dropped before that, it is put back.
struct Claim {
    shared: Arc<Shared>,
    seq: u64,
    attempt: u32,
    message: Option<Stored>,
    durable: Option<Durable>,
}

impl Shared {
    pub(super) fn open(
        stream: &Arc<Stream>,
        store: &Arc<Store>,
        spec: &ConsumerSpec,
        first: impl FnOnce() -> Result<u64, Error>,
    ) -> Result<(Arc<Self>, Durable), Error> {
        let tree = store.tree(&format!("consumer/{}/{}", stream.name(), spec.durable))?;
        let queue = match tree.get(NEXT).map_err(broken)? {
            Some(next) => Queue::restore(number(&next), saved_pending(&tree)?),
            None => Queue::restore(first()?, []),
        };
        tree.insert(NEXT, &queue.next.to_be_bytes()).map_err(broken)?;
        let shared = Arc::new(Self {
            name: format!("{}/{}", stream.name(), spec.durable),
            stream: Arc::downgrade(stream),
            store: store.clone(),
            tail: stream.tail().clone(),
            tree,
            state: Mutex::new(State {
                rules: rules(spec),
                filters: spec.filters.clone(),
                queue,
            }),
            changed: Notify::new(),
        });
        let durable = shared.configure(spec)?;
        Ok((shared, durable))
    }

    /// Takes over the settings of whoever joined last.
    pub(super) fn configure(&self, spec: &ConsumerSpec) -> Result<Durable, Error> {
        let record = Record {
            filters: spec.filters.clone(),
            ack_wait_ms: millis(spec.ack_wait),
            max_deliver: spec.max_deliver,
            max_ack_pending: spec.max_ack_pending,
        };
        let json = serde_json::to_vec(&record).expect("strings and numbers");
        let mut state = self.lock();
        self.tree.insert(SPEC, json).map_err(broken)?;
        state.rules = rules(spec);
        state.filters.clone_from(&spec.filters);
        let durable = self.store.commit(None);
        drop(state);
        self.changed.notify_waiters();
        Ok(durable)
    }

    pub(super) fn puller(shared: Arc<Self>) -> Box<dyn Consumer> {
        Box::new(Puller { shared })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands out the next message, or says how long there is none.
    fn look(self: &Arc<Self>) -> Result<Look, Error> {
        self.store.check_open()?;
        let stream = self.stream.upgrade().ok_or_else(closed)?;
        let last = self.tail.last.load(Ordering::Acquire);
        let now = Instant::now();
        let mut state = self.lock();
        let State { rules, filters, queue } = &mut *state;
        let mut batch = sled::Batch::default();
        let given_up = queue.expire(now, rules);
        for seq in &given_up {
            tracing::warn!(consumer = %self.name, seq, "message given up: all its deliveries are used");
            batch.remove(pending_key(*seq));
        }
        let seq = match queue.turn(rules) {
            Turn::Again { seq } => Some(seq),
            Turn::New => {
                let to = last.min(queue.next.saturating_add(LOOK_AHEAD - 1));
                let wanted = |subject: &str| filters.is_empty() || filters.iter().any(|f| subject::matches(f, subject));
                let found = if queue.next <= to {
                    stream.find(queue.next, to, wanted)?
                } else {
                    None
                };
                if found.is_none() && queue.next <= to {
                    queue.next = to + 1;
                    batch.insert(NEXT, &queue.next.to_be_bytes());
                }
                found
            }
            Turn::Nothing(_) => None,
        };
        let Some(seq) = seq else {
            let look = match queue.turn(rules) {
                Turn::New if queue.next <= last => Look::More,
                Turn::New | Turn::Again { .. } | Turn::Nothing(_) => Look::Wait(queue.next_deadline()),
            };
            self.tree.apply_batch(batch).map_err(broken)?;
            return Ok(look);
        };
        let message = stream.message(seq)?;
        let pending = queue.deliver(seq, now, rules);
        batch.insert(NEXT, &queue.next.to_be_bytes());
        batch.insert(pending_key(seq), saved(pending));
        self.tree.apply_batch(batch).map_err(broken)?;
        let durable = self.store.commit(None);
        drop(state);
        Ok(Look::Found(Box::new(Claim {
            shared: self.clone(),
            seq,
            attempt: pending.attempts,
            message: Some(message),
            durable: Some(durable),
        })))
    }

    async fn next(self: &Arc<Self>) -> Result<Delivery, Error> {
        loop {
            let mut grown = std::pin::pin!(self.tail.grown.notified());
            let mut changed = std::pin::pin!(self.changed.notified());
            // Listening before looking: what happens in between is not missed.
            grown.as_mut().enable();
            changed.as_mut().enable();
            match self.look()? {
                Look::Found(claim) => return Ok(claim.hand_over()),
                Look::More => tokio::task::yield_now().await,
                Look::Wait(until) => {
                    let timer = async {
                        match until {
                            Some(until) => tokio::time::sleep_until(until).await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        () = grown => {}
                        () = changed => {}
                        () = timer => {}
                        () = self.store.closed() => return Err(closed()),
                    }
                }
            }
        }
    }

    fn settle(&self, seq: u64) -> Result<Durable, Error> {
        self.store.check_open()?;
        let mut state = self.lock();
        if !state.queue.settle(seq) {
            return Ok(self.store.barrier());
        }
        self.tree.remove(pending_key(seq)).map_err(broken)?;
        let durable = self.store.commit(None);
        drop(state);
        self.changed.notify_waiters();
        Ok(durable)
    }

    fn nak(&self, seq: u64, attempt: u32, delay: Duration) -> Result<Durable, Error> {
        self.store.check_open()?;
        let mut state = self.lock();
        let State { rules, queue, .. } = &mut *state;
        let Some(after) = queue.nak(seq, attempt, Instant::now() + delay, rules) else {
            return Ok(self.store.barrier());
        };
        match after {
            Some(pending) => self.tree.insert(pending_key(seq), saved(pending)),
            None => self.tree.remove(pending_key(seq)),
        }
        .map_err(broken)?;
        let durable = self.store.commit(None);
        drop(state);
        self.changed.notify_waiters();
        Ok(durable)
    }

    fn in_progress(&self, seq: u64, attempt: u32) -> Result<(), Error> {
        self.store.check_open()?;
        let mut state = self.lock();
        let until = Instant::now() + state.rules.ack_wait;
        // Nothing to save: after a restart the holder is gone anyway.
        state.queue.extend(seq, attempt, until);
        Ok(())
    }

    fn put_back(&self, seq: u64, attempt: u32) {
        let mut state = self.lock();
        if let Some(pending) = state.queue.undeliver(seq, attempt) {
            // Best effort: unsaved, the delivery counts although nobody saw it.
            self.tree.insert(pending_key(seq), saved(pending)).ok();
        }
        drop(state);
        self.changed.notify_waiters();
    }
}

impl Claim {
    fn hand_over(mut self) -> Delivery {
        let message = self.message.take().expect("taken once, here");
        let held = Held {
            shared: self.shared.clone(),
            seq: self.seq,
            attempt: self.attempt,
            counted: tokio::sync::Mutex::new(self.durable.take()),
        };
        Delivery {
            message,
            attempt: self.attempt,
            settle: Box::new(held),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.message.is_some() {
            self.shared.put_back(self.seq, self.attempt);
        }
    }
}

struct Puller {
    shared: Arc<Shared>,
}

#[async_trait]
impl Consumer for Puller {
    /// Nothing to do: a message costs no round trip.
    fn expect(&mut self, _deliveries: usize) {}

    async fn next(&mut self) -> Result<Delivery, Error> {
        self.shared.next().await
    }
}

struct Held {
    shared: Arc<Shared>,
    seq: u64,
    attempt: u32,
    /// Its count, until that is durable.
    counted: tokio::sync::Mutex<Option<Durable>>,
}

#[async_trait]
impl Settle for Held {
    async fn counted(&self) -> Result<(), Error> {
        match self.counted.lock().await.take() {
            Some(durable) => durable.wait().await,
            None => Ok(()),
        }
    }

    async fn ack(&self) -> Result<(), Error> {
        self.shared.settle(self.seq)?.wait().await
    }

    async fn nak(&self, delay: Duration) -> Result<(), Error> {
        self.shared.nak(self.seq, self.attempt, delay)?.wait().await
    }

    async fn in_progress(&self) -> Result<(), Error> {
        self.shared.in_progress(self.seq, self.attempt)
    }

    async fn term(&self, reason: &str) -> Result<(), Error> {
        tracing::warn!(consumer = %self.shared.name, seq = self.seq, reason, "message terminated");
        self.shared.settle(self.seq)?.wait().await
    }
}

fn rules(spec: &ConsumerSpec) -> Rules {
    Rules {
        ack_wait: spec.ack_wait,
        max_deliver: spec.max_deliver,
        max_pending: usize::try_from(spec.max_ack_pending).unwrap_or(usize::MAX),
    }
}

fn saved_pending(tree: &sled::Tree) -> Result<Vec<(u64, Pending)>, Error> {
    let mut found = Vec::new();
    for entry in tree.scan_prefix(b"p") {
        let (key, value) = entry.map_err(broken)?;
        found.push((number(&key), restored(&value)));
    }
    Ok(found)
}

fn pending_key(seq: u64) -> Vec<u8> {
    [b"p".as_slice(), &seq.to_be_bytes()].concat()
}

fn number(bytes: &[u8]) -> u64 {
    bytes.last_chunk().map_or(0, |b| u64::from_be_bytes(*b))
}

fn saved(pending: Pending) -> Vec<u8> {
    let deadline = match pending.phase {
        Phase::Delayed(until) => 1 + clock::millis().saturating_add(millis(until.saturating_duration_since(Instant::now()))),
        Phase::Out(_) | Phase::Ready => 0,
    };
    [pending.attempts.to_be_bytes().as_slice(), &deadline.to_be_bytes()].concat()
}

fn restored(value: &[u8]) -> Pending {
    let attempts = value.first_chunk().map_or(0, |b| u32::from_be_bytes(*b));
    let phase = match number(value).checked_sub(1) {
        Some(deadline) => Phase::Delayed(Instant::now() + Duration::from_millis(deadline.saturating_sub(clock::millis()))),
        // Due at once: delivered again, or given up if that was its last delivery.
        None => Phase::Out(Instant::now()),
    };
    Pending { attempts, phase }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX / 4)
}
