//! Who an alert is when its sender does not say: Alertmanager's own fingerprint.

use std::collections::BTreeMap;

/// The fingerprint that Alertmanager and Prometheus give a label set: 64-bit FNV-1a over names and values in the order of the
/// names, a byte 255 after each (`labelSetToFingerprint` in prometheus/common/model).
#[must_use]
pub fn fingerprint(labels: &BTreeMap<String, String>) -> String {
    /// FNV-1a's offset and prime for 64 bits (RFC 9923).
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    const SEPARATOR: u8 = 255;
    let bytes = labels
        .iter()
        .flat_map(|(name, value)| [name.as_bytes(), &[SEPARATOR], value.as_bytes(), &[SEPARATOR]])
        .flatten();
    let sum = bytes.fold(OFFSET, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(PRIME));
    format!("{sum:016x}")
}

/// The key of the group that Alertmanager would put an alert into with `group_by: [alertname, namespace]`.
#[must_use]
pub fn group_key(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = ["alertname", "namespace"]
        .into_iter()
        .filter_map(|name| labels.get(name).map(|value| format!("{name}={value:?}")))
        .collect();
    format!("{{}}:{{{}}}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use crate::core::webhook;

    use super::*;

    #[test]
    fn it_is_alertmanagers_own() {
        let real = include_str!("../../tests/fixtures/alertmanager_webhook_sample.json");
        let group = webhook::parse(real.as_bytes().into()).unwrap().groups.remove(0);
        for alert in &group.alerts {
            assert_eq!(fingerprint(&alert.labels), alert.fingerprint);
            assert_eq!(group_key(&alert.labels), group.key);
        }
        assert_eq!(fingerprint(&BTreeMap::new()), "cbf29ce484222325");
    }
}
