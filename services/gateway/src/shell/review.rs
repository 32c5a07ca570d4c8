//! Service account tokens, reviewed by the API server.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::{Api, Client, api::PostParams};
use paramedic_runtime::Clock;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// How long the API server's word is good: how late a deleted service account is noticed.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Words remembered at once.
const MAX_REMEMBERED: usize = 1024;
/// Longest wait for the API server.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whose a token is, if that one is let in, and until when that is good.
type Known = (Option<String>, Timestamp);

/// Asks the API server whose a token is.
pub(crate) struct Reviewer {
    client: Client,
    clock: Clock,
    /// `system:serviceaccount:namespace:name` of those that are let in.
    users: Vec<String>,
    audiences: Vec<String>,
    known: Mutex<HashMap<[u8; 32], Known>>,
}

impl Reviewer {
    pub(crate) fn new(client: Client, clock: Clock, accounts: &[String], audiences: &[String]) -> Self {
        Self {
            client,
            clock,
            users: accounts
                .iter()
                .map(|account| format!("system:serviceaccount:{}", account.replace('/', ":")))
                .collect(),
            audiences: audiences.to_vec(),
            known: Mutex::default(),
        }
    }

    /// The account whose token it is, if it is one of those that are let in.
    ///
    /// # Errors
    /// When the API server cannot say.
    pub(crate) async fn admits(&self, token: &SecretString) -> Result<Option<String>, String> {
        let digest: [u8; 32] = Sha256::digest(token.expose_secret().as_bytes()).into();
        let now = self.clock.now();
        if let Some(admitted) = self.remembered(&digest, now) {
            return Ok(admitted);
        }
        let review = TokenReview {
            spec: TokenReviewSpec {
                token: token.expose_secret().to_owned(),
                audiences: (!self.audiences.is_empty()).then(|| self.audiences.clone()),
            },
            ..TokenReview::default()
        };
        let api = Api::<TokenReview>::all(self.client.clone());
        let status = tokio::time::timeout(PATIENCE, api.create(&PostParams::default(), &review))
            .await
            .map_err(|_| format!("the API server did not review the token within {} s", PATIENCE.as_secs()))?
            .map_err(|error| format!("the API server did not review the token: {error}"))?
            .status
            .unwrap_or_default();
        // A server that knows nothing of audiences answers without them: then the token was not checked for ours.
        let meant = self.audiences.is_empty()
            || status
                .audiences
                .is_some_and(|named| named.iter().any(|one| self.audiences.contains(one)));
        let user = status.user.and_then(|user| user.username);
        let admitted = user.filter(|user| status.authenticated == Some(true) && meant && self.users.contains(user));
        self.remember(digest, admitted.clone(), now);
        Ok(admitted)
    }

    fn remembered(&self, digest: &[u8; 32], now: Timestamp) -> Option<Option<String>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(digest)
            .filter(|(_, until)| *until > now)
            .map(|(admitted, _)| admitted.clone())
    }

    fn remember(&self, digest: [u8; 32], admitted: Option<String>, now: Timestamp) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_REMEMBERED {
            known.retain(|_, (_, until)| *until > now);
        }
        // Full of words that are still good: somebody tries tokens. The next review costs a call, nothing else.
        if known.len() < MAX_REMEMBERED {
            known.insert(digest, (admitted, now + REMEMBERED));
        }
    }
}
