//! What a model may look up: reads within the incident's namespaces, never a Secret. A call becomes a [`Lookup`] or a refusal; the
//! shell only runs what comes out of here.

use std::collections::BTreeSet;

use promql_parser::{
    label::MatchOp,
    parser::{self, Expr, VectorSelector},
    util::{ExprVisitor, walk_expr},
};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::answer;
use crate::core::snapshot::kinds;

/// The tool that ends the conversation.
pub const CONCLUDE: &str = "conclude";
/// Longest query that is run, characters.
const MOST_QUERY: usize = 1_000;
/// Metrics of nodes belong to no namespace.
const OF_CLUSTER: [&str; 4] = ["node_", "kube_node_", "machine_", "kubelet_"];

/// A tool as every dialect describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Name.
    pub name: &'static str,
    /// What it does.
    pub description: &'static str,
    /// JSON Schema of its arguments.
    pub schema: Value,
}

/// A permitted look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// GET of this path.
    Kubernetes(String),
    /// Instant query.
    Prometheus(String),
    /// Newest log lines.
    Loki(String),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct KubernetesGet {
    /// Kind, as in `Deployment`.
    kind: String,
    /// Namespace; empty for objects without one.
    namespace: String,
    /// Name; empty lists all of the kind.
    name: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PrometheusQuery {
    /// `PromQL`; every selector names a namespace of the incident: `namespace="..."`. Metrics of nodes need none.
    query: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LokiQuery {
    /// Namespace.
    namespace: String,
    /// Beginning of the pods' names; empty: all pods.
    pod: String,
    /// Text that lines contain, in any case; empty: all lines.
    contains: String,
}

/// The tools; on the last turn only the one that concludes.
#[must_use]
pub fn tools(last: bool) -> Vec<Tool> {
    let conclude = Tool {
        name: CONCLUDE,
        description: "Ends the investigation with your answer.",
        schema: answer::schema(),
    };
    if last {
        return vec![conclude];
    }
    vec![
        Tool {
            name: "kubernetes_get",
            description: "Reads one object, or the states of all objects of a kind. Secrets cannot be read.",
            schema: schema_of::<KubernetesGet>(),
        },
        Tool {
            name: "prometheus_query",
            description: "Runs an instant PromQL query.",
            schema: schema_of::<PrometheusQuery>(),
        },
        Tool {
            name: "loki_query",
            description: "Reads the newest log lines of pods.",
            schema: schema_of::<LokiQuery>(),
        },
        conclude,
    ]
}

fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(map) = schema.as_object_mut() {
        map.remove("$schema");
        map.remove("title");
    }
    schema
}

/// What a call asks for.
///
/// # Errors
/// Why it is not run, for the model to read.
pub fn lookup(tool: &str, arguments: Value, scope: &BTreeSet<String>) -> Result<Lookup, String> {
    match tool {
        "kubernetes_get" => kubernetes(&parsed(arguments)?, scope),
        "prometheus_query" => prometheus(&parsed(arguments)?, scope),
        "loki_query" => loki(&parsed(arguments)?, scope),
        other => Err(format!("there is no tool {other:?}")),
    }
}

fn parsed<T: DeserializeOwned>(arguments: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(arguments).map_err(|error| format!("the arguments do not fit the schema: {error}"))
}

fn inside(namespace: &str, scope: &BTreeSet<String>) -> Result<(), String> {
    if scope.contains(namespace) {
        return Ok(());
    }
    let known: Vec<&str> = scope.iter().map(String::as_str).collect();
    Err(format!(
        "namespace {namespace:?} is not part of this incident, which is about {}",
        known.join(", ")
    ))
}

fn kubernetes(asked: &KubernetesGet, scope: &BTreeSet<String>) -> Result<Lookup, String> {
    let kind = kinds::named(&asked.kind).ok_or_else(|| {
        let known: Vec<&str> = kinds::KINDS.into_iter().map(|kind| kind.name).collect();
        format!("kind {:?} cannot be read here; {} can", asked.kind, known.join(", "))
    })?;
    if kind.namespaced {
        inside(&asked.namespace, scope)?;
    }
    let list = kind.path(Some(&asked.namespace).filter(|_| kind.namespaced).map(String::as_str));
    if asked.name.is_empty() {
        return Ok(Lookup::Kubernetes(list));
    }
    // Only what can be a name goes into a path.
    let plain = asked
        .name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b':'));
    if !plain || asked.name.len() > 253 || asked.name.contains("..") {
        return Err(format!("{:?} is no name of an object", asked.name));
    }
    Ok(Lookup::Kubernetes(format!("{list}/{}", asked.name)))
}

fn prometheus(asked: &PrometheusQuery, scope: &BTreeSet<String>) -> Result<Lookup, String> {
    if asked.query.len() > MOST_QUERY {
        return Err(format!("the query is longer than {MOST_QUERY} characters"));
    }
    let expression = parser::parse(&asked.query).map_err(|error| format!("this is no PromQL: {error}"))?;
    walk_expr(&mut Selectors { scope }, &expression)?;
    Ok(Lookup::Prometheus(asked.query.clone()))
}

/// Every selector stays within the incident's namespaces.
struct Selectors<'s> {
    scope: &'s BTreeSet<String>,
}

impl ExprVisitor for Selectors<'_> {
    type Error = String;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, String> {
        match expression {
            Expr::VectorSelector(selector) => self.check(selector)?,
            Expr::MatrixSelector(selector) => self.check(&selector.vs)?,
            _ => {}
        }
        Ok(true)
    }
}

impl Selectors<'_> {
    fn check(&self, selector: &VectorSelector) -> Result<(), String> {
        let name = selector.name.as_deref().unwrap_or_default();
        if OF_CLUSTER.iter().any(|prefix| name.starts_with(prefix)) {
            return Ok(());
        }
        let matchers = &selector.matchers;
        let named = matchers
            .matchers
            .iter()
            .find(|matcher| matcher.name == "namespace" && matcher.op == MatchOp::Equal);
        match named {
            Some(matcher) if matchers.or_matchers.is_empty() => inside(&matcher.value, self.scope),
            _ => Err(format!("the selector {selector} names no namespace: add namespace=\"...\"")),
        }
    }
}

fn loki(asked: &LokiQuery, scope: &BTreeSet<String>) -> Result<Lookup, String> {
    inside(&asked.namespace, scope)?;
    let plain = asked
        .pod
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'));
    if !plain || asked.pod.len() > 253 {
        return Err(format!("{:?} is no beginning of a pod's name", asked.pod));
    }
    let control = asked.contains.chars().any(char::is_control);
    if control || asked.contains.len() > MOST_QUERY {
        return Err(format!("what lines contain is one line of at most {MOST_QUERY} characters"));
    }
    let pods = match asked.pod.is_empty() {
        true => String::new(),
        false => format!(",pod=~\"{}.*\"", asked.pod.replace('.', "\\\\.")),
    };
    let filter = match asked.contains.is_empty() {
        true => String::new(),
        false => {
            let quoted = regex::escape(&asked.contains).replace('\\', "\\\\").replace('"', "\\\"");
            format!(" |~ \"(?i){quoted}\"")
        }
    };
    Ok(Lookup::Loki(format!("{{namespace=\"{}\"{pods}}}{filter}", asked.namespace)))
}
