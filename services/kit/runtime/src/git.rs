//! The `git` program as services run it: no shell, no hooks, nothing of the machine's configuration; a token goes in the
//! environment, never in an argument.

use std::{path::Path, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    config::Invalid,
    program::{Ended, Lost, Program, inherited},
};

/// Longest time one command may take: a shallow clone of a large repository on a slow line.
const TIMEOUT: Duration = Duration::from_secs(90);
/// What Git may see of this process's environment besides what every program sees.
const OF_GIT: &[&str] = &["GIT_SSL_CAINFO", "SSH_AUTH_SOCK"];
/// Words in Git's messages that say that it may work later.
const PASSING: &[&str] = &[
    "could not resolve",
    "couldn't connect",
    "failed to connect",
    "connection refused",
    "connection reset",
    "connection timed out",
    "timed out",
    "early eof",
    "hung up unexpectedly",
    "returned error: 5",
    "returned error: 429",
    "cannot lock ref",
    "unable to create",
];

/// The environment of every command on a repository. `token`, with its user, goes to `url` alone: a redirect elsewhere does
/// not get it. `home` is a folder without settings of anybody.
#[must_use]
pub fn environment(url: &str, token: Option<(&str, &str)>, home: &Path) -> Vec<(String, String)> {
    let mut environment = inherited(OF_GIT);
    let fixed = [
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_ALLOW_PROTOCOL", "https:http:ssh:file"),
        ("LC_ALL", "C"),
    ];
    environment.extend(fixed.map(|(name, value)| (name.to_owned(), value.to_owned())));
    environment.push(("HOME".into(), home.display().to_string()));
    if let Some((user, token)) = token {
        environment.push(("GIT_CONFIG_COUNT".into(), "1".into()));
        environment.push(("GIT_CONFIG_KEY_0".into(), format!("http.{url}.extraHeader")));
        environment.push((
            "GIT_CONFIG_VALUE_0".into(),
            format!("Authorization: Basic {}", STANDARD.encode(format!("{user}:{token}"))),
        ));
    }
    environment
}

/// Checks the address of a repository.
///
/// # Errors
/// It is none that Git is given, or holds a password.
pub fn plain_url(key: &str, url: &str) -> Result<(), Invalid> {
    let parsed = url::Url::parse(url).ok();
    let good = parsed.as_ref().is_some_and(|url| {
        matches!(url.scheme(), "https" | "http" | "ssh" | "file") && url.password().is_none() && !url.path().starts_with("/-")
    });
    match good {
        true => Ok(()),
        false => Err(Invalid::new(
            key,
            "is not https://..., ssh://... or file:///... without a password (that belongs into token_file)",
        )),
    }
}

/// Runs one command in a folder.
///
/// # Errors
/// As of [`Program::run`]; a command that fails is no error here.
pub async fn run(folder: &Path, arguments: &[&str], environment: Vec<(String, String)>, input: &[u8]) -> Result<Ended, Lost> {
    let program = Program {
        program: "git".into(),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        folder: folder.to_owned(),
        environment,
        input: input.to_owned(),
        timeout: TIMEOUT,
    };
    program.run().await
}

/// Whether what Git wrote of an error says that it may work later.
#[must_use]
pub fn may_pass(stderr: &str) -> bool {
    let lower = stderr.to_lowercase();
    PASSING.iter().any(|words| lower.contains(words))
}
