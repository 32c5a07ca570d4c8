//! The backends under test: how each is started, taken down and brought back.

use std::sync::Arc;

use paramedic_bus::{SharedBus, embedded::EmbeddedBus, jetstream::JetStreamBus};
use paramedic_testkit::servers::NatsServer;
use tempfile::TempDir;

/// A backend with an empty store of its own.
pub(crate) trait Backend: Sized {
    async fn start() -> Self;

    /// The bus, as a process that uses it has it.
    fn bus(&self) -> SharedBus;

    /// Ends everything that belongs to this bus, and starts it again on the same store.
    async fn restart(&mut self);

    /// kill -9 of the server below the bus, which comes back; nothing where there is no server.
    async fn server_outage(&mut self);
}

pub(crate) struct Embedded {
    directory: TempDir,
    bus: Option<SharedBus>,
}

impl Backend for Embedded {
    async fn start() -> Self {
        let directory = TempDir::with_prefix("bus-").expect("temporary directory");
        let bus = EmbeddedBus::open(directory.path()).expect("open");
        Self {
            directory,
            bus: Some(Arc::new(bus)),
        }
    }

    fn bus(&self) -> SharedBus {
        self.bus.clone().expect("running")
    }

    async fn restart(&mut self) {
        self.bus().close().await.expect("close");
        self.bus = None;
        let bus = EmbeddedBus::open(self.directory.path()).expect("open again");
        self.bus = Some(Arc::new(bus));
    }

    async fn server_outage(&mut self) {}
}

pub(crate) struct JetStream {
    server: NatsServer,
    bus: SharedBus,
}

impl JetStream {
    async fn connect(server: &NatsServer) -> SharedBus {
        let bus = JetStreamBus::connect(&server.url(), Default::default()).await.expect("connect");
        Arc::new(bus)
    }
}

impl Backend for JetStream {
    async fn start() -> Self {
        let server = NatsServer::start().await.expect("nats-server");
        let bus = Self::connect(&server).await;
        Self { server, bus }
    }

    fn bus(&self) -> SharedBus {
        self.bus.clone()
    }

    async fn restart(&mut self) {
        self.bus.close().await.expect("close");
        self.server.restart().await.expect("restart");
        self.bus = Self::connect(&self.server).await;
    }

    async fn server_outage(&mut self) {
        self.server.kill9().expect("kill");
        self.server.start_again().await.expect("start again");
    }
}
