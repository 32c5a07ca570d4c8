//! The sections of actions that the operator registers.

use std::{collections::BTreeMap, path::PathBuf};

use paramedic_catalogue::external::{External, How, Registration};
use paramedic_domain::risk::RiskLevel;
use paramedic_runtime::config::Invalid;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::systems::http_url;

/// One `[[executor.actions]]` section: an action that the operator registers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Its name: lower-case letters, digits and `_`.
    pub name: String,
    /// What it does, for people.
    pub description: String,
    /// JSON Schema of its parameters, as JSON text.
    #[serde(default)]
    pub schema: String,
    /// File with that schema, instead.
    #[serde(default)]
    pub schema_file: PathBuf,
    /// `none`, `low`, `medium`, `high` or `critical`.
    pub risk: RiskLevel,
    /// How it is done.
    pub kind: ActionKind,
    /// HTTP: where it is asked for. gRPC: `http://host:port` of a `paramedic.v1.ExternalAction`.
    #[serde(default)]
    pub url: String,
    /// HTTP: `POST`, `PUT`, `PATCH` or `DELETE`.
    #[serde(default = "post")]
    pub method: String,
    /// HTTP: where it is taken back; empty: it is not.
    #[serde(default)]
    pub undo_url: String,
    /// HTTP: with which method.
    #[serde(default = "post")]
    pub undo_method: String,
    /// Why nothing takes it back, when nothing does.
    #[serde(default)]
    pub irreversible: Option<String>,
    /// HTTP: how it is tried without effect.
    #[serde(default)]
    pub dry_run: DryRun,
    /// Headers (gRPC: metadata).
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Headers whose values are in files: tokens.
    #[serde(default)]
    pub header_files: BTreeMap<String, PathBuf>,
    /// Job: its namespace.
    #[serde(default)]
    pub namespace: String,
    /// Job: file with the Job as YAML or JSON.
    #[serde(default)]
    pub template_file: PathBuf,
    /// Longest time one attempt may take.
    #[serde(default = "minute")]
    pub timeout_seconds: u64,
}

fn post() -> String {
    "POST".into()
}

fn minute() -> u64 {
    60
}

/// How a registered action is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the words are the definition")]
pub enum ActionKind {
    Http,
    Grpc,
    Job,
}

/// How an endpoint is told that it shall only try: at most one of them; none: it cannot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DryRun {
    /// HTTP: another URL.
    pub url: String,
    /// HTTP: a query parameter, `dry_run=true`.
    pub query: String,
    /// HTTP: a header, `X-Dry-Run: true`.
    pub header: String,
    /// gRPC: the method `DryRun` is implemented.
    pub method: bool,
}

impl Action {
    /// The action; reads the files that it names.
    pub(super) fn read(&self, key: &str) -> Result<External, Invalid> {
        let invalid = |name: &str, problem: String| Invalid::new(format!("{key}.{name}"), problem);
        let schema = match (self.schema.is_empty(), self.schema_file.as_os_str().is_empty()) {
            (false, true) => self.schema.clone(),
            (true, false) => read_text(&format!("{key}.schema_file"), &self.schema_file)?,
            _ => return Err(invalid("schema", "give either schema or schema_file".into())),
        };
        let schema: Value = serde_json::from_str(&schema).map_err(|error| invalid("schema", format!("is not JSON: {error}")))?;
        if !(1..=3600).contains(&self.timeout_seconds) {
            return Err(invalid(
                "timeout_seconds",
                format!("{} is not between 1 and 3600", self.timeout_seconds),
            ));
        }
        External::new(Registration {
            name: self.name.clone(),
            description: self.description.clone(),
            schema,
            risk: self.risk,
            how: self.how(key)?,
            irreversible: self.irreversible.clone(),
            timeout: std::time::Duration::from_secs(self.timeout_seconds),
        })
        .map_err(|problem| Invalid::new(key, problem))
    }

    fn how(&self, key: &str) -> Result<How, Invalid> {
        let invalid = |name: &str, problem: String| Invalid::new(format!("{key}.{name}"), problem);
        Ok(match self.kind {
            ActionKind::Http => {
                http_url(&format!("{key}.url"), &self.url)?;
                for (name, method) in [("method", &self.method), ("undo_method", &self.undo_method)] {
                    if !["POST", "PUT", "PATCH", "DELETE"].contains(&method.as_str()) {
                        return Err(invalid(name, format!("{method:?} is none of POST, PUT, PATCH, DELETE")));
                    }
                }
                if !self.undo_url.is_empty() {
                    http_url(&format!("{key}.undo_url"), &self.undo_url)?;
                }
                self.dry_run.validate(&format!("{key}.dry_run"))?;
                How::Http {
                    method: self.method.clone(),
                    url: self.url.clone(),
                    undo: (!self.undo_url.is_empty()).then(|| (self.undo_method.clone(), self.undo_url.clone())),
                    dry_run: self.dry_run != DryRun::default(),
                }
            }
            ActionKind::Grpc => {
                http_url(&format!("{key}.url"), &self.url)?;
                How::Grpc {
                    url: self.url.clone(),
                    dry_run: self.dry_run.method,
                }
            }
            ActionKind::Job => {
                let text = read_text(&format!("{key}.template_file"), &self.template_file)?;
                How::Job {
                    namespace: self.namespace.clone(),
                    template: serde_yaml_ng::from_str(&text)
                        .map_err(|error| invalid("template_file", format!("is neither YAML nor JSON: {error}")))?,
                }
            }
        })
    }
}

impl DryRun {
    fn validate(&self, key: &str) -> Result<(), Invalid> {
        let given = [&self.url, &self.query, &self.header]
            .into_iter()
            .filter(|text| !text.is_empty())
            .count();
        if given > 1 || self.method {
            return Err(Invalid::new(key, "give one of url, query and header; method is for gRPC"));
        }
        if !self.url.is_empty() {
            http_url(&format!("{key}.url"), &self.url)?;
        }
        if !self.query.is_empty() && !self.query.contains('=') {
            return Err(Invalid::new(format!("{key}.query"), format!("{:?} is not name=value", self.query)));
        }
        if !self.header.is_empty() && !self.header.contains(": ") {
            return Err(Invalid::new(
                format!("{key}.header"),
                format!("{:?} is not \"Name: value\"", self.header),
            ));
        }
        Ok(())
    }
}

fn read_text(key: &str, path: &std::path::Path) -> Result<String, Invalid> {
    std::fs::read_to_string(path).map_err(|error| Invalid::new(key, format!("cannot read {}: {error}", path.display())))
}
