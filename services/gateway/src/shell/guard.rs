//! Who may use a source.

use axum::http::{HeaderMap, HeaderValue, header};
use paramedic_runtime::{Kit, config::Invalid, tls::Peer};
use secrecy::SecretString;

use super::{answer::Refusal, review::Reviewer, secret_file::SecretFile};
use crate::{
    config::{Source, is_pair, is_token},
    core::{
        body::Chunks,
        credential::{self, Credential},
        pagerduty,
    },
};

/// Header with PagerDuty's signatures of the body.
pub(crate) const SIGNATURE: &str = "x-pagerduty-signature";

/// The ways in which a source may say who it is; any one is enough.
pub(crate) struct Guard {
    source: String,
    anonymous: bool,
    tokens: Secrets,
    basic: Secrets,
    signing: Secrets,
    client_names: Vec<String>,
    reviewer: Option<Reviewer>,
}

/// Secrets from the configuration and from a file.
struct Secrets {
    given: Vec<SecretString>,
    file: Option<SecretFile>,
}

impl Secrets {
    fn any(&self) -> bool {
        !self.given.is_empty() || self.file.is_some()
    }

    fn hold(&self, secret: &SecretString) -> bool {
        let file = self.file.as_ref().map(SecretFile::secrets);
        credential::is_allowed(secret, self.given.iter().chain(file.iter().flat_map(|secrets| secrets.iter())))
    }
}

impl Guard {
    /// # Errors
    /// When a file cannot be read, or tokens are to be reviewed without a way to the cluster.
    pub(crate) fn new(name: &str, source: &Source, kit: &Kit) -> Result<Self, Invalid> {
        let key = |field: &str| format!("gateway.sources.{name}.{field}");
        let file = |field: &str, path: &std::path::Path, separators, accepts| {
            (!path.as_os_str().is_empty())
                .then(|| SecretFile::open(key(field), path, separators, accepts))
                .transpose()
        };
        let reviewer = if source.service_accounts.is_empty() {
            None
        } else {
            let client = kit.cluster.client.clone().ok_or_else(|| {
                Invalid::new(
                    key("service_accounts"),
                    "tokens cannot be reviewed: this process has no way to the cluster's API server",
                )
            })?;
            Some(Reviewer::new(
                client,
                kit.clock.clone(),
                &source.service_accounts,
                &source.audiences,
            ))
        };
        Ok(Self {
            source: name.to_owned(),
            anonymous: source.anonymous,
            tokens: Secrets {
                given: source.tokens.clone(),
                file: file("tokens_file", &source.tokens_file, &['\n', ','], is_token)?,
            },
            basic: Secrets {
                given: source.basic.clone(),
                file: file("basic_file", &source.basic_file, &['\n'], is_pair)?,
            },
            signing: Secrets {
                given: source.signing_secrets.clone(),
                file: file("signing_secrets_file", &source.signing_secrets_file, &['\n', ','], is_token)?,
            },
            client_names: source.client_names.clone(),
            reviewer,
        })
    }

    /// Lets the sender of these headers, on a connection with this peer, in, and says who it is: as exactly as its credentials do. What
    /// several share is the source's name.
    ///
    /// # Errors
    /// Why not.
    pub(crate) async fn check(&self, headers: &HeaderMap, peer: Option<&Peer>) -> Result<String, Refusal> {
        if let Some(name) = peer.and_then(|peer| peer.name_among(&self.client_names)) {
            return Ok(name.to_owned());
        }
        if self.anonymous || (self.signing.any() && headers.contains_key(SIGNATURE)) {
            return Ok(self.source.clone());
        }
        let presented = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(credential::read);
        match presented {
            Some(Credential::Bearer(token)) if self.tokens.hold(&token) => Ok(self.source.clone()),
            Some(Credential::Bearer(token)) => match &self.reviewer {
                Some(reviewer) => reviewer
                    .admits(&token)
                    .await
                    .map_err(Refusal::Review)?
                    .ok_or_else(|| self.refuse("is neither one of its tokens nor that of one of its service accounts")),
                None => Err(self.refuse("is none of its tokens")),
            },
            Some(Credential::Basic(pair)) if self.basic.hold(&pair) => Ok(credential::user(&pair).to_owned()),
            Some(Credential::Basic(_)) => Err(self.refuse("holds another user and password")),
            None if self.signing.any() => Err(self.refuse(&format!("is missing, and so is {SIGNATURE}"))),
            None if !self.client_names.is_empty() => {
                Err(self.refuse("is missing, and the client's certificate is not one of its client_names"))
            }
            None => Err(self.refuse(if self.basic.any() && (self.tokens.any() || self.reviewer.is_some()) {
                "holds neither a bearer token nor a user and password"
            } else if self.basic.any() {
                "holds no user and password (basic authentication)"
            } else {
                "holds no bearer token"
            })),
        }
    }

    /// Lets in a body whose signature is all that its sender presents.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check_body(&self, signature: Option<&HeaderValue>, body: &Chunks) -> Result<(), Refusal> {
        let Some(signature) = signature.filter(|_| self.signing.any() && !self.anonymous) else {
            return Ok(());
        };
        let file = self.signing.file.as_ref().map(SecretFile::secrets);
        let secrets = self.signing.given.iter().chain(file.iter().flat_map(|secrets| secrets.iter()));
        let signature = signature.to_str().unwrap_or_default();
        if pagerduty::is_signed(signature, body, secrets) {
            Ok(())
        } else {
            Err(Refusal::Unauthorized {
                problem: format!(
                    "the {SIGNATURE} header is no signature of this body with a secret of the source {}",
                    self.source
                ),
                challenge: "Bearer",
            })
        }
    }

    fn refuse(&self, problem: &str) -> Refusal {
        Refusal::Unauthorized {
            problem: format!("the Authorization header {problem} (source {})", self.source),
            challenge: if self.basic.any() { "Basic realm=\"paramedic\"" } else { "Bearer" },
        }
    }
}
