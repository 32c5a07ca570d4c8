//! Why nobody is signed in, for the log and for the person.

use axum::http::StatusCode;

use crate::claims::Useless;

/// Why a sign-in failed. `Display` is for the log; people read [`Refused::advice`], which holds nothing that came from outside.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the callback matches no sign-in that this browser began: {0}")]
    NotBegun(&'static str),
    #[error("the provider declined: {0:?}")]
    Declined(String),
    #[error("the provider cannot be asked: {0}")]
    Unreachable(String),
    #[error("the provider does not take the code: {0}")]
    Code(String),
    #[error("the provider does not take our client id and secret: {0}")]
    Client(String),
    #[error("the provider's answer cannot be believed: {0}")]
    Unbelievable(String),
    #[error(transparent)]
    Useless(#[from] Useless),
    #[error("the session of {identity:?} with {groups} groups does not fit into a cookie")]
    TooLarge { identity: String, groups: usize },
}

impl Refused {
    /// Status and what the person may do.
    pub(crate) fn advice(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotBegun(_) => (
                StatusCode::BAD_REQUEST,
                "This sign-in was not begun in this browser, took longer than ten minutes, or was used already. Sign in again.",
            ),
            Self::Declined(_) => (
                StatusCode::FORBIDDEN,
                "The identity provider did not let you in. Sign in again; if that does not help, ask who administers it whether you may use Paramedic.",
            ),
            Self::Unreachable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The identity provider cannot be reached, so nobody can sign in at the moment. Try again in a minute. Decisions can also be \
                 made with the links in messages and with the command line.",
            ),
            Self::Code(_) => (
                StatusCode::BAD_REQUEST,
                "The identity provider says that this sign-in was used already or took too long. Sign in again.",
            ),
            Self::Client(_) => (
                StatusCode::BAD_GATEWAY,
                "The identity provider does not know this service. Whoever administers Paramedic finds the reason in its log; client_id \
                 and client_secret are the settings to look at.",
            ),
            Self::Unbelievable(_) => (
                StatusCode::BAD_GATEWAY,
                "What the identity provider said about you could not be verified, so you are not signed in. Whoever administers Paramedic \
                 finds the reason in its log.",
            ),
            Self::Useless(Useless::Unverified(_)) => (
                StatusCode::FORBIDDEN,
                "The identity provider has not verified your e-mail address. Verify it there, then sign in again.",
            ),
            Self::Useless(_) => (
                StatusCode::FORBIDDEN,
                "The identity provider does not tell Paramedic who you are. Whoever administers Paramedic finds the missing claim in its log.",
            ),
            Self::TooLarge { .. } => (
                StatusCode::FORBIDDEN,
                "You are in more groups than a browser's cookie can hold. Ask who administers the identity provider to send Paramedic only \
                 the groups that it uses.",
            ),
        }
    }
}
