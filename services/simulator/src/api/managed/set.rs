//! Sets of fields, as `fieldsV1` writes them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A set of paths. Keys are `f:<field>`, `k:<keys of a list item>` and `v:<value of a set>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    /// The path itself belongs to the set.
    pub me: bool,
    /// What lies below.
    pub below: BTreeMap<String, FieldSet>,
}

impl FieldSet {
    /// Reads `fieldsV1`.
    pub fn from_json(value: &Value) -> Self {
        let mut out = Self::default();
        for (key, child) in value.as_object().into_iter().flatten() {
            if key == "." {
                out.me = true;
            } else {
                let mut below = Self::from_json(child);
                below.me |= below.below.is_empty();
                out.below.insert(key.clone(), below);
            }
        }
        out
    }

    /// Writes `fieldsV1`.
    pub fn to_json(&self) -> Value {
        let mut out = Map::new();
        if self.me && !self.below.is_empty() {
            out.insert(".".to_owned(), json!({}));
        }
        for (key, child) in &self.below {
            out.insert(key.clone(), child.to_json());
        }
        Value::Object(out)
    }

    /// Nothing at all.
    pub fn is_empty(&self) -> bool {
        !self.me && self.below.is_empty()
    }

    /// Adds one path.
    pub fn insert(&mut self, path: &[String]) {
        match path {
            [] => self.me = true,
            [first, rest @ ..] => self.below.entry(first.clone()).or_default().insert(rest),
        }
    }

    /// True when the path itself is in the set.
    pub fn contains(&self, path: &[String]) -> bool {
        match path {
            [] => self.me,
            [first, rest @ ..] => self.below.get(first).is_some_and(|child| child.contains(rest)),
        }
    }

    /// Everything in either.
    pub fn union(mut self, other: &Self) -> Self {
        self.me |= other.me;
        for (key, theirs) in &other.below {
            let mine = self.below.remove(key).unwrap_or_default();
            self.below.insert(key.clone(), mine.union(theirs));
        }
        self
    }

    /// Everything in this one and not in `other`.
    pub fn minus(mut self, other: &Self) -> Self {
        self.me &= !other.me;
        let below = std::mem::take(&mut self.below);
        for (key, child) in below {
            let rest = match other.below.get(&key) {
                Some(theirs) => child.minus(theirs),
                None => child,
            };
            if !rest.is_empty() {
                self.below.insert(key, rest);
            }
        }
        self
    }

    /// Everything in both.
    pub fn common(&self, other: &Self) -> Self {
        let mut out = Self {
            me: self.me && other.me,
            below: BTreeMap::new(),
        };
        for (key, mine) in &self.below {
            let both = other.below.get(key).map(|theirs| mine.common(theirs)).unwrap_or_default();
            if !both.is_empty() {
                out.below.insert(key.clone(), both);
            }
        }
        out
    }

    /// Every path, in order.
    pub fn paths(&self) -> Vec<Vec<String>> {
        let mut out = Vec::new();
        self.collect(&mut Vec::new(), &mut out);
        out
    }

    fn collect(&self, at: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
        if self.me {
            out.push(at.clone());
        }
        for (key, child) in &self.below {
            at.push(key.clone());
            child.collect(at, out);
            at.pop();
        }
    }
}

/// `.spec.containers[name="app"].image`: a path as conflicts name it.
pub(super) fn shown(path: &[String]) -> String {
    let mut out = String::new();
    for part in path {
        if let Some(field) = part.strip_prefix("f:") {
            out.push('.');
            out.push_str(field);
        } else if let Some(keys) = part.strip_prefix("k:") {
            let keys: Value = serde_json::from_str(keys).unwrap_or(Value::Null);
            let all: Vec<String> = keys.as_object().into_iter().flatten().map(|(k, v)| format!("{k}={v}")).collect();
            out.push_str(&format!("[{}]", all.join(",")));
        } else if let Some(value) = part.strip_prefix("v:") {
            out.push_str(&format!("[={value}]"));
        }
    }
    out
}
