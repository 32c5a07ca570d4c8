//! What has to be well: workloads, services, endpoints and figures, for how long.

use std::{fmt, time::Duration};

use paramedic_domain::object::ObjectRef;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    named::{DAEMON_SET, DEPLOYMENT, SERVICE, STATEFUL_SET, lookup, need, only},
    parse, refuse,
    span::duration,
};
use crate::{
    action::{Params, Refused},
    references::items,
    world::{Lookup, Need, World, with_uid},
};

/// Longest time that conditions have to hold.
const LONGEST: Duration = Duration::from_secs(3600);

/// Conditions on workloads, services, endpoints and figures.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// Namespace; may be left out where the names are found in only one, or in only one of the incident's.
    namespace: Option<String>,
    /// Name of a Deployment: rolled out, every pod ready.
    deployment: Option<String>,
    /// Name of a StatefulSet: rolled out, every pod ready.
    statefulset: Option<String>,
    /// Name of a DaemonSet: rolled out, every pod ready.
    daemonset: Option<String>,
    /// Name of a Service: every endpoint ready. Where there is none of that name, a workload of it.
    service: Option<String>,
    /// Names of Services, or of workloads.
    #[serde(default)]
    services: Vec<String>,
    /// Names of what was repaired: Services, or workloads.
    #[serde(default)]
    targets: Vec<String>,
    /// Names of what depends on it: Services, or workloads.
    #[serde(default, alias = "dependents")]
    dependants: Vec<String>,
    /// Path that must answer over HTTP (`/health`), asked through the API server: of every Service, and of every ready pod of workloads.
    #[serde(alias = "healthEndpoint", alias = "health_endpoint")]
    endpoint: Option<String>,
    /// Status that it must answer with; left out: any from 200 to 399.
    #[serde(rename = "expectedStatus", alias = "expected_status")]
    #[schemars(range(min = 100, max = 599))]
    expected_status: Option<u16>,
    /// Port of the endpoint, by name or number; left out: the only one, or the one named `http`.
    port: Option<Port>,
    /// Port that must accept a TCP connection, by name or number, among those that the Service or the pods' containers declare; the
    /// executor opens it itself, where its operator allows that (`executor.tcp_networks`).
    #[serde(alias = "tcpPort", alias = "tcp_port")]
    tcp: Option<Port>,
    /// PromQL expression; every sample of its answer must compare as wanted, and there must be one.
    query: Option<String>,
    /// How its samples have to compare with `value`.
    comparison: Option<Comparison>,
    /// What they are compared with.
    value: Option<f64>,
    /// More such conditions.
    #[serde(default)]
    queries: Vec<Query>,
    /// How long all of it must hold without a break (`30s`); up to `4m` for a health check, `1h` to verify a recovery.
    #[serde(rename = "stableFor", alias = "stable_for", alias = "for")]
    stable_for: Option<String>,
}

/// A port by name or number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Port {
    /// Its number.
    Number(u16),
    /// Its name.
    Name(String),
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// A condition on a figure.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// PromQL expression.
    pub query: String,
    /// How every sample of its answer has to compare with `value`.
    pub comparison: Comparison,
    /// What they are compared with.
    pub value: f64,
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.query, self.comparison.sign(), self.value)
    }
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the signs are the definition")]
pub enum Comparison {
    #[serde(rename = "<", alias = "less")]
    Less,
    #[serde(rename = "<=")]
    AtMost,
    #[serde(rename = ">", alias = "greater")]
    Greater,
    #[serde(rename = ">=")]
    AtLeast,
    #[serde(rename = "==", alias = "=")]
    Equal,
    #[serde(rename = "!=")]
    Different,
}

impl Comparison {
    fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Equal => "==",
            Self::Different => "!=",
        }
    }

    /// Whether `sample` compares with `value` as wanted.
    #[must_use]
    pub fn holds(self, sample: f64, value: f64) -> bool {
        match self {
            Self::Less => sample < value,
            Self::AtMost => sample <= value,
            Self::Greater => sample > value,
            Self::AtLeast => sample >= value,
            Self::Equal => sample == value,
            Self::Different => sample != value,
        }
    }
}

/// The number of the TCP port that a Service, a pod or a workload's template declares under that name or number; nobody is ever
/// connected to at another one.
#[must_use]
pub fn declared(object: &Value, wanted: &Port) -> Option<u16> {
    let service = object.get("kind").and_then(Value::as_str) == Some("Service");
    let number = if service { "port" } else { "containerPort" };
    let containers = ["/spec/containers", "/spec/template/spec/containers"];
    let of_containers = containers
        .into_iter()
        .flat_map(|path| items(object, path))
        .flat_map(|container| items(container, "/ports"));
    let of_service = items(object, "/spec/ports").filter(|_| service);
    of_service.chain(of_containers).find_map(|port| {
        let own = port.get(number)?.as_u64().and_then(|number| u16::try_from(number).ok())?;
        let protocol = port.get("protocol").and_then(Value::as_str).unwrap_or("TCP");
        let meant = match wanted {
            Port::Number(wanted) => *wanted == own,
            Port::Name(name) => port.get("name").and_then(Value::as_str) == Some(name),
        };
        (meant && protocol == "TCP").then_some(own)
    })
}

/// An HTTP endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Path and query, beginning with `/`.
    pub path: String,
    /// Port, if it was given.
    pub port: Option<Port>,
    /// The expected status; `None`: 200 to 399.
    pub status: Option<u16>,
}

impl Conditions {
    /// Reads the parameters of a step.
    ///
    /// # Errors
    /// When they are not these.
    pub fn from_params(params: &Params) -> Result<Self, Refused> {
        let conditions: Self = parse(params)?;
        conditions.check()?;
        Ok(conditions)
    }

    fn check(&self) -> Result<(), Refused> {
        if let Some(path) = &self.endpoint {
            let odd = |c: char| c.is_whitespace() || c.is_control() || c == '#';
            if !path.starts_with('/') || path.contains("..") || path.contains(odd) {
                return refuse(format!("parameters.endpoint: {path:?} is not an absolute path like \"/health\""));
            }
        } else if self.expected_status.is_some() || self.port.is_some() {
            return refuse("parameters.endpoint: expectedStatus and port are of an endpoint, and none is given");
        }
        self.stable()?;
        let none = self.lookups().is_empty();
        if none && (self.endpoint.is_some() || self.tcp.is_some()) {
            return refuse("parameters: an endpoint and a port need the service or workload that answers");
        }
        if none && self.queries()?.is_empty() {
            return refuse("parameters: at least one of deployment, statefulset, daemonset, service, services and query must be given");
        }
        Ok(())
    }

    fn lookups(&self) -> Vec<Lookup> {
        let workloads = [
            (DEPLOYMENT, &self.deployment),
            (STATEFUL_SET, &self.statefulset),
            (DAEMON_SET, &self.daemonset),
        ];
        let workloads = workloads.into_iter().filter_map(|(kinds, name)| Some((kinds, name.as_ref()?)));
        let services = self
            .service
            .iter()
            .chain(&self.services)
            .chain(&self.targets)
            .chain(&self.dependants);
        let services = services.map(|name| (SERVICE, name));
        let mut wanted: Vec<Lookup> = Vec::new();
        for (kinds, name) in workloads.chain(services) {
            let lookup = lookup(kinds, self.namespace.as_ref(), name);
            if !wanted.contains(&lookup) {
                wanted.push(lookup);
            }
        }
        wanted
    }

    pub(super) fn needs(&self) -> Vec<Need> {
        self.lookups().into_iter().map(need).collect()
    }

    /// The objects that are meant, with UIDs.
    pub(super) fn targets(&self, world: &World) -> Result<Vec<ObjectRef>, Refused> {
        if self.tcp.is_some() && !world.systems.tcp {
            return Err(Refused::parameter(
                "/tcp",
                "this executor opens no TCP connections: name the networks of pods and services in executor.tcp_networks, or let a readiness \
                 probe dial the port and check readiness",
            ));
        }
        self.lookups().iter().map(|wanted| self.target(world, wanted)).collect()
    }

    fn target(&self, world: &World, wanted: &Lookup) -> Result<ObjectRef, Refused> {
        let (object, value) = only(world, wanted)?;
        if let Some(port) = self.tcp.as_ref().filter(|port| declared(value, port).is_none()) {
            return Err(Refused::parameter("/tcp", format!("{object} declares no TCP port {port}")));
        }
        Ok(with_uid(&object, value))
    }

    /// What has to answer over HTTP.
    #[must_use]
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.endpoint.as_ref().map(|path| Endpoint {
            path: path.clone(),
            port: self.port.clone(),
            status: self.expected_status,
        })
    }

    /// The port that has to accept connections.
    #[must_use]
    pub fn tcp(&self) -> Option<&Port> {
        self.tcp.as_ref()
    }

    /// The conditions on figures.
    ///
    /// # Errors
    /// When only a part of one is given.
    pub fn queries(&self) -> Result<Vec<Query>, Refused> {
        let mut queries = self.queries.clone();
        match (&self.query, self.comparison, self.value) {
            (None, None, None) => {}
            (Some(query), Some(comparison), Some(value)) => queries.push(Query {
                query: query.clone(),
                comparison,
                value,
            }),
            _ => return refuse("parameters: query, comparison and value go together"),
        }
        Ok(queries)
    }

    /// How long it must hold, if that is said.
    ///
    /// # Errors
    /// When it is no duration, or too long.
    pub fn stable(&self) -> Result<Option<Duration>, Refused> {
        self.stable_for
            .as_deref()
            .map(|text| duration("stableFor", text, LONGEST))
            .transpose()
    }

    /// For people.
    pub(super) fn said(&self, targets: &[ObjectRef]) -> Result<String, Refused> {
        let mut parts: Vec<String> = Vec::new();
        if !targets.is_empty() {
            let names: Vec<String> = targets.iter().map(ToString::to_string).collect();
            parts.push(format!("readiness of {}", names.join(", ")));
        }
        if let Some(endpoint) = self.endpoint() {
            let status = endpoint.status.map_or("200 to 399".to_owned(), |status| status.to_string());
            parts.push(format!("whether {} answers {status}", endpoint.path));
        }
        if let Some(port) = &self.tcp {
            parts.push(format!("whether port {port} accepts connections"));
        }
        parts.extend(self.queries()?.iter().map(|query| format!("whether {query}")));
        Ok(parts.join("; "))
    }
}
