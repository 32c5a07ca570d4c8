//! Labels and series.

use std::{collections::BTreeMap, sync::Arc};

/// A label set; the metric name is the label `__name__`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Labels(pub(crate) BTreeMap<String, String>);

impl Labels {
    pub(crate) fn new(name: &str, pairs: &[(&str, &str)]) -> Self {
        let mut labels: BTreeMap<String, String> = pairs
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        labels.insert("__name__".to_owned(), name.to_owned());
        Self(labels)
    }

    /// A label's value; absent labels are empty.
    pub(crate) fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        if value.is_empty() {
            self.0.remove(key);
        } else {
            self.0.insert(key.to_owned(), value.to_owned());
        }
        self
    }

    pub(crate) fn without_name(mut self) -> Self {
        self.0.remove("__name__");
        self
    }

    pub(crate) fn only(&self, keys: &[String]) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(key, _)| keys.contains(key))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect(),
        )
    }

    pub(crate) fn except(&self, keys: &[String]) -> Self {
        let kept = self.0.iter().filter(|(key, _)| !keys.contains(key) && *key != "__name__");
        Self(kept.map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    /// Prometheus' fingerprint of a label set: FNV-1a over names and values.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut state = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |byte: u8| state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        for (key, value) in &self.0 {
            key.bytes().chain([0xff]).chain(value.bytes()).chain([0xff]).for_each(&mut add);
        }
        state
    }
}

/// Reads the value of a series at a time (seconds since 1970); `None` = no sample.
pub(crate) type Sampler<'a> = Arc<dyn Fn(f64) -> Option<f64> + 'a>;

/// A series whose value can be asked for at any time.
#[derive(Clone)]
pub(crate) struct Series<'a> {
    pub(crate) labels: Labels,
    pub(crate) sample: Sampler<'a>,
}

impl<'a> Series<'a> {
    pub(crate) fn new(labels: Labels, sample: impl Fn(f64) -> Option<f64> + 'a) -> Self {
        Self {
            labels,
            sample: Arc::new(sample),
        }
    }
}
