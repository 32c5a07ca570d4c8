//! Three NATS servers that replicate.

use anyhow::{Result, ensure};

use super::NatsServer;
use crate::ports::free_port;

/// A real cluster of three, for streams with three replicas.
#[derive(Debug)]
pub struct NatsCluster {
    nodes: Vec<NatsServer>,
}

impl NatsCluster {
    /// Starts the servers. They elect their leaders after that: wait until what is needed works.
    pub async fn start() -> Result<Self> {
        let ports = [free_port()?, free_port()?, free_port()?];
        let routes = ports.map(|port| format!("\"nats://127.0.0.1:{port}\"")).join(", ");
        let mut nodes = Vec::new();
        for (number, port) in ports.into_iter().enumerate() {
            let extra =
                format!("server_name: \"n{number}\"\ncluster {{ name: \"test\", listen: \"127.0.0.1:{port}\", routes: [{routes}] }}");
            nodes.push(NatsServer::start_with(&extra).await?);
        }
        Ok(Self { nodes })
    }

    /// The addresses of all servers, comma-separated.
    #[must_use]
    pub fn url(&self) -> String {
        self.nodes.iter().map(NatsServer::url).collect::<Vec<_>>().join(",")
    }

    /// Number of servers.
    #[must_use]
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    /// kill -9 of one server, which then comes back with its store.
    pub async fn kill9_and_restart(&mut self, node: usize) -> Result<()> {
        ensure!(node < self.nodes.len(), "no node {node}");
        self.nodes[node].kill9()?;
        self.nodes[node].start_again().await
    }
}
