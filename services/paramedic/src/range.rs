//! A practice range: a simulated cluster, and every role of this process working on it.

mod stories;

use std::{collections::HashMap, net::SocketAddr, sync::Mutex, time::Duration};

use anyhow::{Context, anyhow};
use paramedic_bus::{Consumer, Settle, consume, topologies::Topologies};
use paramedic_domain::{envelope::Recorded, id::ClusterId, incident::Incident, plan::Gate};
use paramedic_proto::v1::{Answer, Channel, DecideRequest, approval_service_client::ApprovalServiceClient};
use paramedic_runtime::{Clock, Kit, boot, grpc, serve, telemetry};
use paramedic_simulator::Simulator;
use tokio::task::JoinHandle;

use crate::{roles, settings::Settings};
pub use stories::{Stories, Story};

/// The token of everything on the range that asks for one: it listens on loopback and ends with the command.
pub const TOKEN: &str = "drill-loopback-only";
/// How often it is looked whether the cluster was read, and for how long (wall time).
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest wait for an answer of the roles (wall time).
const ANSWER: Duration = Duration::from_secs(10);

/// What of a range differs from one use to the other.
pub struct Wish {
    /// Name of the cluster.
    pub cluster: String,
    /// How many times faster than the wall clock the simulator runs.
    pub speed: f64,
    /// Another bus than the embedded one.
    pub bus: Option<String>,
    /// Address of the gRPC services.
    pub grpc: SocketAddr,
    /// Further settings, as environment variables.
    pub settings: HashMap<String, String>,
    /// A model's opinion is the diagnosis.
    pub model_alone: bool,
    /// Infrastructure modules.
    pub modules: Vec<paramedic_executor::config::Module>,
    /// Cloud accounts.
    pub accounts: Vec<paramedic_executor::config::Account>,
    /// Clouds that the analysis may ask.
    pub clouds: Vec<paramedic_analysis::config::Cloud>,
}

/// A running range.
pub struct Range {
    /// Its time.
    pub clock: Clock,
    /// Its cluster's name.
    pub cluster: ClusterId,
    /// Address of its gRPC services.
    pub grpc: String,
    /// Address of its HTTP routes.
    pub http: String,
    /// Its cluster.
    pub simulator: Simulator,
    kit: Kit,
    serving: Mutex<Option<JoinHandle<anyhow::Result<()>>>>,
    failed: tokio::sync::watch::Receiver<Option<String>>,
    _folder: tempfile::TempDir,
}

impl Range {
    /// Starts every role on `simulator`.
    ///
    /// # Errors
    /// When a listener, the bus or a role cannot be started.
    pub async fn start(simulator: Simulator, wish: Wish) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let clock = Clock::scaled(simulator.epoch(), wish.speed);
        let listeners = serve::Listeners::bind(SocketAddr::from(([127, 0, 0, 1], 0)), wish.grpc).await?;
        let (http, grpc) = (
            format!("http://{}", listeners.http_address()?),
            format!("http://{}", listeners.grpc_address()?),
        );
        let cluster: ClusterId = wish.cluster.parse()?;
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, simulator.kubeconfig())?;
        let bus = wish
            .bus
            .unwrap_or_else(|| format!("embedded:{}", folder.path().join("bus").display()));
        let mut environment = wish.settings;
        environment.extend(
            [
                ("PARAMEDIC_BUS__URL", bus),
                ("PARAMEDIC_CLUSTER__NAME", cluster.to_string()),
                ("PARAMEDIC_CLUSTER__KUBECONFIG", kubeconfig.display().to_string()),
                ("PARAMEDIC_CLUSTER__PROMETHEUS_URL", simulator.prometheus_url()),
                ("PARAMEDIC_CLUSTER__LOKI_URL", simulator.loki_url()),
                ("PARAMEDIC_CLUSTER__JAEGER_URL", simulator.jaeger_url()),
                ("PARAMEDIC_EXECUTOR__ALERTMANAGER__URL", simulator.alertmanager_url()),
                ("PARAMEDIC_GATEWAY__SPOOL__PATH", folder.path().join("spool").display().to_string()),
                ("PARAMEDIC_GATEWAY__SOURCES__ALERTMANAGER__TOKENS", TOKEN.to_owned()),
                ("PARAMEDIC_GATEWAY__SOURCES__REQUEST__TOKENS", TOKEN.to_owned()),
                ("PARAMEDIC_APPROVAL__PUBLIC_URL", http.clone()),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        );
        let mut settings = Settings::load(None, environment)?;
        settings.meet_at(&grpc);
        settings.analysis.model.alone = wish.model_alone;
        settings.executor.modules = wish.modules;
        settings.executor.accounts = wish.accounts;
        settings.analysis.clouds = wish.clouds;
        settings.validate(&roles::ALL)?;
        let kit = boot::kit(&settings.process(), clock.clone(), true).await?;
        let mut built = Vec::new();
        for role in roles::ALL {
            built.push(roles::build(role, &settings, &kit).await?);
        }
        let (report, failed) = tokio::sync::watch::channel(None);
        let mut running = tokio::task::JoinSet::new();
        running.spawn(serve::run(built, kit.clone(), listeners, paramedic_proto::FILE_DESCRIPTOR_SET));
        let serving = in_background(async move {
            let outcome = match running.join_next().await {
                Some(Ok(outcome)) => outcome,
                Some(Err(join)) => Err(anyhow!("{join}")),
                None => Ok(()),
            };
            report.send_replace(Some(
                outcome
                    .as_ref()
                    .err()
                    .map_or_else(|| "it drained".to_owned(), |error| format!("{error:#}")),
            ));
            outcome
        });
        topology_known(&kit, &cluster).await?;
        Ok(Self {
            clock,
            cluster,
            grpc,
            http,
            simulator,
            kit,
            serving: Mutex::new(Some(serving)),
            failed,
            _folder: folder,
        })
    }

    /// Where its gateway takes what Alertmanager posts.
    pub fn webhook(&self) -> String {
        format!("{}/api/v1/alerts/alertmanager", self.http)
    }

    /// Where its gateway takes what people ask for.
    pub fn desk(&self) -> String {
        format!("{}/api/v1/requests", self.http)
    }

    /// Every event of its incidents, from the first on.
    ///
    /// # Errors
    /// When the bus cannot be read.
    pub async fn events(&self) -> anyhow::Result<Events> {
        let mut spec = consume::on_events(&format!("range-{}", self.cluster), &[]);
        spec.filters = vec![format!("paramedic.incident.{}.>", self.cluster)];
        let consumer = self.kit.bus.consumer(&spec).await.context("cannot follow the incident log")?;
        Ok(Events { consumer, last: None })
    }

    /// Answers a gate in the name of `by`.
    ///
    /// # Errors
    /// When the answer is not accepted.
    pub async fn decide(&self, incident: &Incident, gate: &Gate, approve: bool, by: &str) -> anyhow::Result<()> {
        let mut request = grpc::with_trace(DecideRequest {
            cluster: incident.cluster.to_string(),
            incident: incident.id.to_string(),
            gate: gate.id.to_string(),
            digest: gate.digest.bytes().to_vec(),
            answer: if approve { Answer::Approve } else { Answer::Deny }.into(),
            by: by.to_owned(),
            channel: Channel::Cli.into(),
            reason: String::new(),
        });
        request.set_timeout(ANSWER);
        ApprovalServiceClient::new(grpc::channel(&self.grpc, ANSWER)?)
            .decide(request)
            .await
            .context("the approval was not accepted")?;
        Ok(())
    }

    /// Resolves when a role ended, with the reason.
    pub async fn ended(&self) -> anyhow::Error {
        let mut failed = self.failed.clone();
        match failed.wait_for(Option::is_some).await {
            Ok(reason) => anyhow!("{}", reason.as_deref().unwrap_or("unknown")),
            Err(_) => anyhow!("it went away"),
        }
    }

    /// Drains the roles and stops the cluster.
    ///
    /// # Errors
    /// When a role did not end cleanly.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.kit.drain.cancel();
        let serving = self.serving.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let served = match serving {
            Some(serving) => serving.await.context("the roles did not end cleanly").flatten(),
            None => Ok(()),
        };
        self.simulator.shutdown().await;
        served
    }
}

/// The log of every incident of a range, as it is written.
pub struct Events {
    consumer: Box<dyn Consumer>,
    /// What was handed out last, and is acknowledged when the next one is asked for: so none is lost when a wait is given up.
    last: Option<Box<dyn Settle>>,
}

impl Events {
    /// The next event. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the bus is gone, or an event cannot be read.
    pub async fn next(&mut self) -> anyhow::Result<Recorded> {
        if let Some(last) = &self.last {
            last.ack().await?;
            self.last = None;
        }
        let delivery = self.consumer.next().await?;
        let recorded =
            paramedic_wire::decode(&delivery.message.payload).map_err(|invalid| anyhow!("position {}: {invalid}", delivery.message.seq))?;
        self.last = Some(delivery.settle);
        Ok(recorded)
    }
}

/// Installs what the process tells of itself; results go to standard output, so log lines are few unless they are asked for.
///
/// # Errors
/// When the filter or the endpoint cannot be used.
pub fn telemetry(log: &str, otlp: Option<&str>) -> anyhow::Result<telemetry::Guard> {
    let mut settings = Settings::load(None, HashMap::new())?.process().telemetry;
    log.clone_into(&mut settings.log);
    if let Some(endpoint) = otlp {
        endpoint.clone_into(&mut settings.otlp_endpoint);
    }
    telemetry::init("paramedic", &settings)
}

/// The range's roles end with it; their end is reported through the future itself.
#[expect(clippy::disallowed_methods, reason = "watched by `Range::ended` and awaited by `Range::stop`")]
fn in_background<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work)
}

/// Waits until the gateway knows what depends on what, as it does long before a fault in a cluster that it watches; not for ever: it goes
/// without.
async fn topology_known(kit: &Kit, cluster: &ClusterId) -> anyhow::Result<()> {
    let topologies = Topologies::open(&kit.bus).await?;
    let known = async {
        while topologies.last(cluster, kit.clock.now()).await?.is_none() {
            tokio::time::sleep(LOOK).await;
        }
        anyhow::Ok(())
    };
    match tokio::time::timeout(PATIENCE, known).await {
        Ok(known) => known,
        Err(_) => Ok(()),
    }
}
