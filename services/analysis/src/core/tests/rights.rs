//! Which rights logs say were refused, and what is asked about them.

use crate::core::rights::{Right, answered};
use serde_json::json;

#[test]
fn a_refusal_in_a_log_names_the_right() {
    let quoted = r#"E0407 "Failed" err="failed to list: pods is forbidden: User \"system:serviceaccount:ci:agent\" cannot list resource \"pods\" in API group \"\" in the namespace \"ci\"""#;
    let right = Right::refused(quoted).unwrap();
    assert_eq!((right.account.as_str(), right.words().as_str()), ("ci/agent", "list pods in ci"));
    let wide = r#"nodes "n1" is forbidden: User "system:serviceaccount:ci:agent" cannot patch resource "nodes/status" in API group "" at the cluster scope"#;
    let right = Right::refused(wide).unwrap();
    assert_eq!(right.words(), "patch nodes/status n1 in the whole cluster");
    let question = right.question();
    assert_eq!(
        question["spec"]["resourceAttributes"],
        json!({"verb": "patch", "group": "", "resource": "nodes", "subresource": "status", "namespace": "", "name": "n1"})
    );
    assert_eq!(question["spec"]["user"], "system:serviceaccount:ci:agent");
    assert_eq!(question["spec"]["groups"][2], "system:serviceaccounts:ci");
    let group = r#"deployments.apps is forbidden: User "system:serviceaccount:ci:agent" cannot list resource "deployments" in API group "apps" in the namespace "ci""#;
    assert_eq!(Right::refused(group).unwrap().group, "apps");
}

#[test]
fn what_is_no_right_of_an_account_is_not_asked_about() {
    for line in [
        "403 forbidden",
        r#"pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "ci""#,
        r#"User "system:serviceaccount:ci" cannot list resource "pods""#,
        r#"User "system:serviceaccount:ci:a b" cannot list resource "pods""#,
        r#"User "system:serviceaccount:ci:agent" cannot do as you are told; list resource "pods""#,
    ] {
        assert_eq!(Right::refused(line), None, "{line}");
    }
}

#[test]
fn an_answer_says_yes_or_no_and_why() {
    let right = || Right::refused(r#"User "system:serviceaccount:ci:agent" cannot list resource "pods" in the namespace "ci""#).unwrap();
    let no = answered(
        right(),
        &json!({"status": {"allowed": false, "evaluationError": "role \"x\" not found"}}),
    )
    .unwrap();
    assert!(
        no.quote()
            .excerpt
            .ends_with("ServiceAccount ci/agent may not list pods in ci: role \"x\" not found")
    );
    let yes = answered(right(), &json!({"status": {"allowed": true, "reason": "RBAC"}})).unwrap();
    assert!(yes.quote().excerpt.ends_with("may list pods in ci: RBAC"));
    assert_eq!(answered(right(), &json!({"kind": "Status"})), None);
}
