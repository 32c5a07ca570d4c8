//! Files under `tests/golden/wire/v1/` are kept for ever: what was once stored must stay readable.
//! `UPDATE_GOLDEN=1` writes the missing ones; it never replaces one.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use paramedic_domain::envelope::Envelope;
use paramedic_wire::{
    Invalid, decode, decode_notification, decode_quiet, decode_topology, decode_window, encode, encode_notification, encode_quiet,
    encode_topology, encode_window,
};
use serde::Serialize;

use crate::samples::{envelopes, notification, quiet, requested, topology, windows};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/wire/v1")
}

fn pretty(envelope: &Envelope) -> String {
    serde_json::to_string_pretty(envelope).unwrap() + "\n"
}

/// Names of the stored kinds.
fn stored() -> BTreeSet<String> {
    fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_golden_file_still_decodes_and_encodes_to_the_same_bytes() {
    let names = stored();
    assert!(!names.is_empty());
    for name in names {
        let bytes = fs::read(folder().join(format!("{name}.bin"))).unwrap();
        let json = fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
        let recorded = decode(&bytes).unwrap_or_else(|invalid| panic!("{name}: {invalid}"));
        assert_eq!(pretty(&recorded.envelope), json, "{name} reads differently");
        assert_eq!(recorded.envelope.event.kind(), name);
        assert_eq!(encode(&recorded.envelope), bytes, "{name} is written differently");
    }
}

#[test]
fn every_kind_of_event_has_a_golden_file() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for envelope in envelopes() {
        let kind = envelope.event.kind();
        let (bytes, json) = (folder().join(format!("{kind}.bin")), folder().join(format!("{kind}.json")));
        if update && !bytes.exists() {
            fs::create_dir_all(folder()).unwrap();
            fs::write(&bytes, encode(&envelope)).unwrap();
            fs::write(&json, pretty(&envelope)).unwrap();
        }
        assert!(bytes.exists() && json.exists(), "{kind} has none: run with UPDATE_GOLDEN=1");
    }
}

#[test]
fn the_samples_cover_every_event_of_the_schema() {
    use prost::Message as _;
    let descriptors = prost_types::FileDescriptorSet::decode(paramedic_proto::FILE_DESCRIPTOR_SET).unwrap();
    let event = descriptors
        .file
        .iter()
        .filter(|file| file.package() == "paramedic.v1")
        .flat_map(|file| &file.message_type)
        .find(|message| message.name() == "Event")
        .unwrap();
    let fields: BTreeSet<_> = event.field.iter().map(|field| field.name().to_owned()).collect();
    let sampled: BTreeSet<_> = envelopes().iter().map(|envelope| envelope.event.kind().to_owned()).collect();
    assert_eq!(sampled, fields);
}

#[test]
fn the_golden_notification_still_decodes_and_encodes_to_the_same_bytes() {
    check("notification", &notification(), decode_notification, |read| {
        encode_notification(read.clone())
    });
}

#[test]
fn the_golden_request_for_a_change_still_decodes_and_encodes_to_the_same_bytes() {
    let read = |bytes: &[u8]| decode(bytes).map(|recorded| recorded.envelope);
    check("incident_opened_by_request", &requested(), read, encode);
}

#[test]
fn the_golden_topology_still_decodes_and_encodes_to_the_same_bytes() {
    check("topology", &topology(), decode_topology, encode_topology);
}

#[test]
fn the_golden_windows_and_silences_still_decode_and_encode_to_the_same_bytes() {
    for (name, change) in windows() {
        check(name, &change, decode_window, encode_window);
    }
    check("quiet", &quiet(), decode_quiet, encode_quiet);
}

/// Compares the stored message of the `ALERTS` stream with what is read and written today.
fn check<T: Serialize>(name: &str, sample: &T, decode: fn(&[u8]) -> Result<T, Invalid>, encode: fn(&T) -> Bytes) {
    let folder = folder().join(name);
    let (bytes, json) = (folder.join(format!("{name}.bin")), folder.join(format!("{name}.json")));
    if std::env::var_os("UPDATE_GOLDEN").is_some() && !bytes.exists() {
        fs::create_dir_all(&folder).unwrap();
        fs::write(&bytes, encode(sample)).unwrap();
        fs::write(&json, serde_json::to_string_pretty(sample).unwrap() + "\n").unwrap();
    }
    let bytes = fs::read(bytes).unwrap();
    let decoded = decode(&bytes).unwrap();
    let text = serde_json::to_string_pretty(&decoded).unwrap() + "\n";
    assert_eq!(text, fs::read_to_string(json).unwrap(), "it reads differently");
    assert_eq!(encode(&decoded), bytes, "it is written differently");
}
