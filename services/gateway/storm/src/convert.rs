//! Other people's labelled data as storms. `docs/storms.md` says what each conversion adds and what it cannot.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    alertmanager::assemble,
    fingerprint::fingerprint,
    format::{AlertTruth, FormatError, Post, Storm, WebhookAlert},
};

mod itbench;
mod petshop;

pub use itbench::itbench;
pub use petshop::petshop;

/// What became of a data set.
#[derive(Debug)]
pub struct Conversion {
    /// The storms, by name.
    pub storms: Vec<(String, Storm)>,
    /// Cases that could not be used, with the reason.
    pub skipped: Vec<String>,
}

/// Why data cannot be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// It cannot be read or written.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// It is not the data that it should be.
    #[error("{}: {what}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl ConvertError {
    fn content(path: &Path, what: impl ToString) -> Self {
        Self::Content {
            path: path.to_owned(),
            what: what.to_string(),
        }
    }
}

impl Conversion {
    /// Writes every storm into a folder of its name.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn write(&self, folder: &Path) -> Result<(), FormatError> {
        self.storms.iter().try_for_each(|(name, storm)| storm.write(&folder.join(name)))
    }
}

/// One alert of converted data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Converted {
    starts_at: Timestamp,
    labels: BTreeMap<String, String>,
    summary: String,
}

/// How long a group waits for its first alerts.
const GROUP_WAIT: SignedDuration = SignedDuration::from_secs(30);

/// Posts of alerts that all fire to the end: one group per name and namespace, one post whenever something is new.
fn posts(mut alerts: Vec<Converted>) -> Vec<Post> {
    alerts.sort();
    let mut groups: BTreeMap<BTreeMap<String, String>, Vec<Converted>> = BTreeMap::new();
    for alert in alerts {
        let of = |name: &str| Some((name.to_owned(), alert.labels.get(name)?.clone()));
        let labels = ["alertname", "namespace"].into_iter().filter_map(of).collect();
        groups.entry(labels).or_default().push(alert);
    }
    let mut posts = Vec::new();
    for (labels, alerts) in groups {
        for (index, alert) in alerts.iter().enumerate() {
            if alerts.get(index + 1).is_some_and(|next| next.starts_at == alert.starts_at) {
                continue;
            }
            posts.push(Post {
                at: alert.starts_at + GROUP_WAIT,
                webhook: assemble(&labels, alerts[..=index].iter().map(firing).collect()),
            });
        }
    }
    posts.sort_by(|one, other| (one.at, &one.webhook.group_key).cmp(&(other.at, &other.webhook.group_key)));
    posts
}

fn firing(alert: &Converted) -> WebhookAlert {
    WebhookAlert {
        status: "firing".into(),
        labels: alert.labels.clone(),
        annotations: BTreeMap::from([("summary".to_owned(), alert.summary.clone())]),
        starts_at: alert.starts_at,
        ends_at: "0001-01-01T00:00:00Z".into(),
        generator_url: String::new(),
        fingerprint: fingerprint(&alert.labels),
    }
}

/// All alerts belong to the one incident, or to none.
fn truths(alerts: &[Converted], incident: Option<&str>) -> Vec<AlertTruth> {
    let truth = |alert: &Converted| AlertTruth {
        fingerprint: fingerprint(&alert.labels),
        starts_at: alert.starts_at,
        incident: incident.map(str::to_owned),
        window: None,
        lost: false,
    };
    alerts.iter().map(truth).collect()
}

fn labels<const N: usize>(labels: [(&str, &str); N]) -> BTreeMap<String, String> {
    labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[cfg(test)]
mod tests;
