//! Roles on ports: bind first, then run, then drain in order.

use std::{net::SocketAddr, pin::Pin};

use anyhow::Context;
use axum::serve::ListenerExt as _;
use tokio::net::{TcpListener, TcpStream};
use tonic::{
    service::RoutesBuilder,
    transport::{Server, server::TcpIncoming},
};

use crate::{
    Kit, Role, Task, admin,
    config::{HttpListener, Invalid},
    grpc, http, tasks,
    tls::{Peer, TlsListener},
};

/// Bound listeners of a process.
pub struct Listeners {
    http: Http,
    grpc: TcpListener,
}

/// With or without TLS.
enum Http {
    Plain(TcpListener),
    Tls(Box<TlsListener>),
}

impl Listeners {
    /// Binds both.
    ///
    /// # Errors
    /// When an address is in use.
    pub async fn bind(http: SocketAddr, grpc: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self {
            http: Http::Plain(
                TcpListener::bind(http)
                    .await
                    .with_context(|| format!("configuration key http.listen: cannot listen on {http}"))?,
            ),
            grpc: TcpListener::bind(grpc)
                .await
                .with_context(|| format!("configuration key grpc.listen: cannot listen on {grpc}"))?,
        })
    }

    /// The same with TLS on the HTTP listener, where its settings name a certificate.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn with_tls(self, settings: &HttpListener) -> Result<Self, Invalid> {
        let http = match self.http {
            Http::Plain(tcp) => match TlsListener::new(tcp, settings)? {
                Ok(tls) => Http::Tls(Box::new(tls)),
                Err(tcp) => Http::Plain(tcp),
            },
            Http::Tls(tls) => Http::Tls(tls),
        };
        Ok(Self { http, ..self })
    }

    /// Where HTTP is served.
    ///
    /// # Errors
    /// When the system does not know (it does for a bound listener).
    pub fn http_address(&self) -> std::io::Result<SocketAddr> {
        match &self.http {
            Http::Plain(tcp) => tcp.local_addr(),
            Http::Tls(tls) => axum::serve::Listener::local_addr(tls.as_ref()),
        }
    }

    /// Where gRPC is served.
    ///
    /// # Errors
    /// When the system does not know (it does for a bound listener).
    pub fn grpc_address(&self) -> std::io::Result<SocketAddr> {
        self.grpc.local_addr()
    }
}

/// Serves `roles` until the kit's drain is cancelled: listeners stop, tasks finish what they have in hand, the bus is
/// flushed and closed.
///
/// # Errors
/// When a part of a role ended before the drain.
pub async fn run(roles: Vec<Role>, kit: Kit, listeners: Listeners, descriptors: &'static [u8]) -> anyhow::Result<()> {
    let mut routes = axum::Router::new();
    let mut without_bus = Vec::new();
    let mut grpc_routes = RoutesBuilder::default();
    let (health, health_service) = tonic_health::server::health_reporter();
    grpc_routes.add_service(health_service);
    grpc_routes.add_service(
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(descriptors)
            .build_v1()
            .context("reflection")?,
    );
    let mut work = Vec::new();
    for role in roles {
        routes = routes.merge(role.http);
        for service in role.grpc {
            health.set_service_status(service.name, tonic_health::ServingStatus::Serving).await;
            (service.mount)(&mut grpc_routes);
        }
        work.extend(role.tasks);
        without_bus.push((role.name, role.without_bus));
        tracing::info!(role = role.name, "serving");
    }
    let drain = kit.drain.clone();
    let routes = routes.merge(admin::routes(kit.bus.clone(), drain.clone(), without_bus));
    let (routes, drained) = (http::traced(routes), drain.clone().cancelled_owned());
    let http_server: Pin<Box<dyn Future<Output = std::io::Result<()>> + Send>> = match listeners.http {
        Http::Plain(tcp) => Box::pin(
            axum::serve(tcp.tap_io(|stream| at_once(stream)), routes)
                .with_graceful_shutdown(drained)
                .into_future(),
        ),
        Http::Tls(tls) => {
            let routes = routes.into_make_service_with_connect_info::<Peer>();
            Box::pin(axum::serve(*tls, routes).with_graceful_shutdown(drained).into_future())
        }
    };
    work.push(Task {
        name: "http".into(),
        work: Box::pin(async move { http_server.await.context("http server") }),
    });
    let grpc_server = Server::builder()
        .trace_fn(grpc::server_span)
        .add_routes(grpc_routes.routes())
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listeners.grpc).with_nodelay(Some(true)),
            drain.clone().cancelled_owned(),
        );
    work.push(Task {
        name: "grpc".into(),
        work: Box::pin(async move { grpc_server.await.context("grpc server") }),
    });
    let outcome = tasks::run(work, drain).await;
    kit.bus.close().await.context("cannot close the bus cleanly")?;
    outcome
}

/// Sends what is written at once. Without it an answer that is written in two parts waits for the caller's delayed acknowledgement, 40 ms
/// on Linux.
pub(crate) fn at_once(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
}

/// Cancels `drain` on the first SIGTERM or SIGINT.
///
/// # Errors
/// When signals cannot be watched.
pub fn drain_on_signals(drain: &tokio_util::sync::CancellationToken) -> anyhow::Result<Task> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let drain = drain.clone();
    Ok(Task {
        name: "signals".into(),
        work: Box::pin(async move {
            tokio::select! {
                _ = term.recv() => tracing::info!("SIGTERM: draining"),
                _ = int.recv() => tracing::info!("SIGINT: draining"),
                () = drain.cancelled() => {}
            }
            drain.cancel();
            Ok(())
        }),
    })
}
