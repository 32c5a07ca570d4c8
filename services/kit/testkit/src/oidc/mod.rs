//! An OpenID provider on a loopback port: discovery, keys that rotate, authorization with PKCE, single-use codes, client
//! authentication. Whoever comes signs in at once, as the person that the test set. On request the next ID token is wrong.

mod endpoints;
mod token;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

pub use token::{IdToken, Signer};

/// The one client that the provider knows.
pub const CLIENT_ID: &str = "paramedic";
/// Its secret, with characters that must be encoded before they go into HTTP Basic.
pub const CLIENT_SECRET: &str = "the client's secret: 50% + & more";
/// Seconds for which a code can be traded.
const CODE_LIFE: i64 = 60;

/// A running provider; stopped when dropped.
#[derive(Debug)]
pub struct OidcProvider {
    memory: Shared,
    _server: JoinSet<()>,
}

type Shared = Arc<Mutex<Memory>>;
type Spoil = Box<dyn FnOnce(&mut IdToken) + Send>;

struct Memory {
    issuer: String,
    now: i64,
    redirect_uri: String,
    person: Value,
    spoil: Option<Spoil>,
    keys: Vec<&'static str>,
    codes: HashMap<String, Code>,
    down: bool,
    moved: Option<String>,
    declines: Option<String>,
    discoveries: usize,
    authorizations: Vec<HashMap<String, String>>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// A code that was given out; it stays known when it is used.
#[derive(Debug, Clone)]
struct Code {
    nonce: Option<String>,
    challenge: String,
    redirect_uri: String,
    expires_at: i64,
    used: bool,
}

impl OidcProvider {
    /// Starts it at a time, in seconds since 1970; its clock stands still until [`OidcProvider::set_time`].
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(now: i64) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("cannot listen on loopback")?;
        let memory = Arc::new(Mutex::new(Memory {
            issuer: format!("http://{}", listener.local_addr()?),
            now,
            redirect_uri: String::new(),
            person: json!({"sub": "1001", "email": "ann@example.com", "email_verified": true, "groups": ["sre", "payments"]}),
            spoil: None,
            keys: vec!["first"],
            codes: HashMap::new(),
            down: false,
            moved: None,
            declines: None,
            discoveries: 0,
            authorizations: Vec::new(),
        }));
        let routes = endpoints::routes(memory.clone());
        let mut server = JoinSet::new();
        server.spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "the OpenID provider stopped");
            }
        });
        Ok(Self { memory, _server: server })
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }

    /// Its issuer URL.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.lock().issuer.clone()
    }

    /// Sets its clock.
    pub fn set_time(&self, now: i64) {
        self.lock().now = now;
    }

    /// Registers the one address to which it sends people back.
    pub fn register(&self, redirect_uri: impl Into<String>) {
        self.lock().redirect_uri = redirect_uri.into();
    }

    /// Claims of whoever signs in from now on.
    pub fn set_person(&self, claims: Value) {
        self.lock().person = claims;
    }

    /// Changes the next ID token before it is signed.
    pub fn spoil_next(&self, spoil: impl FnOnce(&mut IdToken) + Send + 'static) {
        self.lock().spoil = Some(Box::new(spoil));
    }

    /// Signs with another key from now on, and publishes that one alone.
    pub fn rotate_keys(&self) {
        self.lock().keys = vec!["second"];
    }

    /// Publishes both keys and signs with the second.
    pub fn overlap_keys(&self) {
        self.lock().keys = vec!["second", "first"];
    }

    /// Answers everything with 503, or works again.
    pub fn set_down(&self, down: bool) {
        self.lock().down = down;
    }

    /// Answers everything with a redirect to the same path at another issuer.
    pub fn redirect_to(&self, issuer: impl Into<String>) {
        self.lock().moved = Some(issuer.into());
    }

    /// Sends the next who comes back with this error.
    pub fn decline_next(&self, error: impl Into<String>) {
        self.lock().declines = Some(error.into());
    }

    /// How often its discovery document was read.
    #[must_use]
    pub fn discoveries(&self) -> usize {
        self.lock().discoveries
    }

    /// Parameters of every authorization request so far.
    #[must_use]
    pub fn authorizations(&self) -> Vec<HashMap<String, String>> {
        self.lock().authorizations.clone()
    }
}

fn lock(memory: &Shared) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}
