//! Connecting: servers, credentials, TLS, reconnecting, the version check.

use std::{path::PathBuf, time::Duration};

use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use tokio::sync::watch;

use crate::Error;

/// The oldest server that does all of what this backend relies on; older ones ignore some of it silently.
const OLDEST: (u64, u64) = (2, 12);
/// Longest pause between two attempts to reconnect.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// How to reach and use the server.
#[derive(Debug, Clone)]
pub struct Options {
    /// Shown in the server's connection list.
    pub name: String,
    /// Who we are.
    pub credentials: Credentials,
    /// Encryption; needed when the server asks for it or has a private authority.
    pub tls: Tls,
    /// How long a request may take before it is answered with [`Error::Unavailable`]. Default 5 s.
    pub timeout: Duration,
    /// Copies kept of key-value and blob buckets. Default 1; 3 in production.
    pub bucket_replicas: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "paramedic".into(),
            credentials: Credentials::None,
            tls: Tls::default(),
            timeout: Duration::from_secs(5),
            bucket_replicas: 1,
        }
    }
}

/// Who we are to the server.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Nobody, or what the URL says.
    #[default]
    None,
    /// A shared token.
    Token(String),
    /// User and password.
    Password(String, String),
    /// A credentials file (JWT and seed).
    File(PathBuf),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Token(_) => "Token(..)",
            Self::Password(..) => "Password(..)",
            Self::File(_) => "File(..)",
        })
    }
}

/// TLS files, all in PEM.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Refuse a connection without TLS.
    pub required: bool,
    /// Authorities trusted besides the system's.
    pub root_certificates: Option<PathBuf>,
    /// Our certificate and key.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
}

/// Connects and counts connections.
pub(super) async fn connect(url: &str, options: &Options) -> Result<(Client, watch::Receiver<u64>), Error> {
    let servers = url.split(',').map(|one| one.trim().parse::<ServerAddr>());
    let servers = servers
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| Error::Invalid(format!("nats url {}: {e}", shown(url))))?;
    let (connected, connections) = watch::channel(0);
    let with_credentials = credentials(options).await?;
    let client = tls(with_credentials, &options.tls)
        .name(&options.name)
        .connection_timeout(options.timeout)
        .request_timeout(Some(options.timeout))
        .max_reconnects(None)
        .reconnect_delay_callback(pause)
        .event_callback(move |event| {
            note(&event);
            if matches!(event, Event::Connected) {
                connected.send_modify(|count| *count += 1);
            }
            std::future::ready(())
        })
        .connect(servers)
        .await
        .map_err(|e| Error::Unavailable(format!("cannot connect to nats at {}: {e}", shown(url))))?;
    check_version(&client.server_info().version)?;
    Ok((client, connections))
}

async fn credentials(options: &Options) -> Result<ConnectOptions, Error> {
    let fresh = ConnectOptions::new();
    Ok(match &options.credentials {
        Credentials::None => fresh,
        Credentials::Token(token) => fresh.token(token.clone()),
        Credentials::Password(user, password) => fresh.user_and_password(user.clone(), password.clone()),
        Credentials::File(file) => fresh
            .credentials_file(file)
            .await
            .map_err(|e| Error::Invalid(format!("nats credentials file {}: {e}", file.display())))?,
    })
}

fn tls(mut connect: ConnectOptions, tls: &Tls) -> ConnectOptions {
    if tls.required {
        connect = connect.require_tls(true);
    }
    if let Some(roots) = &tls.root_certificates {
        connect = connect.add_root_certificates(roots.clone());
    }
    if let Some((certificate, key)) = &tls.client_certificate {
        connect = connect.add_client_certificate(certificate.clone(), key.clone());
    }
    connect
}

fn pause(attempts: usize) -> Duration {
    let doubled = 2_u64.saturating_pow(attempts.min(16).try_into().unwrap_or(16));
    Duration::from_millis(25 * doubled).min(LONGEST_PAUSE)
}

fn note(event: &Event) {
    match event {
        Event::Connected => tracing::info!("connected to nats"),
        Event::Disconnected => tracing::warn!("connection to nats lost, reconnecting"),
        Event::Closed => tracing::info!("connection to nats closed"),
        other => tracing::warn!(event = %other, "nats connection"),
    }
}

/// The url without user and password.
fn shown(url: &str) -> String {
    let hide = |one: &str| match (one.find("://"), one.rfind('@')) {
        (Some(scheme), Some(at)) => format!("{}{}", &one[..scheme + 3], &one[at + 1..]),
        (None, Some(at)) => one[at + 1..].to_owned(),
        (_, None) => one.to_owned(),
    };
    url.split(',').map(hide).collect::<Vec<_>>().join(",")
}

fn check_version(version: &str) -> Result<(), Error> {
    let mut numbers = version.split('.').map(|n| n.parse::<u64>().ok());
    let (major, minor) = (numbers.next().flatten(), numbers.next().flatten());
    match major.zip(minor) {
        Some(found) if found >= OLDEST => Ok(()),
        _ => Err(Error::Invalid(format!(
            "nats-server {version} is too old: paramedic needs {}.{} or newer, which checks expectations over wildcards",
            OLDEST.0, OLDEST.1
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_servers_are_refused_by_name() {
        for fine in ["2.12.0", "2.15.1", "3.0.0-beta.1"] {
            assert!(check_version(fine).is_ok(), "{fine}");
        }
        for old in ["2.9.10", "2.11.8", "1.99", "", "x"] {
            let error = check_version(old).expect_err(old).to_string();
            assert!(error.contains("2.12"), "{error}");
        }
    }

    #[test]
    fn passwords_stay_out_of_messages() {
        assert_eq!(shown("nats://me:secret@a:4222, b:4222"), "nats://a:4222, b:4222");
        assert_eq!(format!("{:?}", Credentials::Token("secret".into())), "Token(..)");
    }

    #[test]
    fn reconnect_pauses_grow_to_their_limit() {
        assert!(pause(0) < pause(3));
        assert_eq!(pause(1000), LONGEST_PAUSE);
    }
}
