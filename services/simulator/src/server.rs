//! The one listener behind which everything is served.

use std::{future::Future, net::SocketAddr, sync::Arc};

use anyhow::Context;
use axum::{Router, extract::Request};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::api::Api;

/// A running listener.
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Binds `listen` and serves the API, with `extra` routes before it (telemetry, for instance).
    pub async fn start(listen: SocketAddr, api: Arc<Api>, extra: Router) -> anyhow::Result<Self> {
        Self::serve(listen, extra.fallback(move |request: Request| api.clone().handle(request))).await
    }

    /// Binds `listen` and serves `router`.
    #[expect(clippy::disallowed_methods, reason = "shutdown awaits the task")]
    pub(crate) async fn serve(listen: SocketAddr, router: Router) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}; is the port free?"))?;
        let address = listener.local_addr().context("the listener has no address")?;
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve(listener, router, async move {
            stopped.await.ok();
        }));
        Ok(Self {
            address,
            stop: Some(stop),
            task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening and cuts what is still open.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        // Watches never end by themselves.
        self.task.abort();
        (&mut self.task).await.ok();
    }
}

async fn serve(listener: TcpListener, router: Router, stopped: impl Future<Output = ()>) {
    tokio::select! {
        result = async { axum::serve(listener, router).await } => {
            if let Err(error) = result {
                tracing::error!(%error, "the simulator's listener failed");
            }
        }
        () = stopped => {}
    }
}
