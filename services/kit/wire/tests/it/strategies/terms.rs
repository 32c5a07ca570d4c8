//! How people are asked.

use paramedic_domain::{
    people::{Audience, Role},
    terms::{Escalation, Terms},
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{base::span, quiet::schedule};

pub(super) fn audience() -> impl Strategy<Value = Audience> {
    let role = select(vec![Role::Viewer, Role::Responder, Role::Approver, Role::Admin]);
    prop_oneof![
        role.prop_map(Audience::Role),
        "[a-z@.-]{1,12}".prop_map(Audience::Team),
        "[a-z@.-]{1,12}".prop_map(Audience::Person),
    ]
}

fn escalation() -> impl Strategy<Value = Escalation> {
    (span(), vec(audience(), 0..3), option::of(schedule()), option::of(schedule())).prop_map(|(after, to, during, outside)| Escalation {
        after,
        to,
        during,
        outside,
    })
}

pub(super) fn terms() -> impl Strategy<Value = Terms> {
    let from = vec(vec(audience(), 0..3), 0..3);
    (
        any::<u32>(),
        span(),
        from,
        any::<bool>(),
        option::of(span()),
        vec(escalation(), 0..3),
    )
        .prop_map(|(quorum, expires_after, from, four_eyes, remind_every, escalations)| Terms {
            quorum,
            expires_after,
            from,
            four_eyes,
            remind_every,
            escalations,
        })
        .boxed()
}
