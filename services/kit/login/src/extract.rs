//! Extractors: a page or a form takes one of them and is there for who is signed in alone.

use axum::{
    Form,
    body::Body,
    extract::{FromRef, FromRequest, FromRequestParts, Request},
    response::{IntoResponse, Redirect, Response},
};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header, request::Parts};
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use crate::{
    Login,
    forms::{self, Forged},
    page,
    session::Session,
};

/// The form's field with the token.
pub const FORM_TOKEN: &str = "form_token";

/// Who is signed in. Without a session browsers that look at a page are sent to sign in, and come back; everything else is refused.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Their session.
    pub session: Session,
    /// What forms of this page send as [`FORM_TOKEN`].
    pub form_token: String,
}

/// A form that somebody who is signed in sent from one of our pages.
#[derive(Debug, Clone)]
pub struct SignedForm<T> {
    /// Their session.
    pub session: Session,
    /// The form's fields.
    pub fields: T,
}

impl<S> FromRequestParts<S> for SignedIn
where
    Login: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let login = Login::from_ref(state);
        match login.session(&parts.headers) {
            Some(session) => Ok(Self {
                form_token: forms::token(&login.0.forms, &session),
                session,
            }),
            None => Err(login.ask(parts)),
        }
    }
}

impl<T, S> FromRequest<S> for SignedForm<T>
where
    T: DeserializeOwned,
    Login: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let login = Login::from_ref(state);
        let Some(session) = login.session(request.headers()) else {
            return Err(login.signed_out());
        };
        let (parts, body) = request.into_parts();
        let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), state)
            .await
            .map_err(IntoResponse::into_response)?;
        login
            .check_form(&session, &parts.headers, &bytes)
            .map_err(|forged| refuse(&session, forged))?;
        let Form(fields) = Form::<T>::from_request(Request::from_parts(parts, Body::from(bytes)), state)
            .await
            .map_err(IntoResponse::into_response)?;
        Ok(Self { session, fields })
    }
}

impl Login {
    /// Whether a form was sent from one of our pages in this session.
    fn check_form(&self, session: &Session, headers: &HeaderMap, body: &[u8]) -> Result<(), Forged> {
        forms::check_origin(&self.0.site, headers)?;
        let token = form_urlencoded::parse(body).find(|(name, _)| name == FORM_TOKEN);
        forms::check_token(&self.0.forms, session, &token.map(|(_, token)| token).unwrap_or_default())
    }

    fn ask(&self, parts: &Parts) -> Response {
        let looks = matches!(parts.method, Method::GET | Method::HEAD);
        let html = parts
            .headers
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"));
        if !(looks && html) {
            return self.signed_out();
        }
        let back = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        Redirect::to(&self.sign_in_path(back)).into_response()
    }

    /// A form is not sent again after signing in: the page may be another by then.
    fn signed_out(&self) -> Response {
        page::notice(
            StatusCode::UNAUTHORIZED,
            "Signed out",
            "You are not signed in (any more), so nothing was done. Sign in, look at the page again, and then decide.",
            Some(&self.0.site.path("/login")),
        )
    }
}

fn refuse(session: &Session, forged: Forged) -> Response {
    tracing::warn!(identity = session.identity, session = session.id, reason = %forged, "a form was refused");
    page::notice(
        StatusCode::FORBIDDEN,
        "Not sent from here",
        "Nothing was done: this form was not sent from a page of this session. Open the page again and use its button. If a link or \
         another site brought you here, tell who administers Paramedic.",
        None,
    )
}
