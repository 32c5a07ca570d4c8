//! An incident's way through analysis, decision by decision, replayed to prove that nothing is said twice.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    alert::{Alert, Severity},
    change::{Call, Change, Silence},
    digest::Digest,
    envelope::Recorded,
    event::{Direction, Event, FailureCause, WorkflowOutcome},
    fault::FailureKind,
    id::{IncidentId, PlanId},
    incident::{Incident, Status},
    plan::Refusal,
    verification::{Verdict, Verification},
};

use super::{
    fixtures::{alert, at, knobs, leaking},
    verification::plan,
};
use crate::core::{
    contest::diagnose,
    decide::{Conclusion, Next, Opening, conclude, escalate, joined, next, open, opening, outgrown, verified},
    settle::Settle,
};

const SETTLE: Settle = Settle {
    most: Duration::from_secs(15),
    quiet: Duration::from_secs(15),
    critical: Duration::from_secs(15),
};

struct Story {
    incident: Incident,
    now: Timestamp,
}

impl Story {
    fn opened() -> Self {
        let cluster = "test".parse().unwrap();
        let mut story = Self {
            incident: Incident::new(cluster, IncidentId::derive(&["story"])),
            now: at(),
        };
        story.log(vec![Event::IncidentOpened {
            title: "t".into(),
            severity: Severity::Warning,
            alerts: vec![alert("OOMKilled", "killed")],
            traceparent: None,
            request: None,
        }]);
        story
    }

    fn log(&mut self, events: Vec<Event>) {
        for event in events {
            let envelope = self.incident.next_envelope(event, self.now, None);
            let digest = Digest::of_json(&envelope);
            self.incident.apply(&Recorded { envelope, digest }).unwrap();
        }
        assert_eq!(self.incident.misfits, 0);
    }

    fn wait(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    fn diagnosed() -> Self {
        let mut story = Self::opened();
        story.wait(20);
        story.log(open(&story.incident, story.now, SETTLE));
        let diagnosis = diagnose(&leaking("production", "payment-service"), &knobs()).unwrap();
        story.log(conclude(&story.incident, 1, &Conclusion::Found(Box::new(diagnosis))));
        story
    }

    fn finished(outcome: WorkflowOutcome, cause: Option<FailureCause>) -> Self {
        let mut story = Self::diagnosed();
        let mut plan = plan(story.incident.diagnosis.as_ref().unwrap());
        plan.attempt = 1;
        let id = plan.id.clone();
        story.log(vec![
            Event::PlanProposed { plan: Box::new(plan) },
            Event::WorkflowFinished { plan: id, outcome, cause },
        ]);
        story
    }
}

impl Story {
    /// A plan whose only step did this, and succeeded.
    fn done(change: Change) -> Self {
        let mut story = Self::diagnosed();
        let mut plan = plan(story.incident.diagnosis.as_ref().unwrap());
        plan.steps[0].change = change;
        plan.steps[0].description = "Tell the owners of the quota".into();
        let (id, step) = (plan.id.clone(), plan.steps[0].id.clone());
        story.log(vec![
            Event::PlanProposed { plan: Box::new(plan) },
            Event::StepStarted {
                plan: id.clone(),
                step: step.clone(),
                direction: Direction::Forward,
                attempt: 1,
                worker: "w1".parse().unwrap(),
            },
            Event::StepSucceeded {
                plan: id.clone(),
                step,
                attempt: 1,
                summary: String::new(),
                artifacts: Vec::new(),
            },
            Event::WorkflowFinished {
                plan: id,
                outcome: WorkflowOutcome::Succeeded,
                cause: None,
            },
        ]);
        story
    }

    fn plan(&self) -> PlanId {
        self.incident.plan.as_ref().unwrap().id.clone()
    }
}

/// Something that is done, and stays.
fn silence() -> Change {
    Change::Call(Call::Silence(Silence {
        matchers: Vec::new(),
        lasts: Duration::from_secs(60),
        comment: String::new(),
    }))
}

/// Something that only tells people.
fn notice() -> Change {
    serde_json::from_value(serde_json::json!({"type": "notify", "channel": "", "title": "t", "body": "b", "attachments": []})).unwrap()
}

fn measured(verdict: Verdict) -> Verification {
    Verification {
        verdict,
        summary: "s".into(),
        measurements: Vec::new(),
        caveats: Vec::new(),
        window: Duration::from_secs(600),
        expected_recurrence: None,
    }
}

#[test]
fn an_incident_settles_and_is_investigated_once() {
    let mut story = Story::opened();
    assert_eq!(opening(&story.incident, story.now, SETTLE), Opening::Wait(SETTLE.most));
    story.wait(5);
    assert_eq!(opening(&story.incident, story.now, SETTLE), Opening::Wait(Duration::from_secs(10)));
    assert!(open(&story.incident, story.now, SETTLE).is_empty());
    story.wait(10);
    story.log(open(&story.incident, story.now, SETTLE));
    assert_eq!(story.incident.attempt, 1);
    assert!(open(&story.incident, story.now, SETTLE).is_empty());
}

#[test]
fn alerts_that_resolve_while_it_settles_end_it() {
    let mut story = Story::opened();
    story.wait(20);
    let at = story.now;
    story.log(vec![Event::AlertsResolved {
        fingerprints: vec!["f1".into()],
        at,
    }]);
    story.log(open(&story.incident, story.now, SETTLE));
    assert_eq!(story.incident.status(), Status::Resolved);
}

#[test]
fn an_inconclusive_investigation_escalates_even_when_a_crash_came_between() {
    let mut story = Story::opened();
    story.wait(20);
    story.log(open(&story.incident, story.now, SETTLE));
    let conclusion = Conclusion::Inconclusive {
        reasons: vec!["cluster unreachable: GET /: refused".into()],
        evidence: Vec::new(),
    };
    let events = conclude(&story.incident, 1, &conclusion);
    assert_eq!(events.len(), 2);
    story.log(events[..1].to_vec());
    let rest = conclude(&story.incident, 1, &conclusion);
    assert!(matches!(rest.as_slice(), [Event::IncidentEscalated { reason }] if reason.contains("cluster unreachable")));
    story.log(rest);
    assert!(conclude(&story.incident, 1, &conclusion).is_empty());
}

#[test]
fn it_is_not_said_that_nothing_was_found_while_alerts_that_joined_meanwhile_were_not_looked_at() {
    let mut story = Story::opened();
    story.wait(20);
    story.log(open(&story.incident, story.now, SETTLE));
    let nothing = Conclusion::Inconclusive {
        reasons: vec!["too few alerts".into()],
        evidence: Vec::new(),
    };
    assert!(!outgrown(&story.incident, 1, &nothing));
    story.log(vec![Event::AlertsCorrelated {
        alerts: vec![Alert {
            fingerprint: "f2".into(),
            ..alert("HighErrorRate", "fails")
        }],
        reason: "r".into(),
        reasons: Vec::new(),
        position: None,
    }]);
    assert_eq!(story.incident.alerts.len(), 2);
    assert!(outgrown(&story.incident, 1, &nothing));
    let found = Conclusion::Found(Box::new(diagnose(&leaking("production", "payment-service"), &knobs()).unwrap()));
    assert!(!outgrown(&story.incident, 1, &found), "what is found is not doubted");
    assert!(joined(&story.incident, 1) && !joined(&story.incident, story.incident.alerts.len()));
    story.log(conclude(&story.incident, 1, &nothing));
    assert!(!outgrown(&story.incident, 1, &nothing), "what was said is not taken back");
}

#[test]
fn a_passed_verification_resolves_and_a_failed_one_tries_again_until_a_person_must() {
    let mut story = Story::done(silence());
    let Next::Verify { plan, done, .. } = next(&story.incident) else {
        panic!("{:?}", next(&story.incident))
    };
    assert_eq!(done.changed_at, Some(story.now));
    for (verdict, max_attempts, kind) in [
        (Verdict::Passed, 3, "incident_resolved"),
        (Verdict::Failed, 3, "analysis_started"),
        (Verdict::Inconclusive, 3, "analysis_started"),
        (Verdict::Failed, 1, "incident_escalated"),
    ] {
        let events = verified(&story.incident, &plan, Some(&measured(verdict)), max_attempts);
        assert_eq!(events.len(), 2);
        assert_eq!(events[1].kind(), kind);
    }
    // a crash between the record and what follows from it
    let events = verified(&story.incident, &plan, Some(&measured(Verdict::Failed)), 3);
    story.log(events[..1].to_vec());
    assert_eq!(next(&story.incident), Next::Close);
    let rest = verified(&story.incident, &plan, None, 3);
    assert!(matches!(rest.as_slice(), [Event::AnalysisStarted { attempt: 2 }]));
    story.log(rest);
    assert_eq!(story.incident.attempt, 2);
    assert_eq!(next(&story.incident), Next::Nothing);
    assert!(verified(&story.incident, &plan, Some(&measured(Verdict::Passed)), 3).is_empty());
}

#[test]
fn a_plan_that_only_told_people_waits_for_them_and_is_not_tried_again() {
    for verdict in [Verdict::Failed, Verdict::Inconclusive] {
        let mut story = Story::done(notice());
        let Next::Verify { done, .. } = next(&story.incident) else {
            panic!("{:?}", next(&story.incident))
        };
        assert_eq!(done.changed_at, None);
        let events = verified(&story.incident, &story.plan(), Some(&measured(verdict)), 3);
        let [_, Event::IncidentEscalated { reason }] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert!(
            reason.starts_with("people must act (Tell the owners of the quota): Deployment production/payment-service"),
            "{reason}"
        );
        story.log(events);
        assert_eq!(next(&story.incident), Next::Nothing);
        // one of two alerts, then the other
        let (first, second) = ("f1".to_owned(), "f2".to_owned());
        let more = Alert {
            fingerprint: second.clone(),
            ..alert("Another", "")
        };
        story.log(vec![Event::AlertsCorrelated {
            alerts: vec![more],
            reason: "r".into(),
            reasons: Vec::new(),
            position: None,
        }]);
        for (fingerprint, expected) in [(first, Opening::Nothing), (second, Opening::ResolvedByPeople)] {
            story.log(vec![Event::AlertsResolved {
                fingerprints: vec![fingerprint],
                at: story.now,
            }]);
            assert_eq!(opening(&story.incident, story.now, SETTLE), expected);
        }
        story.log(open(&story.incident, story.now, SETTLE));
        assert_eq!(story.incident.status(), Status::Resolved);
        assert!(open(&story.incident, story.now, SETTLE).is_empty());
    }
    let well = Story::done(notice());
    let events = verified(&well.incident, &well.plan(), Some(&measured(Verdict::Passed)), 3);
    assert_eq!(events[1].kind(), "incident_resolved");
}

#[test]
fn what_was_changed_and_did_not_help_is_not_over_because_alerts_resolve() {
    let mut story = Story::done(silence());
    story.log(verified(&story.incident, &story.plan(), Some(&measured(Verdict::Failed)), 1));
    assert_eq!(story.incident.status(), Status::Escalated);
    story.log(vec![Event::AlertsResolved {
        fingerprints: vec!["f1".into()],
        at: story.now,
    }]);
    assert_eq!(opening(&story.incident, story.now, SETTLE), Opening::Nothing);
}

#[test]
fn whatever_else_ends_a_workflow_goes_to_a_person_except_drift() {
    let step = || "rec-003".parse().unwrap();
    let failed = |kind| Some(FailureCause::StepFailed { step: step(), kind });
    let gate = || "gate_1".parse().unwrap();
    let table = [
        (
            WorkflowOutcome::RolledBack,
            failed(FailureKind::Permanent),
            Some("step rec-003 failed"),
        ),
        (WorkflowOutcome::RolledBack, failed(FailureKind::Drift), None),
        (
            WorkflowOutcome::RolledBack,
            Some(FailureCause::Denied { gate: gate() }),
            Some("a person denied gate_1"),
        ),
        (
            WorkflowOutcome::RolledBack,
            Some(FailureCause::Expired { gate: gate() }),
            Some("nobody answered gate_1"),
        ),
        (WorkflowOutcome::Stuck, failed(FailureKind::Drift), Some("could not be undone")),
        (
            WorkflowOutcome::Cancelled,
            Some(FailureCause::Cancelled),
            Some("a person cancelled it"),
        ),
        (
            WorkflowOutcome::Failed,
            failed(FailureKind::Permanent),
            Some("its changes stay: step rec-003 failed"),
        ),
        (
            WorkflowOutcome::RolledBack,
            Some(FailureCause::Deadline),
            Some("longer than its plan allows"),
        ),
    ];
    for (outcome, cause, expected) in table {
        let mut story = Story::finished(outcome, cause);
        let events = escalate(&story.incident);
        match (events.as_slice(), expected) {
            ([], None) => {}
            ([Event::IncidentEscalated { reason }], Some(words)) => assert!(reason.contains(words), "{reason}"),
            other => panic!("{outcome:?}: {other:?}"),
        }
        story.log(events);
        assert!(escalate(&story.incident).is_empty());
    }
}

#[test]
fn a_refused_plan_goes_to_a_person_with_every_reason() {
    let mut story = Story::diagnosed();
    story.log(vec![Event::PlanRefused {
        attempt: 1,
        refusals: vec![Refusal {
            step: Some("rec-003".into()),
            reason: "observe mode".into(),
        }],
    }]);
    let events = escalate(&story.incident);
    assert!(matches!(events.as_slice(), [Event::IncidentEscalated { reason }] if reason.contains("rec-003: observe mode")));
}
