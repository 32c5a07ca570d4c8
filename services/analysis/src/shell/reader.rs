//! The Kubernetes probe of one investigation: what was listed once is not asked for again, and calls are bounded.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::kubernetes::{Kubernetes, Problem};
use crate::core::{
    read,
    rights::{PATH, Right},
    snapshot::selects,
};

/// Answers from lists that were read before, else from the API server.
pub(super) struct Reader {
    kubernetes: Kubernetes,
    lists: Mutex<HashMap<String, Arc<Value>>>,
}

impl Reader {
    /// A reader that has read nothing yet.
    pub(super) fn new(kubernetes: Kubernetes) -> Self {
        Self {
            kubernetes,
            lists: Mutex::default(),
        }
    }

    /// One object or list.
    ///
    /// # Errors
    /// See [`Problem`]; `TooMuch` also when the calls of this investigation are used up.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Problem> {
        if let Some(known) = self.known(path) {
            return known;
        }
        self.kubernetes.count(path)?;
        let answer = self.kubernetes.get(path).await?;
        if answer.get("items").is_some() && !path.contains('?') {
            let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
            lists.insert(path.to_owned(), Arc::new(answer.clone()));
        }
        Ok(answer)
    }

    /// A list of what its objects are called, without what is in them.
    ///
    /// # Errors
    /// As of [`Reader::get`].
    pub(super) async fn metadata(&self, path: &str) -> Result<Value, Problem> {
        self.kubernetes.count(path)?;
        self.kubernetes.metadata(path).await
    }

    /// A log.
    ///
    /// # Errors
    /// As of [`Reader::get`].
    pub(super) async fn text(&self, path: &str) -> Result<String, Problem> {
        self.kubernetes.count(path)?;
        self.kubernetes.text(path).await
    }

    /// Asks whether an account has a right now.
    ///
    /// # Errors
    /// See [`Problem`]; `TooMuch` also when the calls of this investigation are used up.
    pub(super) async fn review(&self, right: &Right) -> Result<Value, Problem> {
        self.kubernetes.count(PATH)?;
        self.kubernetes.review(right).await
    }

    fn list(&self, path: &str) -> Option<Arc<Value>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    /// The answer that follows from what was listed.
    fn known(&self, path: &str) -> Option<Result<Value, Problem>> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let selector = match query.split_once('=') {
            None if query.is_empty() => json!({}),
            Some(("labelSelector", encoded)) => parsed(&decoded(encoded))?,
            _ => return None,
        };
        let chosen = |list: &Value, namespace: Option<&str>| {
            let fits = |object: &&Value| {
                namespace.is_none_or(|namespace| read::text(object, "/metadata/namespace") == namespace)
                    && selects(&selector, &object["metadata"]["labels"])
            };
            json!({"items": read::each(list, "/items").filter(fits).collect::<Vec<_>>()})
        };
        if let Some(list) = self.list(path) {
            return Some(Ok(chosen(&list, None)));
        }
        let place = Place::of(path)?;
        let (list, namespace) = match (place.namespace, place.name) {
            (Some(namespace), None) => (self.list(&place.everywhere)?, namespace),
            (namespace, Some(_)) => {
                let own = path.rsplit_once('/')?.0;
                (
                    self.list(own).or_else(|| self.list(&place.everywhere))?,
                    namespace.unwrap_or_default(),
                )
            }
            (None, None) => return None,
        };
        let Some(name) = place.name else {
            return Some(Ok(chosen(&list, Some(namespace))));
        };
        let mut objects = read::each(&list, "/items");
        let found =
            objects.find(|object| read::text(object, "/metadata/name") == name && read::text(object, "/metadata/namespace") == namespace);
        Some(found.cloned().ok_or_else(|| Problem::Absent(path.to_owned())))
    }
}

/// A path taken apart.
struct Place<'p> {
    namespace: Option<&'p str>,
    name: Option<&'p str>,
    /// The list of the same kind in all namespaces.
    everywhere: String,
}

impl<'p> Place<'p> {
    fn of(path: &'p str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let root = match *parts.first()? {
            "api" => 2,
            "apis" => 3,
            _ => return None,
        };
        let (head, rest) = parts.split_at_checked(root)?;
        let head = head.join("/");
        match rest {
            ["namespaces", namespace, plural] => Some(Self {
                namespace: Some(namespace),
                name: None,
                everywhere: format!("/{head}/{plural}"),
            }),
            ["namespaces", namespace, plural, name] => Some(Self {
                namespace: Some(namespace),
                name: Some(name),
                everywhere: format!("/{head}/{plural}"),
            }),
            [plural, name] => Some(Self {
                namespace: None,
                name: Some(name),
                everywhere: format!("/{head}/{plural}"),
            }),
            _ => None,
        }
    }
}

/// `%3D` and the like as what they stand for.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let hex = (byte == b'%').then(|| [bytes.next(), bytes.next()].map(|b| b.map(char::from).and_then(|c| c.to_digit(16))));
        match hex {
            Some([Some(high), Some(low)]) => out.push(u8::try_from(high * 16 + low).unwrap_or(b'?')),
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A selector as the API takes it in a query, as the object form.
fn parsed(text: &str) -> Option<Value> {
    let mut expressions = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = if let Some(open) = rest.find('(').filter(|open| rest.find(',').is_none_or(|comma| *open < comma)) {
            open + rest[open..].find(')')? + 1
        } else {
            rest.find(',').unwrap_or(rest.len())
        };
        let (one, more) = rest.split_at(end);
        rest = more.trim_start_matches(',').trim();
        expressions.push(requirement(one.trim())?);
    }
    Some(json!({"matchExpressions": expressions}))
}

fn requirement(text: &str) -> Option<Value> {
    let set = |operator: &str, word: &str| {
        let (key, values) = text.split_once(word)?;
        let values: Vec<&str> = values.trim().trim_matches(['(', ')']).split(',').map(str::trim).collect();
        Some(json!({"key": key.trim(), "operator": operator, "values": values}))
    };
    if text.contains(" notin ") {
        return set("NotIn", " notin ");
    }
    if text.contains(" in ") {
        return set("In", " in ");
    }
    if let Some((key, value)) = text.split_once('=') {
        return Some(json!({"key": key, "operator": "In", "values": [value.trim_start_matches('=')]}));
    }
    Some(match text.strip_prefix('!') {
        Some(key) => json!({"key": key, "operator": "DoesNotExist"}),
        None => json!({"key": text, "operator": "Exists"}),
    })
}
