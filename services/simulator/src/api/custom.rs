//! Custom resources: kinds that a CustomResourceDefinition among the objects adds to the built-in ones.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
};

use serde_json::Value;

use super::catalog::{ALL, RESOURCES, Resource, Sub};
use crate::{
    store::{Gvr, Store, name_of},
    world::locked::lock,
};

const EDIT: &[&str] = &["get", "patch", "update"];
const STATUS: &[Sub] = &[Sub {
    name: "status",
    group_version: None,
    kind: "",
    verbs: EDIT,
}];

/// Everything a cluster serves at one time.
#[derive(Clone, Debug)]
pub struct Kinds(Vec<&'static Resource>);

impl Kinds {
    /// The built-in kinds and those of the cluster's definitions.
    pub fn of(store: &Store) -> Self {
        let mut all: Vec<&'static Resource> = RESOURCES.iter().collect();
        for definition in store.list_shared(&Gvr::custom_resource_definitions(), None).0 {
            let versions = definition["spec"]["versions"].as_array().into_iter().flatten();
            let served = versions.filter(|version| version["served"] == true);
            all.extend(served.map(|version| interned(&definition, version)));
        }
        Self(all)
    }

    /// The resource served at that group, version and plural.
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&'static Resource> {
        let mut all = self.0.iter();
        all.find(|r| r.group == group && r.version == version && r.plural == plural)
            .copied()
    }

    /// Every served group with its versions, preferred first, in discovery order; the core group is not among them.
    pub fn groups(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        let mut out: Vec<(&str, Vec<&str>)> = Vec::new();
        for resource in self.0.iter().filter(|r| !r.group.is_empty()) {
            match out.iter_mut().find(|(group, _)| *group == resource.group) {
                Some((_, versions)) if versions.contains(&resource.version) => {}
                Some((_, versions)) => versions.push(resource.version),
                None => out.push((resource.group, vec![resource.version])),
            }
        }
        out
    }

    /// The resources of one group and version.
    pub fn of_version<'a>(&'a self, group: &'a str, version: &'a str) -> impl Iterator<Item = &'static Resource> + 'a {
        let all = self.0.iter().copied();
        all.filter(move |r| r.group == group && r.version == version)
    }

    /// All resources.
    pub fn all(&self) -> impl Iterator<Item = &'static Resource> + '_ {
        self.0.iter().copied()
    }
}

/// Resources by what makes them up. Definitions hardly ever change, so what is kept for ever is small.
static KNOWN: LazyLock<Mutex<HashMap<String, &'static Resource>>> = LazyLock::new(Mutex::default);

fn interned(definition: &Value, version: &Value) -> &'static Resource {
    let spec = &definition["spec"];
    let key = format!("{}{}{}{}", spec["group"], spec["names"], spec["scope"], version);
    let mut known = lock(&KNOWN);
    if let Some(resource) = known.get(&key) {
        return resource;
    }
    let resource: &'static Resource = Box::leak(Box::new(resource(definition, version)));
    known.insert(key, resource);
    resource
}

fn kept(text: &Value) -> &'static str {
    Box::leak(text.as_str().unwrap_or_default().to_owned().into_boxed_str())
}

fn resource(definition: &Value, version: &Value) -> Resource {
    let spec = &definition["spec"];
    let names = &spec["names"];
    let singular = if names["singular"].is_string() {
        kept(&names["singular"])
    } else {
        let lower = names["kind"].as_str().unwrap_or_default().to_lowercase();
        Box::leak(lower.into_boxed_str())
    };
    let short: Vec<&'static str> = names["shortNames"].as_array().into_iter().flatten().map(kept).collect();
    Resource {
        group: kept(&spec["group"]),
        version: kept(&version["name"]),
        plural: kept(&names["plural"]),
        singular,
        kind: kept(&names["kind"]),
        namespaced: spec["scope"] == "Namespaced",
        short: Box::leak(short.into_boxed_slice()),
        in_all: names["categories"]
            .as_array()
            .is_some_and(|all| all.iter().any(|category| category == "all")),
        schemaless: true,
        verbs: ALL,
        subs: if version["subresources"]["status"].is_object() {
            STATUS
        } else {
            &[]
        },
    }
}

/// A definition as it stands once the server has accepted it.
pub fn accepted(definition: &Value, at: &str) -> Value {
    let names = &definition["spec"]["names"];
    let condition = |kind: &str, reason: &str, message: &str| serde_json::json!({"type": kind, "status": "True", "lastTransitionTime": at, "reason": reason, "message": message});
    let versions = definition["spec"]["versions"].as_array().into_iter().flatten();
    let stored: Vec<&Value> = versions
        .filter(|version| version["storage"] == true)
        .map(|version| &version["name"])
        .collect();
    serde_json::json!({
        "acceptedNames": names, "storedVersions": stored,
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
    })
}

/// Refuses a definition whose name is not made of its plural and group.
pub fn misnamed(definition: &Value) -> Option<String> {
    let (group, names) = (&definition["spec"]["group"], &definition["spec"]["names"]);
    let wanted = format!(
        "{}.{}",
        names["plural"].as_str().unwrap_or_default(),
        group.as_str().unwrap_or_default()
    );
    (name_of(definition) != wanted).then(|| "must be spec.names.plural+\".\"+spec.group".to_owned())
}
