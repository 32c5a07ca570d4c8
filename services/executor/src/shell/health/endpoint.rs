//! HTTP endpoints of services and pods, asked through the API server's proxy: no way into the cluster's network is needed.

use paramedic_catalogue::{
    actions::{Endpoint, Port, ready},
    references::items,
};
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
            let ports: Vec<&Value> = items(&object, "/spec/ports").collect();
            let port = port(&ports, "port", endpoint, target)?;
            return self.proxied("services", &namespace, &target.name, &port, endpoint).await;
        }
        let pods = match self.worker.cluster.pods_of(&object, &namespace).await {
            Ok(pods) => pods,
            Err(trouble) => return not_now(&trouble),
        };
        let answering: Vec<&Value> = pods.iter().filter(|pod| ready(pod)).collect();
        if answering.is_empty() {
            return Ok(Err("no pod is ready to answer".into()));
        }
        for pod in &answering {
            let containers = items(pod, "/spec/containers");
            let ports: Vec<&Value> = containers.flat_map(|container| items(container, "/ports")).collect();
            let port = port(&ports, "containerPort", endpoint, target)?;
            let state = self
                .proxied("pods", &namespace, name(pod).unwrap_or_default(), &port, endpoint)
                .await?;
            if state.is_err() {
                return Ok(state);
            }
        }
        Ok(Ok(format!("{} answers in {} pods", endpoint.path, answering.len())))
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

/// The port of the endpoint as a number: the given one, the only one, or the one named as usual.
fn port(ports: &[&Value], number: &str, endpoint: &Endpoint, target: &ObjectRef) -> Result<String, Halt> {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_port_is_looked_for_in_every_container() {
        let endpoint = |port: Option<Port>| Endpoint {
            path: "/health".into(),
            port,
            status: None,
        };
        let target = ObjectRef::new("apps/v1", "Deployment", Some("shop"), "web");
        let (proxy, web) = (
            json!({"containerPort": 15001, "name": "mesh"}),
            json!({"containerPort": 8080, "name": "http"}),
        );
        let of = |ports: &[&Value], wanted| port(ports, "containerPort", &endpoint(wanted), &target).ok();
        assert_eq!(of(&[&proxy, &web], None).as_deref(), Some("8080"));
        assert_eq!(of(&[&proxy, &web], Some(Port::Name("mesh".into()))).as_deref(), Some("15001"));
        assert_eq!(of(&[&proxy, &json!({"containerPort": 1})], None), None);
    }
}
