//! Which of several replicas this is.

/// A name for people who look who leads: host and process.
pub(crate) fn name() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_default();
    format!("{host}-{}", std::process::id())
}
