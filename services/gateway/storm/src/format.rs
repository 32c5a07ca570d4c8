//! A storm as files: `posts.jsonl`, `topology.json`, `truth.json` and, where maintenance was declared, `windows.json`.
//! `docs/storms.md` describes them for those who convert other data.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use paramedic_correlation::topology::{Entity, Topology};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Everything of one storm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storm {
    /// What arrives, in the order of arrival.
    pub posts: Vec<Post>,
    /// What is known about the estate.
    pub topology: Topology,
    /// Maintenance that was declared beforehand; known to whoever correlates.
    pub windows: Vec<Window>,
    /// What was really going on; never shown to whoever correlates.
    pub truth: Truth,
}

/// One webhook as it arrives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Post {
    /// Time of arrival.
    pub at: Timestamp,
    /// Its body.
    pub webhook: Webhook,
}

/// Body of a webhook of Alertmanager, version 4, fields in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// Name of the receiver in Alertmanager's configuration.
    pub receiver: String,
    /// `firing` as long as one alert is.
    pub status: String,
    /// The whole group.
    pub alerts: Vec<WebhookAlert>,
    /// What the group has in common by configuration.
    pub group_labels: BTreeMap<String, String>,
    /// What the alerts happen to have in common.
    pub common_labels: BTreeMap<String, String>,
    /// What the alerts' texts happen to have in common.
    pub common_annotations: BTreeMap<String, String>,
    /// Address of the Alertmanager.
    #[serde(rename = "externalURL")]
    pub external_url: String,
    /// Always `4`.
    pub version: String,
    /// Route and group labels.
    pub group_key: String,
    /// Alerts left out.
    pub truncated_alerts: u64,
}

/// One alert in a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookAlert {
    /// `firing` or `resolved`.
    pub status: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its texts.
    pub annotations: BTreeMap<String, String>,
    /// When the rule's `for` had elapsed.
    pub starts_at: Timestamp,
    /// `0001-01-01T00:00:00Z` while it fires.
    pub ends_at: String,
    /// Link to the expression.
    #[serde(rename = "generatorURL")]
    pub generator_url: String,
    /// Hash of the labels.
    pub fingerprint: String,
}

/// Maintenance that somebody declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Its name.
    pub id: String,
    /// What is worked on.
    pub entity: Entity,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// What was really going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    /// Where the storm comes from: `plain`, `maintenance`, `twins`, or the data that was converted.
    pub set: String,
    /// Seed of a generated storm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Size of the estate.
    pub services: usize,
    /// What went wrong.
    pub incidents: Vec<Incident>,
    /// Every alert that fired, by start.
    pub alerts: Vec<AlertTruth>,
}

/// One thing that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Incident {
    /// Its name in this storm.
    pub id: String,
    /// What it was.
    pub fault: String,
    /// What kind of cause that is, as a diagnosis would call it.
    pub category: String,
    /// What has to be mended.
    pub root: Entity,
    /// Other names that are as right.
    pub aliases: Vec<Entity>,
    /// When it began, before any alert.
    pub onset: Timestamp,
    /// What suffered.
    pub affected: Vec<Entity>,
}

/// Where one alert belongs. A label set that fires again later is another alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlertTruth {
    /// Hash of the labels.
    pub fingerprint: String,
    /// When it started.
    pub starts_at: Timestamp,
    /// The incident; `None` for noise and maintenance.
    pub incident: Option<String>,
    /// The maintenance that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// It fired and is in no post.
    #[serde(default, skip_serializing_if = "is_false")]
    pub lost: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Why a storm cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The file system refused.
    #[error("cannot {verb} {}: {source}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On which file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// The content is of another form.
    #[error("{}{} is not of the form in docs/storms.md: {source}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
    Content {
        /// Which file.
        path: PathBuf,
        /// Which line, counted from 1.
        line: Option<usize>,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl FormatError {
    pub(crate) fn io(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { verb, path, source }
    }
}

impl Storm {
    /// Writes the files into a folder, which is made where it is missing.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn write(&self, folder: &Path) -> Result<(), FormatError> {
        fs::create_dir_all(folder).map_err(FormatError::io("create", folder))?;
        let path = folder.join("posts.jsonl");
        let mut lines = BufWriter::new(fs::File::create(&path).map_err(FormatError::io("create", &path))?);
        for post in &self.posts {
            writeln!(lines, "{}", json(post, &path, false)?).map_err(FormatError::io("write", &path))?;
        }
        lines.flush().map_err(FormatError::io("write", &path))?;
        write_one(&folder.join("topology.json"), &self.topology)?;
        write_one(&folder.join("truth.json"), &self.truth)?;
        if self.windows.is_empty() {
            Ok(())
        } else {
            write_one(&folder.join("windows.json"), &self.windows)
        }
    }

    /// Reads what [`Storm::write`] wrote, or what was converted by others.
    ///
    /// # Errors
    /// When a file is missing or of another form.
    pub fn read(folder: &Path) -> Result<Self, FormatError> {
        let path = folder.join("posts.jsonl");
        let lines = BufReader::new(fs::File::open(&path).map_err(FormatError::io("open", &path))?);
        let mut posts = Vec::new();
        for (number, line) in lines.lines().enumerate() {
            let line = line.map_err(FormatError::io("read", &path))?;
            posts.push(serde_json::from_str::<Post>(&line).map_err(|source| FormatError::Content {
                path: path.clone(),
                line: Some(number + 1),
                source,
            })?);
        }
        let windows = folder.join("windows.json");
        Ok(Self {
            posts,
            topology: read_one(&folder.join("topology.json"))?,
            truth: read_one(&folder.join("truth.json"))?,
            windows: if windows.exists() { read_one(&windows)? } else { Vec::new() },
        })
    }
}

fn json<T: Serialize>(value: &T, path: &Path, pretty: bool) -> Result<String, FormatError> {
    let written = if pretty {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    written.map_err(|source| FormatError::Content {
        path: path.to_owned(),
        line: None,
        source,
    })
}

fn write_one<T: Serialize>(path: &Path, value: &T) -> Result<(), FormatError> {
    fs::write(path, json(value, path, true)? + "\n").map_err(FormatError::io("write", path))
}

pub(crate) fn read_one<T: DeserializeOwned>(path: &Path) -> Result<T, FormatError> {
    let text = fs::read(path).map_err(FormatError::io("read", path))?;
    serde_json::from_slice(&text).map_err(|source| FormatError::Content {
        path: path.to_owned(),
        line: None,
        source,
    })
}
