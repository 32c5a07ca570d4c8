//! HTTP endpoints of services and pods, asked through the API server's proxy: no way into the cluster's network is needed.

use paramedic_catalogue::actions::{Endpoint, Port};
use paramedic_domain::{
    fault::{Effect, FailureKind},
    object::ObjectRef,
};
use serde_json::Value;

use super::{Look, not_now};
use crate::shell::{exec::name, failure::Halt, run::Run};

/// Names of ports that are meant when none is given.
const USUAL: &[&str] = &["http", "web", "http-web"];

impl Run<'_> {
    /// Whether the endpoint answers as expected: of a service, or of every ready pod of a workload.
    pub(super) async fn answers(&self, target: &ObjectRef, endpoint: &Endpoint) -> Result<Look, Halt> {
        let object = match self.worker.cluster.get(target).await {
            Ok(object) => object,
            Err(trouble) => return not_now(&trouble),
        };
        let namespace = target.namespace.clone().unwrap_or_default();
        if target.kind == "Service" {
            let port = port(&object, "/spec/ports", "port", endpoint, target)?;
            return self.proxied("services", &namespace, &target.name, &port, endpoint).await;
        }
        let pods = match self.worker.cluster.pods_of(&object, &namespace).await {
            Ok(pods) => pods,
            Err(trouble) => return not_now(&trouble),
        };
        let ready: Vec<&Value> = pods.iter().filter(|pod| is_ready(pod)).collect();
        if ready.is_empty() {
            return Ok(Err("no pod is ready to answer".into()));
        }
        for pod in &ready {
            let port = port(pod, "/spec/containers/0/ports", "containerPort", endpoint, target)?;
            let state = self
                .proxied("pods", &namespace, name(pod).unwrap_or_default(), &port, endpoint)
                .await?;
            if state.is_err() {
                return Ok(state);
            }
        }
        Ok(Ok(format!("{} answers in {} pods", endpoint.path, ready.len())))
    }

    async fn proxied(&self, resource: &str, namespace: &str, name: &str, port: &str, endpoint: &Endpoint) -> Result<Look, Halt> {
        let path = format!("/api/v1/namespaces/{namespace}/{resource}/{name}:{port}/proxy{}", endpoint.path);
        let status = match self.worker.cluster.proxied(&path, &format!("{} of {name}", endpoint.path)).await {
            Ok(status) => status,
            Err(trouble) => return not_now(&trouble),
        };
        let good = endpoint.status.map_or((200..400).contains(&status), |wanted| wanted == status);
        let said = format!("{} of {name} answers {status}", endpoint.path);
        Ok(if good { Ok(said) } else { Err(said) })
    }
}

pub(super) fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    pod.pointer("/metadata/deletionTimestamp").is_none()
        && conditions
            .into_iter()
            .flatten()
            .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// The port of the endpoint as a number: the given one, the only one, or the one named as usual.
fn port(object: &Value, list: &str, number: &str, endpoint: &Endpoint, target: &ObjectRef) -> Result<String, Halt> {
    let ports = object.pointer(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let named = |name: &str| ports.iter().find(|port| port["name"] == name);
    let found = match (&endpoint.port, ports) {
        (Some(Port::Number(number)), _) => return Ok(number.to_string()),
        (Some(Port::Name(name)), _) => named(name),
        (None, [only]) => Some(only),
        (None, _) => USUAL.iter().find_map(|name| named(name)),
    };
    match found.and_then(|port| port[number].as_u64()) {
        Some(port) => Ok(port.to_string()),
        None => Err(Halt::failed(
            FailureKind::Permanent,
            Effect::None,
            format!(
                "parameters.port: it is not clear at which port {target} answers {}: give its number",
                endpoint.path
            ),
        )),
    }
}
