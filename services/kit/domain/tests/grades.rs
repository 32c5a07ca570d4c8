//! Risk grades and verdicts, as tables.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use paramedic_domain::{
    change::{Change, Deletion, DryRun, Notice},
    object::ObjectRef,
    risk::{Context, RiskLevel, assess},
    verification::{Comparison, Criterion, Measurement, Probe, Verdict, verdict},
};

#[test]
fn a_deletion_that_nothing_replaces_is_critical_and_words_are_none() {
    let target = ObjectRef::new("v1", "Pod", Some("shop"), "web-1");
    let owner = Some(ObjectRef::new("apps/v1", "ReplicaSet", Some("shop"), "web"));
    let delete = |owner| {
        Change::Delete(Deletion {
            target: target.clone(),
            owner,
            dry_run: DryRun::Accepted { warnings: Vec::new() },
            restore: None,
            ended: None,
        })
    };
    assert_eq!(assess(&delete(None), &Context::default()).level, RiskLevel::Critical);
    let Change::Delete(deletion) = delete(None) else { unreachable!() };
    let over = Change::Delete(Deletion {
        ended: Some("it ended".into()),
        ..deletion
    });
    assert_eq!(assess(&over, &Context::default()).level, RiskLevel::Low);
    assert_eq!(assess(&delete(owner), &Context::default()).level, RiskLevel::Medium);
    let notice = Change::Notify(Notice {
        title: String::new(),
        body: String::new(),
        attachments: Vec::new(),
    });
    assert_eq!(
        assess(
            &notice,
            &Context {
                production: true,
                ..Context::default()
            }
        )
        .level,
        RiskLevel::None
    );
}

#[test]
fn a_verdict_needs_every_decisive_measurement() {
    let measured = |decisive: bool, holds: Option<bool>| Measurement {
        criterion: Criterion {
            description: String::new(),
            probe: Probe::Promql { query: String::new() },
            comparison: Comparison::AtMost,
            threshold: 0.0,
            unit: String::new(),
            before: None,
            decisive,
        },
        after: None,
        holds,
        evidence: paramedic_domain::evidence::Evidence {
            id: "e-1".parse().unwrap(),
            source: paramedic_domain::evidence::Source::Prometheus,
            query: String::new(),
            observed_at: jiff::Timestamp::UNIX_EPOCH,
            excerpt: String::new(),
            value: None,
            unit: String::new(),
        },
    };
    let (yes, no, unknown) = (measured(true, Some(true)), measured(true, Some(false)), measured(true, None));
    assert_eq!(verdict(&[]), Verdict::Inconclusive);
    assert_eq!(verdict(&[measured(false, Some(true))]), Verdict::Inconclusive);
    assert_eq!(verdict(&[yes.clone(), measured(false, Some(false))]), Verdict::Passed);
    assert_eq!(verdict(&[yes.clone(), unknown.clone()]), Verdict::Inconclusive);
    assert_eq!(verdict(&[unknown, no, yes]), Verdict::Failed);
}
