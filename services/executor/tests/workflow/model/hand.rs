//! One handling of one event, as the engine does it: one effect per move, so that the model can kill it between any two.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    event::{Direction, Event},
    id::{EventId, StepId, WorkerId},
    incident::Incident,
};
use paramedic_executor::core::{
    advance::{self, advance, in_hand, wanting_room},
    limits::{Full, at_work},
    permit::Attempt,
    rules::Rules,
};

use super::{
    Message,
    attempt::{Ended, Trying},
    cluster::Cluster,
};
use crate::strategy::Story;

enum Phase {
    /// Appends the outcome of what has ended, and what begins without room.
    Advance(Option<Ended>),
    /// Leaves the ledger if the attempt changes nothing any more.
    Leave(Attempt),
    /// Makes room for what could begin.
    Enter,
    /// Appends the start of what has room.
    Begin(BTreeSet<StepId>),
    /// Lets go of the room of what was not begun after all.
    LetGo(BTreeSet<StepId>),
    /// Works on what is in hand.
    Work,
}

pub(crate) struct Hand {
    me: WorkerId,
    /// Which of the processes it is a part of.
    pub(crate) process: usize,
    pub(crate) message: Message,
    phase: Phase,
    begun: BTreeSet<(StepId, Direction, u32)>,
    under_way: Vec<Trying>,
    /// When a step that found no room may find some.
    refused: Option<Timestamp>,
    /// When it last asked what begins.
    pub(crate) asked: Timestamp,
}

/// What one move leads to.
pub(crate) enum Move {
    /// It goes on, after this event at most.
    On(Vec<Event>),
    /// Nothing that it began is under way.
    Over {
        /// It has to be looked at again then although nothing else may happen.
        again: Option<Timestamp>,
    },
}

/// What it moves in.
pub(crate) struct Around<'a> {
    pub(crate) incident: &'a Incident,
    pub(crate) rules: &'a Rules,
    pub(crate) cluster: &'a mut Cluster,
    pub(crate) story: &'a Story,
    pub(crate) now: Timestamp,
}

impl Hand {
    pub(crate) fn new(process: usize, me: WorkerId, message: Message) -> Self {
        Self {
            me,
            process,
            message,
            phase: Phase::Advance(None),
            begun: BTreeSet::new(),
            under_way: Vec::new(),
            refused: None,
            asked: Timestamp::MIN,
        }
    }

    pub(crate) fn cause(&self) -> &EventId {
        &self.message.id
    }

    fn begin(&self, incident: &Incident, room: &BTreeSet<StepId>, around: &Around<'_>) -> Vec<Event> {
        let hand = advance::Hand {
            worker: &self.me,
            cause: &self.message.id,
            room,
        };
        advance(incident, around.rules, hand, around.now)
    }

    pub(crate) fn go_on(&mut self, pick: usize, mut around: Around<'_>) -> Move {
        match std::mem::replace(&mut self.phase, Phase::Work) {
            Phase::Advance(ended) => {
                self.asked = around.now;
                let mut events = ended
                    .as_ref()
                    .map_or_else(Vec::new, |ended| ended.events(around.incident, around.now));
                let after = around.incident.foresee(&events, around.now, Some(&self.message.id));
                events.extend(self.begin(&after, &BTreeSet::new(), &around));
                // A bus that dies or is overtaken in between has only the first of them: the rest is decided again.
                events.truncate(1);
                self.phase = match (events.is_empty(), ended) {
                    (true, None) => Phase::Enter,
                    (true, Some(ended)) => Phase::Leave(ended.attempt),
                    (false, ended) => Phase::Advance(ended),
                };
                Move::On(events)
            }
            Phase::Leave(attempt) => {
                if attempt.direction == Direction::Forward {
                    around.cluster.leave(&attempt.step, &self.me);
                }
                self.phase = Phase::Enter;
                Move::On(Vec::new())
            }
            Phase::Enter => {
                self.refused = None;
                let mut room = BTreeSet::new();
                let mut kept = at_work(around.incident);
                for step in wanting_room(around.incident, around.rules, around.now) {
                    kept.insert(step.id.clone());
                    match around.cluster.enter(&step.id, &self.me, &kept, around.now) {
                        Ok(()) => {
                            room.insert(step.id.clone());
                        }
                        Err(Full::Spent { until }) => self.refused = Some(until),
                        Err(Full::Busy) => self.refused = Some(around.now + SignedDuration::from_secs(60)),
                    }
                }
                if !room.is_empty() {
                    self.phase = Phase::Begin(room);
                }
                Move::On(Vec::new())
            }
            Phase::Begin(room) => {
                let mut events = self.begin(around.incident, &room, &around);
                events.truncate(1);
                self.phase = if events.is_empty() {
                    Phase::LetGo(room)
                } else {
                    Phase::Begin(room)
                };
                Move::On(events)
            }
            Phase::LetGo(room) => {
                let mine = in_hand(around.incident, &self.me);
                for step in room.iter().filter(|step| !mine.iter().any(|attempt| attempt.step == **step)) {
                    around.cluster.leave(step, &self.me);
                }
                Move::On(Vec::new())
            }
            Phase::Work => self.work(pick, &mut around),
        }
    }

    fn work(&mut self, pick: usize, around: &mut Around<'_>) -> Move {
        let mine = in_hand(around.incident, &self.me);
        for attempt in &mine {
            if self.begun.insert((attempt.step.clone(), attempt.direction, attempt.number)) {
                self.under_way.push(Trying::new(around.incident, attempt.clone()));
            }
        }
        if self.under_way.is_empty() {
            return Move::Over {
                again: self.refused.or_else(|| (!mine.is_empty()).then_some(around.now)),
            };
        }
        // Whoever found no room looks again now and then while other steps of his are under way.
        if self.refused.is_some() && pick.is_multiple_of(5) {
            self.phase = Phase::Advance(None);
            return Move::On(Vec::new());
        }
        let at = pick % self.under_way.len();
        let trying = &mut self.under_way[at];
        if let Some(ended) = trying.go_on(around.incident, around.rules, around.cluster, around.story, around.now) {
            self.under_way.remove(at);
            self.phase = Phase::Advance(Some(ended));
        }
        Move::On(Vec::new())
    }
}
