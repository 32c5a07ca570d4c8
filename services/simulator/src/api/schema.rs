//! The shapes of the served kinds: which fields exist, how lists merge.

use std::{collections::HashMap, sync::LazyLock};

use serde_json::Value;

static TEXT: &str = include_str!("../../openapi/kubernetes-1.36.json");

/// All definitions, parsed once.
pub static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
    let definitions: Value = serde_json::from_str(TEXT).expect("the embedded definitions are JSON, a test reads them");
    Schemas::new(definitions)
});

/// Schema definitions by name and by kind.
pub struct Schemas {
    definitions: Value,
    kinds: HashMap<(String, String, String), String>,
}

/// How the items of a list or map belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape<'a> {
    /// A number, string or boolean.
    Scalar,
    /// Replaced as a whole, whatever is inside.
    Atomic,
    /// An object with declared fields.
    Struct,
    /// An object with free keys.
    Map,
    /// A list whose items are told apart by these fields.
    Keyed(&'a Value),
    /// A list of distinct scalars.
    Set,
}

/// A place in the schemas.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    schemas: &'a Schemas,
    /// The definition itself, references followed.
    body: &'a Value,
    /// The field that referred to it, which carries the list and patch markers.
    field: &'a Value,
}

impl Schemas {
    fn new(definitions: Value) -> Self {
        let mut kinds = HashMap::new();
        for (name, body) in definitions.as_object().into_iter().flatten() {
            for gvk in body["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
                let text = |key: &str| gvk[key].as_str().unwrap_or_default().to_owned();
                kinds.insert((text("group"), text("version"), text("kind")), name.clone());
            }
        }
        Self { definitions, kinds }
    }

    /// All definitions by name.
    pub fn definitions(&self) -> &Value {
        &self.definitions
    }

    /// The name of the definition of a kind.
    pub fn name_of(&self, group: &str, version: &str, kind: &str) -> Option<&str> {
        self.kinds
            .get(&(group.to_owned(), version.to_owned(), kind.to_owned()))
            .map(String::as_str)
    }

    /// The definition of a kind.
    pub fn kind(&self, group: &str, version: &str, kind: &str) -> Option<Node<'_>> {
        let body = &self.definitions[self.name_of(group, version, kind)?];
        Some(Node {
            schemas: self,
            body,
            field: body,
        })
    }
}

impl<'a> Node<'a> {
    fn at(self, field: &'a Value) -> Self {
        let body = match field["$ref"].as_str() {
            Some(reference) => &self.schemas.definitions[reference.rsplit('/').next().unwrap_or_default()],
            None => field,
        };
        Self {
            schemas: self.schemas,
            body,
            field,
        }
    }

    /// The schema of a declared field.
    pub fn field(self, name: &str) -> Option<Self> {
        self.body["properties"].get(name).map(|field| self.at(field))
    }

    /// The schema of a free key's value or of a list's items.
    pub fn element(self) -> Option<Self> {
        let element = match self.body.get("items") {
            Some(items) => items,
            None => self.body.get("additionalProperties").filter(|v| v.is_object())?,
        };
        Some(self.at(element))
    }

    /// The schema of `name`, be it a declared field or a free key.
    pub fn child(self, name: &str) -> Option<Self> {
        self.field(name).or_else(|| self.element())
    }

    /// True when the object has declared fields and no others.
    pub fn is_struct(self) -> bool {
        self.body.get("properties").is_some()
    }

    /// True for maps with free keys.
    pub fn is_map(self) -> bool {
        self.body.get("additionalProperties").is_some()
    }

    /// JSON type, or empty when several are taken.
    pub fn type_name(self) -> &'a str {
        self.body["type"].as_str().unwrap_or_default()
    }

    /// `format`, or empty.
    pub fn format(self) -> &'a str {
        self.body["format"].as_str().unwrap_or_default()
    }

    /// True for quantities such as `128Mi`, which may also be written as numbers.
    pub fn is_quantity(self) -> bool {
        self.field["$ref"].as_str().is_some_and(|r| r.ends_with(".resource.Quantity"))
    }

    /// Names of the required fields.
    pub fn required(self) -> impl Iterator<Item = &'a str> {
        self.body["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    /// How managed fields and server-side apply see it.
    pub fn shape(self) -> Shape<'a> {
        match self.type_name() {
            "array" => match self.field["x-kubernetes-list-type"].as_str() {
                Some("map") => Shape::Keyed(&self.field["x-kubernetes-list-map-keys"]),
                Some("set") => Shape::Set,
                _ => Shape::Atomic,
            },
            _ if self.is_atomic_map() => Shape::Atomic,
            _ if self.is_struct() => Shape::Struct,
            _ if self.is_map() => Shape::Map,
            "object" => Shape::Atomic,
            _ => Shape::Scalar,
        }
    }

    fn is_atomic_map(self) -> bool {
        [self.field, self.body].iter().any(|v| v["x-kubernetes-map-type"] == "atomic")
    }

    /// The key field by which a strategic merge patch tells list items apart.
    pub fn merge_key(self) -> Option<&'a str> {
        self.merges().then(|| self.field["x-kubernetes-patch-merge-key"].as_str()).flatten()
    }

    /// True when a strategic merge patch merges this list instead of replacing it.
    pub fn merges(self) -> bool {
        self.strategies().any(|s| s == "merge")
    }

    /// True when a strategic merge patch keeps only the named keys (`retainKeys`).
    pub fn retains_keys(self) -> bool {
        self.strategies().any(|s| s == "retainKeys")
    }

    fn strategies(self) -> impl Iterator<Item = &'a str> {
        self.field["x-kubernetes-patch-strategy"].as_str().unwrap_or_default().split(',')
    }
}
