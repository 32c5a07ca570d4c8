//! The shipped rules pass the tests that come with them, and what cannot be a rule is refused with its reason.

use crate::core::rules::{RuleSet, parse, trial};

#[test]
fn the_shipped_rules_pass_their_tests() {
    let set = RuleSet::load(&[]).unwrap();
    for (name, source) in parse::SHIPPED_TESTS {
        let file: trial::File = parse::read(source).unwrap();
        for test in &file.tests {
            assert_eq!(trial::run(&set, test), Ok(()), "{name}: {}", test.name);
        }
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
