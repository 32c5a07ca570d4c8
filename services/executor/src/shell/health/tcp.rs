//! Ports of services and pods that have to accept a TCP connection. The API server's proxy speaks HTTP only, so the executor
//! connects itself. It is no tool to look around in a network: it connects to the addresses that the cluster assigned to the
//! checked object, at ports that the object declares, within the networks that its operator named, and sends nothing.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use paramedic_catalogue::actions::{Port, declared, ready};
use paramedic_domain::{
    fault::{Effect, FailureKind},
    object::ObjectRef,
};
use serde_json::Value;
use tokio::net::TcpStream;

use super::{Look, not_now};
use crate::shell::{exec::name, failure::Halt, run::Run};

/// Longest wall time of one connection: within a cluster it takes milliseconds, and a dropped packet is sent again after 1 s and 3 s.
const CONNECT: Duration = Duration::from_secs(5);

impl Run<'_> {
    /// Whether the port accepts connections: of a service at its own address, or of every ready pod behind it or of a workload.
    pub(super) async fn accepts(&self, target: &ObjectRef, port: &Port) -> Result<Look, Halt> {
        let object = match self.worker.cluster.get(target).await {
            Ok(object) => object,
            Err(trouble) => return not_now(&trouble),
        };
        let Some(number) = declared(&object, port) else {
            return Err(refused(format!("{target} declares no TCP port {port}")));
        };
        let text = |path: &str| object.pointer(path).and_then(Value::as_str);
        if target.kind == "Service" && text("/spec/type") == Some("ExternalName") {
            return Err(refused(format!(
                "{target} is a name outside of the cluster: nobody is connected to there"
            )));
        }
        match text("/spec/clusterIP").filter(|address| target.kind == "Service" && !address.is_empty() && *address != "None") {
            Some(address) => self.connects(&target.name, address, number).await,
            None => self.pods_accept(target, &object, number).await,
        }
    }

    async fn pods_accept(&self, target: &ObjectRef, object: &Value, number: u16) -> Result<Look, Halt> {
        let namespace = target.namespace.as_deref().unwrap_or_default();
        let listed = if target.kind == "Service" {
            self.worker.cluster.selected(object.pointer("/spec/selector"), namespace).await
        } else {
            self.worker.cluster.pods_of(object, namespace).await
        };
        let pods = match listed {
            Ok(pods) => pods,
            Err(trouble) => return not_now(&trouble),
        };
        let ready: Vec<&Value> = pods.iter().filter(|pod| ready(pod)).collect();
        if ready.is_empty() {
            return Ok(Err("no pod is ready to be connected to".into()));
        }
        for pod in &ready {
            let pod_name = name(pod).unwrap_or_default();
            let Some(port) = at(object, pod, number) else {
                return Err(refused(format!("pod {pod_name} of {target} declares no TCP port for {number}")));
            };
            let Some(address) = pod.pointer("/status/podIP").and_then(Value::as_str) else {
                return Ok(Err(format!("pod {pod_name} has no address yet")));
            };
            let state = self.connects(pod_name, address, port).await?;
            if state.is_err() {
                return Ok(state);
            }
        }
        Ok(Ok(format!("port {number} accepts connections in {} pods", ready.len())))
    }

    async fn connects(&self, what: &str, address: &str, port: u16) -> Result<Look, Halt> {
        let Ok(address) = address.parse::<IpAddr>() else {
            return Err(refused(format!("{what} has the address {address:?}, which is none")));
        };
        let networks = self.worker.config.networks().map_err(|invalid| refused(invalid.to_string()))?;
        if !networks.iter().any(|network| network.contains(address)) {
            return Err(refused(format!(
                "{what} has the address {address}, which is in none of executor.tcp_networks"
            )));
        }
        let connected = tokio::time::timeout(CONNECT, TcpStream::connect(SocketAddr::new(address, port))).await;
        Ok(match connected {
            Ok(Ok(_)) => Ok(format!("port {port} of {what} accepts connections")),
            Ok(Err(error)) => Err(format!("port {port} of {what} does not accept connections: {error}")),
            Err(_) => Err(format!(
                "port {port} of {what} does not accept connections within {} s",
                CONNECT.as_secs()
            )),
        })
    }
}

/// The port of a pod that stands for that port of the object: where a service sends what it gets there, or itself.
fn at(object: &Value, pod: &Value, number: u16) -> Option<u16> {
    if object.get("kind").and_then(Value::as_str) != Some("Service") {
        return declared(pod, &Port::Number(number));
    }
    let ports = object.pointer("/spec/ports")?.as_array()?;
    let port = ports.iter().find(|port| port["port"] == number)?;
    match (port["targetPort"].as_u64(), port["targetPort"].as_str()) {
        (Some(target), _) => u16::try_from(target).ok(),
        (None, Some(name)) => declared(pod, &Port::Name(name.to_owned())),
        (None, None) => Some(number),
    }
}

fn refused(why: String) -> Halt {
    Halt::failed(FailureKind::Permanent, Effect::None, format!("parameters.tcp: {why}"))
}
