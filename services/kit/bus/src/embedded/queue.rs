//! What a durable consumer has in hand, as a pure state machine over the instants it is given.
//!
//! ```text
//! new (>= next) -> Out -> settled
//!                  Out -- ack wait over --> Ready | given up
//!                  Out -- nak(delay) -----> Delayed -> Ready | given up
//!                  Ready -> Out
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

/// The rules of a consumer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) ack_wait: Duration,
    pub(super) max_deliver: Option<u32>,
    pub(super) max_pending: usize,
}

/// A message that was delivered and is not settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) attempts: u32,
    pub(super) phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// With a consumer until then.
    Out(Instant),
    /// Waiting out a nak.
    Delayed(Instant),
    /// To be delivered as soon as somebody asks.
    Ready,
}

/// What can be handed out now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// This message again.
    Again { seq: u64 },
    /// A message not delivered before.
    New,
    /// Nothing before the given instant, if there is one.
    Nothing(Option<Instant>),
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Everything before this was delivered at least once or did not match.
    pub(super) next: u64,
    pending: BTreeMap<u64, Pending>,
    due: BTreeSet<(Instant, u64)>,
    ready: BTreeSet<u64>,
}

impl Queue {
    pub(super) fn restore(next: u64, pending: impl IntoIterator<Item = (u64, Pending)>) -> Self {
        let mut queue = Self { next, ..Self::default() };
        for (seq, entry) in pending {
            queue.put(seq, entry);
        }
        queue
    }

    /// Moves what is due to `Ready`; returns the messages that used up their deliveries and are settled by that.
    pub(super) fn expire(&mut self, now: Instant, rules: &Rules) -> Vec<u64> {
        let mut given_up = Vec::new();
        while let Some(&(until, seq)) = self.due.first() {
            if until > now {
                break;
            }
            let Some(pending) = self.take(seq) else { break };
            if is_last(pending.attempts, rules) {
                given_up.push(seq);
            } else {
                self.put(
                    seq,
                    Pending {
                        phase: Phase::Ready,
                        ..pending
                    },
                );
            }
        }
        given_up
    }

    pub(super) fn turn(&self, rules: &Rules) -> Turn {
        if let Some(&seq) = self.ready.first() {
            Turn::Again { seq }
        } else if self.pending.len() < rules.max_pending {
            Turn::New
        } else {
            Turn::Nothing(self.next_deadline())
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.due.first().map(|(until, _)| *until)
    }

    /// Hands a message out; returns its record.
    pub(super) fn deliver(&mut self, seq: u64, now: Instant, rules: &Rules) -> Pending {
        let attempts = self.take(seq).map_or(0, |p| p.attempts) + 1;
        self.next = self.next.max(seq + 1);
        let pending = Pending {
            attempts,
            phase: Phase::Out(now + rules.ack_wait),
        };
        self.put(seq, pending);
        pending
    }

    /// A delivery did not reach its consumer: it does not count.
    pub(super) fn undeliver(&mut self, seq: u64, attempt: u32) -> Option<Pending> {
        self.current(seq, attempt)?;
        let pending = Pending {
            attempts: attempt - 1,
            phase: Phase::Ready,
        };
        self.take(seq);
        self.put(seq, pending);
        Some(pending)
    }

    /// Done, by whichever attempt: the work is done. False if it was settled before.
    pub(super) fn settle(&mut self, seq: u64) -> bool {
        self.take(seq).is_some()
    }

    /// Not now. `None` if another attempt has it; `Some(None)` if its deliveries are used up, which settles it.
    pub(super) fn nak(&mut self, seq: u64, attempt: u32, until: Instant, rules: &Rules) -> Option<Option<Pending>> {
        self.current(seq, attempt)?;
        self.take(seq);
        if is_last(attempt, rules) {
            return Some(None);
        }
        let pending = Pending {
            attempts: attempt,
            phase: Phase::Delayed(until),
        };
        self.put(seq, pending);
        Some(Some(pending))
    }

    /// Still being worked on. `None` if another attempt has it.
    pub(super) fn extend(&mut self, seq: u64, attempt: u32, until: Instant) -> Option<Pending> {
        self.current(seq, attempt)?;
        self.take(seq);
        let pending = Pending {
            attempts: attempt,
            phase: Phase::Out(until),
        };
        self.put(seq, pending);
        Some(pending)
    }

    /// The message, if this attempt still has it.
    fn current(&self, seq: u64, attempt: u32) -> Option<()> {
        let pending = self.pending.get(&seq)?;
        (pending.attempts == attempt && matches!(pending.phase, Phase::Out(_))).then_some(())
    }

    fn put(&mut self, seq: u64, pending: Pending) {
        match pending.phase {
            Phase::Out(until) | Phase::Delayed(until) => self.due.insert((until, seq)),
            Phase::Ready => self.ready.insert(seq),
        };
        self.pending.insert(seq, pending);
    }

    fn take(&mut self, seq: u64) -> Option<Pending> {
        let pending = self.pending.remove(&seq)?;
        match pending.phase {
            Phase::Out(until) | Phase::Delayed(until) => self.due.remove(&(until, seq)),
            Phase::Ready => self.ready.remove(&seq),
        };
        Some(pending)
    }
}

fn is_last(attempts: u32, rules: &Rules) -> bool {
    rules.max_deliver.is_some_and(|max| attempts >= max)
}
