//! The model: a log, an at-least-once queue, workers that may die between any two effects, a cluster with marks.

mod attempt;
mod broken;
mod cluster;
mod gates;
mod hand;
mod plan;
mod words;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    approval::GateState,
    digest::Digest,
    envelope::Recorded,
    event::{Direction, Event},
    id::{EventId, GateId, StepId, WorkerId},
    incident::Incident,
    workflow::{RollbackState, StepRun, StepState},
};
use paramedic_executor::{
    core::{advance::wake, control::Command, rules::Rules},
    shell::engine::KINDS,
};

pub(crate) use self::plan::step_id;
use self::{
    cluster::Cluster,
    hand::{Around, Hand, Move},
};
use crate::strategy::Story;

/// An event that the engine is given to handle: at least once, in any order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub(crate) id: EventId,
    /// Where it is in the log.
    at: usize,
}

pub(crate) struct Model {
    story: Story,
    pub(crate) log: Vec<Recorded>,
    pub(crate) incident: Incident,
    pub(crate) rules: Rules,
    pub(crate) now: Timestamp,
    queue: Vec<Message>,
    /// Messages that wait for a time.
    sleeping: Vec<(Timestamp, Message)>,
    hands: Vec<Hand>,
    processes: [WorkerId; 2],
    deliveries: u64,
    cluster: Cluster,
    crashes: u32,
    /// Strangers took leases or room.
    disturbed: bool,
    /// Decided gates that a late word opened or closed again.
    reopened: Vec<String>,
}

impl Model {
    pub(crate) fn new(story: &Story) -> Self {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let mut model = Self {
            story: story.clone(),
            log: Vec::new(),
            incident: Incident::new("test".parse().unwrap(), "inc_model".parse().unwrap()),
            rules: Rules {
                parallel_steps: story.parallel,
                ..Rules::default()
            },
            now,
            queue: Vec::new(),
            sleeping: Vec::new(),
            hands: Vec::new(),
            processes: [process(0), process(1)],
            deliveries: 0,
            cluster: Cluster::new(story.room),
            crashes: 0,
            disturbed: false,
            reopened: Vec::new(),
        };
        for event in plan::prologue(story, now) {
            model.append(event);
        }
        model
    }

    /// Appends what a person or another service decided.
    pub(crate) fn append(&mut self, event: Event) {
        self.append_for(event, None);
    }

    fn append_for(&mut self, event: Event, cause: Option<&EventId>) {
        let handled = KINDS.contains(&event.kind());
        self.check_pause(&event);
        let envelope = self.incident.next_envelope(event, self.now, cause.cloned());
        if handled {
            self.queue.push(Message {
                id: envelope.id.clone(),
                at: self.log.len(),
            });
        }
        // What the chain needs is a digest that differs; encoding every event would only cost time here.
        let digest = Digest::of(&envelope.seq.to_be_bytes());
        let recorded = Recorded { envelope, digest };
        self.incident.apply(&recorded).expect("the model appends in order");
        self.log.push(recorded);
        let at_work = |run: &StepRun| matches!(run.state, StepState::Running { .. });
        let at_once = self
            .incident
            .run
            .iter()
            .flat_map(|run| run.steps.values())
            .filter(|run| at_work(run))
            .count();
        if at_once > self.rules.parallel_steps {
            let limit = self.rules.parallel_steps;
            self.cluster
                .unpermitted
                .push(format!("{at_once} steps were with the workers at once, {limit} may be"));
        }
    }

    fn check_pause(&mut self, event: &Event) {
        let (Event::StepStarted { step, direction, .. }, Some(run)) = (event, &self.incident.run) else {
            return;
        };
        let begins = run
            .steps
            .get(step)
            .is_some_and(|run| !matches!(run.state, StepState::Running { .. }));
        if *direction == Direction::Forward && begins && run.paused.is_some() {
            self.cluster
                .unpermitted
                .push(format!("step {step} began although people paused it"));
        }
    }

    /// One random move.
    pub(crate) fn step(&mut self, choice: u16) {
        self.now += SignedDuration::from_secs(i64::from(choice % 7));
        let pick = usize::from(choice / 10);
        self.wake_up();
        match choice % 10 {
            0 | 1 if !self.queue.is_empty() => {
                let message = self.queue.remove(pick % self.queue.len());
                self.deliver(message);
            }
            // The same message twice: an ack was lost.
            2 if !self.queue.is_empty() && !self.crowded() => {
                let message = self.queue[pick % self.queue.len()].clone();
                self.deliver(message);
            }
            3..=5 if !self.hands.is_empty() => self.move_hand(pick),
            6 if self.crashes < 20 => self.crash(pick),
            // A message is taken for lost although its handling lives: two hands hold it.
            7 if !self.hands.is_empty() && !self.crowded() && pick.is_multiple_of(3) => {
                let message = self.hands[pick % self.hands.len()].message.clone();
                self.queue.push(message);
            }
            // Another workflow comes or goes.
            8 => {
                self.disturbed = true;
                if pick.is_multiple_of(2) {
                    self.cluster.disturb_lease(pick / 2);
                } else {
                    self.cluster.disturb_room(pick / 2, self.now);
                }
            }
            // Somebody repeats a decision, or comes late with another.
            9 => self.decide_late(pick),
            // People: gates, answers, and words on the workflow.
            _ if pick.is_multiple_of(4) => self.say(pick / 4),
            _ => self.decide_gate(pick),
        }
    }

    /// So many copies are about already that further ones only cost time.
    fn crowded(&self) -> bool {
        self.queue.len() + self.hands.len() + self.sleeping.len() > 20
    }

    /// Kill -9: what the process had in hand is delivered again, and another one starts.
    fn crash(&mut self, pick: usize) {
        let dead = pick % self.processes.len();
        self.crashes += 1;
        let (lost, left): (Vec<Hand>, Vec<Hand>) = std::mem::take(&mut self.hands).into_iter().partition(|hand| hand.process == dead);
        self.hands = left;
        self.queue.extend(lost.into_iter().map(|hand| hand.message));
        self.processes[dead] = process(self.crashes + 1);
    }

    /// Until nothing moves any more: fair delivery, everybody answers.
    pub(crate) fn settle(&mut self) {
        self.cluster.calm();
        for turn in 0..30_000 {
            self.now += SignedDuration::from_secs(1);
            self.wake_up();
            if let Some(message) = self.queue.pop() {
                self.deliver(message);
            } else if !self.hands.is_empty() {
                self.move_hand(turn);
            } else if self.ended() {
                return;
            } else {
                self.wait();
            }
        }
    }

    /// Nothing is under way: people say what they are asked, or the time of a message comes.
    fn wait(&mut self) {
        let before = self.log.len();
        // Whoever paused it comes back; whoever is asked answers, or the question expires.
        self.command(&Command::Resume, "bob@example.com");
        if self
            .incident
            .run
            .as_ref()
            .is_some_and(|run| matches!(run.rollback, RollbackState::Asked { .. }))
        {
            self.answer();
        }
        // A deadline or a question is not waited for while people still have something to say.
        if self.waits_for_people() {
            for gate in 0..self.story.gates.len() {
                self.decide_gate(gate);
            }
        }
        let due = self.sleeping.iter().map(|(due, _)| *due).min();
        if self.log.len() == before
            && let Some(due) = due
        {
            self.now = self.now.max(due);
        }
    }

    /// Messages whose time has come are delivered again.
    fn wake_up(&mut self) {
        let (due, later) = std::mem::take(&mut self.sleeping)
            .into_iter()
            .partition(|(due, _)| *due <= self.now);
        self.sleeping = later;
        let due: Vec<(Timestamp, Message)> = due;
        self.queue.extend(due.into_iter().map(|(_, message)| message));
    }

    fn waits_for_people(&self) -> bool {
        let asked = self
            .incident
            .gates
            .values()
            .any(|gate| matches!(gate, GateState::Planned | GateState::Waiting { .. }));
        let retrying = self.incident.run.as_ref().is_some_and(|run| {
            run.steps
                .values()
                .any(|step| matches!(step.state, StepState::Failed { .. } | StepState::UndoFailed { .. }))
        });
        asked && !retrying
    }

    fn deliver(&mut self, message: Message) {
        if matches!(self.log[message.at].envelope.event, Event::WorkflowFinished { .. }) {
            self.cluster.release();
        }
        self.deliveries += 1;
        let process = usize::from(self.deliveries.is_multiple_of(2));
        let me = self.processes[process].at(self.deliveries);
        self.hands.push(Hand::new(process, me, message));
    }

    fn move_hand(&mut self, pick: usize) {
        let at = pick % self.hands.len();
        let mut hand = self.hands.remove(at);
        let around = Around {
            incident: &self.incident,
            rules: &self.rules,
            cluster: &mut self.cluster,
            story: &self.story,
            now: self.now,
        };
        match hand.go_on(pick, around) {
            Move::On(events) => {
                for event in events {
                    self.append_for(event, Some(hand.cause()));
                }
                self.hands.push(hand);
            }
            Move::Over { again } => {
                let event = &self.log[hand.message.at].envelope.event;
                let due = wake(&self.incident, event, &self.rules, hand.asked);
                if let Some(due) = due.into_iter().chain(again).min() {
                    self.sleeping.push((due, hand.message));
                }
            }
        }
    }

    fn ended(&self) -> bool {
        self.incident.run.as_ref().is_some_and(|run| run.ended.is_some())
    }

    /// What is still to come, for a history in which it never did.
    fn waiting(&self) -> String {
        let (queue, hands) = (self.queue.len(), self.hands.len());
        format!(
            "at {} {queue} events wait, {hands} are in hand, asleep: {:?}",
            self.now, self.sleeping
        )
    }

    pub(crate) fn transcript(&self) -> String {
        let lines: Vec<String> = self
            .log
            .iter()
            .map(|r| format!("{:>3} {:?}", r.envelope.seq, Brief(&r.envelope.event)))
            .collect();
        lines.join("\n")
    }
}

fn process(number: u32) -> WorkerId {
    format!("process-{number}").parse().unwrap()
}

struct Brief<'a>(&'a Event);

impl std::fmt::Debug for Brief<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Event::PlanProposed { plan } => {
                let steps: BTreeMap<&str, (Vec<&str>, Option<&str>)> = plan
                    .steps
                    .iter()
                    .map(|s| {
                        (
                            s.id.as_str(),
                            (
                                s.depends_on.iter().map(StepId::as_str).collect(),
                                s.gate.as_ref().map(GateId::as_str),
                            ),
                        )
                    })
                    .collect();
                write!(f, "PlanProposed {steps:?}")
            }
            Event::DiagnosisReached { .. } => write!(f, "DiagnosisReached"),
            other => write!(f, "{other:?}"),
        }
    }
}
