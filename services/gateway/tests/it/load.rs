//! Much at once: large bodies are taken, too many are told to come again, and no source is the others' problem.

use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{FIRING, Gateway, LIMIT, PATH, Parts, TOKEN, alert, answer, bus, clock, webhook};

const TWO: &str = "
    [gateway.sources.alertmanager]
    tokens = ['0123456789abcdef-old']
    [gateway.sources.quiet]
    kind = 'alertmanager'
    tokens = ['0123456789abcdef-old']";
const QUIET: &str = "/api/v1/alerts/quiet";

async fn gateway(settings: &str) -> (Gateway, TempDir) {
    let folder = TempDir::new().unwrap();
    let bus = bus(folder.path()).await;
    (Gateway::start_with(&bus, &clock(), Parts::IntakeOnly, settings, None).await, folder)
}

/// A sender that announces a body of `bytes` and does not send it.
async fn announce(gateway: &Gateway, path: &str, bytes: usize) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\ncontent-length: {bytes}\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// What the gateway says first: `100` when it is ready for the body.
async fn first_word(stream: &mut TcpStream) -> String {
    let mut word = [0; 12];
    stream.read_exact(&mut word).await.unwrap();
    String::from_utf8(word[9..].to_vec()).unwrap()
}

#[tokio::test]
async fn a_noisy_source_is_told_to_wait_and_the_quiet_one_is_served() {
    let (gateway, _folder) = gateway(TWO).await;
    // Room for 4 MiB: the noisy one may have its own quarter and the common half.
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut stream = announce(&gateway, PATH, LIMIT).await;
        assert_eq!(first_word(&mut stream).await, "100");
        waiting.push(stream);
    }
    let large = webhook("g", &[json!({"padding": "x".repeat(LIMIT - 1000)})]);
    let post = |path, body: String| {
        answer(
            gateway
                .request("POST", path)
                .bearer_auth(TOKEN)
                .header("content-type", "application/json")
                .body(body),
        )
    };
    let refused = post(PATH, large.clone()).await;
    assert_eq!(
        (refused.status, refused.header("retry-after"), refused.body["reason"].as_str()),
        (503, Some("5"), Some("busy")),
        "{refused:?}"
    );
    let served = post(QUIET, FIRING.into()).await;
    assert_eq!(served.status, 200, "{served:?}");
    // It has room for a large one too, which is then found wanting for other reasons.
    assert_eq!(post(QUIET, large.clone()).await.status, 422);
    drop(waiting);
    paramedic_testkit::eventually!(post(PATH, large.clone()).await.status == 422);
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_before_it_is_sent() {
    let (gateway, _folder) = gateway(TWO).await;
    let mut stream = announce(&gateway, PATH, 9 * LIMIT).await;
    // The rest is read and thrown away, for senders that do not wait for the word.
    let body = vec![b' '; 9 * LIMIT];
    let (mut read, mut write) = stream.split();
    let (_, text) = tokio::join!(
        async {
            write.write_all(&body).await.ok();
        },
        async {
            let mut text = vec![0; 4096];
            let mut filled = 0;
            while !String::from_utf8_lossy(&text[..filled]).contains("413") {
                filled += read.read(&mut text[filled..]).await.unwrap();
            }
            String::from_utf8_lossy(&text[..filled]).into_owned()
        }
    );
    assert!(text.contains("413"), "{text}");
}

#[tokio::test]
async fn a_group_of_thirty_megabytes_is_stored_whole() {
    let settings = "
        [gateway]
        max_body_bytes = 33554432
        max_in_flight_bytes = 67108864
        append_timeout_seconds = 60
        [gateway.sources.alertmanager]
        tokens = ['0123456789abcdef-old']";
    let (gateway, _folder) = gateway(settings).await;
    let alerts: Vec<_> = (0..10_000)
        .map(|n| {
            let mut alert = alert(&format!("{n:05}"), "firing", 0);
            alert["annotations"] = json!({"description": "x".repeat(3_000)});
            alert
        })
        .collect();
    let body = webhook("g", &alerts);
    assert!((30 << 20..32 << 20).contains(&body.len()), "{}", body.len());
    let answer = gateway.post(body).await;
    assert_eq!((answer.status, &answer.body["alerts"]), (200, &json!(10_000)), "{answer:?}");
    let parts: Vec<_> = gateway
        .stored()
        .await
        .iter()
        .map(|stored| paramedic_wire::decode_notification(&stored.payload).unwrap())
        .collect();
    assert_eq!(parts.iter().map(|part| part.alerts.len()).sum::<usize>(), 10_000);
    let speakers = |n: usize| parts.iter().filter(|part| part.covers(&format!("{n:05}"))).count();
    assert!((0..10_000).all(|n| speakers(n) == 1));
}
