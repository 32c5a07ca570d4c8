//! What the past forbids, and how it becomes known.

use std::time::Duration;

use jiff::SignedDuration;
use paramedic_domain::{
    change::{Call, Change, DryRun, Exchange, Request, Silence},
    diagnosis::Category,
    id::{IncidentId, PlanId},
    verification::Verdict,
};
use proptest::prelude::*;

use super::fixtures::{catalogue, now, recommendation, rules, set, workload};
use crate::core::{
    cooldown::{Intent, Outcome, Remediation},
    experience::{changing, remedies},
    history::{Durations, Fortunes, Remediations, Sample},
    outline::Prepared,
};

fn remediation(incident: &str, minutes_ago: i64, actions: &[&str], result: Outcome) -> Remediation {
    Remediation {
        incident: IncidentId::derive(&[incident]),
        plan: PlanId::derive(&[incident, &minutes_ago.to_string()]),
        at: now() - SignedDuration::from_mins(minutes_ago),
        category: Category::MemoryLeak,
        actions: set(actions),
        result,
    }
}

fn refused(actions: &[&str], past: &[Remediation]) -> Vec<String> {
    let (incident, target, actions) = (IncidentId::derive(&["now"]), workload("payment-service"), set(actions));
    let intent = Intent {
        incident: &incident,
        category: Category::MemoryLeak,
        target: &target,
        actions: &actions,
        now: now(),
    };
    let refusals = rules().cooldown.refusals(&intent, past);
    refusals.into_iter().map(|refusal| refusal.reason).collect()
}

const PASSED: Outcome = Outcome::Verified { verdict: Verdict::Passed };
const FAILED: Outcome = Outcome::Verified { verdict: Verdict::Failed };

#[test]
fn a_target_that_was_just_remediated_is_left_alone() {
    let table = [
        ("other", 4, "was remediated 4 min ago (restart_pod for inc_"),
        ("other", 11, ""),
        ("now", 4, ""),
    ];
    for (incident, minutes, expected) in table {
        let found = refused(&["restart_pod"], &[remediation(incident, minutes, &["restart_pod"], PASSED)]);
        match expected {
            "" => assert_eq!(found, Vec::<String>::new(), "{incident} {minutes}"),
            expected => assert!(found.len() == 1 && found[0].contains(expected), "{incident} {minutes}: {found:?}"),
        }
    }
    assert_eq!(
        refused(&[], &[remediation("other", 1, &["restart_pod"], PASSED)]),
        Vec::<String>::new(),
        "nothing is changed"
    );
}

#[test]
fn what_failed_or_did_not_last_twice_in_a_day_is_refused_and_another_way_is_not() {
    let twice = [
        remediation("a", 600, &["restart_pod"], FAILED),
        remediation("b", 300, &["restart_pod"], PASSED),
    ];
    let found = refused(&["restart_pod"], &twice);
    assert!(
        found.len() == 1 && found[0].contains("failed 1 times and did not last 1 times"),
        "{found:?}"
    );
    assert_eq!(refused(&["increase_resources"], &twice), Vec::<String>::new());
    assert_eq!(refused(&["restart_pod"], &twice[..1]), Vec::<String>::new(), "once is not enough");
    let long_ago = [
        remediation("a", 3_000, &["restart_pod"], FAILED),
        remediation("b", 300, &["restart_pod"], Outcome::Failed),
    ];
    assert_eq!(refused(&["restart_pod"], &long_ago), Vec::<String>::new());
}

#[test]
fn success_in_the_same_incident_is_no_failure() {
    let own = [
        remediation("now", 60, &["restart_pod"], PASSED),
        remediation("now", 50, &["restart_pod"], FAILED),
    ];
    assert_eq!(refused(&["restart_pod"], &own), Vec::<String>::new());
}

#[test]
fn a_verdict_completes_what_was_known_of_a_plan_and_is_not_taken_back() {
    let mut known = Remediations::default();
    let applied = remediation("a", 5, &["restart_pod"], Outcome::Applied);
    let verified = Remediation {
        result: FAILED,
        ..applied.clone()
    };
    for news in [&applied, &verified, &applied] {
        known.add(news.clone());
    }
    assert_eq!(known.list, [verified]);
}

proptest! {
    #[test]
    fn an_event_that_comes_again_changes_no_record(times in prop::collection::vec((0u64..40, 0u64..10_000), 0..60)) {
        let (mut once, mut often) = (Durations::default(), Durations::default());
        let (mut counted, mut repeated) = (Fortunes::default(), Fortunes::default());
        let mut known = std::collections::BTreeMap::new();
        for (event, milliseconds) in &times {
            known.entry(*event).or_insert(*milliseconds);
        }
        let sample = |event: u64, milliseconds| Sample { event: format!("inc_a:{event}"), milliseconds };
        for (event, _) in &times {
            if !once_has(&once, *event) {
                once.add(sample(*event, known[event]));
                counted.add(&format!("inc_a:{event}"), event % 2 == 0);
            }
            often.add(sample(*event, known[event]));
            repeated.add(&format!("inc_a:{event}"), event % 2 == 0);
        }
        prop_assert_eq!(&once, &often);
        prop_assert_eq!(counted.success(), repeated.success());
        let mut sorted: Vec<u64> = known.values().copied().collect();
        sorted.sort_unstable();
        let expected = sorted.get(sorted.len() / 2).map(|ms| Duration::from_millis(*ms));
        prop_assert_eq!(often.estimate().map(|estimate| estimate.typical), expected);
    }
}

fn once_has(durations: &Durations, event: u64) -> bool {
    serde_json::to_string(durations).unwrap().contains(&format!("\"inc_a:{event}\""))
}

#[test]
fn what_changes_something_outside_of_the_cluster_is_remembered_too_and_a_silence_is_not() {
    let request = Change::Call(Call::Request(Request {
        action: "purge_queue".into(),
        forward: Exchange {
            method: "POST".into(),
            url: "https://queues.example/purge".into(),
            body: serde_json::Value::Null,
        },
        undo: None,
        irreversible: Some("what is purged is gone".into()),
        dry_run: DryRun::Accepted { warnings: Vec::new() },
    }));
    let silence = Change::Call(Call::Silence(Silence {
        matchers: Vec::new(),
        lasts: Duration::from_secs(60),
        comment: String::new(),
    }));
    assert!(remedies(&request));
    assert!(!remedies(&silence));
    let steps = [("purge", "drop_cache", request), ("quiet", "silence_alerts", silence)];
    let recommendations: Vec<_> = steps.iter().map(|(id, action, _)| recommendation(id, action, &[])).collect();
    let scaled = recommendation("up", "scale", &[]);
    let template = super::fixtures::prepare(std::slice::from_ref(&scaled.id), std::slice::from_ref(&scaled))
        .remove(&scaled.id)
        .unwrap();
    let prepared = steps
        .into_iter()
        .map(|(id, _, change)| {
            let prepared = Prepared {
                change,
                ..template.clone()
            };
            (id.parse().unwrap(), prepared)
        })
        .collect();
    assert_eq!(changing(&recommendations, &prepared, &catalogue()), set(&["drop_cache"]));
}
