//! An API server on a free port, with machines that answer the same log and the same commands every time.

#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::disallowed_methods)]

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use paramedic_simulator::{
    api::{
        Api,
        backend::{ExecResult, Kubelets, LogLine, LogQuery},
        metrics::{Usage, UsageSource},
    },
    audit::Audit,
    server::Server,
    store::{Gvr, Status, Store},
};
use serde_json::{Value, json};

/// The bearer token the server lets in.
pub const TOKEN: &str = "test-token";

/// Machines without workloads behind them.
pub struct Fixed;

impl Kubelets for Fixed {
    fn logs(&self, query: &LogQuery<'_>) -> Option<Vec<LogLine>> {
        if query.previous {
            return None;
        }
        let line = |second: i64, text: &str| LogLine {
            at: jiff::Timestamp::new(1_795_000_000 + second, 0).unwrap(),
            text: text.to_owned(),
        };
        let mut lines = vec![line(0, "zero"), line(1, "one"), line(2, "two")];
        lines.retain(|l| query.since.is_none_or(|since| l.at > since));
        let skip = query.tail.map_or(0, |tail| lines.len().saturating_sub(tail));
        Some(lines.split_off(skip))
    }

    fn exec(&self, _: &str, pod: &str, _: &str, argv: &[String], stdin: &[u8]) -> Result<ExecResult, Status> {
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        Ok(match words.as_slice() {
            ["hostname"] => ExecResult {
                stdout: format!("{pod}\n").into_bytes(),
                ..ExecResult::default()
            },
            ["cat"] => ExecResult {
                stdout: stdin.to_vec(),
                ..ExecResult::default()
            },
            _ => ExecResult {
                stderr: b"not found\n".to_vec(),
                code: 127,
                ..ExecResult::default()
            },
        })
    }
}

impl UsageSource for Fixed {
    fn pod_usage(&self, _: &str, _: &str) -> Option<Vec<Usage>> {
        Some(vec![Usage {
            name: "app".to_owned(),
            cpu_cores: 0.25,
            memory_bytes: 64 << 20,
        }])
    }

    fn node_usage(&self, _: &str) -> Option<Usage> {
        Some(Usage {
            name: String::new(),
            cpu_cores: 1.5,
            memory_bytes: 4 << 30,
        })
    }
}

/// A running server and its store.
pub struct Cluster {
    pub store: Store,
    pub audit: Audit,
    pub url: String,
    pub server: Server,
}

impl Cluster {
    /// Starts one with the namespaces `default` and `golden`.
    pub async fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let store = Store::new(jiff::Timestamp::now);
        let audit = Audit::default();
        let api = Api {
            store: store.clone(),
            kubelets: Arc::new(Fixed),
            usage: Arc::new(Fixed),
            audit: audit.clone(),
            token: TOKEN.to_owned(),
            admission: Vec::new(),
        };
        for name in ["default", "golden"] {
            let object = json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}, "status": {"phase": "Active"}});
            store.create(&Gvr::namespaces(), object).unwrap();
        }
        let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let server = Server::start(listen, Arc::new(api), Router::new()).await.unwrap();
        let url = format!("http://{}", server.address());
        Self { store, audit, url, server }
    }

    /// A client of the `kube` crate.
    pub fn client(&self) -> kube::Client {
        let mut config = kube::Config::new(self.url.parse().unwrap());
        config.auth_info.token = Some(TOKEN.to_owned().into());
        config.default_namespace = "golden".to_owned();
        // A refused eviction is answered at once, not tried for minutes.
        config.default_retry = false;
        kube::Client::try_from(config).unwrap()
    }
}

/// A Deployment `name` with one container.
pub fn deployment(name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "golden"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "app", "image": "example/web:1.0",
                "resources": {"limits": {"memory": "128Mi"}, "requests": {"memory": "64Mi"}}}]}}}})
}

/// A running pod with labels `app=<app>`.
pub fn running_pod(name: &str, app: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "golden", "labels": {"app": app}},
        "spec": {"nodeName": "node-1", "terminationGracePeriodSeconds": 30,
            "containers": [{"name": "app", "image": "example/web:1.0", "resources": {}}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "app", "ready": true, "restartCount": 0, "image": "example/web:1.0", "imageID": "",
                "state": {"running": {"startedAt": "2026-11-22T00:00:00Z"}}}]}})
}
