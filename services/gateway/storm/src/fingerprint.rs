//! Alertmanager's hash of a label set.

use std::collections::BTreeMap;

/// FNV-1a over names and values in order, each followed by the byte 255 (`LabelSet.Fingerprint` of prometheus/common), 16 hex digits.
pub(crate) fn fingerprint(labels: &BTreeMap<String, String>) -> String {
    format!(
        "{:016x}",
        labels.iter().fold(OFFSET, |hash, (name, value)| mix(mix(hash, name), value))
    )
}

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

fn mix(hash: u64, text: &str) -> u64 {
    text.bytes()
        .chain([255])
        .fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

/// A number that a text always has, for what is not drawn but derived: UIDs, addresses.
pub(crate) fn number(text: &str) -> u64 {
    mix(OFFSET, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The label sets and fingerprints that a real Alertmanager 0.25 posted.
    #[test]
    fn it_is_the_one_that_alertmanager_computes() {
        let labels = |pod: &str| {
            [
                ("alertname", "KubePodCrashLooping"),
                ("container", "web"),
                ("namespace", "shop"),
                ("pod", pod),
                ("severity", "critical"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
        };
        assert_eq!(fingerprint(&labels("web-7d9f-abcde")), "e2eb2d19dddfc24d");
        assert_eq!(fingerprint(&labels("web-7d9f-fghij")), "4fca93a874583236");
    }
}
