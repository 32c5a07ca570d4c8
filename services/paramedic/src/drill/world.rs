//! Everything a drill runs: the cluster, the sinks, the roles.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use anyhow::{Context, anyhow};
use paramedic_bus::{SharedBus, topologies::Topologies};
use paramedic_domain::id::ClusterId;
use paramedic_runtime::{Clock, Kit, boot, serve, telemetry::Guard};
use paramedic_simulator::{AuditEntry, Options, Simulator, Webhook};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{mail_sink, message::Message, slack_stand_in};
use crate::{cli::Drill, roles, settings::Settings, simulate};

/// The token between the drill's alerting and its gateway, and between the notifier and the Slack stand-in: both
/// listen on loopback for the length of the drill.
const TOKEN: &str = "drill-loopback-only";

/// A running drill.
pub struct World {
    /// The drill's time.
    pub clock: Clock,
    /// Its bus.
    pub bus: SharedBus,
    /// Its cluster's name.
    pub cluster: ClusterId,
    /// Address of its gRPC services.
    pub grpc: String,
    /// Address of its HTTP routes.
    pub http: String,
    /// Address of the simulated Kubernetes API.
    pub api: String,
    simulator: Simulator,
    kit: Kit,
    serving: Mutex<Option<JoinHandle<anyhow::Result<()>>>>,
    failed: tokio::sync::watch::Receiver<Option<String>>,
    guard: Guard,
    _folder: tempfile::TempDir,
}

/// How often it is looked whether the cluster was read, and for how long (wall time).
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(10);

impl World {
    /// Starts everything; alerts begin to fire when the scenario says so.
    pub async fn start(arguments: &Drill, messages: mpsc::UnboundedSender<Message>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let listen = "127.0.0.1:0".parse()?;
        let simulator = Simulator::start(Options {
            cluster: simulate::scenario(&arguments.scenario)?.into(),
            speed: arguments.speed,
            listen,
            alert_webhook: None,
            audit_file: None,
        })
        .await?;
        let clock = Clock::scaled(simulator.epoch(), arguments.speed);
        let listeners = serve::Listeners::bind(listen, arguments.grpc).await?;
        let (http, grpc) = (
            format!("http://{}", listeners.http_address()?),
            format!("http://{}", listeners.grpc_address()?),
        );
        let cluster: ClusterId = format!("drill-{}", std::process::id()).parse()?;
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, simulator.kubeconfig())?;
        let smtp = mail_sink::start(messages.clone()).await?;
        let slack = slack_stand_in::start(messages, TOKEN).await?;
        let bus_url = arguments
            .bus
            .clone()
            .unwrap_or_else(|| format!("embedded:{}", folder.path().join("bus").display()));
        let mut settings = Settings::load(
            None,
            HashMap::from([
                ("PARAMEDIC_BUS__URL".to_owned(), bus_url),
                ("PARAMEDIC_CLUSTER__NAME".to_owned(), cluster.to_string()),
                ("PARAMEDIC_CLUSTER__KUBECONFIG".to_owned(), kubeconfig.display().to_string()),
                ("PARAMEDIC_CLUSTER__PROMETHEUS_URL".to_owned(), simulator.prometheus_url()),
                ("PARAMEDIC_CLUSTER__LOKI_URL".to_owned(), simulator.loki_url()),
                ("PARAMEDIC_EXECUTOR__ALERTMANAGER__URL".to_owned(), simulator.alertmanager_url()),
                (
                    "PARAMEDIC_GATEWAY__SPOOL__PATH".to_owned(),
                    folder.path().join("spool").display().to_string(),
                ),
                ("PARAMEDIC_GATEWAY__SOURCES__ALERTMANAGER__TOKENS".to_owned(), TOKEN.to_owned()),
                ("PARAMEDIC_APPROVAL__PUBLIC_URL".to_owned(), http.clone()),
                ("PARAMEDIC_NOTIFIER__EMAIL__URL".to_owned(), format!("smtp://{smtp}")),
                ("PARAMEDIC_NOTIFIER__EMAIL__FROM".to_owned(), "paramedic@drill.example".to_owned()),
                ("PARAMEDIC_NOTIFIER__EMAIL__TO".to_owned(), "oncall@drill.example".to_owned()),
                ("PARAMEDIC_NOTIFIER__SLACK__API_URL".to_owned(), slack),
                ("PARAMEDIC_NOTIFIER__SLACK__TOKEN".to_owned(), TOKEN.to_owned()),
                ("PARAMEDIC_NOTIFIER__SLACK__CHANNEL".to_owned(), "incidents".to_owned()),
            ]),
        )?;
        settings.meet_at(&grpc);
        settings.validate(&roles::ALL)?;
        let process = settings.process();
        let guard = super::telemetry(arguments, &process)?;
        let kit = boot::kit(&process, clock.clone(), true).await?;
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
        simulator.set_alert_webhook(Webhook {
            url: format!("{http}/api/v1/alerts/alertmanager"),
            bearer: Some(TOKEN.to_owned()),
        });
        Ok(Self {
            clock,
            bus: kit.bus.clone(),
            cluster,
            grpc,
            http,
            api: simulator.url(),
            simulator,
            kit,
            serving: Mutex::new(Some(serving)),
            failed,
            guard,
            _folder: folder,
        })
    }

    /// Resolves when a role ended, with the reason.
    pub async fn ended(&self) -> anyhow::Error {
        let mut failed = self.failed.clone();
        match failed.wait_for(Option::is_some).await {
            Ok(reason) => anyhow!("{}", reason.as_deref().unwrap_or("unknown")),
            Err(_) => anyhow!("it went away"),
        }
    }

    /// Requests that changed the simulated cluster: its own record of them.
    pub fn mutations(&self) -> Vec<AuditEntry> {
        self.simulator.audit().into_iter().filter(AuditEntry::is_mutation).collect()
    }

    /// Drains the roles and stops the cluster.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.kit.drain.cancel();
        let serving = self.serving.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(serving) = serving {
            serving.await.context("the roles did not end cleanly")??;
        }
        self.simulator.shutdown().await;
        self.guard.flush();
        Ok(())
    }
}

/// The drill's roles end with the drill; their end is reported through the future itself.
#[expect(clippy::disallowed_methods, reason = "watched by `World::ended` and awaited by `World::stop`")]
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
