//! Webhook, Teams, Discord and Telegram against servers that check what the real ones check.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use paramedic_runtime::Clock;
use paramedic_testkit::eventually;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    harness::Site,
    stand_in::{Call, StandIn},
};
use crate::{
    config,
    core::{
        compose,
        fixture::{self, Log, at},
        message::Message,
        story::Story,
    },
    shell::{
        channel::{Channel, Outgoing, SendError},
        discord::Discord,
        teams::Teams,
        telegram::Telegram,
        webhook::Webhook,
    },
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const HOSTILE: &str = "@everyone <script>alert(1)</script> [click](https://evil.example) **x** ``` <!channel> & DB_PASSWORD=hunter22";

fn webhook(url: &str) -> config::Webhook {
    config::Webhook {
        url: format!("{url}/hook").into(),
        secret: SECRET.to_owned().into(),
    }
}

fn discord(url: &str, forum: bool) -> config::Discord {
    config::Discord {
        url: format!("{url}/api/webhooks/1/token").into(),
        forum,
    }
}

fn telegram(url: &str) -> config::Telegram {
    config::Telegram {
        api_url: url.to_owned(),
        token: "123:secret".to_owned().into(),
        chat: "-1001".into(),
    }
}

fn teams(url: &str) -> config::Teams {
    config::Teams {
        url: format!("{url}/workflows/secret").into(),
    }
}

/// A receiver as the standard describes it: the signature, then a memory of ids.
fn receiver(call: &Call, _: usize) -> (u16, Value) {
    let key = BASE64_STANDARD.decode(&SECRET["whsec_".len()..]).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let (id, timestamp) = (call.header("webhook-id"), call.header("webhook-timestamp"));
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(&call.bytes);
    let signed = call.header("webhook-signature").strip_prefix("v1,");
    let signature = signed.and_then(|text| BASE64_STANDARD.decode(text).ok()).unwrap_or_default();
    if mac.verify_slice(&signature).is_err() || call.body["id"] != id {
        return (401, json!({"error": "bad signature"}));
    }
    (204, Value::Null)
}

fn discord_server(call: &Call, taken: usize) -> (u16, Value) {
    let embed = &call.body["embeds"][0];
    let length = |field: &Value| field.as_str().map_or(0, |text| text.encode_utf16().count());
    let (title, description, footer) = (
        length(&embed["title"]),
        length(&embed["description"]),
        length(&embed["footer"]["text"]),
    );
    let fits = title <= 256 && description <= 4096 && footer <= 2048 && title + description + footer <= 6000;
    let query = call.uri.query().unwrap_or_default();
    let quiet = call.body["allowed_mentions"]["parse"] == json!([]);
    let one_place = query.contains("thread_id") != call.body["thread_name"].is_string();
    let forum = !call.uri.path().contains("/plain");
    if !fits || !query.contains("wait=true") || !quiet || (forum && !one_place) {
        return (400, json!({"code": 50035, "message": "Invalid Form Body"}));
    }
    (200, json!({"id": format!("9{taken}"), "channel_id": "700"}))
}

/// Checks that HTML is balanced and that nothing but the known tags is in it.
fn telegram_server(call: &Call, taken: usize) -> (u16, Value) {
    let text = call.body["text"].as_str().unwrap_or_default();
    let refused = |why: &str| {
        (
            400,
            json!({"ok": false, "error_code": 400, "description": format!("Bad Request: {why}")}),
        )
    };
    if call.uri.path() != "/bot123:secret/sendMessage" {
        return (404, json!({"ok": false}));
    }
    let mut open = Vec::new();
    for piece in text.split('<').skip(1) {
        let tag = piece.split('>').next().unwrap_or_default();
        match tag.strip_prefix('/') {
            Some(ended) if open.pop() == Some(ended) => {}
            None if ["b", "i", "code", "pre"].contains(&tag) => open.push(tag),
            Some(_) | None => return refused("can't parse entities"),
        }
    }
    let length = text.encode_utf16().count();
    if !open.is_empty() || length == 0 || length > 4096 {
        return refused("message is too long");
    }
    (200, json!({"ok": true, "result": {"message_id": 50 + taken}}))
}

fn teams_server(call: &Call, _: usize) -> (u16, Value) {
    let card = &call.body["attachments"][0];
    let fits = call.bytes.len() <= 28 * 1024
        && call.body["type"] == "message"
        && card["contentType"] == "application/vnd.microsoft.card.adaptive"
        && card["content"]["type"] == "AdaptiveCard"
        && card["content"]["version"] == "1.4";
    let runs = card["content"]["body"].as_array().into_iter().flatten().all(|block| {
        let runs = block["inlines"].as_array();
        block["type"] == "RichTextBlock"
            && runs.is_some_and(|runs| !runs.is_empty() && runs.iter().all(|run| run["text"].as_str().is_some_and(|text| !text.is_empty())))
    });
    if fits && runs {
        (202, Value::Null)
    } else {
        (400, json!({"error": "bad card"}))
    }
}

fn messages(log: &Log) -> Vec<Message> {
    (1..=log.recorded.len())
        .filter_map(|seq| compose::message(&Story::at(&log.recorded, seq as u64).unwrap().unwrap()))
        .collect()
}

fn outgoing<'a>(message: &'a Message, recipient: &'a str) -> Outgoing<'a> {
    Outgoing {
        message,
        key: "inc_1/1/incident_opened/x/y",
        recipient,
        thread: None,
        time: at(0),
        again: false,
        files: &[],
    }
}

/// A text without what stands in code blocks.
fn outside(text: &str, open: &str, close: &str) -> String {
    let mut pieces = text.split(open);
    let mut found = pieces.next().unwrap_or_default().to_owned();
    if open == close {
        found.extend(pieces.skip(1).step_by(2));
    } else {
        found.extend(pieces.map(|piece| piece.split_once(close).expect("a code block ends").1));
    }
    found
}

struct Wired {
    channel: Box<dyn Channel>,
    server: StandIn,
}

/// Every channel, each with its server.
async fn all() -> Vec<Wired> {
    let http = paramedic_runtime::http::client().unwrap();
    let clock = Clock::manual(at(0));
    let [one, two, three, four] = [
        StandIn::start(receiver).await,
        StandIn::start(teams_server).await,
        StandIn::start(discord_server).await,
        StandIn::start(telegram_server).await,
    ];
    let hook = Webhook::new(&webhook(&one.url), http.clone(), clock).unwrap();
    let channels: [(Box<dyn Channel>, StandIn); 4] = [
        (Box::new(hook), one),
        (Box::new(Teams::new(&teams(&two.url), http.clone())), two),
        (Box::new(Discord::new(&discord(&three.url, true), http.clone())), three),
        (Box::new(Telegram::new(&telegram(&four.url), http)), four),
    ];
    channels.into_iter().map(|(channel, server)| Wired { channel, server }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_incident_goes_through_every_channel_and_in_a_thread_where_there_are_threads() {
    let (hook, card) = (StandIn::start(receiver).await, StandIn::start(teams_server).await);
    let (forum, chat) = (StandIn::start(discord_server).await, StandIn::start(telegram_server).await);
    let site = Site::start_with(|config| {
        config.webhook = webhook(&hook.url);
        config.teams = teams(&card.url);
        config.discord = discord(&forum.url, true);
        config.telegram = telegram(&chat.url);
    })
    .await;
    // the first try of one message is refused for a while
    chat.fail_next([(429, None, json!({"ok": false, "parameters": {"retry_after": 1}}))]);
    let log = fixture::whole();
    site.append(&log).await;
    for channel in ["webhook", "teams", "discord", "telegram"] {
        eventually!(site.receipts(&log, channel).await.len() == 8, "messages are missing");
    }
    assert!(site.failures(&log).await.iter().all(|(_, again)| *again), "a message was given up");

    let posts = forum.taken();
    assert!(posts[0].body["thread_name"].as_str().unwrap().starts_with("[paramedic inc_"));
    assert!(posts[1..].iter().all(|post| post.uri.query().unwrap().contains("thread_id=700")));
    let said = chat.taken();
    assert!(said[0].body.get("reply_parameters").is_none());
    assert!(said[1..].iter().all(|one| one.body["reply_parameters"]["message_id"] == 50));
    let kinds: Vec<String> = hook.taken().iter().map(|call| call.body["message"]["kind"].to_string()).collect();
    assert_eq!((kinds.len(), kinds[0].as_str()), (8, "\"incident_opened\""));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_try_has_the_same_id_for_the_receiver() {
    let server = StandIn::start(receiver).await;
    let http = paramedic_runtime::http::client().unwrap();
    let hook = Webhook::new(&webhook(&server.url), http, Clock::manual(at(0))).unwrap();
    let message = messages(&fixture::whole()).remove(0);
    let mut one = outgoing(&message, "127.0.0.1");
    hook.send(&one).await.unwrap();
    one.again = true;
    hook.send(&one).await.unwrap();
    one.key = "inc_1/2/diagnosis_reached/x/y";
    hook.send(&one).await.unwrap();
    let ids: Vec<String> = server.taken().iter().map(|call| call.header("webhook-id").to_owned()).collect();
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_sorted_by_who_can_do_something_about_them() {
    let message = messages(&fixture::whole()).remove(0);
    for Wired { channel, server } in all().await {
        let recipient = channel.recipients()[0].clone();
        let one = outgoing(&message, &recipient);
        let name = channel.name();
        server.fail_next([
            (429, Some("7"), Value::Null),
            (429, None, json!({"retry_after": 2.5})),
            (429, Some("86400000"), Value::Null),
            (503, None, Value::Null),
            (408, None, Value::Null),
            (404, None, json!({"message": "Unknown token=abcdef1234"})),
        ]);
        for wanted in [Some(7.0), Some(2.5), Some(3600.0), None, None] {
            let SendError::Transient { after, .. } = channel.send(&one).await.unwrap_err() else {
                panic!("{name}: a passing fault was taken for a lasting one");
            };
            assert_eq!(after, wanted.map(Duration::from_secs_f64), "{name}");
        }
        let SendError::Permanent { reason } = channel.send(&one).await.unwrap_err() else {
            panic!("{name}: a lasting fault was taken for a passing one");
        };
        assert!(reason.contains(&format!("notifier.{name}.")), "{reason}");
        assert!(
            !reason.contains("secret\"") && !reason.contains("abcdef1234") && !reason.contains("http://"),
            "{reason}"
        );
        channel.send(&one).await.unwrap();
        assert_eq!((server.tries(), server.taken().len()), (7, 1), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_not_there_is_tried_again_and_its_url_is_not_told() {
    let listener = tokio::net::TcpListener::bind(super::harness::LOOPBACK).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let gone = Teams::new(&teams(&url), paramedic_runtime::http::client().unwrap());
    let message = messages(&fixture::whole()).remove(0);
    let error = gone.send(&outgoing(&message, "workflow")).await.unwrap_err();
    assert!(matches!(error, SendError::Transient { .. }), "{error}");
    assert!(
        !error.to_string().contains("http://") && !error.to_string().contains("secret"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_and_endless_text_is_taken_by_every_provider_and_stays_text() {
    let endless = "word <b> & ``` ".repeat(5_000);
    let lines = "a line of a log & more\n".repeat(3_000);
    for Wired { channel, server } in all().await {
        let recipient = channel.recipients()[0].clone();
        let name = channel.name();
        for log in [
            fixture::with_text(HOSTILE),
            fixture::with_text(&endless),
            fixture::with_text(&lines),
            fixture::with_steps(200),
        ] {
            for message in messages(&log) {
                if let Err(error) = channel.send(&outgoing(&message, &recipient)).await {
                    panic!("{name} refused {}: {error}", message.kind);
                }
                let sent = server.taken().last().unwrap().body.to_string();
                assert!(!sent.contains("hunter22"), "a secret in {} on {name}", message.kind);
                assert!(!sent.contains("approvals/"), "a personal link on {name}");
                let body = server.taken().last().unwrap().body.clone();
                match name {
                    "discord" => {
                        let description = outside(body["embeds"][0]["description"].as_str().unwrap(), "```", "```");
                        let description = description.replace("\\<", "");
                        assert!(
                            !description.contains("](") && !description.contains(" @everyone") && !description.contains("<script"),
                            "markup: {description}"
                        );
                    }
                    "telegram" => {
                        let text = outside(body["text"].as_str().unwrap(), "<pre>", "</pre>");
                        assert!(!text.contains("<script") && !text.contains(" @everyone"), "markup: {text}");
                    }
                    _ => {}
                }
                if message.asks().is_some() {
                    assert!(sent.contains("paramedic approve"), "the way to answer was cut off on {name}");
                }
            }
        }
    }
}
