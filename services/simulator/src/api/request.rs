//! What a URL asks for.

use std::collections::HashMap;

use super::{catalog::Resource, custom::Kinds};
use crate::store::{Gvr, Status};

/// The object, collection or subresource a path names.
#[derive(Clone, Debug)]
pub struct Target {
    /// The resource.
    pub resource: &'static Resource,
    /// Namespace; `None` for cluster-scoped resources and for lists over all namespaces.
    pub namespace: Option<String>,
    /// Object name; `None` for the collection.
    pub name: Option<String>,
    /// Subresource, e.g. `scale`.
    pub sub: Option<String>,
}

impl Target {
    /// Parses `/api/v1/...` and `/apis/<group>/<version>/...`. 404 in the server's words when nothing is there.
    pub fn parse(kinds: &Kinds, path: &str) -> Result<Self, Status> {
        let decoded: Vec<String> = path.trim_matches('/').split('/').map(percent_decode).collect();
        let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Err(Status::no_such_resource()),
        };
        let (namespace, rest) = match rest {
            // `/namespaces/x` and its subresources name the namespace itself.
            ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => (None, rest),
            ["namespaces", ns, rest @ ..] => (Some((*ns).to_owned()), rest),
            _ => (None, rest),
        };
        let (plural, name, sub) = match rest {
            [plural] => (*plural, None, None),
            [plural, name] => (*plural, Some(*name), None),
            [plural, name, sub] => (*plural, Some(*name), Some(*sub)),
            _ => return Err(Status::no_such_resource()),
        };
        let resource = kinds.find(group, version, plural).ok_or_else(Status::no_such_resource)?;
        if (!resource.namespaced && namespace.is_some()) || (resource.namespaced && name.is_some() && namespace.is_none()) {
            return Err(Status::no_such_resource());
        }
        if sub.is_some_and(|sub| resource.sub(sub).is_none()) {
            return Err(Status::no_such_resource());
        }
        Ok(Self {
            resource,
            namespace,
            name: name.map(str::to_owned),
            sub: sub.map(str::to_owned),
        })
    }

    /// Group, version and plural as asked for.
    pub fn gvr(&self) -> Gvr {
        self.resource.gvr()
    }

    /// Where the objects are kept: one version per kind, one home for events.
    pub fn stored(&self) -> Gvr {
        stored(&self.gvr())
    }

    /// Namespace as the store takes it.
    pub fn ns(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The name, or empty for a collection.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// The subresource, or empty.
    pub fn sub(&self) -> &str {
        self.sub.as_deref().unwrap_or_default()
    }
}

/// The resource whose objects also answer for `gvr`.
pub fn stored(gvr: &Gvr) -> Gvr {
    match (gvr.group.as_str(), gvr.resource.as_str()) {
        ("events.k8s.io", "events") => Gvr::events(),
        ("autoscaling", "horizontalpodautoscalers") => Gvr::horizontal_pod_autoscalers(),
        _ => gvr.clone(),
    }
}

/// Query parameters; the last value of a repeated one, except where all are asked for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pairs: Vec<(String, String)>,
    last: HashMap<String, String>,
}

impl Query {
    /// Parses the part after `?`.
    pub fn parse(raw: Option<&str>) -> Self {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
        let last = pairs.iter().cloned().collect();
        Self { pairs, last }
    }

    /// The value, unless missing or empty.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.last.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Every value of a repeated parameter.
    pub fn all(&self, key: &str) -> Vec<String> {
        self.pairs
            .iter()
            .filter(|(name, _)| name == key)
            .map(|(_, value)| value.clone())
            .collect()
    }

    /// `true` or `1`.
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.get(key), Some("true" | "1" | "True"))
    }

    /// A whole number; 400 when it is none.
    pub fn number(&self, key: &str) -> Result<Option<i64>, Status> {
        let Some(text) = self.get(key) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            Status::bad_request(format!(
                "strconv.ParseInt: parsing \"{text}\": invalid syntax (query parameter {key})"
            ))
        })
    }

    /// True for `dryRun=All`; 422 for any other value.
    pub fn dry_run(&self) -> Result<bool, Status> {
        match self.get("dryRun") {
            None => Ok(false),
            Some("All") => Ok(true),
            Some(other) => {
                let cause = crate::store::Cause::unsupported("dryRun", &serde_json::json!(other), &["All"]);
                Err(Status::invalid("meta.k8s.io", "CreateOptions", "", &[cause]))
            }
        }
    }
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = (bytes[i] == b'%').then(|| text.get(i + 1..i + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
