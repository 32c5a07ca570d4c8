//! Several ways out, and a person's word.

use std::time::Duration;

use paramedic_domain::{
    diagnosis::{Category, Diagnosis},
    id::IncidentId,
    incident::Incident,
    plan::{Approach, Estimate, Plan, PlanOption, Refusal},
    risk::RiskLevel,
};

use super::fixtures::{Case, id, recommendation as r, rules, workload};
use super::p01::seven;
use crate::core::options::{self, Wanted, choose};

pub(super) fn diagnosis() -> Diagnosis {
    Diagnosis {
        category: Category::MemoryLeak,
        target: workload("payment-service"),
        confidence: 0.9,
        summary: "leaks".into(),
        causal_chain: Vec::new(),
        factors: Vec::new(),
        evidence: Vec::new(),
        missing_sources: Vec::new(),
        recommendations: seven(),
        options: vec![option("raise"), option("restart")],
        criteria: Vec::new(),
        engine: "test".into(),
        alternatives: Vec::new(),
        wrong_if: String::new(),
        timeline: Vec::new(),
        timeline_left_out: 0,
    }
}

#[test]
fn the_options_of_a_diagnosis_are_planned_and_after_drift_only_the_one_that_was_chosen() {
    let mut incident = Incident::new("test".parse().unwrap(), IncidentId::derive(&["test"]));
    let first = options::wanted(&incident, &diagnosis());
    assert_eq!((first.options.len(), first.only, first.by_person), (2, None, false));
    let alone = Diagnosis {
        options: Vec::new(),
        ..diagnosis()
    };
    assert_eq!(options::wanted(&incident, &alone).options.len(), 1);
    let mut planned = choose(first, vec![refused("too large"), Ok(plan())]).unwrap();
    planned.chosen = 1;
    incident.plan = Some(planned.into());
    let again = options::wanted(&incident, &diagnosis());
    assert_eq!((again.only, again.by_person), (Some(1), false));
    assert!(again.options.iter().all(|option| option.refusals.is_empty()), "prepared anew");
}

#[test]
fn three_ways_out_are_prepared_and_the_others_are_counted() {
    let incident = Incident::new("test".parse().unwrap(), IncidentId::derive(&["test"]));
    let many = Diagnosis {
        options: ["one", "two", "three", "four", "five"].map(option).into(),
        ..diagnosis()
    };
    let wanted = options::wanted(&incident, &many);
    let titles: Vec<&str> = wanted.options.iter().map(|option| option.title.as_str()).collect();
    assert_eq!(titles, ["one", "two", "three"]);
    assert!(wanted.notes[0].starts_with("2 further ways out"), "{:?}", wanted.notes);
    let planned = choose(wanted, vec![Ok(plan()), Ok(plan()), Ok(plan())]).unwrap();
    assert!(planned.notes.iter().any(|note| note.contains("left out")));
}

fn plan() -> Plan {
    Case::of(seven()).plan().unwrap()
}

fn option(title: &str) -> PlanOption {
    PlanOption {
        approach: Approach::Fix,
        title: title.into(),
        tradeoff: "none".into(),
        recommendations: seven(),
        refusals: Vec::new(),
        rollback: None,
    }
}

fn wanted(only: Option<usize>) -> Wanted {
    Wanted {
        options: vec![option("raise the limit"), option("roll back"), option("restart")],
        only,
        by_person: only.is_some(),
        notes: Vec::new(),
    }
}

fn refused(reason: &str) -> Result<Plan, Vec<Refusal>> {
    Err(vec![Refusal {
        step: Some("rec-003".into()),
        reason: reason.into(),
    }])
}

#[test]
fn the_best_option_that_can_be_planned_becomes_the_plan_and_the_others_stay_listed() {
    let plan = choose(wanted(None), vec![refused("too large"), Ok(plan()), refused("no such revision")]).unwrap();
    assert_eq!((plan.chosen, plan.options.len()), (1, 3));
    let refusals: Vec<usize> = plan.options.iter().map(|option| option.refusals.len()).collect();
    assert_eq!(refusals, [1, 0, 1]);
    assert!(
        plan.notes
            .iter()
            .any(|note| note == "option 1 (raise the limit) comes first and cannot be planned: rec-003: too large"),
        "{:?}",
        plan.notes
    );
}

#[test]
fn when_none_can_be_planned_every_reason_is_named_with_its_option() {
    let refusals = choose(wanted(None), vec![refused("a"), refused("b"), refused("c")]).unwrap_err();
    let reasons: Vec<&str> = refusals.iter().map(|refusal| refusal.reason.as_str()).collect();
    assert_eq!(
        reasons,
        ["option 1 (raise the limit): a", "option 2 (roll back): b", "option 3 (restart): c"]
    );
}

#[test]
fn what_a_person_chose_is_never_replaced_by_another_option() {
    let chosen = choose(wanted(Some(2)), vec![Ok(plan()), Ok(plan()), Ok(plan())]).unwrap();
    assert_eq!(chosen.chosen, 2);
    let refusals = choose(wanted(Some(2)), vec![Ok(plan()), Ok(plan()), refused("gone")]).unwrap_err();
    assert_eq!(refusals.len(), 1);
}

#[test]
fn a_high_risk_step_asks_whatever_the_confidence_and_the_recommendation_say() {
    let mut step = r("restart", "restart_pod", &[]);
    step.risk = Some(RiskLevel::High);
    step.requires_approval = Some(false);
    let plan = Case {
        confidence: 1.0,
        mode: paramedic_domain::policy::Mode::Autonomous,
        ..Case::of(vec![step])
    }
    .plan()
    .unwrap();
    let gated = &plan.steps[0];
    assert_eq!(gated.risk.level, RiskLevel::High);
    assert!(gated.gate.is_some(), "{}", gated.policy);
    assert!(
        plan.notes.iter().any(|note| note.contains("although the recommendation says")),
        "{:?}",
        plan.notes
    );
}

#[test]
fn a_claim_of_low_risk_lowers_nothing() {
    let mut step = r("restart", "restart_pod", &[]);
    step.risk = Some(RiskLevel::Low);
    let plan = Case::of(vec![step]).plan().unwrap();
    assert_eq!(plan.steps[0].risk.level, RiskLevel::Medium);
}

#[test]
fn estimates_are_medians_with_their_samples_or_guesses_with_none() {
    let mut case = Case::of(vec![r("a", "collect_diagnostics", &[]), r("b", "update_hpa", &["a"])]);
    let guessed = case.plan().unwrap();
    let guess = |seconds, samples| {
        Some(Estimate {
            typical: Duration::from_secs(seconds),
            samples,
        })
    };
    assert_eq!((guessed.steps[0].estimate, guessed.estimate), (guess(10, 0), guess(20, 0)));
    let key = ("update_hpa".to_owned(), "HorizontalPodAutoscaler".to_owned());
    case.experience.durations.insert(key, guess(3, 12).unwrap());
    let measured = case.plan().unwrap();
    assert_eq!(measured.step(&id("b")).unwrap().estimate, guess(3, 12));
    assert_eq!(measured.estimate, guess(13, 0), "as sure as its least known step");
}

#[test]
fn the_deadline_leaves_time_for_every_attempt_and_for_people() {
    let plan = plan();
    let along = plan.longest * rules().attempts;
    let asking = plan.gates[0].terms.expires_after;
    assert_eq!(plan.deadline, Some(along + asking + rules().margin));
}
