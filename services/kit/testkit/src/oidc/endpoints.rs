//! The provider's endpoints, as strict as the standards let them be.

use std::collections::HashMap;

use axum::{
    Form, Json, Router,
    extract::{Query, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use http::{HeaderMap, StatusCode, header};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};
use uuid::Uuid;

use super::{CLIENT_ID, CLIENT_SECRET, CODE_LIFE, Code, IdToken, Shared, Signer, lock, token};

/// Seconds for which an ID token is good.
const TOKEN_LIFE: i64 = 300;

pub(super) fn routes(memory: Shared) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/keys", get(keys))
        .route("/authorize", get(authorize))
        .route("/token", post(trade))
        .layer(middleware::from_fn_with_state(memory.clone(), unless_away))
        .with_state(memory)
}

async fn unless_away(State(memory): State<Shared>, request: Request, next: Next) -> Response {
    if lock(&memory).down {
        return (StatusCode::SERVICE_UNAVAILABLE, "a stack trace with internal.example in it").into_response();
    }
    let moved = lock(&memory).moved.clone();
    match moved {
        Some(issuer) => Redirect::temporary(&format!("{issuer}{}", request.uri())).into_response(),
        None => next.run(request).await,
    }
}

async fn discovery(State(memory): State<Shared>) -> Json<Value> {
    let mut memory = lock(&memory);
    memory.discoveries += 1;
    let issuer = &memory.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "email", "profile", "groups"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn keys(State(memory): State<Shared>) -> Response {
    let names = lock(&memory).keys.clone();
    match names.into_iter().map(token::jwk).collect::<Result<Vec<_>, _>>() {
        Ok(keys) => Json(json!({ "keys": keys })).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn authorize(State(memory): State<Shared>, Query(asked): Query<HashMap<String, String>>) -> Response {
    let mut memory = lock(&memory);
    let get = |name: &str| asked.get(name).map_or("", String::as_str);
    // What is wrong with the client or its address is said here: sending it back could send it to somebody else.
    if get("client_id") != CLIENT_ID || get("redirect_uri") != memory.redirect_uri {
        return (StatusCode::BAD_REQUEST, "unknown client_id or redirect_uri").into_response();
    }
    let asks_right = get("response_type") == "code"
        && get("scope").split(' ').any(|scope| scope == "openid")
        && get("code_challenge_method") == "S256"
        && get("code_challenge").len() == 43;
    let declined = memory.declines.take();
    let mut answer = vec![("state", get("state").to_owned()), ("iss", memory.issuer.clone())];
    if let Some(error) = declined {
        answer.push(("error", error));
    } else if asks_right {
        let code = Uuid::new_v4().to_string();
        let kept = Code {
            nonce: asked.get("nonce").cloned(),
            challenge: get("code_challenge").to_owned(),
            redirect_uri: get("redirect_uri").to_owned(),
            expires_at: memory.now + CODE_LIFE,
            used: false,
        };
        memory.codes.insert(code.clone(), kept);
        answer.push(("code", code));
    } else {
        answer.push(("error", "invalid_request".to_owned()));
    }
    match Url::parse_with_params(get("redirect_uri"), answer) {
        Ok(url) => {
            memory.authorizations.push(asked);
            Redirect::to(url.as_str()).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

async fn trade(State(memory): State<Shared>, headers: HeaderMap, Form(asked): Form<HashMap<String, String>>) -> Response {
    let mut memory = lock(&memory);
    if !is_client(&headers) {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"provider\"")];
        return (StatusCode::UNAUTHORIZED, challenge, error("invalid_client")).into_response();
    }
    let get = |name: &str| asked.get(name).map_or("", String::as_str);
    if get("grant_type") != "authorization_code" {
        return (StatusCode::BAD_REQUEST, error("unsupported_grant_type")).into_response();
    }
    let now = memory.now;
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, get("code_verifier").as_bytes()));
    let good = memory
        .codes
        .get_mut(get("code"))
        .filter(|code| !code.used && now < code.expires_at && code.redirect_uri == get("redirect_uri") && code.challenge == challenge);
    let Some(code) = good else {
        return (StatusCode::BAD_REQUEST, error("invalid_grant")).into_response();
    };
    code.used = true;
    let nonce = code.nonce.clone();
    let mut token = IdToken {
        header: json!({"alg": "RS256", "typ": "JWT", "kid": memory.keys[0]}),
        claims: memory.person.clone(),
        signer: Signer::Rsa(memory.keys[0]),
    };
    for (name, value) in [
        ("iss", json!(memory.issuer)),
        ("aud", json!(CLIENT_ID)),
        ("iat", json!(now)),
        ("exp", json!(now + TOKEN_LIFE)),
        ("nonce", json!(nonce)),
    ] {
        token.claims[name] = value;
    }
    if let Some(spoil) = memory.spoil.take() {
        spoil(&mut token);
    }
    match token.sign() {
        Ok(token) => {
            let headers = [(header::CACHE_CONTROL, "no-store")];
            let answer = json!({"access_token": Uuid::new_v4(), "token_type": "Bearer", "expires_in": TOKEN_LIFE, "id_token": token});
            (headers, Json(answer)).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn error(code: &str) -> Json<Value> {
    Json(json!({ "error": code }))
}

/// HTTP Basic with both parts form-encoded, as RFC 6749, section 2.3.1, has it.
fn is_client(headers: &HeaderMap) -> bool {
    let decode = |part: &str| {
        form_urlencoded::parse(format!("x={part}").as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
        .and_then(|value| String::from_utf8(BASE64_STANDARD.decode(value).ok()?).ok())
        .and_then(|pair| pair.split_once(':').map(|(id, secret)| (decode(id), decode(secret))))
        .is_some_and(|(id, secret)| id == CLIENT_ID && secret == CLIENT_SECRET)
}
