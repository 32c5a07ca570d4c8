//! Which requests are meant: patterns over the audit log.

use std::fmt;

use regex::Regex;
use serde::Deserialize;

use crate::audit::Entry;

/// A kind of request. A field that is left out fits anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestPattern {
    /// Kubernetes verb.
    #[serde(default)]
    pub verb: Option<Word>,
    /// Kind of the object; a subresource has the kind of its object, except that an eviction is an `Eviction`.
    #[serde(default)]
    pub kind: Option<Word>,
    /// Namespace of the object.
    #[serde(default)]
    pub namespace: Option<Word>,
    /// Name of the object.
    #[serde(default)]
    pub name: Option<Word>,
}

impl RequestPattern {
    /// Whether a request is of this kind. Whether it succeeded is another question: [`Entry::is_mutation`].
    pub fn fits(&self, request: &Entry) -> bool {
        let all = [
            (&self.verb, &request.verb),
            (&self.kind, &request.kind),
            (&self.namespace, &request.namespace),
            (&self.name, &request.name),
        ];
        all.into_iter().all(|(word, text)| word.as_ref().is_none_or(|word| word.fits(text)))
    }
}

/// A regular expression that has to match a whole text.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Word(Regex);

impl Word {
    /// Whether the whole text matches.
    pub fn fits(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl TryFrom<String> for Word {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Regex::new(&format!("^(?:{text})$"))
            .map(Self)
            .map_err(|error| format!("{text:?} is not a regular expression: {error}"))
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.as_str();
        f.write_str(whole.strip_prefix("^(?:").and_then(|text| text.strip_suffix(")$")).unwrap_or(whole))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(verb: &str, kind: &str, namespace: &str, name: &str) -> Entry {
        serde_json::from_value(json!({
            "time": "2026-03-02T14:20:00Z", "verb": verb, "path": "/", "kind": kind, "namespace": namespace, "name": name,
            "query": "", "dry_run": false, "user_agent": "", "field_manager": "", "content_type": "", "body": null, "code": 200,
        }))
        .unwrap()
    }

    #[test]
    fn a_pattern_fits_whole_words_and_what_it_leaves_out() {
        let pattern: RequestPattern = serde_json::from_value(json!({"verb": "patch|update", "kind": "Deployment", "name": "web"})).unwrap();
        let of = |verb: &str, kind: &str, name: &str| pattern.fits(&request(verb, kind, "shop", name));
        assert!(of("patch", "Deployment", "web") && of("update", "Deployment", "web"));
        assert!(!of("patch", "Deployment", "web-2") && !of("delete", "Deployment", "web") && !of("patch", "Deploy", "web"));
        assert!(RequestPattern::default().fits(&request("get", "", "", "")));
    }

    #[test]
    fn what_is_no_expression_is_refused_with_its_text() {
        let error = serde_json::from_value::<RequestPattern>(json!({"name": "a("}))
            .unwrap_err()
            .to_string();
        assert!(error.contains("\"a(\" is not a regular expression"), "{error}");
        assert!(serde_json::from_value::<RequestPattern>(json!({"resource": "pods"})).is_err());
    }
}
