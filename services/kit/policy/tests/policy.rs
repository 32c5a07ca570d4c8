//! The shipped policy by its own table, files that cannot be used, and limits that no rule lifts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use jiff::Timestamp;
use paramedic_domain::{
    change::{Call, Change, DryRun, Exec, ObjectPatch, Silence, Wait},
    id::StepId,
    object::ObjectRef,
    policy::{Decision, Mode},
    risk::{Context, Risk, RiskLevel},
};
use paramedic_policy::{About, Asked, Policy, Question, Verdict};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

struct Step {
    id: StepId,
    change: Change,
    risk: Risk,
    context: Context,
    parameters: Map<String, Value>,
    wished: bool,
}

fn step(risk: RiskLevel) -> Step {
    let target = ObjectRef::new("apps/v1", "Deployment", Some("shop"), "web");
    Step {
        id: "restart".parse().unwrap(),
        change: Change::Patch(ObjectPatch {
            target,
            subresource: None,
            owner: None,
            patch: json_patch::Patch(Vec::new()),
            undo: json_patch::Patch(Vec::new()),
            irreversible: None,
            diff: Vec::new(),
            dry_run: DryRun::Accepted { warnings: Vec::new() },
            wait: Wait::Accepted,
        }),
        risk: Risk {
            level: risk,
            reasons: Vec::new(),
        },
        context: Context::default(),
        parameters: Map::new(),
        wished: false,
    }
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn ask(policy: &Policy, step: &Step, mode: Mode, confidence: f64, now: Timestamp) -> Verdict {
    policy.decide(&Question {
        about: &About::preview("test".parse().unwrap(), confidence),
        step: Asked {
            id: &step.id,
            action: "restart_deployment",
            parameters: &step.parameters,
            requires_approval: step.wished,
            read_only: step.change.read_only(),
            mutates: step.change.mutates(),
            change: &step.change,
            risk: &step.risk,
            context: &step.context,
        },
        mode,
        now,
    })
}

fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Auto { .. } => "auto",
        Decision::Ask { .. } => "ask",
        Decision::Deny { .. } => "deny",
    }
}

fn rules(text: &str) -> Policy {
    Policy::parse(text).unwrap_or_else(|problems| panic!("{problems:?}"))
}

#[test]
fn the_shipped_policy_does_what_its_own_table_says() {
    let outcomes = Policy::shipped().test();
    assert!(outcomes.len() >= 10);
    for outcome in outcomes {
        assert_eq!(outcome.failed, None, "{}", outcome.name);
    }
}

#[test]
fn reasons_are_sentences_with_their_numbers() {
    let verdict = ask(
        &Policy::shipped(),
        &step(RiskLevel::Low),
        Mode::Standard,
        0.55,
        at("2026-01-05T12:00:00Z"),
    );
    assert_eq!(
        verdict.decision,
        Decision::Deny {
            reason: "confidence 55 % is below 60 %: a person must take over".into()
        }
    );
    let unsure = ask(
        &Policy::shipped(),
        &step(RiskLevel::Low),
        Mode::Standard,
        f64::NAN,
        at("2026-01-05T12:00:00Z"),
    );
    assert_eq!(word(&unsure.decision), "deny", "what is no number is no confidence");
}

#[test]
fn what_cannot_be_used_is_refused_with_the_rule_and_the_reason() {
    for (text, expected) in [
        (
            "rules: [{name: a, when: step.rsk == 'low', then: auto, reason: r}]",
            "there is no rsk in step",
        ),
        (
            "rules: [{name: a, when: stepp.risk == 'low', then: auto, reason: r}]",
            "there is no stepp",
        ),
        (
            "rules: [{name: a, when: step.risk ==, then: auto, reason: r}]",
            "is no CEL expression",
        ),
        ("rules: [{name: a, when: 'target.name.shout()', then: auto, reason: r}]", "shout"),
        ("rules: [{name: a, then: auto, reason: ''}]", "has no reason"),
        ("rules: [{name: a, then: auto, quorum: 2, reason: r}]", "belong to rules that ask"),
        ("rules: [{name: a, then: ask, quorum: 0, reason: r}]", "quorum must be"),
        (
            "rules: [{name: a, then: ask, expires_minutes: 100000, reason: r}]",
            "expires_minutes must be",
        ),
        (
            "rules: [{name: a, then: auto, reason: r}, {name: b, then: deny, reason: r}]",
            "is never reached",
        ),
        (
            "rules: [{name: a, when: production, then: ask, reason: r}, {name: a, then: deny, reason: r}]",
            "empty or taken",
        ),
        ("rules: [{name: a, then: perhaps, reason: r}]", "perhaps"),
        ("rulez: []", "rulez"),
        ("modes: [{namespaces: ['a*b'], mode: observe}]", "a*b"),
        (
            "freezes: [{name: f, during: {type: weekly, days: [fri], from: '18:00', until: '08:00', zone: Mars/Base}}]",
            "no time zone",
        ),
        (
            "tests: [{name: t, given: {step: {rsk: low}}, expect: {then: auto}}]",
            "given.step.rsk",
        ),
        (
            "tests: [{name: t, given: {time: {hour: 3}}, expect: {then: auto}}]",
            "say when with `at`",
        ),
        ("tests: [{name: t, given: {mode: sleepy}, expect: {then: auto}}]", "mode"),
    ] {
        let problems = Policy::parse(text).unwrap_err().join("; ");
        assert!(problems.contains(expected), "{text}: {problems}");
    }
}

#[test]
fn conditions_see_labels_parameters_and_the_hour_of_the_policy_s_place() {
    let policy = rules(
        "zone: Europe/Berlin\nceiling: medium\nrules:\n\
         - {name: tier, when: target.labels.tier == 'one', then: ask, quorum: 2, expires_minutes: 10, reason: 'tier {target.labels.tier}'}\n\
         - {name: many, when: step.parameters.replicas > 10, then: deny, reason: too many}\n\
         - {name: night, when: 'time.hour >= 22 || time.hour < 6', then: ask, reason: 'at {time.hour} o''clock'}\n\
         - {name: else, then: auto, reason: r}\n",
    );
    let noon = at("2026-01-05T12:00:00Z");
    let plain = ask(&policy, &step(RiskLevel::Low), Mode::Standard, 0.9, noon);
    assert_eq!((plain.rule.as_str(), word(&plain.decision)), ("else", "auto"));
    let mut labelled = step(RiskLevel::Low);
    labelled.context.labels.insert("tier".into(), "one".into());
    let two = ask(&policy, &labelled, Mode::Standard, 0.9, noon);
    assert!(
        matches!(&two.decision, Decision::Ask { terms, reason } if terms.quorum == 2 && reason == "tier one"),
        "{two:?}"
    );
    let mut many = step(RiskLevel::Low);
    many.parameters.insert("replicas".into(), json!(20));
    assert_eq!(ask(&policy, &many, Mode::Standard, 0.9, noon).rule, "many");
    // 21:30 in UTC is 22:30 in Berlin in winter
    let night = ask(&policy, &step(RiskLevel::Low), Mode::Standard, 0.9, at("2026-01-05T21:30:00Z"));
    assert_eq!(night.rule, "night");
}

#[test]
fn a_careful_rule_that_cannot_be_evaluated_asks_and_a_permissive_one_is_passed_over() {
    let policy = rules(
        "rules:\n- {name: odd, when: step.parameters.replicas > 10, then: auto, reason: r}\n\
         - {name: strict, when: step.parameters.replicas > 10, then: deny, reason: r}\n",
    );
    let mut text = step(RiskLevel::Low);
    text.parameters.insert("replicas".into(), json!("a text"));
    let verdict = ask(&policy, &text, Mode::Standard, 0.9, at("2026-01-05T12:00:00Z"));
    assert_eq!((verdict.rule.as_str(), word(&verdict.decision)), ("strict", "ask"));
    assert_eq!(
        ask(&policy, &step(RiskLevel::Low), Mode::Standard, 0.9, at("2026-01-05T12:00:00Z")).rule,
        "no-rule"
    );
}

#[test]
fn freezes_modes_and_the_ceiling_hold_whatever_the_rules_say() {
    let policy = rules(
        "ceiling: low\n\
         modes: [{namespaces: ['pay*'], mode: observe}]\n\
         freezes: [{name: the weekend, during: {type: weekly, days: [sat], from: '00:00', until: '23:59', zone: UTC}, namespaces: [shop]}]\n\
         rules: [{name: all, then: auto, reason: everything}]\n",
    );
    let (monday, saturday) = (at("2026-01-05T12:00:00Z"), at("2026-01-10T12:00:00Z"));
    let rule = |risk, now| ask(&policy, &step(risk), Mode::Autonomous, 0.9, now);
    assert_eq!(rule(RiskLevel::Low, monday).rule, "all");
    assert_eq!(rule(RiskLevel::Low, saturday).rule, "freeze");
    let above = rule(RiskLevel::Medium, monday);
    assert_eq!((above.rule.as_str(), word(&above.decision)), ("ceiling", "ask"));
    let mut paid = step(RiskLevel::Low);
    if let Change::Patch(patch) = &mut paid.change {
        patch.target.namespace = Some("payments".into());
    }
    assert_eq!(ask(&policy, &paid, Mode::Autonomous, 0.9, monday).rule, "observe-mode");
    assert_eq!(ask(&policy, &paid, Mode::Autonomous, 0.9, saturday).rule, "observe-mode");
}

#[test]
fn what_runs_in_a_namespace_or_is_done_for_it_is_held_by_its_limits_too() {
    let policy =
        rules("modes: [{namespaces: [payments], mode: observe}]\nceiling: high\nrules: [{name: all, then: auto, reason: everything}]\n");
    let found = |change: Change, parameters: Value| {
        let mut step = step(RiskLevel::Low);
        step.change = change;
        step.parameters = parameters.as_object().cloned().unwrap();
        ask(&policy, &step, Mode::Autonomous, 0.9, at("2026-01-05T12:00:00Z")).rule
    };
    let exec = |namespace| {
        Change::Exec(Exec {
            target: ObjectRef::new("apps/v1", "Deployment", Some(namespace), "web"),
            container: String::new(),
            argv: vec!["tar".into()],
        })
    };
    let silence = || {
        Change::Call(Call::Silence(Silence {
            matchers: Vec::new(),
            lasts: std::time::Duration::from_secs(60),
            comment: String::new(),
        }))
    };
    assert_eq!(found(exec("payments"), json!({})), "observe-mode");
    assert_eq!(found(exec("shop"), json!({})), "all");
    assert_eq!(found(silence(), json!({"namespace": "payments"})), "observe-mode");
    assert_eq!(found(silence(), json!({"namespace": "shop"})), "all");
    assert_eq!(
        found(silence(), json!({})),
        "observe-mode",
        "nobody knows where: what holds anywhere holds"
    );
}

#[test]
fn expectations_have_a_time_and_a_namespace() {
    let policy = rules(
        "modes: [{namespaces: [payments], mode: observe}]\n\
         freezes: [{name: Friday evening, during: {type: weekly, days: [fri], from: '16:00', until: '23:59', zone: UTC}}]\n\
         rules:\n\
         - {name: night, when: time.hour < 6, then: ask, reason: at night}\n\
         - {name: alerts, when: 'incident.alerts.exists(name, name.startsWith(\"Kube\"))', then: ask, reason: an alert of Kubernetes}\n\
         - {name: all, then: auto, reason: everything}\n\
         tests:\n\
         - {name: noon, expect: {then: auto, rule: all}}\n\
         - {name: Friday, at: 2026-01-09T17:00:00Z, expect: {then: deny, rule: freeze}}\n\
         - {name: night, at: 2026-01-05T03:00:00Z, expect: {then: ask, rule: night}}\n\
         - {name: payments, given: {target: {namespace: payments}}, expect: {then: deny, rule: observe-mode}}\n\
         - {name: Kubernetes, given: {incident: {alerts: [KubePodCrashLooping]}}, expect: {then: ask, rule: alerts}}\n",
    );
    let outcomes = policy.test();
    assert_eq!(outcomes.len(), 5);
    for outcome in outcomes {
        assert_eq!(outcome.failed, None, "{}", outcome.name);
    }
}

#[test]
fn no_policy_asks() {
    let verdict = ask(
        &Policy::none(),
        &step(RiskLevel::Low),
        Mode::Autonomous,
        1.0,
        at("2026-01-05T12:00:00Z"),
    );
    assert_eq!((verdict.rule.as_str(), word(&verdict.decision)), ("no-rule", "ask"));
}

#[test]
fn an_expectation_that_is_not_met_says_what_was_found() {
    let policy =
        rules("rules: [{name: all, then: deny, reason: closed}]\ntests: [{name: open, given: {production: true}, expect: {then: auto}}]");
    let outcomes = policy.test();
    let failed = outcomes[0].failed.as_ref().unwrap();
    assert_eq!((failed.expected.as_str(), failed.found.as_str()), ("auto", "deny by all: closed"));
}

proptest! {
    /// What the built-in rules promise, whatever the facts: high risk never runs by itself, nothing is changed in observe mode or below 60 %.
    #[test]
    fn the_shipped_policy_keeps_its_promises(
        risk in 0..5usize, mode in 0..3usize, confidence in 0.0..1.0f64, production: bool, wished: bool, labels in proptest::collection::btree_map("[a-z]{1,8}", "\\PC{0,20}", 0..4),
    ) {
        let risk = [RiskLevel::None, RiskLevel::Low, RiskLevel::Medium, RiskLevel::High, RiskLevel::Critical][risk];
        let mode = [Mode::Observe, Mode::Standard, Mode::Autonomous][mode];
        let mut step = step(risk);
        step.wished = wished;
        step.context.production = production;
        step.context.labels = labels;
        let verdict = ask(&Policy::shipped(), &step, mode, confidence, at("2026-01-05T12:00:00Z"));
        let found = word(&verdict.decision);
        prop_assert!(mode != Mode::Observe || found == "deny");
        prop_assert!(risk < RiskLevel::Medium || found != "auto", "{verdict:?}");
        prop_assert!(!wished || found != "auto");
        prop_assert!(risk == RiskLevel::None || confidence >= 0.6 || found == "deny");
        prop_assert!(!production || mode == Mode::Autonomous || risk == RiskLevel::None || found != "auto");
    }

    /// No text makes the parser panic.
    #[test]
    fn arbitrary_text_is_read_or_refused(text in "\\PC{0,300}") {
        prop_assert!(Policy::parse(&text).is_ok() || Policy::parse(&text).is_err());
    }
}

#[test]
fn a_rule_says_whom_it_asks_and_who_is_next() {
    let policy = Policy::parse(
        "calendars: {office: {type: weekly, days: [mon], from: '09:00', until: '17:00', zone: UTC}}\n\
         rules:\n\
         - {name: a, then: ask, quorum: 2, from: [team:data, role:admin], four_eyes: true, expires_minutes: 45, remind_minutes: 10,\n    \
            escalate: [{after_minutes: 20, to: [role:admin], outside: office}, {after_minutes: 15, to: [team:leads], during: office}], reason: r}",
    )
    .unwrap();
    let terms = &policy.rules()[0].terms;
    assert_eq!((terms.quorum, terms.four_eyes, terms.from.len()), (2, true, 1));
    assert_eq!(terms.remind_every, Some(std::time::Duration::from_secs(600)));
    let order: Vec<String> = terms.escalations.iter().map(|next| next.to[0].to_string()).collect();
    assert_eq!(order, ["team:leads", "role:admin"], "the sooner one comes first");
    for (rule, wanted) in [
        ("then: auto, four_eyes: true", "belong to rules that ask"),
        ("then: ask, from: [somebody]", "means nobody"),
        ("then: ask, remind_minutes: 30", "less than the 30 minutes"),
        (
            "then: ask, escalate: [{after_minutes: 40, to: [role:admin]}]",
            "less than the 30 minutes",
        ),
        ("then: ask, escalate: [{after_minutes: 4, to: []}]", "names nobody"),
        (
            "then: ask, escalate: [{after_minutes: 4, to: [role:admin], during: night}]",
            "none of the file's calendars",
        ),
        ("then: ask, quorums: 2", "unknown field `quorums`"),
    ] {
        let problems = Policy::parse(&format!("rules: [{{name: a, {rule}, reason: r}}]"))
            .expect_err(rule)
            .join("; ");
        assert!(problems.contains(wanted), "{rule}: {problems}");
    }
}
