//! The servers do what tests rely on.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Json, Router, extract::State, http::HeaderMap, routing::post};
use paramedic_testkit::{
    eventually,
    servers::{Alertmanager, Labels, NatsServer, Prometheus, SmtpSink, Webhook},
    slack::{SlackFault, SlackStandIn},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

type Received = Arc<Mutex<Vec<Value>>>;

/// A webhook receiver that keeps what comes with the right token.
async fn receiver() -> (String, Received, JoinSet<()>) {
    async fn receive(State(received): State<Received>, headers: HeaderMap, Json(body): Json<Value>) {
        assert_eq!(headers["authorization"], "Bearer secret");
        received.lock().unwrap().push(body);
    }
    let received = Received::default();
    let app = Router::new().route("/alerts", post(receive)).with_state(received.clone());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/alerts", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, received, tasks)
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn alertmanager_sends_what_fires_and_what_is_resolved() {
    let (url, received, _tasks) = receiver().await;
    let webhook = Webhook {
        url,
        bearer_token: "secret".into(),
        group_by: vec!["alertname".into()],
        max_alerts: 0,
    };
    let mut alertmanager = Alertmanager::start(&webhook).await.unwrap();
    let alert = labels(&[("alertname", "PodCrash"), ("namespace", "shop \"a\", b=c é")]);
    let notes = labels(&[("summary", "it's down: 100%")]);
    alertmanager.fire(&alert, &notes).await.unwrap();
    let seen = |status: &str| received.lock().unwrap().iter().any(|body| body["alerts"][0]["status"] == status);
    eventually!(seen("firing"));
    {
        let received = received.lock().unwrap();
        assert_eq!(received[0]["alerts"][0]["labels"], json!(alert));
        assert_eq!(received[0]["alerts"][0]["annotations"], json!(notes));
    }
    alertmanager.resolve(&alert, &notes).await.unwrap();
    eventually!(seen("resolved"));
    alertmanager.kill9().unwrap();
    alertmanager.start_again().await.unwrap();
}

#[tokio::test]
async fn the_smtp_sink_keeps_what_it_receives() {
    let mut sink = SmtpSink::start().await.unwrap();
    assert!(sink.mails().unwrap().is_empty());
    let (host, port) = sink.address();
    tokio::task::spawn_blocking(move || send(&host, port)).await.unwrap();
    eventually!(sink.mails().unwrap().len() == 1);
    let mail = sink.mails().unwrap().remove(0);
    assert_eq!(mail.from, "paramedic@example.org");
    assert_eq!(mail.to, ["sre@example.org", "boss@example.org"]);
    assert_eq!(mail.header("subject"), Some("hello"));
    assert_eq!(mail.body.trim_end(), "first\n\nsecond");
    sink.kill9().unwrap();
    sink.start_again().await.unwrap();
    assert_eq!(sink.mails().unwrap().len(), 1, "kept");
}

fn send(host: &str, port: u16) {
    let mut stream = TcpStream::connect((host, port)).unwrap();
    let mut replies = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut expect = |code: &str| {
        loop {
            let line = replies.next().unwrap().unwrap();
            assert!(line.starts_with(code), "{line}");
            if line.as_bytes()[3] == b' ' {
                return;
            }
        }
    };
    expect("220");
    let dialog = [
        ("EHLO test", "250"),
        ("MAIL FROM:<paramedic@example.org>", "250"),
        ("RCPT TO:<sre@example.org>", "250"),
        ("RCPT TO:<boss@example.org>", "250"),
        ("DATA", "354"),
        ("Subject: hello\r\n\r\nfirst\r\n\r\nsecond\r\n.", "250"),
        ("QUIT", "221"),
    ];
    for (line, code) in dialog {
        stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        expect(code);
    }
}

#[tokio::test]
async fn nats_keeps_its_port_over_restarts() {
    let mut server = NatsServer::start().await.unwrap();
    let url = server.url();
    server.restart().await.unwrap();
    server.kill9().unwrap();
    server.start_again().await.unwrap();
    assert_eq!(server.url(), url);
}

#[tokio::test]
async fn prometheus_scrapes_itself() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let port = {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.local_addr().unwrap().port()
    };
    let prometheus = Prometheus::start(&[format!("127.0.0.1:{port}")], "").await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let query = format!("{}/api/v1/query?query=up", prometheus.url());
    let down = async || {
        let answer: Value = client.get(&query).send().await.unwrap().json().await.unwrap();
        answer["data"]["result"][0]["value"][1] == "0"
    };
    eventually!(down().await, "nothing listens on the target, so it is down");
}

#[tokio::test]
async fn the_slack_stand_in_answers_as_slack_does() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let slack = SlackStandIn::start("xoxb-1").await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let call = async |method: &str, token: &str, body: Value| {
        let request = client.post(format!("{}/{method}", slack.url())).bearer_auth(token).json(&body);
        let response = request.send().await.unwrap();
        let after = response.headers().get("retry-after").map(|v| v.to_str().unwrap().to_owned());
        (
            response.status().as_u16(),
            after,
            response.json::<Value>().await.unwrap_or_default(),
        )
    };
    let (_, _, answer) = call("chat.postMessage", "wrong", json!({ "channel": "C1", "text": "x" })).await;
    assert_eq!(answer, json!({ "ok": false, "error": "invalid_auth" }));
    assert_eq!(slack.rejected(), 1);

    let section = |n: usize| json!({ "type": "section", "text": { "type": "mrkdwn", "text": "x".repeat(n) } });
    let (_, _, posted) = call("chat.postMessage", "xoxb-1", json!({ "channel": "C1", "blocks": [section(3000)] })).await;
    assert_eq!(posted["ok"], true);
    for wrong in [
        json!([section(3001)]),
        json!(vec![section(1); 51]),
        json!([section(0)]),
        json!([{ "type": "actions", "elements": [] }]),
    ] {
        let (status, _, answer) = call("chat.postMessage", "xoxb-1", json!({ "channel": "C1", "blocks": wrong })).await;
        assert_eq!((status, &answer["error"]), (200, &json!("invalid_blocks")));
    }
    let (_, _, answer) = call("chat.update", "xoxb-1", json!({ "channel": "C1", "ts": "1.2", "text": "x" })).await;
    assert_eq!(answer["error"], "message_not_found");
    let button = json!({ "type": "button", "action_id": "approve", "text": { "type": "plain_text", "text": "Approve" } });
    let blocks = json!([{ "type": "actions", "elements": [button] }]);
    let update = json!({ "channel": "C1", "ts": posted["ts"], "text": "new", "blocks": blocks });
    assert_eq!(call("chat.update", "xoxb-1", update).await.2["ok"], true);
    let messages = slack.messages();
    assert_eq!((messages.len(), messages[0].updates), (1, 1));
    assert_eq!(messages[0].all_text(), "Approve\nnew");
    assert!(messages[0].has_action("approve") && !messages[0].has_action("deny"));

    slack.fail_next([
        SlackFault::RateLimited(Duration::from_secs(3)),
        SlackFault::Refused("is_archived".into()),
        SlackFault::Http(503),
    ]);
    let text = json!({ "channel": "C1", "text": "x" });
    let (status, after, _) = call("chat.postMessage", "xoxb-1", text.clone()).await;
    assert_eq!((status, after.as_deref()), (429, Some("3")));
    assert_eq!(call("chat.postMessage", "xoxb-1", text.clone()).await.2["error"], "is_archived");
    assert_eq!(call("chat.postMessage", "xoxb-1", text.clone()).await.0, 503);
    assert_eq!(call("chat.postMessage", "xoxb-1", text).await.0, 200);
    assert_eq!(slack.messages().len(), 2);
}
