//! The section of a role's configuration that says where people sign in.

use paramedic_runtime::config::{Invalid, is_set};
use secrecy::SecretString;
use serde::Deserialize;
use url::{Host, Url};

/// Longest session, hours: a week. Who left the company should not decide for longer on a browser that was left open.
const MAX_SESSION_HOURS: u32 = 7 * 24;

/// An `[….oidc]` section; a role embeds it in its own.
///
/// ```toml
/// issuer = ""
/// client_id = ""
/// client_secret = ""
/// identity_claim = "email"
/// groups_claim = "groups"
/// scopes = ["openid", "email", "profile"]
/// session_hours = 8
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The provider's issuer URL, exactly as its discovery document gives it; empty: nobody signs in.
    pub issuer: String,
    /// Our client id at the provider.
    pub client_id: String,
    /// Our client secret at the provider.
    pub client_secret: SecretString,
    /// Claim of the ID token that says who somebody is; `email` counts only when the provider verified it.
    pub identity_claim: String,
    /// Claim of the ID token that lists somebody's groups.
    pub groups_claim: String,
    /// Scopes to ask for; `openid` is always among them.
    pub scopes: Vec<String>,
    /// Hours after which somebody has to sign in again, however busy the session was.
    pub session_hours: u32,
}

impl Config {
    /// Whether people sign in.
    #[must_use]
    pub fn enabled(&self) -> bool {
        !self.issuer.is_empty()
    }

    /// Checks what the types cannot; `section` is where the role embeds this: `approval.oidc`.
    ///
    /// # Errors
    /// The first key that cannot be used.
    pub fn validate(&self, section: &str) -> Result<(), Invalid> {
        if !self.enabled() {
            return Ok(());
        }
        let wrong = |key: &str, problem: String| Err(Invalid::new(format!("{section}.{key}"), problem));
        if let Err(problem) = safe_issuer(&self.issuer) {
            return wrong("issuer", format!("{:?} {problem}", self.issuer));
        }
        if self.client_id.trim().is_empty() {
            return wrong("client_id", format!("is needed, since {section}.issuer is set"));
        }
        if !is_set(&self.client_secret) {
            return wrong("client_secret", format!("is needed, since {section}.issuer is set"));
        }
        for (key, claim) in [("identity_claim", &self.identity_claim), ("groups_claim", &self.groups_claim)] {
            if claim.trim().is_empty() {
                return wrong(key, "must name a claim of the ID token".to_owned());
            }
        }
        if let Some(scope) = self.scopes.iter().find(|scope| !is_scope(scope)) {
            return wrong("scopes", format!("{scope:?} is not a scope: printable characters without spaces"));
        }
        if !(1..=MAX_SESSION_HOURS).contains(&self.session_hours) {
            return wrong("session_hours", format!("must be between 1 and {MAX_SESSION_HOURS}"));
        }
        Ok(())
    }
}

/// Whether what is fetched there can be believed: by TLS, or because it never leaves this machine.
fn safe_issuer(issuer: &str) -> Result<(), &'static str> {
    let url = Url::parse(issuer).map_err(|_| "is not a URL")?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must have neither query nor fragment");
    }
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() == "https" || (url.scheme() == "http" && here) {
        Ok(())
    } else {
        Err("must begin with https:// (http:// only on this machine): its keys say who somebody is")
    }
}

fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '\\')
}

#[cfg(test)]
pub(crate) fn example() -> Config {
    Config {
        issuer: "https://id.example.com/realms/ops".into(),
        client_id: "paramedic".into(),
        client_secret: "the-secret-of-the-client".to_owned().into(),
        identity_claim: "email".into(),
        groups_claim: "groups".into(),
        scopes: vec!["openid".into(), "email".into()],
        session_hours: 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut Config);

    #[test]
    fn mistakes_are_named_by_their_key() {
        let cases: [(&str, Change); 12] = [
            ("issuer", |c| c.issuer = "id.example.com".into()),
            ("issuer", |c| c.issuer = "http://id.example.com".into()),
            ("issuer", |c| c.issuer = "http://127.0.0.1.example.com".into()),
            ("issuer", |c| c.issuer = "https://id.example.com/?tenant=a".into()),
            ("client_id", |c| c.client_id = " ".into()),
            ("client_secret", |c| c.client_secret = String::new().into()),
            ("identity_claim", |c| c.identity_claim.clear()),
            ("groups_claim", |c| c.groups_claim.clear()),
            ("scopes", |c| c.scopes = vec!["openid email".into()]),
            ("scopes", |c| c.scopes = vec![String::new()]),
            ("session_hours", |c| c.session_hours = 0),
            ("session_hours", |c| c.session_hours = 169),
        ];
        for (key, change) in cases {
            let mut config = example();
            change(&mut config);
            let invalid = config.validate("approval.oidc").unwrap_err();
            assert_eq!(invalid.key, format!("approval.oidc.{key}"), "{config:?}");
        }
        assert_eq!(example().validate("approval.oidc"), Ok(()));
    }

    #[test]
    fn a_provider_on_this_machine_needs_no_tls() {
        for issuer in ["http://127.0.0.1:8080/realms/a", "http://[::1]:8080", "http://localhost:8080"] {
            let mut config = example();
            config.issuer = issuer.into();
            assert_eq!(config.validate("approval.oidc"), Ok(()), "{issuer}");
        }
    }

    #[test]
    fn without_an_issuer_nothing_else_matters() {
        let mut config = example();
        config.issuer.clear();
        config.client_id.clear();
        assert!(!config.enabled());
        assert_eq!(config.validate("approval.oidc"), Ok(()));
    }

    #[test]
    fn the_secret_is_not_printed() {
        assert!(!format!("{:?}", example()).contains("the-secret-of"));
    }
}
