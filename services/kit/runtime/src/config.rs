//! Configuration: defaults < file < `PARAMEDIC_` environment, checked before anything starts.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use config::{Config, Environment, File, FileFormat};
use jiff::Timestamp;
use paramedic_bus::jetstream::{Credentials, Options, Tls};
use paramedic_domain::{id::ClusterId, policy::Mode};
use secrecy::SecretString;
use serde::{Deserialize, de::DeserializeOwned};

/// A value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("configuration key {key}: {problem}")]
pub struct Invalid {
    /// Dotted key, as in the file.
    pub key: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl Invalid {
    /// A problem with `key`.
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            problem: problem.into(),
        }
    }
}

/// Why no configuration could be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file or a value in it cannot be read.
    #[error("configuration: {0}")]
    Read(#[from] config::ConfigError),
    /// A value cannot be used.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// Reads `T` from the defaults (TOML texts, later ones win), then the file, then the environment:
/// `PARAMEDIC_GATEWAY__LISTEN` sets `gateway.listen`. Keys in `lists` take comma-separated values there; a `*` in one stands for
/// any one part of a key.
///
/// # Errors
/// Names the key (and the file) that cannot be read.
pub fn load<T: DeserializeOwned>(
    defaults: &[&str],
    file: Option<&Path>,
    environment: HashMap<String, String>,
    lists: &[&str],
) -> Result<T, Error> {
    let mut builder = Config::builder();
    for text in defaults {
        builder = builder.add_source(File::from_str(text, FileFormat::Toml));
    }
    if let Some(path) = file {
        builder = builder.add_source(File::from(path));
    }
    let keys: Vec<String> = environment
        .keys()
        .filter_map(|name| name.to_lowercase().strip_prefix("paramedic_").map(|key| key.replace("__", ".")))
        .filter(|key| lists.iter().any(|list| is_key_of(key, list)))
        .collect();
    let mut variables = Environment::with_prefix("PARAMEDIC")
        .prefix_separator("_")
        .separator("__")
        .try_parsing(true)
        .source(Some(environment));
    if !keys.is_empty() {
        // Without a key to apply it to, the separator would split every value.
        variables = variables.list_separator(",");
    }
    for key in &keys {
        variables = variables.with_list_parse_key(key);
    }
    Ok(builder.add_source(variables).build()?.try_deserialize()?)
}

fn is_key_of(key: &str, list: &str) -> bool {
    let (key, list) = (key.split('.'), list.split('.'));
    key.clone().count() == list.clone().count() && key.zip(list).all(|(part, wanted)| wanted == "*" || wanted == part)
}

/// The process's `PARAMEDIC_` variables that name a key (those with `__` in them).
#[must_use]
pub fn environment() -> HashMap<String, String> {
    std::env::vars()
        .filter(|(name, _)| name.starts_with("PARAMEDIC_") && name.contains("__"))
        .collect()
}

/// Where events live.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bus {
    /// `embedded:<folder>` or `nats://host:port[,nats://...]`.
    pub url: String,
    /// Copies of each stream and bucket, 1 to 5 (NATS only); 3 in production.
    pub replicas: usize,
    /// NATS credentials file (JWT and seed); empty: none.
    pub credentials_file: PathBuf,
    /// Authority of the NATS server's certificate (PEM); empty: the system's.
    pub ca_file: PathBuf,
}

impl Bus {
    /// The same in the backend's words.
    #[must_use]
    pub fn nats_options(&self) -> Options {
        let file = |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| path.clone());
        Options {
            credentials: file(&self.credentials_file).map_or(Credentials::None, Credentials::File),
            tls: Tls {
                root_certificates: file(&self.ca_file),
                ..Tls::default()
            },
            bucket_replicas: self.replicas,
            ..Options::default()
        }
    }
}

/// The cluster this installation looks after.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Its name in every event.
    pub name: String,
    /// Path of a kubeconfig; empty: the default one, or the pod's service account.
    pub kubeconfig: PathBuf,
    /// Context in it; empty: the current one.
    pub context: String,
    /// Base URL of Prometheus; empty: there is none.
    pub prometheus_url: String,
    /// Base URL of Loki; empty: there is none.
    pub loki_url: String,
    /// Base URL of Jaeger's query service; empty: there is none.
    pub jaeger_url: String,
    /// Base URL of Tempo; empty: there is none.
    pub tempo_url: String,
    /// Base URL of the Alertmanager that investigations ask; empty: they ask none.
    pub alertmanager_url: String,
    /// What may be done here: `observe`, `standard`, `autonomous`.
    pub mode: String,
    /// File with the policy; empty: the one that comes with the product.
    pub policy_file: PathBuf,
}

impl Cluster {
    /// The mode as a type.
    ///
    /// # Errors
    /// When it is none of the three words.
    pub fn mode(&self) -> Result<Mode, Invalid> {
        match self.mode.as_str() {
            "observe" => Ok(Mode::Observe),
            "standard" => Ok(Mode::Standard),
            "autonomous" => Ok(Mode::Autonomous),
            other => Err(Invalid::new(
                "cluster.mode",
                format!("{other:?} is none of observe, standard, autonomous"),
            )),
        }
    }
}

/// A listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
}

/// The HTTP listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpListener {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Certificate chain, PEM; empty: no TLS.
    pub certificate_file: PathBuf,
    /// Its key, PEM.
    pub key_file: PathBuf,
    /// Authority of client certificates, PEM; empty: none is asked for.
    pub client_ca_file: PathBuf,
}

impl HttpListener {
    fn validate(&self) -> Result<(), Invalid> {
        let given = |path: &PathBuf| !path.as_os_str().is_empty();
        match (given(&self.certificate_file), given(&self.key_file), given(&self.client_ca_file)) {
            (true, true, _) | (false, false, false) => Ok(()),
            (true, false, _) => Err(Invalid::new("http.key_file", "is missing: http.certificate_file is set")),
            (false, true, _) => Err(Invalid::new("http.certificate_file", "is missing: http.key_file is set")),
            (false, false, true) => Err(Invalid::new(
                "http.certificate_file",
                "is missing: without TLS nobody can present the certificate that http.client_ca_file is for",
            )),
        }
    }
}

/// Logs and traces.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// `pretty` or `json`.
    pub log_format: LogFormat,
    /// A filter as in `info,paramedic=debug`.
    pub log: String,
    /// gRPC endpoint of an OpenTelemetry collector; empty: no traces leave the process.
    pub otlp_endpoint: String,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// The clock; production runs on the wall's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockSource {
    /// How many times faster than the wall clock; 1 but on a practice range.
    pub speed: f64,
    /// RFC 3339 time at which a range's clock agrees with the wall's; needed when `speed` is not 1.
    pub epoch: String,
}

/// The `[people]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeopleFile {
    /// File that says who may do what; empty: everybody's word is taken.
    pub file: PathBuf,
}

/// What every process needs, whatever its roles.
#[derive(Debug, Clone, Deserialize)]
pub struct Process {
    /// Bus.
    pub bus: Bus,
    /// Cluster.
    pub cluster: Cluster,
    /// People.
    pub people: PeopleFile,
    /// HTTP listener.
    pub http: HttpListener,
    /// gRPC listener.
    pub grpc: Listener,
    /// Telemetry.
    pub telemetry: Telemetry,
    /// Clock.
    pub clock: ClockSource,
}

/// Defaults of [`Process`].
pub const DEFAULTS: &str = include_str!("../defaults.toml");

impl Process {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first key that cannot be used.
    pub fn validate(&self) -> Result<(), Invalid> {
        let bus = &self.bus.url;
        if !(bus.starts_with("nats://") || bus.starts_with("tls://") || bus.strip_prefix("embedded:").is_some_and(|path| !path.is_empty()))
        {
            return Err(Invalid::new(
                "bus.url",
                format!("{bus:?} is neither embedded:<folder> nor nats://host:port"),
            ));
        }
        if !(1..=5).contains(&self.bus.replicas) {
            return Err(Invalid::new("bus.replicas", "must be 1 to 5 (3 in production)"));
        }
        self.cluster
            .name
            .parse::<ClusterId>()
            .map_err(|error| Invalid::new("cluster.name", error.to_string()))?;
        self.cluster.mode()?;
        self.http.validate()?;
        for (key, url) in [
            ("cluster.prometheus_url", &self.cluster.prometheus_url),
            ("cluster.loki_url", &self.cluster.loki_url),
            ("cluster.jaeger_url", &self.cluster.jaeger_url),
            ("cluster.tempo_url", &self.cluster.tempo_url),
            ("cluster.alertmanager_url", &self.cluster.alertmanager_url),
        ] {
            if !(url.is_empty() || url.starts_with("http://") || url.starts_with("https://")) {
                return Err(Invalid::new(key, format!("{url:?} is not an http(s) URL")));
            }
        }
        if !(self.clock.speed.is_finite() && self.clock.speed > 0.0) {
            return Err(Invalid::new("clock.speed", "must be a positive number"));
        }
        if self.clock.speed != 1.0 && self.clock.epoch.parse::<Timestamp>().is_err() {
            return Err(Invalid::new(
                "clock.epoch",
                format!(
                    "{:?} is not an RFC 3339 time; it is needed when clock.speed is not 1",
                    self.clock.epoch
                ),
            ));
        }
        Ok(())
    }
}

/// Whether a secret was given.
#[must_use]
pub fn is_set(secret: &SecretString) -> bool {
    use secrecy::ExposeSecret;
    !secret.expose_secret().is_empty()
}
