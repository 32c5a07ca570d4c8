//! Configuration: sources in order, and errors that name the key.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashMap;

use paramedic_runtime::config::{DEFAULTS, Process, load};

fn environment(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn process(file: Option<&str>, pairs: &[(&str, &str)]) -> Result<Process, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("paramedic.toml");
    if let Some(text) = file {
        std::fs::write(&path, text).unwrap();
    }
    let read: Process = load(&[DEFAULTS], file.map(|_| path.as_path()), environment(pairs), &[]).map_err(|error| error.to_string())?;
    read.validate().map_err(|error| error.to_string())?;
    Ok(read)
}

#[test]
fn the_defaults_are_valid() {
    assert_eq!(process(None, &[]).unwrap().bus.url, "embedded:paramedic-data");
}

#[test]
fn the_file_wins_over_defaults_and_the_environment_over_the_file() {
    let file = "[bus]\nurl = \"nats://file:4222\"\nreplicas = 3\n";
    assert_eq!(process(Some(file), &[]).unwrap().bus.url, "nats://file:4222");
    let read = process(Some(file), &[("PARAMEDIC_BUS__URL", "nats://environment:4222")]).unwrap();
    assert_eq!((read.bus.url.as_str(), read.bus.replicas), ("nats://environment:4222", 3));
}

#[test]
fn an_error_names_the_key_and_what_would_be_right() {
    for (name, value, key, hint) in [
        ("PARAMEDIC_BUS__URL", "kafka://x", "bus.url", "nats://host:port"),
        ("PARAMEDIC_BUS__REPLICAS", "9", "bus.replicas", "1 to 5"),
        ("PARAMEDIC_CLUSTER__NAME", "a.b", "cluster.name", "lower-case"),
        (
            "PARAMEDIC_CLUSTER__PROMETHEUS_URL",
            "prometheus:9090",
            "cluster.prometheus_url",
            "http(s)",
        ),
        ("PARAMEDIC_HTTP__LISTEN", "nonsense", "http.listen", "socket address"),
        ("PARAMEDIC_CLUSTER__MODE", "yolo", "cluster.mode", "observe"),
    ] {
        let error = process(None, &[(name, value)]).unwrap_err();
        assert!(error.contains(key) && error.contains(hint), "{name}={value}: {error}");
    }
}

#[test]
fn an_unknown_key_is_refused_by_name() {
    let error = process(Some("[bus]\nulr = \"x\"\n"), &[]).unwrap_err();
    assert!(error.contains("ulr"), "{error}");
}
