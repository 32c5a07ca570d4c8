//! The shipped rules pass the tests that come with them, and what cannot be a rule is refused with its reason.

use std::{collections::BTreeSet, sync::Arc};

use super::fixtures::knobs;
use crate::core::{
    engines::Knobs,
    rules::{RuleSet, reference, shipped},
    trial::{self, Named},
};

/// The alerts of the kubernetes-mixin, by group.
const KUBERNETES_MIXIN: [&str; 57] = [
    "KubePodCrashLooping",
    "KubePodNotReady",
    "KubeContainerWaiting",
    "KubeDeploymentGenerationMismatch",
    "KubeDeploymentReplicasMismatch",
    "KubeDeploymentRolloutStuck",
    "KubeStatefulSetReplicasMismatch",
    "KubeStatefulSetGenerationMismatch",
    "KubeStatefulSetUpdateNotRolledOut",
    "KubeDaemonSetRolloutStuck",
    "KubeDaemonSetNotScheduled",
    "KubeDaemonSetMisScheduled",
    "KubeJobNotCompleted",
    "KubeJobFailed",
    "KubeHpaReplicasMismatch",
    "KubeHpaMaxedOut",
    "KubePdbNotEnoughHealthyPods",
    "KubeCPUOvercommit",
    "KubeMemoryOvercommit",
    "KubeCPUQuotaOvercommit",
    "KubeMemoryQuotaOvercommit",
    "KubeQuotaAlmostFull",
    "KubeQuotaFullyUsed",
    "KubeQuotaExceeded",
    "CPUThrottlingHigh",
    "KubePersistentVolumeFillingUp",
    "KubePersistentVolumeInodesFillingUp",
    "KubePersistentVolumeErrors",
    "KubeNodeNotReady",
    "KubeNodePressure",
    "KubeNodeUnreachable",
    "KubeNodeReadinessFlapping",
    "KubeNodeEviction",
    "KubeletTooManyPods",
    "KubeletPlegDurationHigh",
    "KubeletPodStartUpLatencyHigh",
    "KubeletClientCertificateExpiration",
    "KubeletServerCertificateExpiration",
    "KubeletClientCertificateRenewalErrors",
    "KubeletServerCertificateRenewalErrors",
    "KubeletInstanceUnreachable",
    "KubeletDown",
    "KubeAPIErrorBudgetBurn",
    "KubeAPITerminatedRequests",
    "KubeClientCertificateExpiration",
    "KubeAggregatedAPIErrors",
    "KubeAggregatedAPIDown",
    "KubeAPIDown",
    "KubeControllerManagerDown",
    "KubeSchedulerDown",
    "KubeProxyDown",
    "KubeAPIInstanceUnreachable",
    "KubeControllerManagerInstanceUnreachable",
    "KubeSchedulerInstanceUnreachable",
    "KubeProxyInstanceUnreachable",
    "KubeVersionMismatch",
    "KubeClientErrors",
];

fn shipped() -> Vec<trial::Named> {
    trial::read(shipped::TESTS.iter().copied()).unwrap()
}

#[test]
fn the_shipped_rules_pass_their_tests() {
    let knobs = knobs();
    let failed: Vec<String> = shipped()
        .iter()
        .filter_map(|Named { file, test }| Some(format!("{file}: {}: {}", test.name, trial::run(&knobs, test).err()?)))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_alert_of_the_kubernetes_mixin_has_a_test() {
    let tests = shipped();
    let tested: BTreeSet<&str> = tests
        .iter()
        .flat_map(|named| &named.test.alerts)
        .filter_map(|labels| labels.get("alertname").map(String::as_str))
        .collect();
    let missing: Vec<&str> = KUBERNETES_MIXIN.into_iter().filter(|name| !tested.contains(name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn every_shipped_rule_is_what_some_test_expects() {
    let tests = shipped();
    let expected: BTreeSet<&str> = tests.iter().filter_map(|named| named.test.expect.rule.as_deref()).collect();
    let rules = RuleSet::load(&[]).unwrap().rules;
    let dead: Vec<&str> = rules
        .iter()
        .map(|rule| rule.name.as_str())
        .filter(|name| !expected.contains(name))
        .collect();
    assert_eq!(dead, Vec::<&str>::new());
}

#[test]
fn the_page_of_fields_in_docs_is_the_one_that_the_code_writes() {
    assert!(
        include_str!("../../../../../docs/rules-fields.md") == reference::markdown(),
        "write it again: cargo run -- rules fields > docs/rules-fields.md"
    );
}

/// The files in blocks of a page that begin with a file's name as a comment.
fn examples(page: &str) -> Vec<(String, String)> {
    let blocks = page.split("```yaml\n# ").skip(1);
    let file = |block: &str| {
        let (name, rest) = block.split_once('\n')?;
        Some((name.to_owned(), rest.split("```").next()?.to_owned()))
    };
    blocks.filter_map(file).collect()
}

#[test]
fn the_example_in_docs_can_be_used_as_it_stands() {
    let (tests, rules): (Vec<_>, Vec<_>) = examples(include_str!("../../../../../docs/rules.md"))
        .into_iter()
        .partition(|(name, _)| name.contains(".test."));
    assert!(!rules.is_empty() && !tests.is_empty(), "there is no example");
    let knobs = Knobs {
        rules: Arc::new(RuleSet::load(&rules).unwrap()),
        debug_flags: Vec::new(),
    };
    let own = tests.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    for Named { test, .. } in trial::read(own).unwrap() {
        assert_eq!(trial::run(&knobs, &test), Ok(()), "{}", test.name);
    }
}

#[test]
fn a_test_whose_world_is_not_there_says_so() {
    let test = |fields: &str| format!("tests: [{{name: a, {fields}, alerts: [], expect: {{}}}}]");
    for (fields, problem) in [
        ("world: moon", "there is no world moon"),
        ("world: shop, without: [Pod shop/nobody]", "world shop has no Pod shop/nobody"),
    ] {
        let own = test(fields);
        let found = trial::read(shipped::TESTS.iter().copied().chain([("own.test.yaml", own.as_str())])).unwrap_err();
        assert!(found.starts_with("own.test.yaml: a: ") && found.contains(problem), "{found}");
    }
}

fn problem(rule: &str) -> String {
    let file = format!("rules:\n  - {{{rule}}}");
    RuleSet::load(&[("own.yaml".into(), file)]).unwrap_err().join("\n")
}

#[test]
fn what_cannot_be_a_rule_is_refused_with_file_rule_and_reason() {
    let rest = "category: dns, target: pod, summary: x, wrong_if: x, reasons: [{weight: 1, says: x, cites: pod}]";
    for (rule, reason) in [
        (
            format!("name: a, each: pods, when: 'true', {rest}"),
            "\"pods\" is none of container, pod",
        ),
        (
            format!("name: a, each: pod, when: 'pod.name ==', {rest}"),
            "rule a: when: \"pod.name ==\" is no CEL expression",
        ),
        (
            format!("name: a, each: pod, when: 'node.name == \"x\"', {rest}"),
            "names node, which is none of pod, workload",
        ),
        (
            format!("name: a, each: pod, when: 'pod.reddy', {rest}"),
            "there is no field \"reddy\"; there are name, namespace, phase",
        ),
        (
            format!("name: a, each: pod, when: 'pod.events.exists(e, e.text == \"x\")', {rest}"),
            "there is no field \"text\"; there are reason, message",
        ),
        (
            format!("name: a, each: pod, when: 'true', {rest}, remedies: [magic]"),
            "there is none named magic",
        ),
        (
            format!("name: a, each: pod, when: 'true', {rest}, surprise: 1"),
            "unknown field `surprise`",
        ),
        (
            "name: a, each: pod, when: 'true', category: dns, target: pod, summary: '{pod.name', wrong_if: x, reasons: []".into(),
            "does not close it",
        ),
    ] {
        let problem = problem(&rule);
        assert!(problem.contains(reason), "{rule}: {problem}");
        assert!(problem.starts_with("own.yaml"), "{problem}");
    }
}

#[test]
fn a_rule_of_the_operator_takes_the_place_of_a_shipped_one() {
    let own = "rules: [{name: image-cannot-be-pulled, category: external, each: pod, when: 'false', target: pod, summary: x, wrong_if: x, reasons: []}]";
    let set = RuleSet::load(&[("own.yaml".into(), own.into())]).unwrap();
    let rules: Vec<_> = set.rules.iter().filter(|rule| rule.name == "image-cannot-be-pulled").collect();
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0].each, "pod");
}
