//! A source of alerts: what it sends, where, and how it says who it is.

use std::{path::PathBuf, sync::Arc};

use paramedic_runtime::config::Invalid;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::core::{format::Format, mapped::Mapping};

/// Shortest token that counts as a secret: 128 bits as hex digits are 32, people's passwords are shorter.
const MIN_TOKEN: usize = 16;

/// One source. `source.toml` holds the defaults and says what each setting is for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Source {
    /// Word of a [`Format`]; empty: the source's name.
    pub kind: String,
    /// Path; empty: made of the source's name.
    pub path: String,
    /// Bearer tokens.
    pub tokens: Vec<SecretString>,
    /// File with more of them; empty: none.
    pub tokens_file: PathBuf,
    /// `user:password` pairs.
    pub basic: Vec<SecretString>,
    /// File with more of them; empty: none.
    pub basic_file: PathBuf,
    /// Kubernetes service accounts, `namespace/name`.
    pub service_accounts: Vec<String>,
    /// DNS names of client certificates.
    pub client_names: Vec<String>,
    /// Audiences of their tokens.
    pub audiences: Vec<String>,
    /// Secrets with which PagerDuty signs.
    pub signing_secrets: Vec<SecretString>,
    /// File with more of them; empty: none.
    pub signing_secrets_file: PathBuf,
    /// Where the parts of an alert are in any JSON.
    pub mapping: Mapping,
    /// Base URL of the Alertmanager's API; empty: none.
    pub alertmanager_url: String,
    /// Accept anybody.
    pub anonymous: bool,
}

/// What a source sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sends {
    /// Alerts in a form.
    Alerts(Format),
    /// Requests for changes.
    Requests,
}

impl Source {
    /// Checks everything and gives the path.
    ///
    /// # Errors
    /// The first key that cannot be used.
    pub fn validate(&self, name: &str) -> Result<String, Invalid> {
        let key = |field: &str| format!("gateway.sources.{name}.{field}");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if !(1..=40).contains(&name.len()) || !name.chars().all(plain) {
            return Err(Invalid::new(
                format!("gateway.sources.{name:?}"),
                "is no name: use 1 to 40 of a-z, 0-9, '-' and '_'",
            ));
        }
        let sends = self.sends(name)?;
        let open = self.anonymous
            || !(self.tokens.is_empty()
                && self.basic.is_empty()
                && self.service_accounts.is_empty()
                && self.signing_secrets.is_empty()
                && self.client_names.is_empty())
            || [&self.tokens_file, &self.basic_file, &self.signing_secrets_file]
                .iter()
                .any(|path| !path.as_os_str().is_empty());
        if !open {
            return Err(Invalid::new(
                key("tokens"),
                format!(
                    "is empty, and so is every other way to know the source: give a bearer token, or set {}",
                    key("anonymous = true")
                ),
            ));
        }
        if self.tokens.iter().any(|token| !is_token(token.expose_secret())) {
            return Err(Invalid::new(
                key("tokens"),
                format!("holds a token of less than {MIN_TOKEN} characters"),
            ));
        }
        if self.basic.iter().any(|pair| !is_pair(pair.expose_secret())) {
            return Err(Invalid::new(
                key("basic"),
                format!("holds something else than user:password with a password of at least {MIN_TOKEN} characters"),
            ));
        }
        if self.signing_secrets.iter().any(|secret| !is_token(secret.expose_secret())) {
            return Err(Invalid::new(
                key("signing_secrets"),
                format!("holds a secret of less than {MIN_TOKEN} characters"),
            ));
        }
        if let Some(account) = self.service_accounts.iter().find(|account| !is_account(account)) {
            return Err(Invalid::new(key("service_accounts"), format!("{account:?} is not namespace/name")));
        }
        self.checked_path(name, &sends)
    }

    /// What it sends.
    ///
    /// # Errors
    /// When neither its kind nor its name is the word of a form, or the mapping is not what it should be.
    pub fn sends(&self, name: &str) -> Result<Sends, Invalid> {
        let key = |field: &str| format!("gateway.sources.{name}.{field}");
        let word = if self.kind.is_empty() { name } else { &self.kind };
        let format = match word {
            "alertmanager" => Format::Alertmanager,
            "prometheus" => Format::Prometheus,
            "grafana" => Format::Grafana,
            "pagerduty" => Format::PagerDuty,
            "json" => Format::Json(Arc::new(self.mapping.clone())),
            "report" => Format::Report,
            "request" => return self.requests(name),
            other => {
                let problem = format!("{other:?} is none of alertmanager, prometheus, grafana, pagerduty, json, report, request");
                return Err(Invalid::new(key("kind"), problem));
            }
        };
        let is_json = matches!(format, Format::Json(_));
        if !is_json && self.mapping != Mapping::default() {
            return Err(Invalid::new(key("mapping"), "is for sources of the kind json"));
        }
        if is_json && self.mapping.name.is_empty() {
            return Err(Invalid::new(
                key("mapping.name"),
                "is missing: say where the name of an alert is, as in /check/name",
            ));
        }
        if let Some((field, pointer)) = self.mapping.invalid_pointer() {
            return Err(Invalid::new(
                key(&format!("mapping.{field}")),
                format!("{pointer:?} is no JSON pointer: it begins with /"),
            ));
        }
        let signs = format == Format::PagerDuty;
        if !signs && (!self.signing_secrets.is_empty() || !self.signing_secrets_file.as_os_str().is_empty()) {
            return Err(Invalid::new(key("signing_secrets"), "are for sources of the kind pagerduty"));
        }
        if format != Format::Alertmanager && !self.alertmanager_url.is_empty() {
            return Err(Invalid::new(key("alertmanager_url"), "is for sources of the kind alertmanager"));
        }
        Ok(Sends::Alerts(format))
    }

    /// Checks a source of requests: what is asked for must be somebody's wish.
    fn requests(&self, name: &str) -> Result<Sends, Invalid> {
        let key = |field: &str| format!("gateway.sources.{name}.{field}");
        if self.anonymous {
            return Err(Invalid::new(
                key("anonymous"),
                "cannot be true: nobody asks for a change without saying who it is",
            ));
        }
        let signs = !self.signing_secrets.is_empty() || !self.signing_secrets_file.as_os_str().is_empty();
        for (field, set, of) in [
            ("mapping", self.mapping != Mapping::default(), "json"),
            ("signing_secrets", signs, "pagerduty"),
            ("alertmanager_url", !self.alertmanager_url.is_empty(), "alertmanager"),
        ] {
            if set {
                return Err(Invalid::new(key(field), format!("is for sources of the kind {of}")));
            }
        }
        Ok(Sends::Requests)
    }

    fn checked_path(&self, name: &str, sends: &Sends) -> Result<String, Invalid> {
        if self.path.is_empty() {
            return Ok(match sends {
                // Prometheus adds its part to the path_prefix that it is given.
                Sends::Alerts(Format::Prometheus) => format!("/api/v1/alerts/{name}/api/v2/alerts"),
                Sends::Alerts(_) => format!("/api/v1/alerts/{name}"),
                Sends::Requests if name == "request" => "/api/v1/requests".to_owned(),
                Sends::Requests => format!("/api/v1/requests/{name}"),
            });
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
        if self.path.starts_with("/api/") && self.path.chars().all(plain) {
            Ok(self.path.clone())
        } else {
            Err(Invalid::new(
                format!("gateway.sources.{name}.path"),
                format!("{:?} is not a path below /api/ of letters, digits, '-', '_' and '.'", self.path),
            ))
        }
    }
}

/// Whether it is `user:password` with a password that counts as a secret.
pub(crate) fn is_pair(text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(user, password)| !user.is_empty() && password.len() >= MIN_TOKEN)
}

/// Whether it is long enough to be a secret.
pub(crate) fn is_token(text: &str) -> bool {
    text.len() >= MIN_TOKEN
}

fn is_account(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
    };
    text.split_once('/')
        .is_some_and(|(namespace, name)| plain(namespace) && plain(name))
}
