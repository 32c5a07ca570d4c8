//! The identity provider: where to send people, and what it says about who comes back.

use std::{
    error::Error,
    sync::{Arc, PoisonError, RwLock},
};

use jiff::Timestamp;
use openidconnect::{
    AdditionalClaims, AuthType, AuthenticationFlow, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, DiscoveryError,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields, IssuerUrl, Nonce, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, StandardErrorResponse, StandardTokenResponse, TokenResponse as _,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreResponseType, CoreRevocableToken,
        CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
};
use paramedic_runtime::Clock;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Config,
    claims::{self, Person},
    fetch::{self, fetch},
    idtoken,
    refused::Refused,
    session::Attempt,
    site::Site,
};

/// Claims that the standard does not name, such as groups.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Others(Map<String, Value>);

impl AdditionalClaims for Others {}

type Fields = IdTokenFields<Others, EmptyExtraTokenFields, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type Tokens = StandardTokenResponse<Fields, CoreTokenType>;
type Relying = Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The provider, as far as we know it.
pub(crate) struct Provider {
    config: Config,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    http: reqwest::Client,
    clock: Clock,
    /// What its discovery document said, with its keys. Only successes are kept: a provider that was down is asked again by the next
    /// who signs in.
    known: RwLock<Option<Arc<CoreProviderMetadata>>>,
}

impl Provider {
    pub(crate) fn new(config: Config, site: &Site, clock: Clock) -> anyhow::Result<Self> {
        Ok(Self {
            issuer: IssuerUrl::new(config.issuer.clone())?,
            redirect: RedirectUrl::new(site.url("/login/callback"))?,
            http: fetch::client()?,
            known: RwLock::new(None),
            config,
            clock,
        })
    }

    /// Whether an issuer is this one.
    pub(crate) fn is(&self, issuer: &str) -> bool {
        issuer == self.config.issuer
    }

    /// Begins a sign-in: the address to send the browser to, and what to keep until it comes back.
    pub(crate) async fn begin(&self, back: String, expires_at: Timestamp) -> Result<(String, Attempt), Refused> {
        let known = self.known().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.client(&known);
        let request = client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(
                self.config
                    .scopes
                    .iter()
                    .filter(|scope| *scope != "openid")
                    .cloned()
                    .map(Scope::new),
            )
            .set_pkce_challenge(challenge);
        let (url, state, nonce) = request.url();
        let attempt = Attempt {
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
            back,
            expires_at,
        };
        Ok((url.into(), attempt))
    }

    /// Ends a sign-in: trades the code for an ID token, and the ID token for a person.
    pub(crate) async fn finish(&self, code: String, attempt: &Attempt) -> Result<Person, Refused> {
        let known = self.known().await?;
        let tokens = self.trade(&known, code, &attempt.verifier).await?;
        let token = tokens
            .id_token()
            .ok_or_else(|| Refused::Unbelievable("it has no ID token".to_owned()))?;
        let nonce = Nonce::new(attempt.nonce.clone());
        let check = |known: &CoreProviderMetadata| idtoken::check(&self.client(known).id_token_verifier(), token, &nonce, self.clock.now());
        let checked = match check(&known) {
            Err(problem) if idtoken::may_be_a_new_key(&problem) => check(&*self.discover().await?),
            checked => checked,
        };
        let claims = checked.map_err(|problem| Refused::Unbelievable(chain(&problem)))?;
        match serde_json::to_value(claims) {
            Ok(Value::Object(claims)) => Ok(claims::person(&claims, &self.config)?),
            Ok(_) | Err(_) => Err(Refused::Unbelievable("the ID token's claims are no object".to_owned())),
        }
    }

    async fn trade(&self, known: &CoreProviderMetadata, code: String, verifier: &str) -> Result<Tokens, Refused> {
        let client = self.client(known);
        let request = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|_| Refused::Unbelievable("its discovery document names no token endpoint".to_owned()))?
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()));
        request
            .request_async(&|request| fetch(self.http.clone(), request))
            .await
            .map_err(|failure| match failure {
                RequestTokenError::Request(cause) => {
                    self.forget();
                    Refused::Unreachable(chain(&cause))
                }
                RequestTokenError::ServerResponse(answer) => match answer.error() {
                    CoreErrorResponseType::InvalidClient | CoreErrorResponseType::UnauthorizedClient => Refused::Client(answer.to_string()),
                    _ => Refused::Code(answer.to_string()),
                },
                other => Refused::Unbelievable(chain(&other)),
            })
    }

    fn client(&self, known: &CoreProviderMetadata) -> Relying {
        let secret = ClientSecret::new(self.config.client_secret.expose_secret().to_owned());
        let id = ClientId::new(self.config.client_id.clone());
        // HTTP Basic is what the standard takes where nothing is said.
        let methods = known.token_endpoint_auth_methods_supported();
        let basic = methods.is_none_or(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        Relying::from_provider_metadata(known.clone(), id, Some(secret))
            .set_redirect_uri(self.redirect.clone())
            .set_auth_type(if basic { AuthType::BasicAuth } else { AuthType::RequestBody })
    }

    async fn known(&self) -> Result<Arc<CoreProviderMetadata>, Refused> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(known) => Ok(known),
            None => self.discover().await,
        }
    }

    /// Reads the discovery document and the keys.
    async fn discover(&self) -> Result<Arc<CoreProviderMetadata>, Refused> {
        let call = |request| fetch(self.http.clone(), request);
        let found = CoreProviderMetadata::discover_async(self.issuer.clone(), &call)
            .await
            .map_err(|failure| match failure {
                DiscoveryError::Request(cause) => Refused::Unreachable(chain(&cause)),
                other => Refused::Unbelievable(format!("its discovery document: {}", chain(&other))),
            })?;
        if self.issuer.url().scheme() == "https" {
            let named = [
                Some(found.authorization_endpoint().url()),
                found.token_endpoint().map(|url| url.url()),
                Some(found.jwks_uri().url()),
            ];
            if let Some(plain) = named.into_iter().flatten().find(|url| url.scheme() != "https") {
                return Err(Refused::Unbelievable(format!(
                    "its discovery document names {plain}, which is not protected by TLS"
                )));
            }
        }
        let found = Arc::new(found);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        Ok(found)
    }

    /// The provider may have moved.
    fn forget(&self) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// An error with its causes; libraries' own `Display` says only the first.
fn chain(error: &(dyn Error + 'static)) -> String {
    std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
