//! Changes and plans.

use paramedic_domain::{
    change::{
        Bound, Call, Change, Commit, Confirm, Creation, Deletion, DryRun, Eviction, Exchange, Exec, FieldChange, FileChange, Matchers,
        Notice, ObjectPatch, Operation, ReleaseRecord, Request, ResourceChange, ResourceEffect, SavedPlan, Silence, Ticket, Wait,
    },
    plan::{Approach, Estimate, Gate, Lasts, Plan, PlanOption, Refusal, Rollback, Step},
    risk::{Context, Risk},
};
use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
    sample::select,
};

use super::{
    base::{digest, id, json, object, patch, span, text, texts, time},
    terms::terms,
    words::{criterion, object_ref, recommendation, risk_level},
};

fn saved_plan() -> impl Strategy<Value = SavedPlan> {
    use ResourceEffect::{Create, Destroy, Replace, Update};
    let bound = (digest(), digest(), text(), any::<u64>()).prop_map(|(file, sources, lineage, serial)| Bound {
        file,
        sources,
        lineage,
        serial,
    });
    let field = (text(), option::of(text()), option::of(text())).prop_map(|(path, from, to)| FieldChange { path, from, to });
    let change = (text(), select(vec![Create, Update, Replace, Destroy]), vec(field, 0..3)).prop_map(|(address, effect, attributes)| {
        ResourceChange {
            address,
            effect,
            attributes,
        }
    });
    (text(), text(), option::of(bound), vec(change, 0..3), dry_run()).prop_map(|(module, workspace, bound, changes, dry_run)| SavedPlan {
        module,
        workspace,
        bound,
        changes,
        dry_run,
    })
}

fn dry_run() -> impl Strategy<Value = DryRun> {
    prop_oneof![
        texts().prop_map(|warnings| DryRun::Accepted { warnings }),
        text().prop_map(|reason| DryRun::Unavailable { reason }),
        text().prop_map(|message| DryRun::Rejected { message })
    ]
    .boxed()
}

fn object_patch() -> impl Strategy<Value = ObjectPatch> {
    let field = (text(), option::of(text()), option::of(text())).prop_map(|(path, from, to)| FieldChange { path, from, to });
    (
        (object_ref(), patch(), patch(), vec(field, 0..3), dry_run(), wait()),
        (option::of(text()), option::of(object_ref()), option::of(text())),
    )
        .prop_map(
            |((target, patch, undo, diff, dry_run, wait), (subresource, owner, irreversible))| ObjectPatch {
                target,
                subresource,
                owner,
                patch,
                undo,
                irreversible,
                diff,
                dry_run,
                wait,
            },
        )
        .boxed()
}

fn wait() -> impl Strategy<Value = Wait> {
    select(vec![
        Wait::Accepted,
        Wait::Rollout,
        Wait::JobComplete,
        Wait::Resized,
        Wait::PodResized,
        Wait::Synced,
        Wait::Reconciled,
        Wait::SnapshotReady,
    ])
}

fn deletion() -> impl Strategy<Value = Deletion> {
    (
        object_ref(),
        option::of(object_ref()),
        dry_run(),
        option::of(json()),
        option::of(text()),
    )
        .prop_map(|(target, owner, dry_run, restore, ended)| Deletion {
            target,
            owner,
            dry_run,
            restore,
            ended,
        })
        .boxed()
}

fn record() -> impl Strategy<Value = Operation> {
    let secrets = (object_ref(), object_ref(), digest(), digest());
    (secrets, any::<u64>(), text(), option::of(text()), text(), time(), dry_run())
        .prop_map(
            |((target, from, from_digest, digest), revision, status, was, description, at, dry_run)| {
                Operation::Record(ReleaseRecord {
                    target,
                    from,
                    from_digest,
                    revision,
                    status,
                    was,
                    description,
                    at,
                    digest,
                    dry_run,
                })
            },
        )
        .boxed()
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        object_patch().prop_map(Operation::Patch),
        (object_ref(), json(), dry_run(), wait(), option::of(text())).prop_map(|(target, object, dry_run, wait, irreversible)| {
            Operation::Create(Creation {
                target,
                object,
                dry_run,
                wait,
                irreversible,
            })
        }),
        deletion().prop_map(Operation::Delete),
        (object_ref(), option::of(object_ref()), dry_run()).prop_map(|(target, owner, dry_run)| Operation::Evict(Eviction {
            target,
            owner,
            dry_run
        })),
        record(),
    ]
    .boxed()
}

fn call() -> impl Strategy<Value = Call> {
    let labels = btree_map(text(), text(), 0..3).prop_map(|labels| Matchers { labels });
    let file = (text(), digest(), text(), text()).prop_map(|(path, before, content, diff)| FileChange {
        path,
        before,
        content,
        diff,
    });
    let exchange = || (text(), text(), json()).prop_map(|(method, url, body)| Exchange { method, url, body });
    prop_oneof![
        (vec(labels, 0..3), span(), text()).prop_map(|(matchers, lasts, comment)| Call::Silence(Silence { matchers, lasts, comment })),
        (text(), text(), text(), text(), texts(), text(), vec(id(""), 0..3)).prop_map(
            |(tracker, project, title, body, labels, priority, attachments)| Call::Ticket(Ticket {
                tracker,
                project,
                title,
                body,
                labels,
                priority,
                attachments,
            })
        ),
        (text(), text(), text(), text(), vec(file, 0..3), text(), any::<bool>()).prop_map(
            |(repository, base, base_commit, branch, files, message, pull_request)| Call::Commit(Commit {
                repository,
                base,
                base_commit,
                branch,
                files,
                message,
                pull_request,
            })
        ),
        (text(), exchange(), option::of(exchange()), option::of(text()), dry_run()).prop_map(
            |(action, forward, undo, irreversible, dry_run)| Call::Request(Request {
                action,
                forward,
                undo,
                irreversible,
                dry_run,
            })
        ),
        saved_plan().prop_map(Call::Apply),
    ]
    .boxed()
}

fn change() -> impl Strategy<Value = Change> {
    let expect = select(vec![Confirm::RolledOut, Confirm::InTemplate]);
    prop_oneof![
        (text(), vec(object_ref(), 0..3)).prop_map(|(what, targets)| Change::Read { what, targets }),
        (object_ref(), text(), texts()).prop_map(|(target, container, argv)| Change::Exec(Exec { target, container, argv })),
        object_patch().prop_map(Change::Patch),
        deletion().prop_map(Change::Delete),
        vec(operation(), 0..3).prop_map(|operations| Change::Sequence { operations }),
        call().prop_map(Change::Call),
        (text(), text(), vec(id(""), 0..3)).prop_map(|(title, body, attachments)| Change::Notify(Notice { title, body, attachments })),
        (id(""), expect, option::of(object_patch().prop_map(Box::new))).prop_map(|(by, expect, part)| Change::Carried { by, expect, part }),
    ]
    .boxed()
}

fn step() -> impl Strategy<Value = Step> {
    let risk = (risk_level(), texts()).prop_map(|(level, reasons)| Risk { level, reasons });
    (
        (id(""), text(), text(), text(), object(), vec(id(""), 0..3)),
        (
            change(),
            risk,
            text(),
            option::of(id("gate_")),
            span(),
            option::of(lasts()),
            option::of(estimate()),
            option::of(context()),
        ),
    )
        .prop_map(
            |(
                (id, action, description, rationale, parameters, depends_on),
                (change, risk, policy, gate, timeout, lasts, estimate, context),
            )| Step {
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
                lasts,
                estimate,
                context,
            },
        )
        .boxed()
}

fn context() -> impl Strategy<Value = Context> {
    (
        option::of(any::<u32>()),
        any::<bool>(),
        any::<bool>(),
        option::of(text()),
        btree_map(text(), text(), 0..3),
    )
        .prop_map(|(replicas, production, template_change, gitops_owner, labels)| Context {
            replicas,
            production,
            template_change,
            gitops_owner,
            labels,
            ..Context::default()
        })
}

fn lasts() -> impl Strategy<Value = Lasts> {
    prop_oneof![
        Just(Lasts::Workflow),
        Just(Lasts::Verified),
        span().prop_map(|duration| Lasts::For { duration }),
    ]
}

fn estimate() -> impl Strategy<Value = Estimate> {
    (span(), any::<u32>()).prop_map(|(typical, samples)| Estimate { typical, samples })
}

pub(super) fn plan_option() -> impl Strategy<Value = PlanOption> {
    let approach = select(vec![Approach::Fix, Approach::Alternative, Approach::Mitigation]);
    let refusal = (option::of(text()), text()).prop_map(|(step, reason)| Refusal { step, reason });
    let rollback = option::of(select(vec![Rollback::Automatic, Rollback::Ask, Rollback::None]));
    (approach, text(), text(), vec(recommendation(), 0..2), vec(refusal, 0..2), rollback)
        .prop_map(|(approach, title, tradeoff, recommendations, refusals, rollback)| PlanOption {
            approach,
            title,
            tradeoff,
            recommendations,
            refusals,
            rollback,
        })
        .boxed()
}

fn gate() -> impl Strategy<Value = Gate> {
    (id("gate_"), vec(id(""), 0..3), digest(), risk_level(), text(), terms())
        .prop_map(|(id, steps, digest, risk, reason, terms)| Gate {
            id,
            steps,
            digest,
            risk,
            reason,
            terms,
        })
        .boxed()
}

pub(super) fn plan() -> impl Strategy<Value = Plan> {
    let rollback = select(vec![Rollback::Automatic, Rollback::Ask, Rollback::None]);
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
        (
            option::of(span()),
            option::of(estimate()),
            vec(plan_option(), 0..2),
            any::<u32>(),
            option::of(digest()),
        ),
    )
        .prop_map(
            |(
                (id, attempt, summary, steps, gates),
                (levels, critical_path, longest, rollback, criteria, notes),
                (deadline, estimate, options, chosen, policy),
            )| Plan {
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
                deadline,
                estimate,
                options,
                chosen,
                policy,
            },
        )
        .boxed()
}
