//! The model: a log, an at-least-once queue, workers that may die between any two effects, a cluster with marks.

mod broken;
mod cluster;
mod gates;
mod plan;
mod words;
mod worker;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    approval::GateState,
    digest::Digest,
    envelope::Recorded,
    event::{Direction, Event},
    id::{GateId, StepId, WorkerId},
    incident::Incident,
    workflow::{RollbackState, StepRun, StepState},
};
use paramedic_executor::core::{
    advance::{advance, wake},
    control::Command,
    rules::Rules,
};

pub(crate) use self::plan::step_id;
use self::{
    cluster::Cluster,
    worker::{Move, Worker},
};
use crate::strategy::Story;

/// A work item or a call to advance; delivered at least once, in any order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Message {
    Advance,
    /// Gives back what the ended workflow held.
    Release,
    Work {
        step: StepId,
        direction: Direction,
        attempt: u32,
    },
}

pub(crate) struct Model {
    story: Story,
    pub(crate) log: Vec<Recorded>,
    pub(crate) incident: Incident,
    pub(crate) rules: Rules,
    pub(crate) now: Timestamp,
    queue: Vec<Message>,
    workers: Vec<Worker>,
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
            workers: Vec::new(),
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

    pub(crate) fn append(&mut self, event: Event) {
        let advances = matches!(
            event,
            Event::PlanProposed { .. }
                | Event::ApprovalGranted { .. }
                | Event::ApprovalDenied { .. }
                | Event::ApprovalExpired { .. }
                | Event::StepSucceeded { .. }
                | Event::StepFailed { .. }
                | Event::StepUndone { .. }
                | Event::StepSkipped { .. }
                | Event::WorkflowResumed { .. }
                | Event::WorkflowCancelled { .. }
                | Event::RollbackAsked { .. }
                | Event::RollbackDecided { .. }
                | Event::PlanRevised { .. }
                | Event::IncidentCancelled { .. }
        );
        if let Event::StepScheduled {
            step, direction, attempt, ..
        } = &event
        {
            self.queue.push(Message::Work {
                step: step.clone(),
                direction: *direction,
                attempt: *attempt,
            });
        }
        let forward = matches!(
            event,
            Event::StepScheduled {
                direction: Direction::Forward,
                ..
            }
        );
        if forward && self.incident.run.as_ref().is_some_and(|run| run.paused.is_some()) {
            self.cluster
                .unpermitted
                .push("a step was scheduled although people paused it".into());
        }
        if advances {
            self.queue.push(Message::Advance);
        }
        if matches!(event, Event::WorkflowFinished { .. }) {
            self.queue.push(Message::Release);
        }
        let envelope = self.incident.next_envelope(event, self.now, None);
        // What the chain needs is a digest that differs; encoding every event would only cost time here.
        let digest = Digest::of(&envelope.seq.to_be_bytes());
        let recorded = Recorded { envelope, digest };
        self.incident.apply(&recorded).expect("the model appends in order");
        self.log.push(recorded);
        let at_work = |run: &StepRun| matches!(run.state, StepState::Scheduled | StepState::Running { .. });
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

    /// One random move.
    pub(crate) fn step(&mut self, choice: u16) {
        self.now += SignedDuration::from_secs(i64::from(choice % 7));
        let pick = usize::from(choice / 10);
        match choice % 10 {
            0 | 1 if !self.queue.is_empty() => {
                let message = self.queue.remove(pick % self.queue.len());
                self.deliver(message);
            }
            // The same message twice: an ack was lost.
            2 if !self.queue.is_empty() => {
                let message = self.queue[pick % self.queue.len()].clone();
                self.deliver(message);
            }
            3..=5 if !self.workers.is_empty() => self.run_worker(pick),
            6 if self.crashes < 20 => self.crash(pick),
            // A message is taken for lost although its worker lives: two workers hold it.
            7 if !self.workers.is_empty() && pick.is_multiple_of(3) => {
                let message = self.workers[pick % self.workers.len()].message.clone();
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

    /// Kill -9: what the process had in hand is delivered again, and another one starts.
    fn crash(&mut self, pick: usize) {
        let dead = pick % self.processes.len();
        self.crashes += 1;
        let (lost, left): (Vec<Worker>, Vec<Worker>) = std::mem::take(&mut self.workers)
            .into_iter()
            .partition(|worker| worker.process == dead);
        self.workers = left;
        self.queue.extend(lost.into_iter().map(|worker| worker.message));
        self.processes[dead] = process(self.crashes + 1);
    }

    /// Until nothing moves any more: fair delivery, everybody answers.
    pub(crate) fn settle(&mut self) {
        self.cluster.calm();
        for _ in 0..2_000 {
            self.now += SignedDuration::from_secs(1);
            if let Some(message) = self.queue.pop() {
                self.deliver(message);
            } else if !self.workers.is_empty() {
                self.run_worker(0);
            } else if self.ended() {
                return;
            } else if let Some(due) = self.due() {
                self.now = due;
                self.deliver(Message::Advance);
            } else {
                // Whoever paused it comes back; whoever is asked answers, or the question expires.
                self.command(&Command::Resume, "bob@example.com");
                self.answer();
                for gate in 0..self.story.gates.len() {
                    self.decide_gate(gate);
                }
                self.deliver(Message::Advance);
            }
        }
    }

    /// The next moment at which a message that waits comes again, or a person answers before that.
    fn due(&mut self) -> Option<Timestamp> {
        if self
            .incident
            .run
            .as_ref()
            .is_some_and(|run| matches!(run.rollback, RollbackState::Asked { .. }))
        {
            self.answer();
        }
        self.log
            .iter()
            .filter_map(|recorded| wake(&self.incident, &recorded.envelope.event, &self.rules, self.now))
            .min()
            // A deadline or a question is not waited for while people still have something to say.
            .filter(|_| !self.waits_for_people())
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
        match message {
            Message::Advance => {
                for event in advance(&self.incident, &self.rules, self.now) {
                    self.append(event);
                }
            }
            Message::Release => self.cluster.release(),
            Message::Work { .. } => {
                self.deliveries += 1;
                let process = usize::from(self.deliveries.is_multiple_of(2));
                let id = self.processes[process].at(self.deliveries);
                self.workers.push(Worker::new(process, id, message));
            }
        }
    }

    fn run_worker(&mut self, pick: usize) {
        let at = pick % self.workers.len();
        let mut worker = self.workers.remove(at);
        match worker.advance(&self.incident, &self.rules, &mut self.cluster, &self.story, self.now) {
            Move::On(event) => {
                if let Some(event) = event {
                    self.append(event);
                }
                self.workers.push(worker);
            }
            Move::Done => {}
            Move::Later => {
                // Its pause passes before it comes again; nobody else's message waits for it.
                self.now += SignedDuration::from_secs(60);
                self.queue.insert(0, worker.message);
            }
        }
    }

    fn ended(&self) -> bool {
        self.incident.run.as_ref().is_some_and(|run| run.ended.is_some())
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
