//! Budgets end an asking, and the engines' result stands.

use std::time::{Duration, Instant};

use paramedic_analysis::{config::Provider, shell::model::ask::Asked};
use paramedic_testkit::model::Say;
use serde_json::json;

use super::stage::{Stage, agreeing, says};

fn looking() -> Say {
    Say::Call(vec![("kubernetes_get", json!({"kind": "Pod", "namespace": "backend", "name": ""}))])
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_looks_end_with_the_turns() {
    for provider in [Provider::Openai, Provider::Anthropic] {
        let mut stage = Stage::new(provider, vec![looking()]).await;
        stage.config.model.turns = 3;
        let after = stage.stands().await;
        assert!(
            says(&after, "it has had its turns (analysis.model.turns)"),
            "{:?}",
            after.missing_sources
        );
        let asked = stage.stub.asked();
        assert_eq!(asked.len(), 3);
        let tools = asked.last().unwrap().body["tools"].as_array().unwrap().len();
        assert_eq!(tools, 1, "in the last turn there is only the answer left to call");
        stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_model_ends_with_the_time() {
    for provider in [Provider::Openai, Provider::Anthropic, Provider::Holmes] {
        let mut stage = Stage::new(provider, vec![Say::Hang]).await;
        stage.config.model.seconds = 1;
        let began = Instant::now();
        let after = stage.stands().await;
        assert!(
            says(&after, "its time is over (analysis.model.seconds)"),
            "{:?}",
            after.missing_sources
        );
        assert!(began.elapsed() < Duration::from_secs(20));
        stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_end_an_asking() {
    let mut stage = Stage::new(Provider::Openai, vec![looking()]).await;
    stage.stub.uses(50_000, 1_000);
    stage.config.model.tokens = 60_000;
    let after = stage.stands().await;
    assert!(
        says(&after, "its tokens are used up (analysis.model.tokens)"),
        "{:?}",
        after.missing_sources
    );
    assert!(stage.stub.asked().len() <= 2, "two such turns are more than the budget");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_money_of_an_incident_is_counted_over_its_investigations() {
    let mut stage = Stage::new(Provider::Openai, vec![Say::Conclude(agreeing())]).await;
    stage.stub.uses(100_000, 1_000);
    stage.config.model.incident_money = 0.54;
    let first = stage.asked(Asked::ByDoubt).await;
    assert!(says(&first, " agrees"), "{:?}", first.missing_sources);
    let second = stage.stands().await;
    assert!(
        says(&second, "the money for this incident is used up"),
        "{:?}",
        second.missing_sources
    );
    assert_eq!(stage.stub.asked().len(), 1, "what cannot be paid is not asked");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_money_of_a_day_is_counted_over_all_incidents() {
    let mut stage = Stage::new(Provider::Anthropic, vec![Say::Conclude(agreeing())]).await;
    stage.stub.uses(100_000, 1_000);
    stage.config.model.day_money = 0.54;
    let first = stage.asked(Asked::ByDoubt).await;
    assert!(says(&first, " agrees"), "{:?}", first.missing_sources);
    let second = stage.stands().await;
    assert!(says(&second, "the money for today is used up"), "{:?}", second.missing_sources);
    assert_eq!(stage.stub.asked().len(), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_costs_nothing_and_silence_costs_the_worst_case() {
    let mut stage = Stage::new(Provider::Openai, vec![Say::Status(401, None)]).await;
    stage.config.model.incident_money = 0.3;
    for _ in 0..5 {
        stage.asked(Asked::ByDoubt).await;
    }
    assert_eq!(stage.stub.asked().len(), 5);
    stage.end().await;
    let mut stage = Stage::new(Provider::Openai, vec![Say::Half]).await;
    stage.config.model.incident_money = 0.3;
    for _ in 0..5 {
        stage.asked(Asked::ByDoubt).await;
    }
    assert!(stage.stub.asked().len() < 5, "{}", stage.stub.asked().len());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_ask_at_the_same_time_stay_within_the_day_together() {
    let mut stage = Stage::new(Provider::Openai, vec![Say::Half]).await;
    stage.config.model.day_money = 0.5;
    futures::future::join_all((0..8).map(|_| stage.asked(Asked::ByDoubt))).await;
    let bucket = stage.bus.kv("spending", None).await.unwrap();
    let day = bucket.get("simulated/day/2026-03-05").await.unwrap().unwrap().value.unwrap();
    let spent: u64 = std::str::from_utf8(&day).unwrap().parse().unwrap();
    assert!((1..=500_000).contains(&spent), "{spent} millionths");
    let asked = stage.stub.asked().len();
    assert!((1..8).contains(&asked), "{asked}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purse_that_cannot_be_read_is_empty() {
    let stage = Stage::new(Provider::Openai, vec![Say::Conclude(agreeing())]).await;
    let bucket = stage.bus.kv("spending", None).await.unwrap();
    bucket.put("simulated/day/2026-03-05", "lots".into()).await.unwrap();
    let after = stage.stands().await;
    assert!(says(&after, "what was spent cannot be counted"), "{:?}", after.missing_sources);
    assert_eq!(stage.stub.asked().len(), 0);
    stage.end().await;
}
