//! Session cookies that are not, or no longer, what we sealed.

use std::time::Duration;

use http::StatusCode;

use crate::stage::{Browser, PUBLIC_URL, SECRET, Stage};

async fn is_sent_to_sign_in(browser: &mut Browser) {
    let answer = browser.get("/gates").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(answer.location(), "/login?return=%2Fgates");
}

#[tokio::test]
async fn a_tampered_cookie_is_no_session() {
    let stage = Stage::new().await;
    let mut browser = stage.signed_in().await;
    let good = browser.session_cookie().clone();
    for at in [0, good.len() / 2, good.len() - 2] {
        let other = if good.as_bytes()[at] == b'A' { "B" } else { "A" };
        browser.session_cookie().replace_range(at..=at, other);
        is_sent_to_sign_in(&mut browser).await;
        *browser.session_cookie() = good.clone();
        assert!(browser.is_signed_in().await);
    }
}

#[tokio::test]
async fn a_truncated_cookie_is_no_session() {
    let stage = Stage::new().await;
    let mut browser = stage.signed_in().await;
    let good = browser.session_cookie().clone();
    for length in [0, 1, 16, good.len() / 2, good.len() - 4, good.len() - 1] {
        *browser.session_cookie() = good[..length].to_owned();
        is_sent_to_sign_in(&mut browser).await;
    }
}

#[tokio::test]
async fn a_session_ends_after_eight_hours_however_busy() {
    let stage = Stage::new().await;
    let mut browser = stage.signed_in().await;
    for _ in 0..7 {
        stage.pass(Duration::from_hours(1));
        assert!(browser.is_signed_in().await);
    }
    stage.pass(Duration::from_secs(3_599));
    assert!(browser.is_signed_in().await);
    stage.pass(Duration::from_secs(1));
    is_sent_to_sign_in(&mut browser).await;
}

#[tokio::test]
async fn a_cookie_of_another_secret_or_provider_is_no_session() {
    let stage = Stage::new().await;
    let mut browser = stage.signed_in().await;
    let theirs = browser.session_cookie().clone();
    let another = Stage::with(PUBLIC_URL, b"another secret, of 32 bytes or more", |_| ()).await;
    let same = Stage::with(PUBLIC_URL, SECRET, |_| ()).await;
    for stage in [another, same] {
        let mut browser = stage.signed_in().await;
        *browser.session_cookie() = theirs.clone();
        is_sent_to_sign_in(&mut browser).await;
    }
}

#[tokio::test]
async fn the_attempts_cookie_is_no_session() {
    let stage = Stage::new().await;
    let mut browser = stage.browser();
    browser.until_callback().await;
    let attempt = browser.cookies["__Host-paramedic-login"].clone();
    browser.cookies.insert("__Host-paramedic".to_owned(), attempt);
    is_sent_to_sign_in(&mut browser).await;
}

#[tokio::test]
async fn a_program_without_a_session_is_refused_and_not_sent_to_sign_in() {
    let stage = Stage::new().await;
    let answer = stage.browser().fetch("/gates", "application/json").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.body.contains("not signed in"), "{}", answer.body);
}

#[tokio::test]
async fn who_signs_out_is_signed_out() {
    let stage = Stage::new().await;
    let mut browser = stage.signed_in().await;
    let token = browser.form_token().await;
    let answer = browser.submit("/logout", &token).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(answer.body.contains("You are signed out here"), "{}", answer.body);
    assert!(browser.cookies.is_empty());
    is_sent_to_sign_in(&mut browser).await;
}

#[tokio::test]
async fn nobody_is_signed_out_by_a_link_or_by_another_site() {
    let stage = Stage::new().await;
    let mut browser = stage.signed_in().await;
    assert_eq!(browser.get("/logout").await.status, StatusCode::METHOD_NOT_ALLOWED);
    let answer = browser
        .post(
            "/logout",
            &[],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        )
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(browser.is_signed_in().await);
}
