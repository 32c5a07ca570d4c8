//! Changes and plans.

use paramedic_domain::{
    change::{Change, Confirm, Deletion, DryRun, Exec, FieldChange, Notice, ObjectPatch, Wait},
    plan::{Gate, Plan, Rollback, Step},
    risk::Risk,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{
    base::{digest, id, object, patch, span, text, texts},
    words::{criterion, object_ref, risk_level},
};

fn dry_run() -> impl Strategy<Value = DryRun> {
    prop_oneof![
        texts().prop_map(|warnings| DryRun::Accepted { warnings }),
        text().prop_map(|message| DryRun::Rejected { message })
    ]
    .boxed()
}

fn object_patch() -> impl Strategy<Value = ObjectPatch> {
    let field = (text(), option::of(text()), option::of(text())).prop_map(|(path, from, to)| FieldChange { path, from, to });
    let wait = select(vec![Wait::Accepted, Wait::Rollout]);
    (object_ref(), patch(), patch(), vec(field, 0..3), dry_run(), wait)
        .prop_map(|(target, patch, undo, diff, dry_run, wait)| ObjectPatch {
            target,
            patch,
            undo,
            diff,
            dry_run,
            wait,
        })
        .boxed()
}

fn change() -> impl Strategy<Value = Change> {
    let expect = select(vec![Confirm::RolledOut, Confirm::InTemplate]);
    prop_oneof![
        (text(), vec(object_ref(), 0..3)).prop_map(|(what, targets)| Change::Read { what, targets }),
        (object_ref(), text(), texts()).prop_map(|(target, container, argv)| Change::Exec(Exec { target, container, argv })),
        object_patch().prop_map(Change::Patch),
        (object_ref(), option::of(object_ref()), dry_run()).prop_map(|(target, owner, dry_run)| Change::Delete(Deletion {
            target,
            owner,
            dry_run
        })),
        (text(), text(), vec(id(""), 0..3)).prop_map(|(title, body, attachments)| Change::Notify(Notice { title, body, attachments })),
        (id(""), expect).prop_map(|(by, expect)| Change::Carried { by, expect }),
    ]
    .boxed()
}

fn step() -> impl Strategy<Value = Step> {
    let risk = (risk_level(), texts()).prop_map(|(level, reasons)| Risk { level, reasons });
    (
        (id(""), text(), text(), text(), object(), vec(id(""), 0..3)),
        (change(), risk, text(), option::of(id("gate_")), span()),
    )
        .prop_map(
            |((id, action, description, rationale, parameters, depends_on), (change, risk, policy, gate, timeout))| Step {
                id,
                action,
                description,
                rationale,
                parameters,
                depends_on,
                change,
                risk,
                policy,
                gate,
                timeout,
            },
        )
        .boxed()
}

fn gate() -> impl Strategy<Value = Gate> {
    (id("gate_"), vec(id(""), 0..3), digest(), risk_level(), text(), any::<u32>(), span())
        .prop_map(|(id, steps, digest, risk, reason, quorum, expires_after)| Gate {
            id,
            steps,
            digest,
            risk,
            reason,
            quorum,
            expires_after,
        })
        .boxed()
}

pub(super) fn plan() -> impl Strategy<Value = Plan> {
    let rollback = select(vec![Rollback::Automatic, Rollback::None]);
    (
        (id("plan_"), any::<u32>(), text(), vec(step(), 0..4), vec(gate(), 0..3)),
        (
            vec(vec(id(""), 0..3), 0..3),
            vec(id(""), 0..3),
            span(),
            rollback,
            vec(criterion(), 0..2),
            texts(),
        ),
    )
        .prop_map(
            |((id, attempt, summary, steps, gates), (levels, critical_path, longest, rollback, criteria, notes))| Plan {
                id,
                attempt,
                summary,
                steps,
                gates,
                levels,
                critical_path,
                longest,
                rollback,
                criteria,
                notes,
            },
        )
        .boxed()
}
