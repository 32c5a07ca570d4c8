//! ID tokens that must not sign anybody in.

use std::time::Duration;

use http::StatusCode;
use paramedic_testkit::oidc::{CLIENT_ID, CLIENT_SECRET, IdToken, Signer};
use serde_json::{Value, json};

use crate::stage::{Browser, Stage};

/// Signs in with the next token spoiled: the status, and the browser.
async fn with(stage: &Stage, spoil: impl FnOnce(&mut IdToken) + Send + 'static) -> (StatusCode, String, Browser) {
    let mut browser = stage.browser();
    stage.provider.spoil_next(spoil);
    let answer = browser.follow("/login?return=/gates").await;
    (answer.status, answer.body, browser)
}

/// The token is refused, its page says nothing of it, and the next, good one is taken.
async fn refused(stage: &Stage, what: &str, spoil: impl FnOnce(&mut IdToken) + Send + 'static) {
    let (status, body, mut browser) = with(stage, spoil).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY, "{what}: {body}");
    assert!(body.contains("could not be verified"), "{what}: {body}");
    assert!(!body.contains("ann@example.com") && !body.contains("127.0.0.1"), "{what}: {body}");
    assert_eq!(browser.cookies.len(), 0, "{what}: no session, and the attempt is over");
    assert!(!browser.is_signed_in().await, "{what}");
    stage.signed_in().await;
}

fn claim(name: &'static str, value: Value) -> impl FnOnce(&mut IdToken) + Send + 'static {
    move |token| token.claims[name] = value
}

fn without(name: &'static str) -> impl FnOnce(&mut IdToken) + Send + 'static {
    move |token| {
        token.claims.as_object_mut().unwrap().remove(name);
    }
}

#[tokio::test]
async fn a_token_with_another_nonce_is_refused() {
    let stage = Stage::new().await;
    refused(&stage, "other", claim("nonce", json!("of another sign-in"))).await;
    refused(&stage, "empty", claim("nonce", json!(""))).await;
    refused(&stage, "none", without("nonce")).await;
}

#[tokio::test]
async fn an_expired_token_is_refused_but_for_a_minute() {
    let stage = Stage::new().await;
    let now = stage.clock.now().as_second();
    refused(&stage, "expired", claim("exp", json!(now - 60))).await;
    refused(&stage, "never expires", without("exp")).await;
    let (status, body, _) = with(&stage, claim("exp", json!(now - 59))).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test]
async fn a_token_of_the_future_is_refused_but_for_a_minute() {
    let stage = Stage::new().await;
    let now = stage.clock.now().as_second();
    refused(&stage, "to come", claim("iat", json!(now + 61))).await;
    let (status, body, _) = with(&stage, claim("iat", json!(now + 60))).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test]
async fn the_clock_that_was_given_decides_what_is_expired() {
    let stage = Stage::new().await;
    stage.clock.advance(Duration::from_secs(361));
    let answer = stage.browser().follow("/login?return=/gates").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "the provider's tokens live 300 s");
    stage.pass(Duration::ZERO);
    stage.signed_in().await;
}

#[tokio::test]
async fn a_token_for_another_audience_is_refused() {
    let stage = Stage::new().await;
    refused(&stage, "other", claim("aud", json!("another-client"))).await;
    refused(&stage, "prefix", claim("aud", json!(format!("{CLIENT_ID}-staging")))).await;
    refused(&stage, "one more", claim("aud", json!([CLIENT_ID, "another-client"]))).await;
    refused(&stage, "empty", claim("aud", json!([]))).await;
    refused(&stage, "none", without("aud")).await;
}

#[tokio::test]
async fn a_token_of_another_issuer_is_refused() {
    let stage = Stage::new().await;
    let slash = format!("{}/", stage.provider.issuer());
    refused(&stage, "other", claim("iss", json!("https://evil.example"))).await;
    refused(&stage, "a slash more", claim("iss", json!(slash))).await;
    refused(&stage, "none", without("iss")).await;
}

#[tokio::test]
async fn a_token_that_is_not_signed_is_refused() {
    let stage = Stage::new().await;
    for alg in ["none", "None", "NONE"] {
        refused(&stage, alg, move |token| {
            token.header = json!({"alg": alg, "typ": "JWT"});
            token.signer = Signer::Nothing;
        })
        .await;
    }
    refused(&stage, "signature cut off", |token| token.signer = Signer::Nothing).await;
}

#[tokio::test]
async fn a_token_that_is_signed_with_the_public_key_as_a_secret_is_refused() {
    let stage = Stage::new().await;
    for kid in [Some("first"), None] {
        refused(&stage, "public key", move |token| {
            token.header = json!({"alg": "HS256", "typ": "JWT", "kid": kid});
            token.signer = Signer::hmac_with_public_key("first").unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn a_token_that_is_signed_with_the_clients_secret_is_refused() {
    let stage = Stage::new().await;
    refused(&stage, "client secret", |token| {
        token.header = json!({"alg": "HS256", "typ": "JWT"});
        token.signer = Signer::Hmac(CLIENT_SECRET.as_bytes().to_vec());
    })
    .await;
}

#[tokio::test]
async fn a_token_of_an_unknown_key_is_refused_and_a_rotated_one_taken() {
    let stage = Stage::new().await;
    refused(&stage, "unknown id", |token| {
        token.header["kid"] = json!("stranger");
        token.signer = Signer::Rsa("stranger");
    })
    .await;
    refused(&stage, "a known id", |token| token.signer = Signer::Rsa("stranger")).await;
    refused(&stage, "its key in the header", |token| {
        token.header["jwk"] = json!({"kty": "RSA", "kid": "stranger"});
        token.header["jku"] = json!("https://evil.example/keys");
        token.signer = Signer::Rsa("stranger");
    })
    .await;
    stage.provider.rotate_keys();
    stage.signed_in().await;
    refused(&stage, "retired", |token| {
        token.header["kid"] = json!("first");
        token.signer = Signer::Rsa("first");
    })
    .await;
}

#[tokio::test]
async fn an_address_that_is_not_verified_signs_nobody_in() {
    let stage = Stage::new().await;
    for spoil in [claim("email_verified", json!(false))] {
        let (status, body, mut browser) = with(&stage, spoil).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{body}");
        assert!(body.contains("has not verified your e-mail address"), "{body}");
        assert!(!browser.is_signed_in().await);
    }
    let (status, body, _) = with(&stage, without("email_verified")).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{body}");
    stage.signed_in().await;
}

#[tokio::test]
async fn a_token_that_names_nobody_signs_nobody_in() {
    let stage = Stage::new().await;
    let (status, body, _) = with(&stage, without("email")).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{body}");
    assert!(body.contains("does not tell Paramedic who you are"), "{body}");
}

#[tokio::test]
async fn more_groups_than_a_cookie_holds_are_said() {
    let stage = Stage::new().await;
    let groups: Vec<_> = (0..200).map(|n| format!("a-group-with-a-long-name-{n}")).collect();
    let (status, body, browser) = with(&stage, claim("groups", json!(groups))).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{body}");
    assert!(body.contains("in more groups than"), "{body}");
    assert_eq!(browser.cookies.len(), 0);
}
