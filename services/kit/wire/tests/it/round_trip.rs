//! Any envelope survives the wire, and its bytes depend on nothing but its value.

use paramedic_domain::{digest::Digest, incident::Incident};
use paramedic_wire::{
    decode, decode_notification, decode_quiet, decode_told, decode_topology, decode_window, encode, encode_notification, encode_quiet,
    encode_told, encode_topology, encode_window,
};
use proptest::prelude::*;

use crate::{
    samples::envelopes,
    strategies::{envelope, notification, quiet, told, topology, window_told},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_envelope_survives(original in envelope()) {
        let bytes = encode(&original);
        let recorded = decode(&bytes).map_err(|invalid| TestCaseError::fail(invalid.to_string()))?;
        prop_assert_eq!(&recorded.envelope, &original);
        prop_assert_eq!(recorded.digest, Digest::of(&bytes));
        prop_assert_eq!(encode(&recorded.envelope), bytes);
    }

    #[test]
    fn every_notification_survives(original in notification()) {
        let bytes = encode_notification(original.clone());
        let decoded = decode_notification(&bytes).map_err(|invalid| TestCaseError::fail(invalid.to_string()))?;
        prop_assert_eq!(decoded, original);
    }

    #[test]
    fn every_announced_topology_survives(original in topology()) {
        let decoded = decode_topology(&encode_topology(&original)).map_err(|invalid| TestCaseError::fail(invalid.to_string()))?;
        prop_assert_eq!(decoded, original);
    }

    #[test]
    fn everything_said_about_windows_survives(original in window_told()) {
        let decoded = decode_window(&encode_window(&original)).map_err(|invalid| TestCaseError::fail(invalid.to_string()))?;
        prop_assert_eq!(decoded, original);
    }

    #[test]
    fn everything_that_is_kept_quiet_survives(original in quiet()) {
        let decoded = decode_quiet(&encode_quiet(&original)).map_err(|invalid| TestCaseError::fail(invalid.to_string()))?;
        prop_assert_eq!(decoded, original);
    }

    #[test]
    fn every_notice_to_the_correlator_survives(original in told()) {
        let decoded = decode_told(&encode_told(&original)).map_err(|invalid| TestCaseError::fail(invalid.to_string()))?;
        prop_assert_eq!(decoded, original);
    }

    #[test]
    fn damaged_bytes_never_panic(original in envelope(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = encode(&original).to_vec();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        bytes.truncate(cut.index(bytes.len()) + 1);
        let _ = decode(&bytes);
    }
}

#[test]
fn a_decoded_log_folds_with_an_unbroken_chain() {
    let log: Vec<_> = envelopes().iter().map(|envelope| decode(&encode(envelope)).unwrap()).collect();
    let first = &log[0].envelope;
    let incident = Incident::fold(first.cluster.clone(), first.incident.clone(), &log).unwrap();
    assert_eq!(incident.version, log.len() as u64);
}
