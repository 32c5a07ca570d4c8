//! The built-in policy and risk grades, as tables.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use paramedic_domain::{
    change::{Change, Deletion, DryRun, Notice},
    object::ObjectRef,
    policy::{Decision, Mode, Question, decide},
    risk::{Context, RiskLevel, assess},
    verification::{Comparison, Criterion, Measurement, Probe, Verdict, verdict},
};

fn question() -> Question {
    Question {
        mode: Mode::Standard,
        risk: RiskLevel::Low,
        read_only: false,
        mutates: true,
        confidence: 0.9,
        requires_approval: None,
        production: false,
    }
}

fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Auto { .. } => "auto",
        Decision::Ask { .. } => "ask",
        Decision::Deny { .. } => "deny",
    }
}

#[test]
fn the_built_in_policy() {
    let table = [
        ("low risk, sure", question(), "auto"),
        (
            "what is no number is no confidence",
            Question {
                confidence: f64::NAN,
                ..question()
            },
            "deny",
        ),
        (
            "production asks",
            Question {
                production: true,
                ..question()
            },
            "ask",
        ),
        (
            "autonomous may change production",
            Question {
                production: true,
                mode: Mode::Autonomous,
                ..question()
            },
            "auto",
        ),
        (
            "not so sure",
            Question {
                confidence: 0.7,
                ..question()
            },
            "ask",
        ),
        (
            "a guess changes nothing",
            Question {
                confidence: 0.59,
                ..question()
            },
            "deny",
        ),
        (
            "medium asks",
            Question {
                risk: RiskLevel::Medium,
                ..question()
            },
            "ask",
        ),
        (
            "high asks however sure and autonomous",
            Question {
                risk: RiskLevel::High,
                confidence: 1.0,
                mode: Mode::Autonomous,
                ..question()
            },
            "ask",
        ),
        (
            "a wish for no approval lowers no gate",
            Question {
                risk: RiskLevel::High,
                requires_approval: Some(false),
                ..question()
            },
            "ask",
        ),
        (
            "a wish for approval is honoured",
            Question {
                requires_approval: Some(true),
                mode: Mode::Autonomous,
                ..question()
            },
            "ask",
        ),
        (
            "observe changes nothing",
            Question {
                mode: Mode::Observe,
                ..question()
            },
            "deny",
        ),
        (
            "observe reads",
            Question {
                mode: Mode::Observe,
                read_only: true,
                mutates: false,
                risk: RiskLevel::None,
                ..question()
            },
            "auto",
        ),
        (
            "a guess may read",
            Question {
                confidence: 0.1,
                read_only: true,
                mutates: false,
                risk: RiskLevel::None,
                ..question()
            },
            "auto",
        ),
    ];
    for (name, question, expected) in table {
        assert_eq!(word(&decide(&question)), expected, "{name}");
    }
}

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
