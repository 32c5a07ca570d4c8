//! Forms that other sites, other sessions or nobody sent.

use std::time::Duration;

use http::StatusCode;
use paramedic_login::FORM_TOKEN;

use crate::stage::{Answer, PUBLIC_URL, Stage};

fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}: {}", answer.body);
    assert!(answer.body.contains("Nothing was done"), "{what}: {}", answer.body);
}

#[tokio::test]
async fn a_form_of_our_own_page_counts() {
    let stage = Stage::new().await;
    let mut browser = stage.signed_in().await;
    let token = browser.form_token().await;
    let answer = browser.submit("/gates", &token).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::OK, "ann@example.com decided: looks right & small")
    );
    let fields = [(FORM_TOKEN, token.as_str()), ("reason", "an older browser")];
    let answer = browser.post("/gates", &fields, &[("origin", PUBLIC_URL)]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn a_form_without_its_token_is_refused() {
    let stage = Stage::new().await;
    let mut browser = stage.signed_in().await;
    let headers = [("sec-fetch-site", "same-origin")];
    assert_refused(&browser.post("/gates", &[("reason", "x")], &headers).await, "missing");
    assert_refused(&browser.submit("/gates", "").await, "empty");
    assert_refused(&browser.post("/gates", &[], &headers).await, "no body");
    let token = browser.form_token().await;
    let in_query = format!("/gates?{FORM_TOKEN}={token}");
    assert_refused(&browser.post(&in_query, &[("reason", "x")], &headers).await, "in the address");
}

#[tokio::test]
async fn a_form_with_a_wrong_token_is_refused() {
    let stage = Stage::new().await;
    let mut browser = stage.signed_in().await;
    let token = browser.form_token().await;
    let last = if token.ends_with('0') { "1" } else { "0" };
    for wrong in [
        format!("{}{last}", &token[..63]),
        token[..62].to_owned(),
        "0".repeat(64),
        format!("{token}00"),
        "zz".into(),
    ] {
        assert_refused(&browser.submit("/gates", &wrong).await, &wrong);
    }
}

#[tokio::test]
async fn a_form_with_the_token_of_another_session_is_refused() {
    let stage = Stage::new().await;
    let old = stage.signed_in().await.form_token().await;
    let mut browser = stage.signed_in().await;
    assert_ne!(old, browser.form_token().await, "the same person, signed in twice");
    assert_refused(&browser.submit("/gates", &old).await, "another session");
}

#[tokio::test]
async fn a_form_from_another_origin_is_refused_whatever_its_token() {
    let stage = Stage::new().await;
    let mut browser = stage.signed_in().await;
    let token = browser.form_token().await;
    let fields = [(FORM_TOKEN, token.as_str()), ("reason", "x")];
    for headers in [
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")][..],
        &[("sec-fetch-site", "same-site"), ("origin", "https://other.example.com")],
        &[("sec-fetch-site", "cross-site"), ("origin", "null")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[],
    ] {
        assert_refused(&browser.post("/gates", &fields, headers).await, &format!("{headers:?}"));
    }
}

#[tokio::test]
async fn a_form_after_the_session_is_not_redirected_but_refused() {
    let stage = Stage::new().await;
    let mut browser = stage.signed_in().await;
    let token = browser.form_token().await;
    stage.pass(Duration::from_hours(8));
    let answer = browser.submit("/gates", &token).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(
        answer.body.contains("nothing was done") && answer.body.contains("href=\"&#x2f;login\""),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused() {
    let stage = Stage::new().await;
    let mut browser = stage.signed_in().await;
    let token = browser.form_token().await;
    let headers = [("sec-fetch-site", "same-origin"), ("content-type", "text/plain")];
    let answer = browser.post("/gates", &[(FORM_TOKEN, &token)], &headers).await;
    assert!(answer.status.is_client_error(), "{}", answer.status);
}
