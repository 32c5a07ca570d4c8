//! What a role is made of and what it is given.

use std::{future::Future, pin::Pin};

use paramedic_bus::{IncidentLog, SharedBus};
use paramedic_domain::{id::ClusterId, policy::Mode};
use tokio_util::sync::CancellationToken;
use tonic::{server::NamedService, service::RoutesBuilder};

use crate::{Clock, People, Policies};

/// What every service is given.
#[derive(Clone)]
pub struct Kit {
    /// The bus.
    pub bus: SharedBus,
    /// The incident logs on it.
    pub log: IncidentLog,
    /// Time.
    pub clock: Clock,
    /// Cancelled when the process should end.
    pub drain: CancellationToken,
    /// The cluster.
    pub cluster: ClusterAccess,
    /// Who may do what.
    pub people: People,
}

/// The way to a cluster and its telemetry.
#[derive(Clone)]
pub struct ClusterAccess {
    /// Name in every event.
    pub name: ClusterId,
    /// Kubernetes API; `None` for roles that do not need it.
    pub client: Option<kube::Client>,
    /// Base URL of Prometheus.
    pub prometheus: Option<String>,
    /// Base URL of Loki.
    pub loki: Option<String>,
    /// Base URL of Jaeger's query service.
    pub jaeger: Option<String>,
    /// Base URL of Tempo.
    pub tempo: Option<String>,
    /// Base URL of Alertmanager.
    pub alertmanager: Option<String>,
    /// What may be done.
    pub mode: Mode,
    /// Which steps run by themselves, ask people, or must not run.
    pub policies: Policies,
    /// Client for telemetry.
    pub http: reqwest::Client,
}

/// A gRPC service to be mounted.
pub struct GrpcService {
    /// Full name, for health checks.
    pub name: &'static str,
    /// Mounts it.
    pub mount: Box<dyn FnOnce(&mut RoutesBuilder) + Send>,
}

/// Work that runs until the process drains.
pub struct Task {
    /// For logs.
    pub name: String,
    /// The work. Its end before the drain, or an error, ends the process: a role that lost a part must restart.
    pub work: Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>,
}

/// A built service: nothing of it runs yet.
pub struct Role {
    /// `gateway`, `analysis`, ...
    pub name: &'static str,
    /// Its HTTP routes.
    pub http: axum::Router,
    /// Its gRPC services.
    pub grpc: Vec<GrpcService>,
    /// Its tasks.
    pub tasks: Vec<Task>,
    /// How it does while the bus is away, where it can do without for a while.
    pub without_bus: Option<WithoutBus>,
}

/// Says in a sentence how a role does without the bus; an error when it cannot go on.
pub type WithoutBus = Box<dyn Fn() -> Result<String, String> + Send + Sync>;

impl Role {
    /// A role with nothing in it.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            http: axum::Router::new(),
            grpc: Vec::new(),
            tasks: Vec::new(),
            without_bus: None,
        }
    }

    /// Adds HTTP routes.
    #[must_use]
    pub fn http(mut self, routes: axum::Router) -> Self {
        self.http = self.http.merge(routes);
        self
    }

    /// Adds a gRPC service.
    #[must_use]
    pub fn grpc<S>(mut self, service: S) -> Self
    where
        S: tower::Service<axum::http::Request<tonic::body::Body>, Error = std::convert::Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.grpc.push(GrpcService {
            name: S::NAME,
            mount: Box::new(move |routes| {
                routes.add_service(service);
            }),
        });
        self
    }

    /// Says that it can do without the bus for a while.
    #[must_use]
    pub fn without_bus(mut self, standing: impl Fn() -> Result<String, String> + Send + Sync + 'static) -> Self {
        self.without_bus = Some(Box::new(standing));
        self
    }

    /// Adds a task.
    #[must_use]
    pub fn task(mut self, name: &str, work: impl Future<Output = anyhow::Result<()>> + Send + 'static) -> Self {
        self.tasks.push(Task {
            name: format!("{}/{name}", self.name),
            work: Box::pin(work),
        });
        self
    }
}
