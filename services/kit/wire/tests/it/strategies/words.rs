//! Alerts, evidence, criteria, diagnoses.

use paramedic_domain::{
    alert::{Alert, AlertStatus, Notification, Priority, Severity},
    diagnosis::{Alternative, Category, Diagnosis, Factor, Happening},
    evidence::{Evidence, Source},
    object::ObjectRef,
    plan::Recommendation,
    request::{ChangeRequest, What},
    risk::RiskLevel,
    topology::TopologyTaken,
    verification::{Comparison, Criterion, Measurement, Probe, Verdict, Verification, WorkloadMetric},
};
use proptest::{bool, collection, collection::vec, option, prelude::*, sample::select};

use super::base::{digest, id, number, object, span, text, texts, time};

pub(super) fn object_ref() -> impl Strategy<Value = ObjectRef> {
    (text(), text(), option::of(text()), text(), option::of(text()))
        .prop_map(|(api_version, kind, namespace, name, uid)| ObjectRef {
            api_version,
            kind,
            namespace,
            name,
            uid,
        })
        .boxed()
}

pub(super) fn request() -> impl Strategy<Value = ChangeRequest> {
    let what = prop_oneof![
        (object_ref(), option::of(text()), text()).prop_map(|(target, container, image)| What::SetImage { target, container, image }),
        text().prop_map(|module| What::ApplyModule { module }),
        (text(), text()).prop_map(|(account, month)| What::ReportCosts { account, month }),
    ];
    (id(""), text(), text(), what)
        .prop_map(|(id, by, on_behalf_of, what)| ChangeRequest {
            id,
            by,
            on_behalf_of,
            what,
        })
        .boxed()
}

pub(super) fn severity() -> impl Strategy<Value = Severity> {
    select(vec![Severity::Info, Severity::Warning, Severity::Critical])
}

pub(super) fn priority() -> impl Strategy<Value = Priority> {
    select(vec![Priority::P1, Priority::P2, Priority::P3, Priority::P4, Priority::P5])
}

pub(super) fn risk_level() -> impl Strategy<Value = RiskLevel> {
    select(vec![
        RiskLevel::None,
        RiskLevel::Low,
        RiskLevel::Medium,
        RiskLevel::High,
        RiskLevel::Critical,
    ])
}

/// Alerts of a notification have its group key.
pub(crate) fn notification() -> impl Strategy<Value = Notification> {
    (text(), text(), time(), bool::ANY, text(), text(), vec(alert(), 0..4))
        .prop_map(|(source, group_key, received_at, whole_group, from, until, mut alerts)| {
            for alert in &mut alerts {
                alert.group_key.clone_from(&group_key);
            }
            Notification {
                source,
                group_key,
                received_at,
                whole_group,
                from,
                until,
                alerts,
            }
        })
        .boxed()
}

/// Announcements of snapshots.
pub(crate) fn topology() -> impl Strategy<Value = TopologyTaken> {
    (time(), digest(), text(), any::<u32>(), any::<u32>()).prop_map(|(taken_at, digest, artifact, entities, edges)| TopologyTaken {
        taken_at,
        digest,
        artifact,
        entities,
        edges,
    })
}

pub(super) fn alert() -> impl Strategy<Value = Alert> {
    let map = || collection::btree_map(text(), text(), 0..4);
    let status = select(vec![AlertStatus::Firing, AlertStatus::Resolved]);
    (text(), status, map(), map(), time(), option::of(time()), text(), text())
        .prop_map(
            |(fingerprint, status, labels, annotations, starts_at, ends_at, generator_url, group_key)| Alert {
                fingerprint,
                status,
                labels,
                annotations,
                starts_at,
                ends_at,
                generator_url,
                group_key,
            },
        )
        .boxed()
}

fn source() -> impl Strategy<Value = Source> {
    select(vec![
        Source::Kubernetes,
        Source::Prometheus,
        Source::Loki,
        Source::Jaeger,
        Source::Alertmanager,
        Source::Tempo,
        Source::Git,
        Source::Mcp,
    ])
}

pub(super) fn evidence() -> impl Strategy<Value = Evidence> {
    (id(""), source(), text(), time(), text(), option::of(number()), text())
        .prop_map(|(id, source, query, observed_at, excerpt, value, unit)| Evidence {
            id,
            source,
            query,
            observed_at,
            excerpt,
            value,
            unit,
        })
        .boxed()
}

fn probe() -> impl Strategy<Value = Probe> {
    let metric = select(vec![
        WorkloadMetric::UnreadyReplicas,
        WorkloadMetric::RestartsSinceChange,
        WorkloadMetric::OomKillsSinceChange,
    ]);
    prop_oneof![
        text().prop_map(|query| Probe::Promql { query }),
        (object_ref(), metric).prop_map(|(target, metric)| Probe::Workload { target, metric }),
        (text(), text()).prop_map(|(path, pointer)| Probe::Field { path, pointer }),
        (text(), text()).prop_map(|(action, figure)| Probe::Reported { action, figure })
    ]
}

pub(super) fn criterion() -> impl Strategy<Value = Criterion> {
    let comparison = select(vec![Comparison::AtMost, Comparison::AtLeast]);
    (text(), probe(), comparison, number(), text(), option::of(number()), bool::ANY)
        .prop_map(|(description, probe, comparison, threshold, unit, before, decisive)| Criterion {
            description,
            probe,
            comparison,
            threshold,
            unit,
            before,
            decisive,
        })
        .boxed()
}

pub(super) fn verification() -> impl Strategy<Value = Verification> {
    let verdict = select(vec![Verdict::Passed, Verdict::Failed, Verdict::Inconclusive]);
    let measurement =
        (criterion(), option::of(number()), option::of(bool::ANY), evidence()).prop_map(|(criterion, after, holds, evidence)| {
            Measurement {
                criterion,
                after,
                holds,
                evidence,
            }
        });
    (verdict, text(), vec(measurement, 0..3), texts(), span(), option::of(time()))
        .prop_map(
            |(verdict, summary, measurements, caveats, window, expected_recurrence)| Verification {
                verdict,
                summary,
                measurements,
                caveats,
                window,
                expected_recurrence,
            },
        )
        .boxed()
}

pub(super) fn recommendation() -> impl Strategy<Value = Recommendation> {
    (
        (id(""), text(), text(), number(), object()),
        (vec(id(""), 0..3), text(), option::of(risk_level()), option::of(bool::ANY)),
    )
        .prop_map(
            |((id, action, description, confidence, parameters), (dependencies, rationale, risk, requires_approval))| Recommendation {
                id,
                action,
                description,
                confidence,
                parameters,
                dependencies,
                rationale,
                risk,
                requires_approval,
            },
        )
        .boxed()
}

pub(super) fn diagnosis() -> impl Strategy<Value = Diagnosis> {
    let category = select(vec![
        Category::OomLimitTooLow,
        Category::Dns,
        Category::DbDeadlock,
        Category::NoFault,
    ]);
    let factor = (text(), number(), vec(id(""), 0..3)).prop_map(|(text, weight, evidence)| Factor { text, weight, evidence });
    let alternative = (select(vec![Category::Dns, Category::External]), object_ref(), number(), text()).prop_map(
        |(category, target, confidence, summary)| Alternative {
            category,
            target,
            confidence,
            summary,
        },
    );
    let happening = (time(), source(), text(), text(), id("")).prop_map(|(at, source, object, what, evidence)| Happening {
        at,
        source,
        object,
        what,
        evidence,
    });
    (
        (category, object_ref(), number(), text(), texts(), vec(factor, 0..3)),
        (
            vec(evidence(), 0..3),
            texts(),
            vec(recommendation(), 0..3),
            vec(criterion(), 0..2),
            text(),
            vec(super::plan::plan_option(), 0..2),
            (vec(alternative, 0..2), text(), vec(happening, 0..3), any::<u32>()),
        ),
    )
        .prop_map(
            |(
                (category, target, confidence, summary, causal_chain, factors),
                (
                    evidence,
                    missing_sources,
                    recommendations,
                    criteria,
                    engine,
                    options,
                    (alternatives, wrong_if, timeline, timeline_left_out),
                ),
            )| {
                Diagnosis {
                    category,
                    target,
                    confidence,
                    summary,
                    causal_chain,
                    factors,
                    evidence,
                    missing_sources,
                    recommendations,
                    criteria,
                    engine,
                    options,
                    alternatives,
                    wrong_if,
                    timeline,
                    timeline_left_out,
                }
            },
        )
        .boxed()
}
