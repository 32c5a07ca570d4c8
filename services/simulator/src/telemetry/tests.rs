//! The query APIs over the payment scenario.

use std::sync::Arc;

use axum::{Router, body::Body, http::Request};
use futures::StreamExt;
use serde_json::Value;

use super::{jaeger_router, loki_router, prometheus_router};
use crate::world::{World, obj::secs, tests as world};

/// Asks a router and reads the JSON answer.
async fn ask(router: &Router, path: &str, params: &[(&str, &str)]) -> (u16, Value) {
    use tower::ServiceExt;
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
    let request = Request::get(format!("{path}?{query}")).body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    let mut stream = answer.into_body().into_data_stream();
    while let Some(chunk) = stream.next().await {
        body.extend(chunk.unwrap());
    }
    let text = String::from_utf8(body).unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The world half an hour into the scenario.
fn later() -> Arc<World> {
    let world = world::payment();
    world::live(&world, 1800);
    world
}

async fn number(router: &Router, query: &str) -> f64 {
    let (status, answer) = ask(router, "/api/v1/query", &[("query", query)]).await;
    assert_eq!(status, 200, "{answer}");
    let result = answer["data"]["result"].as_array().unwrap();
    assert_eq!(result.len(), 1, "{query}: {answer}");
    result[0]["value"][1].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_leak_is_a_straight_line_that_does_not_follow_the_load() {
    let world = later();
    let prometheus = prometheus_router(world.clone());
    let mib = 1_048_576.0;
    let leak = r#"container_memory_working_set_bytes{namespace="production",container="payment-service"}"#;
    for query in [
        format!("min(deriv({leak}[12h] offset 1h)) * 3600"),
        format!("max(deriv({leak}[12h] offset 1h)) * 3600"),
    ] {
        let slope = number(&prometheus, &query).await / mib;
        assert!((49.0..51.0).contains(&slope), "{query}: {slope} MiB/h");
    }
    assert_eq!(number(&prometheus, &format!("count({leak})")).await, 4.0);
    let rate = r#"sum(rate(http_requests_total{service="payment-service"}[5m]))"#;
    let now = number(&prometheus, rate).await;
    let night = number(
        &prometheus,
        &format!("{rate} offset 9h").replace("[5m])) offset 9h", "[5m] offset 9h))"),
    )
    .await;
    assert!(now > 350.0 && night < 250.0, "{now} by day, {night} by night");
    let slow = r#"histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{service="payment-service"}[5m])))"#;
    let p99 = number(&prometheus, slow).await;
    assert!((0.15..0.25).contains(&p99), "{p99} s");
    let pool = number(&prometheus, "max(payment_coroutine_pool_size)").await;
    assert!(pool > 15_000.0, "{pool}");
}

#[tokio::test]
async fn the_cluster_state_is_there_with_its_past() {
    let world = later();
    let prometheus = prometheus_router(world.clone());
    for (query, expected) in [
        (r#"kube_deployment_status_replicas_available{deployment="payment-service"}"#, 4.0),
        (
            r#"kube_deployment_status_replicas_available{deployment="payment-service"} offset 8d"#,
            4.0,
        ),
        (r#"max(kube_pod_container_status_restarts_total{namespace="production"})"#, 3.0),
        (
            r#"max(kube_pod_container_status_restarts_total{namespace="production"} offset 1h)"#,
            2.0,
        ),
        (
            r#"count(kube_pod_container_status_last_terminated_reason{reason="OOMKilled"})"#,
            1.0,
        ),
        (
            r#"kube_pod_container_status_last_terminated_exitcode{namespace="production"}"#,
            137.0,
        ),
        (r#"max(container_oom_events_total)"#, 3.0),
        (
            r#"max(kube_pod_container_resource_limits{container="payment-service",resource="memory"})"#,
            2_147_483_648.0,
        ),
        (r#"kube_horizontalpodautoscaler_spec_max_replicas"#, 12.0),
        (r#"count(kube_node_status_condition{condition="Ready",status="true"} == 1)"#, 3.0),
        (r#"kube_resourcequota{resource="limits.memory",type="hard"} / 2^30"#, 64.0),
        (r#"count(up == 1)"#, 15.0),
    ] {
        assert_eq!(number(&prometheus, query).await, expected, "{query}");
    }
    let free = number(&prometheus, "min(node_memory_MemAvailable_bytes) / 2^30").await;
    assert!(free > 8.0, "{free} GiB free");
}

#[tokio::test]
async fn prometheus_lists_what_it_has_and_refuses_nonsense_with_a_reason() {
    let world = world::payment();
    let prometheus = prometheus_router(world.clone());
    let (_, names) = ask(&prometheus, "/api/v1/label/__name__/values", &[]).await;
    assert!(
        names["data"]
            .as_array()
            .unwrap()
            .contains(&"container_memory_working_set_bytes".into())
    );
    let (_, series) = ask(&prometheus, "/api/v1/series", &[("match[]", "payment_coroutine_pool_size")]).await;
    assert_eq!(series["data"].as_array().unwrap().len(), 4);
    let (_, labels) = ask(&prometheus, "/api/v1/labels", &[]).await;
    assert!(labels["data"].as_array().unwrap().contains(&"pod".into()));
    let now = secs(world.clock().now());
    let (start, end) = ((now - 3600.0).to_string(), now.to_string());
    let range = [
        ("query", "payment_coroutine_pool_size"),
        ("start", start.as_str()),
        ("end", end.as_str()),
        ("step", "5m"),
    ];
    let (_, answer) = ask(&prometheus, "/api/v1/query_range", &range).await;
    assert_eq!(answer["data"]["resultType"], "matrix");
    assert_eq!(answer["data"]["result"][0]["values"].as_array().unwrap().len(), 13);
    for (params, expected) in [
        (vec![("query", "sum(")], "invalid parameter \"query\""),
        (vec![], "invalid parameter \"query\": missing"),
        (vec![("query", "up"), ("time", "yesterday")], "invalid parameter \"time\""),
    ] {
        let (status, answer) = ask(&prometheus, "/api/v1/query", &params).await;
        assert_eq!((status, &answer["status"]), (400, &Value::from("error")));
        assert!(answer["error"].as_str().unwrap().contains(expected), "{answer}");
    }
    let mut fine = range;
    fine[3] = ("step", "0.01");
    assert_eq!(ask(&prometheus, "/api/v1/query_range", &fine).await.0, 400);
}

#[tokio::test]
async fn loki_finds_the_lines_that_prove_the_leak() {
    let world = later();
    let loki = loki_router(world.clone());
    let query = r#"{namespace="production", app="payment-service"} |= "coroutine pool size""#;
    let (status, answer) = ask(&loki, "/loki/api/v1/query_range", &[("query", query), ("limit", "50")]).await;
    assert_eq!(status, 200, "{answer}");
    let streams = answer["data"]["result"].as_array().unwrap();
    assert_eq!(streams.len(), 4, "one stream a pod");
    let lines: usize = streams.iter().map(|stream| stream["values"].as_array().unwrap().len()).sum();
    assert_eq!(lines, 50);
    assert!(streams[0]["values"][0][0].as_str().unwrap().len() == 19, "nanoseconds");
    let count = r#"sum by (app) (count_over_time({app="payment-service"} |= "pool size" [10m]))"#;
    let (_, answer) = ask(&loki, "/loki/api/v1/query_range", &[("query", count), ("step", "600")]).await;
    let values = answer["data"]["result"][0]["values"].as_array().unwrap();
    assert_eq!(values.last().unwrap()[1], "80", "four pods, every thirty seconds");
    let (_, labels) = ask(&loki, "/loki/api/v1/labels", &[]).await;
    assert!(labels["data"].as_array().unwrap().contains(&"namespace".into()));
    let (status, answer) = ask(&loki, "/loki/api/v1/query_range", &[("query", "{app=")]).await;
    assert_eq!(status, 400);
    assert!(answer.as_str().unwrap().starts_with("parse error"), "{answer}");
}

#[tokio::test]
async fn jaeger_shows_the_same_requests_every_time() {
    let world = later();
    let jaeger = jaeger_router(world.clone());
    let (_, services) = ask(&jaeger, "/api/services", &[]).await;
    assert!(services["data"].as_array().unwrap().contains(&"payment-service".into()));
    let search = [("service", "payment-service"), ("lookback", "10m"), ("limit", "5")];
    let (status, found) = ask(&jaeger, "/api/traces", &search).await;
    assert_eq!(status, 200, "{found}");
    let traces = found["data"].as_array().unwrap();
    assert_eq!(traces.len(), 5);
    let root = &traces[0]["spans"][0];
    let inner: u64 = traces[0]["spans"].as_array().unwrap()[1..]
        .iter()
        .map(|span| span["duration"].as_u64().unwrap())
        .max()
        .unwrap();
    assert!(root["duration"].as_u64().unwrap() > inner, "a parent takes longer than its calls");
    let id = traces[0]["traceID"].as_str().unwrap();
    let (_, one) = ask(&jaeger, &format!("/api/traces/{id}"), &[]).await;
    assert_eq!(one["data"][0], traces[0]);
    assert_eq!(ask(&jaeger, "/api/traces", &[]).await.0, 400, "a service is required");
    let (status, answer) = ask(&jaeger, "/api/v3/traces", &[("query.serviceName", "payment-service")]).await;
    assert_eq!(status, 400, "{answer}");
    let now = world.clock().now();
    let (start, end) = (
        crate::world::obj::before(now, std::time::Duration::from_secs(600)).to_string(),
        now.to_string(),
    );
    let search = [
        ("query.serviceName", "payment-service"),
        ("query.startTimeMin", start.as_str()),
        ("query.startTimeMax", end.as_str()),
    ];
    let (status, answer) = ask(&jaeger, "/api/v3/traces", &search).await;
    assert_eq!(status, 200);
    assert!(answer["result"]["resourceSpans"].as_array().unwrap().len() >= 4);
}

#[tokio::test]
async fn a_fault_keyed_on_an_image_shows_in_latency_and_errors_and_goes_with_it() {
    let mut scenario = crate::scenario::Scenario::builtin("payment-oom").unwrap();
    let fault = r#"{"name": "slow", "when": {"image_tag": "3.16.4"}, "latency": {"p50_ms": 400, "p99_ms": 2400}, "error_rate": 0.05}"#;
    scenario.workloads[0].faults.push(serde_json::from_str(fault).unwrap());
    let world = world::boot(&scenario);
    let prometheus = prometheus_router(world.clone());
    let p99 = r#"histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{service="payment-service"}[5m])))"#;
    let errors = r#"sum(rate(http_requests_total{service="payment-service",code="500"}[5m]))
        / sum(rate(http_requests_total{service="payment-service"}[5m]))"#;
    for (tag, slow) in [("3.16.4", true), ("3.17.2", false)] {
        let image = format!("registry.example.com/payments/payment-service:{tag}");
        world
            .store()
            .update(&crate::store::Gvr::deployments(), Some("production"), "payment-service", &mut |d| {
                d["spec"]["template"]["spec"]["containers"][0]["image"] = image.clone().into();
                Ok(())
            })
            .unwrap();
        world::live(&world, 900);
        assert_eq!(number(&prometheus, p99).await > 2.0, slow, "p99 with {tag}");
        let share = number(&prometheus, errors).await;
        assert_eq!((0.045..0.055).contains(&share), slow, "{share} of the requests fail with {tag}");
    }
}
