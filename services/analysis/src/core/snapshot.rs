//! What the API server listed for one investigation: every kind that says something about a fault, once.

pub mod kinds;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use paramedic_domain::object::ObjectRef;
use serde_json::Value;

use self::kinds::Kind;
use super::read::text;

/// Listed objects by kind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// When it was taken.
    pub at: Timestamp,
    /// Namespaces that the investigation is about.
    pub scope: BTreeSet<String>,
    lists: BTreeMap<&'static str, Vec<Value>>,
}

impl Snapshot {
    /// Nothing listed yet.
    #[must_use]
    pub fn new(at: Timestamp, scope: BTreeSet<String>) -> Self {
        Self {
            at,
            scope,
            lists: BTreeMap::new(),
        }
    }

    /// Files listed objects; of kinds that live in namespaces, those in scope.
    pub fn file(&mut self, kind: Kind, objects: Vec<Value>) {
        let scope = &self.scope;
        let fits = |object: &Value| !kind.namespaced || kind.everywhere || scope.contains(text(object, "/metadata/namespace"));
        let known = self.lists.entry(kind.name).or_default();
        for object in objects.into_iter().filter(fits) {
            let same = |other: &Value| {
                text(other, "/metadata/name") == text(&object, "/metadata/name")
                    && text(other, "/metadata/namespace") == text(&object, "/metadata/namespace")
            };
            if !known.iter().any(same) {
                known.push(object);
            }
        }
        known.sort_by(|a, b| place(a).cmp(&place(b)));
    }

    /// All objects of a kind, by namespace and name.
    #[must_use]
    pub fn of(&self, kind: &str) -> &[Value] {
        self.lists.get(kind).map_or(&[], Vec::as_slice)
    }

    /// Whether the kind was listed at all.
    #[must_use]
    pub fn listed(&self, kind: &str) -> bool {
        self.lists.contains_key(kind)
    }

    /// One object.
    #[must_use]
    pub fn named(&self, kind: &str, namespace: &str, name: &str) -> Option<&Value> {
        let objects = self.of(kind);
        let at = objects.binary_search_by(|object| place(object).cmp(&(namespace, name))).ok()?;
        objects.get(at)
    }

    /// Objects of a kind in one namespace.
    pub fn within<'a>(&'a self, kind: &str, namespace: &'a str) -> impl Iterator<Item = &'a Value> {
        self.of(kind)
            .iter()
            .filter(move |object| text(object, "/metadata/namespace") == namespace)
    }
}

fn place(object: &Value) -> (&str, &str) {
    (text(object, "/metadata/namespace"), text(object, "/metadata/name"))
}

/// The reference of a listed object.
#[must_use]
pub fn reference(kind: &str, object: &Value) -> ObjectRef {
    let api = kinds::named(kind).map_or("v1", |kind| kind.api);
    let namespace = Some(text(object, "/metadata/namespace")).filter(|namespace| !namespace.is_empty());
    let mut reference = ObjectRef::new(api, kind, namespace, text(object, "/metadata/name"));
    reference.uid = Some(text(object, "/metadata/uid").to_owned()).filter(|uid| !uid.is_empty());
    reference
}

/// Seconds since a time at a pointer; `None` where there is none.
#[must_use]
pub fn age(at: Timestamp, object: &Value, pointer: &str) -> Option<f64> {
    let then = super::read::time(object, pointer)?;
    Some(at.duration_since(then).as_secs_f64())
}

/// Whether labels satisfy a label selector; an empty one selects everything.
#[must_use]
pub fn selects(selector: &Value, labels: &Value) -> bool {
    let label = |key: &str| labels.get(key).and_then(Value::as_str);
    let exact = selector.get("matchLabels").and_then(Value::as_object);
    let exact = exact.into_iter().flatten().all(|(key, wanted)| label(key) == wanted.as_str());
    exact
        && super::read::each(selector, "/matchExpressions").all(|expression| {
            let found = label(text(expression, "/key"));
            let listed = || super::read::each(expression, "/values").any(|value| value.as_str() == found && found.is_some());
            match text(expression, "/operator") {
                "In" => listed(),
                "NotIn" => !listed(),
                "Exists" => found.is_some(),
                _ => found.is_none(),
            }
        })
}
