//! One replica per cluster watches what there is and says so on the bus.
//!
//! - `watch`: Kubernetes; `prometheus`: calls and rules; `announce`: snapshots on the bus.

mod announce;
mod prometheus;
mod watch;

use std::{future::Future, sync::Arc, time::Duration};

use futures::StreamExt;
use jiff::Timestamp;
use kube::Client;
use paramedic_bus::{Error, leader, topologies::RESTATED};
use paramedic_runtime::{Clock, Kit};
use tokio_util::sync::CancellationToken;

use self::announce::Announcer;
use crate::{
    config::Topology,
    core::topology::{
        Kind, Survey,
        survey::{Paces, Say},
    },
    metrics,
    shell::replica,
};

/// Pause after the bus could not say what was announced last.
const BUS_PAUSE: Duration = Duration::from_secs(2);

/// Watches the cluster whenever this replica leads, until the kit drains.
pub(crate) fn run(config: &Topology, kit: &Kit, client: Client) -> impl Future<Output = Result<(), Error>> + Send + 'static {
    let (config, kit) = (Arc::new(config.clone()), kit.clone());
    async move {
        let office = format!("topology/{}", kit.cluster.name);
        leader::lead(&kit.bus, &office, &replica::name(), &kit.drain, |over| {
            lead(config.clone(), kit.clone(), client.clone(), over)
        })
        .await
    }
}

async fn lead(config: Arc<Topology>, kit: Kit, client: Client, over: CancellationToken) {
    metrics::topology_leads(true);
    tokio::select! {
        () = over.cancelled() => {}
        () = watch(&config, &kit, client) => {}
    }
    metrics::topology_leads(false);
}

/// Watches and announces; it does not end.
async fn watch(config: &Topology, kit: &Kit, client: Client) {
    let scopes = watch::scopes(&config.namespaces);
    let (announcer, said, before) = loop {
        match Announcer::open(kit).await {
            Ok(opened) => break opened,
            Err(error) => tracing::warn!(%error, "what was announced of the topology cannot be read; trying again"),
        }
        tokio::time::sleep(BUS_PAUSE).await;
    };
    let mut announcer = announcer;
    let paces = Paces {
        debounce: config.debounce(),
        pods: config.pods(),
        restated: RESTATED,
    };
    let asks = config.prometheus && kit.cluster.prometheus.is_some();
    let mut survey = Survey::new(paces, kit.clock.now(), scopes.iter().cloned(), asks, said, before);
    let mut changes = watch::changes(&client, &scopes, &Arc::new(config.fact_keys()));
    let mut answers = std::pin::pin!(prometheus::answers(&kit.cluster, &kit.clock));
    loop {
        let due = survey.due();
        tokio::select! {
            Some(change) = changes.next() => survey.take(change),
            Some(asked) = answers.next(), if asks => survey.measure(asked, kit.clock.now()),
            () = reached(&kit.clock, due) => survey = look(survey, &mut announcer, &kit.clock).await,
        }
    }
}

/// Waits for a time; for ever where there is none.
async fn reached(clock: &Clock, due: Option<Timestamp>) {
    let Some(due) = due else {
        return std::future::pending().await;
    };
    let left = due.duration_since(clock.now());
    clock.sleep(Duration::try_from(left).unwrap_or_default()).await;
}

/// Looks whether something has to be said, and says it.
async fn look(mut survey: Survey, announcer: &mut Announcer, clock: &Clock) -> Survey {
    let now = clock.now();
    for kind in Kind::ALL {
        metrics::topology_objects(kind.name(), survey.count(kind));
    }
    // A large cluster takes a good part of a second: too long for the threads that others wait for.
    let looked = tokio::task::spawn_blocking(move || {
        let say = survey.look(now);
        (survey, say)
    });
    let (mut survey, say) = looked.await.expect("building a snapshot does not panic, and nobody cancels it");
    let said = match say {
        None => return survey,
        Some(Say::New(snapshot)) => announcer.announce(*snapshot, now).await,
        Some(Say::Again) => announcer.again(now).await,
    };
    match said {
        Ok(said) => survey.said(Some(said)),
        Err(error) => {
            tracing::warn!(%error, "the topology could not be announced; trying again");
            survey.failed(now);
            // Somebody else may have announced one, or this one may have been stored all the same.
            match announcer.read(now).await {
                Ok(said) => survey.said(said),
                Err(error) => tracing::warn!(%error, "what was announced of the topology cannot be read"),
            }
        }
    }
    survey
}
