//! Callbacks that do not belong to the sign-in of this browser, and providers that do not answer.

use std::time::Duration;

use http::StatusCode;
use paramedic_testkit::{
    oidc::{CLIENT_ID, CLIENT_SECRET},
    ports,
};
use url::{Url, form_urlencoded};

use crate::stage::{Answer, Browser, PUBLIC_URL, SECRET, Stage};

fn asked(callback: &str, name: &str) -> String {
    let url = Url::parse(callback).unwrap();
    url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned()
}

fn callback(pairs: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("/login/callback?{query}")
}

async fn refused(browser: &mut Browser, url: &str, status: StatusCode, says: &str) -> Answer {
    let answer = browser.get(url).await;
    assert_eq!(answer.status, status, "{}", answer.body);
    assert!(answer.body.contains(says), "{}", answer.body);
    assert!(!browser.is_signed_in().await);
    answer
}

#[tokio::test]
async fn a_callback_with_another_state_is_refused() {
    let stage = Stage::new().await;
    let mut browser = stage.browser();
    for state in ["", "another", "same length as the real state"] {
        let code = asked(&browser.until_callback().await, "code");
        let url = callback(&[("code", &code), ("state", state)]);
        refused(&mut browser, &url, StatusCode::BAD_REQUEST, "not begun in this browser").await;
    }
    let code = asked(&browser.until_callback().await, "code");
    refused(
        &mut browser,
        &callback(&[("code", &code)]),
        StatusCode::BAD_REQUEST,
        "not begun in this browser",
    )
    .await;
}

#[tokio::test]
async fn a_callback_without_a_sign_in_is_refused() {
    let stage = Stage::new().await;
    let url = stage.browser().until_callback().await;
    refused(&mut stage.browser(), &url, StatusCode::BAD_REQUEST, "not begun in this browser").await;
    refused(
        &mut stage.browser(),
        "/login/callback",
        StatusCode::BAD_REQUEST,
        "not begun in this browser",
    )
    .await;
}

#[tokio::test]
async fn a_replayed_callback_is_refused() {
    let stage = Stage::new().await;
    let mut browser = stage.browser();
    let url = browser.until_callback().await;
    assert_eq!(browser.get(&url).await.status, StatusCode::SEE_OTHER);
    browser.cookies.clear();
    refused(&mut browser, &url, StatusCode::BAD_REQUEST, "not begun in this browser").await;
}

#[tokio::test]
async fn a_code_is_taken_once_even_with_the_attempts_cookie_kept() {
    let stage = Stage::new().await;
    let mut browser = stage.browser();
    let url = browser.until_callback().await;
    let kept = browser.cookies.clone();
    assert_eq!(browser.get(&url).await.status, StatusCode::SEE_OTHER);
    browser.cookies = kept;
    refused(&mut browser, &url, StatusCode::BAD_REQUEST, "used already").await;
}

#[tokio::test]
async fn a_code_of_another_browser_is_refused_by_its_challenge() {
    let stage = Stage::new().await;
    let theirs = asked(&stage.browser().until_callback().await, "code");
    let mut browser = stage.browser();
    let state = asked(&browser.until_callback().await, "state");
    let url = callback(&[("code", &theirs), ("state", &state)]);
    refused(&mut browser, &url, StatusCode::BAD_REQUEST, "used already or took too long").await;
}

#[tokio::test]
async fn the_provider_takes_no_code_without_its_verifier() {
    let stage = Stage::new().await;
    let code = asked(&stage.browser().until_callback().await, "code");
    let client = paramedic_runtime::http::client().unwrap();
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let redirect = format!("{PUBLIC_URL}/login/callback");
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", redirect.as_str()),
    ];
    for verifier in [None, Some(""), Some("a-verifier-of-somebody-else-that-is-long-enough")] {
        fields.truncate(3);
        fields.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        let answer = client
            .post(format!("{}/token", stage.provider.issuer()))
            .basic_auth(encode(CLIENT_ID), Some(encode(CLIENT_SECRET)))
            .form(&fields)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        assert_eq!(answer.text().await.unwrap(), r#"{"error":"invalid_grant"}"#);
    }
}

#[tokio::test]
async fn who_takes_longer_than_ten_minutes_begins_again() {
    let stage = Stage::new().await;
    let mut browser = stage.browser();
    let late = browser.until_callback().await;
    stage.clock.advance(Duration::from_mins(10));
    refused(&mut browser, &late, StatusCode::BAD_REQUEST, "took longer than ten minutes").await;
    stage.pass(Duration::ZERO);
    let expired = browser.until_callback().await;
    stage.pass(Duration::from_mins(2));
    refused(&mut browser, &expired, StatusCode::BAD_REQUEST, "took too long").await;
}

#[tokio::test]
async fn an_answer_that_names_another_issuer_is_refused() {
    let stage = Stage::new().await;
    let mut browser = stage.browser();
    let url = browser.until_callback().await;
    let (code, state) = (asked(&url, "code"), asked(&url, "state"));
    let url = callback(&[("code", &code), ("state", &state), ("iss", "https://evil.example")]);
    refused(&mut browser, &url, StatusCode::BAD_REQUEST, "not begun in this browser").await;
}

#[tokio::test]
async fn what_a_provider_declines_is_said_without_its_words() {
    let stage = Stage::new().await;
    let mut browser = stage.browser();
    stage.provider.decline_next("<script>alert(1)</script>");
    let url = browser.until_callback().await;
    let answer = refused(&mut browser, &url, StatusCode::FORBIDDEN, "did not let you in").await;
    assert!(!answer.body.contains("script"), "{}", answer.body);
}

#[tokio::test]
async fn a_provider_that_does_not_know_our_secret_is_the_administrators_matter() {
    let stage = Stage::with(PUBLIC_URL, SECRET, |config| config.client_secret = "an old one".to_owned().into()).await;
    let mut browser = stage.browser();
    let url = browser.until_callback().await;
    refused(&mut browser, &url, StatusCode::BAD_GATEWAY, "client_id and client_secret").await;
}

/// The page says what to do, and nothing of where the provider is or what it said.
async fn says_what_to_do(answer: &Answer, leaks: &[&str]) {
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
    for word in ["cannot be reached", "Try again in a minute", "command line"] {
        assert!(answer.body.contains(word), "{word}: {}", answer.body);
    }
    for word in leaks.iter().chain(&[CLIENT_ID, "internal.example", "127.0.0.1", "refused"]) {
        assert!(!answer.body.contains(word), "{word}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_provider_that_is_down_at_login_is_said() {
    let port = ports::free_port().unwrap();
    let stage = Stage::with(PUBLIC_URL, SECRET, |config| config.issuer = format!("http://127.0.0.1:{port}")).await;
    says_what_to_do(&stage.browser().follow("/gates").await, &[&port.to_string()]).await;
    let stage = Stage::new().await;
    stage.provider.set_down(true);
    says_what_to_do(&stage.browser().follow("/gates").await, &[]).await;
}

#[tokio::test]
async fn a_provider_that_goes_down_before_the_callback_is_said() {
    let stage = Stage::new().await;
    let mut browser = stage.browser();
    let url = browser.until_callback().await;
    stage.provider.set_down(true);
    says_what_to_do(&browser.get(&url).await, &[]).await;
    stage.provider.set_down(false);
    stage.signed_in().await;
    assert_eq!(stage.provider.discoveries(), 2, "it may have come back at another address");
}

#[tokio::test]
async fn a_redirect_of_the_provider_is_not_followed() {
    let (stage, elsewhere) = (Stage::new().await, Stage::new().await);
    stage.provider.redirect_to(elsewhere.provider.issuer());
    let mut browser = stage.browser();
    refused(&mut browser, "/login", StatusCode::BAD_GATEWAY, "could not be verified").await;
    assert_eq!(elsewhere.provider.discoveries(), 0, "nobody else is asked");
}

#[tokio::test]
async fn a_provider_that_calls_itself_otherwise_is_not_believed() {
    let stage = Stage::new().await;
    let other = stage.provider.issuer().replace("127.0.0.1", "localhost");
    let stage = Stage::with(PUBLIC_URL, SECRET, |config| config.issuer = other).await;
    let mut browser = stage.browser();
    refused(&mut browser, "/login", StatusCode::BAD_GATEWAY, "could not be verified").await;
}

#[tokio::test]
async fn an_open_redirect_is_not_followed() {
    let stage = Stage::new().await;
    for path in [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "/%09/evil.example",
        "\\evil",
        "javascript:alert(1)",
    ] {
        let mut browser = stage.browser();
        let back: String = form_urlencoded::byte_serialize(path.replace("%09", "\t").as_bytes()).collect();
        let begun = browser.get(&format!("/login?return={back}")).await;
        let callback = browser.get(begun.location()).await;
        assert_eq!(browser.get(callback.location()).await.location(), "/", "{path}");
    }
}
