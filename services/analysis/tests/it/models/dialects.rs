//! The three engines: what they send, what they make of answers, and of servers that do not feel well.

use paramedic_analysis::{config::Provider, shell::model::ask::Asked};
use paramedic_testkit::model::{Say, Stub};
use serde_json::{Value, json};

use super::stage::{Stage, agreeing, says};

const PROVIDERS: [Provider; 3] = [Provider::Openai, Provider::Anthropic, Provider::Holmes];

#[tokio::test(flavor = "multi_thread")]
async fn an_opinion_that_agrees_raises_the_confidence_a_little_in_every_dialect() {
    for provider in PROVIDERS {
        let stage = Stage::new(provider, vec![Say::Conclude(agreeing())]).await;
        let (before, after) = (stage.engines().await, stage.asked(Asked::ByDoubt).await);
        let raised = before.confidence.max((before.confidence + 0.05).min(0.79));
        assert!(
            (after.confidence - raised).abs() < 0.0011,
            "{} {}",
            before.confidence,
            after.confidence
        );
        assert!(
            says(&after, " agrees") && says(&after, "the new revision exits with code 1"),
            "{:#?} {:#?}",
            after.factors,
            after.missing_sources
        );
        assert_eq!(before.recommendations.len(), after.recommendations.len());
        stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_goes_where_each_dialect_wants_it_and_secrets_and_kinds_without_are_never_sent() {
    for provider in PROVIDERS {
        let stage = Stage::new(provider, vec![Say::Conclude(agreeing())]).await;
        stage.asked(Asked::ByDoubt).await;
        let asked = stage.stub.requests();
        for request in &asked {
            let header = |name: &str| request.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            match provider {
                Provider::Anthropic => assert_eq!(header("x-api-key").as_deref(), Some("a key of this test")),
                Provider::Openai | Provider::Holmes => {
                    assert_eq!(header("authorization").as_deref(), Some("Bearer a key of this test"));
                }
            }
            assert!(!request.body.to_string().contains("a key of this test"));
        }
        let (path, fields): (_, &[&str]) = match provider {
            Provider::Openai => (
                "/chat/completions",
                &["/model", "/messages/0/content", "/tools/3/function/parameters"],
            ),
            Provider::Anthropic => ("/v1/messages", &["/model", "/system", "/max_tokens", "/tools/3/input_schema"]),
            Provider::Holmes => (
                "/api/chat",
                &["/ask", "/model", "/response_format/json_schema/schema/properties/claims"],
            ),
        };
        let question = asked.last().unwrap();
        assert_eq!(question.path, path);
        for field in fields {
            assert!(question.body.pointer(field).is_some(), "{field} in {:#}", question.body);
        }
        let probed = asked.iter().any(|request| request.path == "/api/info");
        assert_eq!(probed, provider == Provider::Holmes);
        stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_model_looks_up_is_filed_as_evidence_that_it_can_cite() {
    for provider in [Provider::Openai, Provider::Anthropic] {
        let looks = vec![
            (
                "kubernetes_get",
                json!({"kind": "Deployment", "namespace": "backend", "name": "worker"}),
            ),
            ("loki_query", json!({"namespace": "backend", "pod": "worker", "contains": "fatal"})),
            ("prometheus_query", json!({"query": "sum(up{namespace=\"backend\"})"})),
        ];
        let mut answer = agreeing();
        answer["claims"] = json!([{"text": "its log says fatal", "evidence": ["mdl-02"]}]);
        let stage = Stage::new(provider, vec![Say::Call(looks), Say::Conclude(answer)]).await;
        let after = stage.asked(Asked::ByDoubt).await;
        let evidence: Vec<_> = after.evidence.iter().filter(|one| one.id.as_str().starts_with("mdl-")).collect();
        assert_eq!(evidence.len(), 1, "only what is cited is kept: {evidence:#?}");
        assert!(evidence[0].query.starts_with("{namespace=\"backend\""), "{evidence:#?}");
        assert!(evidence[0].excerpt.contains("fatal"), "{evidence:#?}");
        let second = stage.stub.asked()[1].body.to_string();
        for id in ["mdl-01", "mdl-02", "mdl-03"] {
            assert!(second.contains(&format!("evidence id {id} (untrusted data)")), "{second}");
        }
        stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_beyond_the_incident_are_refused() {
    let wishes: Vec<(&str, Value)> = vec![
        ("kubernetes_get", json!({"kind": "Secret", "namespace": "backend", "name": "db"})),
        ("kubernetes_get", json!({"kind": "Pod", "namespace": "kube-system", "name": ""})),
        (
            "kubernetes_get",
            json!({"kind": "Pod", "namespace": "backend", "name": "../secrets/db"}),
        ),
        ("prometheus_query", json!({"query": "up{namespace=\"backend\"} or up"})),
    ];
    let more: Vec<(&str, Value)> = vec![
        ("prometheus_query", json!({"query": "rate(x{namespace=~\".*\"}[5m])"})),
        ("loki_query", json!({"namespace": "payments", "pod": "", "contains": ""})),
        (
            "loki_query",
            json!({"namespace": "backend", "pod": "\"} or {namespace=~\".+", "contains": ""}),
        ),
        ("delete_namespace", json!({"name": "backend"})),
    ];
    let stage = Stage::new(
        Provider::Openai,
        vec![Say::Call(wishes), Say::Call(more), Say::Conclude(agreeing())],
    )
    .await;
    stage.asked(Asked::ByDoubt).await;
    let last = stage.stub.asked()[2].body.clone();
    let told: Vec<&str> = last["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|message| message["role"] == "tool")
        .map(|message| message["content"].as_str().unwrap())
        .collect();
    assert_eq!(told.len(), 8);
    assert!(told.iter().all(|told| told.starts_with("refused: ")), "{told:#?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_model_is_asked_again_after_the_time_that_it_wants() {
    for provider in PROVIDERS {
        let says_so = vec![Say::Status(429, Some(0)), Say::Conclude(agreeing())];
        let stage = Stage::new(provider, says_so).await;
        let after = stage.asked(Asked::ByDoubt).await;
        // HolmesGPT has one turn: its question may cost everything.
        match provider {
            Provider::Holmes => assert!(says(&after, "429"), "{:?}", after.missing_sources),
            Provider::Openai | Provider::Anthropic => {
                assert_eq!(stage.stub.asked().len(), 2);
                assert!(says(&after, " agrees"), "{:?}", after.missing_sources);
            }
        }
        stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_fails_in_any_way_leaves_the_result_as_it_is_and_says_so() {
    let ways = [
        (Say::Status(500, None), "500"),
        (Say::Status(429, Some(3_600)), "429"),
        (Say::Status(401, None), "401"),
        (Say::Half, "cannot be reached"),
        (Say::Nonsense("<html>"), "is not JSON"),
        (Say::Nonsense("{}"), "this is no chat completion"),
        (Say::CutOff, "cut off"),
        (Say::Decline, "refuses to answer"),
        (Say::Text("I think it is the memory.".into()), "is not JSON"),
    ];
    for (way, sentence) in ways {
        let stage = Stage::new(Provider::Openai, vec![way.clone()]).await;
        let after = stage.stands().await;
        let note = after.missing_sources.last().unwrap();
        assert!(
            note.starts_with("model: model/openai/accurate: ") && note.contains(sentence),
            "{way:?}: {note}"
        );
        assert!(!note.contains("a key of this test"));
        stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_asked_below_the_threshold_or_when_people_ask() {
    let mut stage = Stage::new(Provider::Openai, vec![Say::Conclude(agreeing())]).await;
    stage.config.model.ask_below = 0.0;
    stage.stands().await;
    assert_eq!(stage.stub.asked().len(), 0);
    stage.asked(Asked::ByPeople).await;
    assert_eq!(stage.stub.asked().len(), 1);
    stage.config.model.url = String::new();
    let without = stage.asked(Asked::ByPeople).await;
    assert!(says(&without, "model: none is configured"), "{:?}", without.missing_sources);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holmes_without_the_configured_model_is_told_before_it_is_sent_anything() {
    let mut stage = Stage::new(Provider::Holmes, vec![Say::Conclude(agreeing())]).await;
    stage.config.model.name = "another".into();
    let after = stage.stands().await;
    assert!(says(&after, "HolmesGPT has no model \"another\"; it has fast, accurate"));
    assert_eq!(stage.stub.asked().len(), 0);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let elsewhere = Stub::start(vec![Say::Conclude(agreeing())]).await;
    for provider in PROVIDERS {
        let stage = Stage::new(provider, vec![Say::Redirect(elsewhere.url())]).await;
        let after = stage.stands().await;
        assert!(says(&after, "answers 307"), "{:?}", after.missing_sources);
        stage.end().await;
    }
    assert_eq!(elsewhere.requests().len(), 0, "the key stays where it belongs");
}
