//! Sign-in of one role: its routes, and the answer to who is signed in.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::{
    Router,
    extract::{RawQuery, State},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use http::{HeaderMap, StatusCode, header};
use paramedic_runtime::Clock;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use url::form_urlencoded;
use uuid::Uuid;

use crate::{
    Config,
    cookies::{Cookies, Purpose},
    extract::SignedForm,
    keys::Keys,
    page,
    provider::Provider,
    refused::Refused,
    session::{Attempt, Session, after},
    site::Site,
};

/// Longest error code of a provider that is written to the log, characters.
const MAX_ERROR: usize = 64;

/// Sign-in at one provider; cheap to clone.
#[derive(Clone)]
pub struct Login(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) site: Site,
    pub(crate) forms: [u8; 32],
    cookies: Cookies,
    provider: Provider,
    clock: Clock,
    session: Duration,
}

/// A form that has a token alone.
#[derive(Deserialize)]
struct NoFields {}

struct Callback {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

impl Callback {
    fn read(query: Option<&str>) -> Self {
        Self {
            code: first(query, "code"),
            state: first(query, "state"),
            iss: first(query, "iss"),
            error: first(query, "error"),
        }
    }
}

impl Login {
    /// Sign-in with a configuration that is valid and enabled. Asks the provider nothing before somebody signs in. All replicas of a
    /// role need the same `secret`, of at least 32 bytes; whoever has it can be anybody.
    ///
    /// # Errors
    /// When the public URL is none, the secret too short, or no HTTP client can be had.
    pub fn new(config: Config, public_url: &str, secret: &[u8], clock: Clock) -> anyhow::Result<Self> {
        let site = Site::parse(public_url)
            .with_context(|| format!("{public_url:?} is not an http(s) URL, and people who sign in must come back to one"))?;
        let keys = Keys::derive(secret, &config)?;
        Ok(Self(Arc::new(Inner {
            cookies: Cookies::new(keys.cookies, site.secure()),
            forms: keys.forms,
            session: Duration::from_hours(config.session_hours.into()),
            provider: Provider::new(config, &site, clock.clone())?,
            site,
            clock,
        })))
    }

    /// `GET /login?return=/path`, `GET /login/callback` and `POST /logout`.
    pub fn routes(&self) -> Router {
        Router::new()
            .route("/login", get(begin))
            .route("/login/callback", get(callback))
            .route("/logout", post(logout))
            .with_state(self.clone())
    }

    /// Who is signed in, for pages that are there for everybody; others take [`SignedIn`](crate::SignedIn).
    #[must_use]
    pub fn session(&self, headers: &HeaderMap) -> Option<Session> {
        self.0.cookies.open::<Session>(Purpose::Session, headers)?.open(self.0.clock.now())
    }

    /// Our path that begins a sign-in and comes back to `back`.
    #[must_use]
    pub fn sign_in_path(&self, back: &str) -> String {
        let back: String = form_urlencoded::byte_serialize(back.as_bytes()).collect();
        self.0.site.path(&format!("/login?return={back}"))
    }

    async fn finish(&self, headers: &HeaderMap, callback: Callback) -> Result<(Session, String), Refused> {
        let now = self.0.clock.now();
        let attempt = self
            .0
            .cookies
            .open::<Attempt>(Purpose::Attempt, headers)
            .ok_or(Refused::NotBegun("it brought no cookie of one"))?;
        if now >= attempt.expires_at {
            return Err(Refused::NotBegun("it took too long"));
        }
        let state = callback.state.unwrap_or_default();
        if !bool::from(state.as_bytes().ct_eq(attempt.state.as_bytes())) {
            return Err(Refused::NotBegun("its state is another"));
        }
        if let Some(error) = callback.error {
            return Err(Refused::Declined(error.chars().take(MAX_ERROR).collect()));
        }
        if callback.iss.is_some_and(|issuer| !self.0.provider.is(&issuer)) {
            return Err(Refused::NotBegun("it comes from another issuer"));
        }
        let code = callback.code.ok_or(Refused::NotBegun("it brought no code"))?;
        let person = self.0.provider.finish(code, &attempt).await?;
        let session = Session::begin(Uuid::new_v4().simple().to_string(), person, now, self.0.session);
        Ok((session, attempt.back))
    }

    fn refuse(&self, refused: &Refused) -> Response {
        tracing::warn!(reason = %refused, "a sign-in was refused");
        let (status, advice) = refused.advice();
        page::notice(status, "Not signed in", advice, Some(&self.0.site.path("/login")))
    }
}

/// The first of that name in a query that anybody may have written.
fn first(query: Option<&str>, name: &str) -> Option<String> {
    form_urlencoded::parse(query?.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

async fn begin(State(login): State<Login>, RawQuery(query): RawQuery) -> Response {
    let inner = &login.0;
    let back = first(query.as_deref(), "return").and_then(|back| inner.site.local(&back));
    let back = back.unwrap_or_else(|| "/".to_owned());
    let expires_at = after(inner.clock.now(), Attempt::LENGTH);
    let begun = match inner.provider.begin(back, expires_at).await {
        Ok((url, attempt)) => inner
            .cookies
            .seal(Purpose::Attempt, &attempt, Attempt::LENGTH)
            .map(|cookie| (url, cookie))
            .map_err(|_| Refused::NotBegun("what to remember of it does not fit into a cookie")),
        Err(refused) => Err(refused),
    };
    match begun {
        Ok((url, cookie)) => ([(header::SET_COOKIE, cookie)], Redirect::to(&url)).into_response(),
        Err(refused) => login.refuse(&refused),
    }
}

async fn callback(State(login): State<Login>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let inner = &login.0;
    let finished = login.finish(&headers, Callback::read(query.as_deref())).await;
    let sealed = finished.and_then(|(session, back)| {
        let cookie = inner.cookies.seal(Purpose::Session, &session, inner.session);
        let too_large = |_| Refused::TooLarge {
            identity: session.identity.clone(),
            groups: session.groups.len(),
        };
        Ok((cookie.map_err(too_large)?, session, back))
    });
    let mut response = match sealed {
        Ok((cookie, session, back)) => {
            tracing::info!(
                identity = session.identity,
                subject = session.subject,
                session = session.id,
                "signed in"
            );
            ([(header::SET_COOKIE, cookie)], Redirect::to(&inner.site.path(&back))).into_response()
        }
        Err(refused) => login.refuse(&refused),
    };
    // Used or refused, an attempt is over.
    response
        .headers_mut()
        .append(header::SET_COOKIE, inner.cookies.clear(Purpose::Attempt));
    response
}

async fn logout(State(login): State<Login>, form: SignedForm<NoFields>) -> Response {
    tracing::info!(identity = form.session.identity, session = form.session.id, "signed out");
    let mut response = page::notice(
        StatusCode::OK,
        "Signed out",
        "You are signed out here. At the identity provider you may still be signed in.",
        Some(&login.0.site.path("/login")),
    );
    response
        .headers_mut()
        .append(header::SET_COOKIE, login.0.cookies.clear(Purpose::Session));
    response
}
