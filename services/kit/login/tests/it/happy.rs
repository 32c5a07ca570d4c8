//! What works.

use std::time::Duration;

use http::{StatusCode, header};
use serde_json::json;

use crate::stage::{SECRET, Stage};

#[tokio::test]
async fn somebody_signs_in_and_comes_back_to_the_page_they_wanted() {
    let stage = Stage::new().await;
    let mut browser = stage.browser();
    let answer = browser.follow("/gates/7?tab=diff").await;
    assert_eq!(
        (answer.status, answer.path.as_str()),
        (StatusCode::OK, "/gates/7?tab=diff"),
        "{}",
        answer.body
    );
    assert!(answer.body.starts_with("ann@example.com 1001 sre+payments "), "{}", answer.body);
    assert_eq!(
        browser.cookies.keys().collect::<Vec<_>>(),
        ["__Host-paramedic"],
        "the attempt's cookie is gone"
    );
    let asked = &stage.provider.authorizations()[0];
    assert_eq!(asked["scope"], "openid email groups");
    assert_eq!(asked["code_challenge_method"], "S256");
    assert!(asked["state"].len() >= 22 && asked["nonce"].len() >= 22, "128 bits each");
}

#[tokio::test]
async fn without_tls_the_cookie_has_its_plain_name() {
    let stage = Stage::with("", SECRET, |_| ()).await;
    let mut browser = stage.browser();
    assert_eq!(browser.follow("/gates").await.status, StatusCode::OK);
    assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), ["paramedic"]);
}

#[tokio::test]
async fn below_a_path_of_a_proxy_redirects_keep_it() {
    let stage = Stage::with("https://example.com/paramedic", SECRET, |_| ()).await;
    let mut browser = stage.browser();
    let asked = browser.get("/gates").await;
    assert_eq!(asked.location(), "/paramedic/login?return=%2Fgates");
    let callback = browser.until_callback().await;
    assert!(callback.starts_with("https://example.com/paramedic/login/callback?"), "{callback}");
    assert_eq!(browser.get(&callback).await.location(), "/paramedic/gates");
}

#[tokio::test]
async fn identity_and_groups_may_come_from_other_claims() {
    let stage = Stage::with("https://paramedic.example.com", SECRET, |config| {
        config.identity_claim = "preferred_username".into();
        config.groups_claim = "roles".into();
    })
    .await;
    stage
        .provider
        .set_person(json!({"sub": "7", "preferred_username": "bob", "roles": ["dba"]}));
    let answer = stage.browser().follow("/gates").await;
    assert!(answer.body.starts_with("bob 7 dba "), "{}", answer.body);
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_after_a_rotation() {
    let stage = Stage::new().await;
    stage.signed_in().await;
    stage.signed_in().await;
    assert_eq!(stage.provider.discoveries(), 1);
    stage.provider.overlap_keys();
    stage.signed_in().await;
    assert_eq!(stage.provider.discoveries(), 2);
    stage.provider.rotate_keys();
    stage.signed_in().await;
    assert_eq!(stage.provider.discoveries(), 2, "the second key is known already");
}

#[tokio::test]
async fn every_answer_carries_the_headers_of_pages() {
    let stage = Stage::new().await;
    let mut browser = stage.signed_in().await;
    for path in ["/gates", "/login", "/login/callback", "/nothing"] {
        let answer = browser.get(path).await;
        let text = |name: header::HeaderName| answer.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let policy = text(header::CONTENT_SECURITY_POLICY);
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self' 'sha256-"),
            "{path}: {policy}"
        );
        assert!(
            policy.ends_with("form-action 'self'; frame-ancestors 'none'; base-uri 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(text(header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
        assert_eq!(text(header::REFERRER_POLICY), "no-referrer", "{path}");
        assert_eq!(text(header::CACHE_CONTROL), "no-store", "{path}");
        assert_eq!(text(header::STRICT_TRANSPORT_SECURITY), "max-age=31536000", "{path}");
    }
}

#[tokio::test]
async fn a_provider_that_comes_up_later_is_found() {
    let stage = Stage::new().await;
    stage.provider.set_down(true);
    assert_eq!(stage.browser().get("/login").await.status, StatusCode::SERVICE_UNAVAILABLE);
    stage.provider.set_down(false);
    stage.pass(Duration::from_secs(1));
    stage.signed_in().await;
}
