//! Random plans, fates and schedules.

use paramedic_domain::{
    fault::{Effect, FailureKind},
    plan::Rollback,
};
use proptest::{collection::vec, prelude::*};

/// What happens when a worker tries a step: one entry per attempt, the last one repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Works,
    /// Fails before anything was sent.
    Refused(FailureKind),
    /// The request was sent and took effect, but the worker does not know or does not see it finish.
    AppliedThen(FailureKind, Effect),
}

#[derive(Debug, Clone)]
pub(crate) struct StepStory {
    /// Indexes of earlier steps.
    pub(crate) depends_on: Vec<usize>,
    pub(crate) mutates: bool,
    /// Index of the object it changes: some share one.
    pub(crate) target: usize,
    /// Index of the gate it waits for.
    pub(crate) gate: Option<usize>,
    pub(crate) fates: Vec<Fate>,
    pub(crate) undo_fates: Vec<Fate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GateAnswer {
    Grant,
    Deny,
    Expire,
}

/// A gate: how it is answered, and by how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GateStory {
    pub(crate) answer: GateAnswer,
    pub(crate) quorum: u32,
    /// The changes behind it are not those whose digest it shows.
    pub(crate) tampered: bool,
}

/// What all workflows together may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) at_once: usize,
    pub(crate) per_hour: Option<usize>,
}

/// What people say when they are asked what becomes of the effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Undo,
    Keep,
    Silence,
}

/// What people do to a running workflow, each at most once, at a moment that chance chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Pause,
    Cancel,
    Skip(usize),
    Revise,
}

#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) steps: Vec<StepStory>,
    pub(crate) gates: Vec<GateStory>,
    pub(crate) rollback: Rollback,
    pub(crate) answer: Answer,
    pub(crate) words: Vec<Word>,
    /// Seconds from the proposal.
    pub(crate) deadline: Option<u64>,
    pub(crate) parallel: usize,
    pub(crate) room: Room,
    pub(crate) cancel: bool,
    pub(crate) choices: Vec<u16>,
}

fn kind() -> impl Strategy<Value = FailureKind> {
    prop_oneof![
        4 => Just(FailureKind::Transient),
        1 => Just(FailureKind::Permanent),
        1 => Just(FailureKind::Drift),
        1 => Just(FailureKind::LeaseLost),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Works),
        2 => kind().prop_map(Fate::Refused),
        1 => Just(Fate::AppliedThen(FailureKind::Timeout, Effect::Applied)),
        1 => Just(Fate::AppliedThen(FailureKind::Transient, Effect::Unknown)),
        1 => Just(Fate::AppliedThen(FailureKind::Transient, Effect::Applied)),
    ]
}

fn undo_fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        8 => Just(Fate::Works),
        2 => kind().prop_map(Fate::Refused),
        1 => Just(Fate::AppliedThen(FailureKind::Transient, Effect::Unknown)),
    ]
}

fn step(index: usize) -> impl Strategy<Value = StepStory> {
    let dependencies = vec(any::<prop::sample::Index>(), 0..=2.min(index));
    (
        dependencies,
        any::<bool>(),
        0..4_usize,
        proptest::option::weighted(0.4, 0..3_usize),
        vec(fate(), 1..3),
        vec(undo_fate(), 1..3),
    )
        .prop_map(move |(dependencies, mutates, target, gate, fates, undo_fates)| {
            let mut depends_on: Vec<usize> = dependencies.iter().filter(|_| index > 0).map(|d| d.index(index.max(1))).collect();
            depends_on.sort_unstable();
            depends_on.dedup();
            StepStory {
                depends_on,
                mutates,
                target,
                gate,
                fates,
                undo_fates,
            }
        })
}

fn word() -> impl Strategy<Value = Word> {
    prop_oneof![
        2 => Just(Word::Pause),
        1 => Just(Word::Cancel),
        2 => (0..6_usize).prop_map(Word::Skip),
        1 => Just(Word::Revise),
    ]
}

fn gate() -> impl Strategy<Value = GateStory> {
    let answer = prop_oneof![5 => Just(GateAnswer::Grant), 1 => Just(GateAnswer::Deny), 1 => Just(GateAnswer::Expire)];
    (answer, 1..3_u32, proptest::bool::weighted(0.05)).prop_map(|(answer, quorum, tampered)| GateStory { answer, quorum, tampered })
}

fn room() -> impl Strategy<Value = Room> {
    (1..4_usize, proptest::option::weighted(0.3, 1..5_usize)).prop_map(|(at_once, per_hour)| Room { at_once, per_hour })
}

pub(crate) fn story() -> impl Strategy<Value = Story> {
    (
        (1..6_usize).prop_flat_map(|count| (0..count).map(step).collect::<Vec<_>>()),
        vec(gate(), 3),
        prop_oneof![8 => Just(Rollback::Automatic), 2 => Just(Rollback::Ask), 1 => Just(Rollback::None)],
        prop_oneof![Just(Answer::Undo), Just(Answer::Keep), Just(Answer::Silence)],
        vec(word(), 0..3),
        proptest::option::weighted(0.15, 1..600_u64),
        1..4_usize,
        room(),
        proptest::bool::weighted(0.1),
        vec(any::<u16>(), 0..160),
    )
        .prop_map(
            |(steps, gates, rollback, answer, words, deadline, parallel, room, cancel, choices)| Story {
                steps,
                gates,
                rollback,
                answer,
                words,
                deadline,
                parallel,
                room,
                cancel,
                choices,
            },
        )
}
