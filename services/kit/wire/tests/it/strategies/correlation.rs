//! What the correlator says, and what it is told.

use paramedic_domain::correlation::{Candidate, Correction, Notice, Position, Ranking, Stage, Told};
use proptest::{collection::vec, prelude::*, sample::select};

use super::base::{id, text, texts, time};

pub(super) fn position() -> impl Strategy<Value = Position> {
    (any::<u64>(), any::<u32>()).prop_map(|(sequence, index)| Position { sequence, index })
}

pub(super) fn ranking() -> impl Strategy<Value = Ranking> {
    let candidate = (text(), 0.0..=1.0, any::<u32>(), text()).prop_map(|(entity, belief, explains, reason)| Candidate {
        entity,
        belief,
        explains,
        reason,
    });
    (vec(candidate, 0..4), texts(), 0.0..=1.0).prop_map(|(candidates, affected, confidence)| Ranking {
        candidates,
        affected,
        confidence,
    })
}

fn correction() -> impl Strategy<Value = Correction> {
    prop_oneof![
        (id("inc_"), id("inc_")).prop_map(|(from, into)| Correction::Merge { from, into }),
        (id("inc_"), texts()).prop_map(|(from, fingerprints)| Correction::Split { from, fingerprints }),
        (id("inc_"), texts()).prop_map(|(from, fingerprints)| Correction::Detach { from, fingerprints }),
    ]
}

pub(crate) fn told() -> impl Strategy<Value = Told> {
    let stage = select(vec![Stage::WorkedOn, Stage::Resolved, Stage::Escalated, Stage::Cancelled]);
    let notice = prop_oneof![
        Just(Notice::Tick),
        (id("inc_"), stage, position()).prop_map(|(incident, stage, position)| Notice::Reached { incident, stage, position }),
        (id("inc_"), id("inc_"), position()).prop_map(|(from, into, position)| Notice::Merged { from, into, position }),
        (correction(), text()).prop_map(|(correction, by)| Notice::Corrected { correction, by }),
    ];
    (id(""), time(), notice).prop_map(|(cluster, at, notice)| Told { cluster, at, notice })
}
