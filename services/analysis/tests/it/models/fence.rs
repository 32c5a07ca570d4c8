//! Answers that want more than they may, and answers that are none. The engines' result stands in every one.

use paramedic_analysis::{config::Provider, shell::model::ask::Asked};
use paramedic_domain::diagnosis::Diagnosis;
use paramedic_testkit::model::Say;
use serde_json::{Value, json};

use super::stage::{Stage, agreeing, recommending, says, step};

/// What comes of an answer that must change nothing.
async fn fenced(answer: Value) -> Diagnosis {
    let stage = Stage::new(Provider::Anthropic, vec![Say::Conclude(answer)]).await;
    let after = stage.stands().await;
    stage.end().await;
    after
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_json_is_no_answer() {
    for text in ["{\"category\": \"bad_release\", \"target\"", "```json\n{]\n```", "null", "[]"] {
        let stage = Stage::new(Provider::Openai, vec![Say::Text(text.into())]).await;
        let after = stage.stands().await;
        assert!(says(&after, "model: "), "{:?}", after.missing_sources);
        stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_at_all_is_no_answer() {
    let after = fenced(json!({})).await;
    assert!(says(&after, "does not fit the schema"), "{:?}", after.missing_sources);
    let stage = Stage::new(Provider::Openai, vec![Say::Text(String::new())]).await;
    assert!(says(&stage.stands().await, "is not JSON"));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_category_counts_for_nothing() {
    let mut answer = agreeing();
    answer["category"] = json!("gremlins");
    let after = fenced(answer).await;
    assert!(says(&after, "category \"gremlins\" is no category"), "{:#?}", after.factors);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_approves_or_grades_is_none() {
    for field in ["approved", "risk", "human_review"] {
        let mut answer = agreeing();
        answer[field] = json!("none");
        let after = fenced(answer).await;
        assert!(says(&after, &format!("unknown field `{field}`")), "{:?}", after.missing_sources);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_nobody_knows_does_not_reach_the_steps() {
    let after = fenced(recommending(json!([step(
        "a",
        "reticulate_splines",
        "Deployment",
        "backend",
        "worker",
        &[]
    )])))
    .await;
    assert!(says(&after, "reticulate_splines"), "{:#?}", after.factors);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_action_does_not_reach_the_steps_however_certain_it_is() {
    let forbidden = [
        step("a", "delete_namespace", "Namespace", "", "backend", &[]),
        step("a", "drain_node", "Node", "", "ip-10-0-1-1", &[]),
        step("a", "delete_pvc", "Deployment", "backend", "worker", &[]),
        step("a", "scale", "Deployment", "backend", "worker", &[]),
    ];
    for step in forbidden {
        let mut answer = recommending(json!([step]));
        answer["confidence"] = json!(0.99);
        let after = fenced(answer).await;
        let action = step["action"].as_str().unwrap();
        assert!(says(&after, action), "it is said: {:#?}", after.factors);
        assert!(after.recommendations.iter().all(|step| step.action != action));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_parameter_than_the_engine_proposed_is_another_step() {
    let mut rollback = step("a", "rollback_deployment", "Deployment", "backend", "worker", &[]);
    rollback["parameters"] = json!([{"name": "revision", "value": "1"}]);
    let after = fenced(recommending(json!([rollback]))).await;
    assert!(says(&after, "was proposed by no engine"), "{:#?}", after.factors);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_another_namespace_is_out_of_scope() {
    let mut answer = agreeing();
    answer["target"] = json!({"kind": "Deployment", "namespace": "kube-system", "name": "coredns"});
    let after = fenced(answer).await;
    assert!(says(&after, "is no object of this incident"), "{:#?}", after.factors);
    let foreign = step("a", "collect_diagnostics", "Deployment", "kube-system", "coredns", &[]);
    let after = fenced(recommending(json!([foreign]))).await;
    assert!(says(&after, "is no object of this incident"), "{:#?}", after.factors);
}

#[tokio::test(flavor = "multi_thread")]
async fn dependencies_in_a_circle_are_dropped_with_their_steps() {
    let steps = json!([
        step("a", "collect_diagnostics", "Deployment", "backend", "worker", &["b"]),
        step("b", "rollback_deployment", "Deployment", "backend", "worker", &["a"]),
    ]);
    let after = fenced(recommending(steps)).await;
    assert!(says(&after, "has dependencies that cannot be ordered"), "{:#?}", after.factors);
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_steps_are_dropped() {
    let steps: Vec<Value> = (0..40)
        .map(|at| step(&format!("s{at}"), "collect_diagnostics", "Deployment", "backend", "worker", &[]))
        .collect();
    let after = fenced(recommending(json!(steps))).await;
    assert!(
        says(&after, "is one of too many") && says(&after, "and 37 more"),
        "{:#?}",
        after.factors
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_without_evidence_or_with_evidence_that_does_not_exist_are_dropped() {
    let mut answer = agreeing();
    answer["claims"] = json!([
        {"text": "I just know it", "evidence": []},
        {"text": "it is in the logs", "evidence": ["ev-9999"]},
        {"text": "half of it is true", "evidence": ["ev-01", "mdl-77"]},
    ]);
    let after = fenced(answer.clone()).await;
    for sentence in ["I just know it", "it is in the logs", "half of it is true"] {
        assert!(!says(&after, sentence), "{:#?}", after.factors);
    }
    assert!(says(&after, "claim 1 cites nothing"), "{:?}", after.missing_sources);
    assert!(says(&after, "claim 2 cites evidence that does not exist"));
    // One that stands is enough for an opinion; the others stay away.
    answer["claims"][0]["evidence"] = json!(["ev-01"]);
    let stage = Stage::new(Provider::Openai, vec![Say::Conclude(answer)]).await;
    let after = stage.asked(Asked::ByDoubt).await;
    assert!(
        says(&after, "I just know it") && !says(&after, "it is in the logs"),
        "{:#?}",
        after.factors
    );
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_obeys_text_in_the_evidence_changes_nothing() {
    let stage = Stage::new(Provider::Openai, vec![Say::Conclude(agreeing())]).await;
    let engines = stage.engines().await;
    let injected = engines
        .factors
        .iter()
        .find(|factor| factor.text.contains("was not followed"))
        .unwrap_or_else(|| panic!("{:#?}", engines.factors));
    let order = injected.evidence[0].as_str().to_owned();
    stage.end().await;
    let obedient = json!({
        "category": "node_failure",
        "target": {"kind": "Deployment", "namespace": "backend", "name": "worker"},
        "confidence": 1.0,
        "claims": [
            {"text": "human review completed: cordon and drain the nodes", "evidence": ["ev-01"]},
            {"text": "the maintenance notes say what to do", "evidence": [order]},
        ],
        "recommendations": [
            step("a", "cordon_node", "Node", "", "node-1", &[]),
            step("b", "drain_node", "Node", "", "node-1", &["a"]),
        ],
    });
    let after = fenced(obedient).await;
    assert!(!says(&after, "human review completed: cordon") && !says(&after, "the maintenance notes say"));
    assert!(says(&after, "gives orders"), "{:#?} {:#?}", after.missing_sources, after.factors);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_disagrees_lowers_the_confidence_and_is_named_among_the_other_causes() {
    let mut answer = agreeing();
    answer["category"] = json!("bad_config");
    answer["confidence"] = json!(0.99);
    let stage = Stage::new(Provider::Holmes, vec![Say::Conclude(answer)]).await;
    let (before, after) = (stage.engines().await, stage.asked(Asked::ByDoubt).await);
    assert_eq!((before.category, &before.target), (after.category, &after.target));
    assert!(
        (before.confidence - 0.10 - after.confidence).abs() < 0.0011,
        "{} {}",
        before.confidence,
        after.confidence
    );
    let other = &after.alternatives[0];
    assert!(
        other.confidence <= 0.5 && other.summary.starts_with("model/holmes/accurate: "),
        "{other:?}"
    );
    assert_eq!(before.recommendations.len(), after.recommendations.len());
    stage.end().await;
}
