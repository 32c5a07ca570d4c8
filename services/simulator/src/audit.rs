//! Every request the API server answered, in order.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One answered request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Simulated time at which it arrived.
    pub time: Timestamp,
    /// Kubernetes verb: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// Path without the query.
    pub path: String,
    /// Kind of the object, or empty for paths that name none. A subresource has the kind of its object, except that an eviction
    /// is an `Eviction`.
    #[serde(default)]
    pub kind: String,
    /// Namespace of the object, or empty.
    #[serde(default)]
    pub namespace: String,
    /// Name of the object, from the path or from the body that creates it; empty for collections.
    #[serde(default)]
    pub name: String,
    /// Raw query, or empty.
    pub query: String,
    /// True when the request asked to change nothing.
    pub dry_run: bool,
    /// `User-Agent`.
    pub user_agent: String,
    /// `fieldManager`, or empty.
    pub field_manager: String,
    /// `Content-Type` of the body.
    pub content_type: String,
    /// The body: JSON, or text when it was not JSON, or null.
    pub body: Value,
    /// HTTP status code of the answer.
    pub code: u16,
}

impl Entry {
    /// True when the request changed something: a successful write that was no dry run and no review. Leases and events are
    /// written all the time and change nothing that anybody would undo.
    pub fn is_mutation(&self) -> bool {
        let reads = matches!(self.verb.as_str(), "get" | "list" | "watch" | "other");
        let review = self.path.starts_with("/apis/authorization.k8s.io/") || self.path.starts_with("/apis/authentication.k8s.io/");
        let routine = matches!(self.kind.as_str(), "Lease" | "Event");
        !reads && !review && !routine && !self.dry_run && (200..300).contains(&self.code)
    }
}

/// Told of every entry before its request is answered.
type Witness = Arc<dyn Fn(&Entry) + Send + Sync>;

/// The log. Cheap to clone; every clone is the same log.
#[derive(Clone, Default)]
pub struct Audit {
    entries: Arc<Mutex<Vec<Entry>>>,
    file: Option<Arc<Mutex<File>>>,
    witness: Option<Witness>,
}

impl Audit {
    /// A log that is also written to `path` as JSON lines.
    pub fn to_file(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self {
            entries: Arc::default(),
            file: Some(Arc::new(Mutex::new(file))),
            ..Self::default()
        })
    }

    /// The same log, which tells `witness` of every entry before its request is answered.
    pub(crate) fn seen_by(mut self, witness: impl Fn(&Entry) + Send + Sync + 'static) -> Self {
        self.witness = Some(Arc::new(witness));
        self
    }

    /// Appends one entry.
    pub fn record(&self, entry: Entry) {
        if let Some(file) = &self.file {
            let line = serde_json::to_string(&entry).unwrap_or_default();
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = writeln!(file, "{line}") {
                tracing::warn!(%error, "the audit file could not be written; the log in memory goes on");
            }
        }
        if let Some(witness) = &self.witness {
            witness(&entry);
        }
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// Everything so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many there are so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether no request was answered yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything so far as JSON lines.
    pub fn lines(&self) -> String {
        let one = |entry: &Entry| serde_json::to_string(entry).unwrap_or_default() + "\n";
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(one)
            .collect()
    }
}
