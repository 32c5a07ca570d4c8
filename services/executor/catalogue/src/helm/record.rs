//! The record of a release: a Secret of type `helm.sh/release.v1`, whose `data.release` is base64 of base64 of gzip of JSON.
//! Source: helm v3, pkg/storage/driver/{secrets,util}.go and pkg/action/rollback.go.

use std::io::{Read as _, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use jiff::Timestamp;
use paramedic_domain::{change::ReleaseRecord, digest::Digest, object::ObjectRef};
use serde_json::{Map, Value, json};

/// Type of the Secrets.
pub const TYPE: &str = "helm.sh/release.v1";
/// Largest record that is unpacked: a Secret holds 1 MiB, and manifests shrink to a tenth or less.
const MOST: u64 = 32 << 20;

/// A record that was read.
#[derive(Clone, PartialEq)]
pub struct Release {
    /// The Secret, with UID.
    pub secret: ObjectRef,
    content: Value,
}

impl std::fmt::Debug for Release {
    /// Without the content: values are in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Release({}, revision {})", self.secret, self.revision())
    }
}

impl Release {
    /// Reads the record in a Secret.
    ///
    /// # Errors
    /// When it is none, or cannot be decoded; never with what is in it.
    pub fn read(secret: &Value) -> Result<Self, String> {
        let text = |path: &str| secret.pointer(path).and_then(Value::as_str);
        let name = text("/metadata/name").unwrap_or_default();
        if text("/type") != Some(TYPE) {
            return Err(format!("Secret {name} is not of type {TYPE}"));
        }
        let mut reference = ObjectRef::new("v1", "Secret", text("/metadata/namespace"), name);
        reference.uid = text("/metadata/uid").map(Into::into);
        let data = text("/data/release").ok_or_else(|| format!("Secret {name} has no data.release"))?;
        let content = decode(data).map_err(|problem| format!("the record in Secret {name} {problem}"))?;
        if !content["version"].is_u64() || !content["info"].is_object() {
            return Err(format!("the record in Secret {name} has no version and info"));
        }
        Ok(Self {
            secret: reference,
            content,
        })
    }

    /// Number of the revision.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.content["version"].as_u64().unwrap_or(0)
    }

    /// `deployed`, `superseded`, `failed`, `pending-upgrade`, ...
    #[must_use]
    pub fn status(&self) -> &str {
        self.content["info"]["status"].as_str().unwrap_or_default()
    }

    /// The manifest that was sent.
    #[must_use]
    pub fn manifest(&self) -> &str {
        self.content["manifest"].as_str().unwrap_or_default()
    }

    /// Chart and version, for people.
    #[must_use]
    pub fn chart(&self) -> String {
        let text = |name: &str| self.content["chart"]["metadata"][name].as_str().unwrap_or("?");
        format!("{} {}", text("name"), text("version"))
    }

    /// Names of the hooks that a rollback to this revision would run.
    pub fn rollback_hooks(&self) -> impl Iterator<Item = &str> {
        let hooks = self.content["hooks"].as_array().into_iter().flatten();
        hooks
            .filter(|hook| {
                let events = hook["events"].as_array().into_iter().flatten();
                events
                    .filter_map(Value::as_str)
                    .any(|event| matches!(event, "pre-rollback" | "post-rollback"))
            })
            .filter_map(|hook| hook["name"].as_str())
    }

    /// SHA-256 of the content.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.content.to_string().as_bytes())
    }

    /// The record that is made of this one.
    #[must_use]
    pub fn rewritten(&self, into: &Rewrite) -> Self {
        let mut content = self.content.clone();
        content["info"]["status"] = json!(into.status);
        if let Some(new) = &into.new {
            content["version"] = json!(into.revision);
            content["info"]["last_deployed"] = json!(new.at.to_string());
            content["info"]["description"] = json!(new.description);
            content["info"]["deleted"] = json!("");
        }
        Self {
            secret: into.target.clone(),
            content,
        }
    }

    /// `data.release` of a Secret with this record.
    #[must_use]
    pub fn encoded(&self) -> String {
        packed(&self.content)
    }

    /// The labels that Helm finds it by.
    #[must_use]
    pub fn labels(&self, at: Timestamp) -> Map<String, Value> {
        let mut labels = Map::new();
        labels.insert("name".into(), self.content["name"].clone());
        labels.insert("owner".into(), "helm".into());
        labels.insert("status".into(), self.status().into());
        labels.insert("version".into(), self.revision().to_string().into());
        labels.insert("createdAt".into(), at.as_second().to_string().into());
        labels
    }
}

/// What becomes of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// The Secret that is written.
    pub target: ObjectRef,
    /// Number of its revision.
    pub revision: u64,
    /// Its status.
    pub status: String,
    /// A new record; `None`: only the status changes.
    pub new: Option<NewRecord>,
}

/// What a new record says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// `Rollback to 3`.
    pub description: String,
    /// When it was deployed.
    pub at: Timestamp,
}

impl From<&ReleaseRecord> for Rewrite {
    fn from(record: &ReleaseRecord) -> Self {
        Self {
            target: record.target.clone(),
            revision: record.revision,
            status: record.status.clone(),
            new: record.was.is_none().then(|| NewRecord {
                description: record.description.clone(),
                at: record.at,
            }),
        }
    }
}

/// Name of the Secret of a revision.
#[must_use]
pub fn secret_name(release: &str, revision: u64) -> String {
    format!("sh.helm.release.v1.{release}.v{revision}")
}

/// `data.release` of a record with that content.
///
/// # Panics
/// Never: memory can be written to.
#[must_use]
pub fn packed(content: &Value) -> String {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let written = gzip.write_all(content.to_string().as_bytes()).and_then(|()| gzip.finish());
    let bytes = written.expect("memory can be written to");
    STANDARD.encode(STANDARD.encode(bytes))
}

fn decode(data: &str) -> Result<Value, String> {
    let inner = STANDARD.decode(data).map_err(|_| "is not base64")?;
    let packed = STANDARD.decode(inner).map_err(|_| "is not base64 of base64")?;
    let mut text = Vec::new();
    // Records of Helm 2 and of its first versions are not packed.
    if packed.starts_with(&[0x1f, 0x8b]) {
        GzDecoder::new(packed.as_slice())
            .take(MOST + 1)
            .read_to_end(&mut text)
            .map_err(|_| "is broken gzip")?;
        if text.len() as u64 > MOST {
            return Err(format!("is larger than {} MiB", MOST >> 20));
        }
    } else {
        text = packed;
    }
    serde_json::from_slice(&text).map_err(|_| "is not JSON".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Value {
        let content = json!({"name": "shop", "version": 2, "info": {"status": "superseded", "first_deployed": "x"}, "config": {"token": "hunter2"},
            "manifest": "---", "hooks": [{"name": "test", "events": ["test"]}, {"name": "migrate", "events": ["pre-rollback"]}]});
        let data = packed(&content);
        json!({"type": TYPE, "metadata": {"name": secret_name("shop", 2), "namespace": "a", "uid": "u"}, "data": {"release": data}})
    }

    #[test]
    fn a_record_is_read_made_anew_and_read_again_and_shows_nothing_of_its_values() {
        let release = Release::read(&secret()).unwrap();
        assert_eq!((release.revision(), release.status()), (2, "superseded"));
        assert_eq!(release.rollback_hooks().collect::<Vec<_>>(), ["migrate"]);
        let at = "2026-11-22T10:00:00Z".parse().unwrap();
        let into = Rewrite {
            target: ObjectRef::new("v1", "Secret", Some("a"), &secret_name("shop", 4)),
            revision: 4,
            status: "deployed".into(),
            new: Some(NewRecord {
                description: "Rollback to 2".into(),
                at,
            }),
        };
        let new = release.rewritten(&into);
        assert_eq!((new.revision(), new.status()), (4, "deployed"));
        assert_eq!(Value::Object(new.labels(at))["version"], "4");
        assert_ne!(new.digest(), release.digest());
        let mut again = secret();
        again["data"]["release"] = json!(new.encoded());
        let again = Release::read(&again).unwrap();
        assert_eq!(again.digest(), new.digest());
        assert_eq!(again.content["config"]["token"], "hunter2");
        assert!(!format!("{again:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_no_record_is_named_without_its_content() {
        for (change, why) in [
            (json!({"type": "Opaque"}), "not of type"),
            (json!({"data": {}}), "no data.release"),
            (json!({"data": {"release": "hunter2!"}}), "is not base64"),
            (json!({"data": {"release": STANDARD.encode(STANDARD.encode("{}"))}}), "no version"),
        ] {
            let mut bad = secret();
            bad.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let problem = Release::read(&bad).unwrap_err();
            assert!(problem.contains(why) && !problem.contains("hunter2"), "{problem}");
        }
    }
}
