//! What a cluster is made of, whichever kind it is: its clock, its objects, what it answers and what goes on in it.

use std::sync::Arc;

use axum::{Router, extract::Request, http::StatusCode};
use jiff::Timestamp;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    alerting::{self, Silences, Webhook},
    api::Api,
    audit::Audit,
    clock::SimClock,
    recording::{Begin, Recording, Source},
    scenario::Scenario,
    store::Store,
    telemetry,
    world::{World, recorded::RecordedWorld},
};

/// Sets a cluster going, once its clock runs: who is told about alerts, and when it ends.
type Play = Box<dyn FnOnce(watch::Receiver<Option<Webhook>>, CancellationToken) -> Vec<JoinHandle<()>> + Send>;

/// A cluster that is set up and does not move yet.
pub(crate) struct Stage {
    pub(crate) clock: SimClock,
    pub(crate) store: Store,
    pub(crate) audit: Audit,
    pub(crate) routes: Router,
    pub(crate) play: Play,
}

#[expect(clippy::disallowed_methods, reason = "whoever plays awaits every task")]
impl Stage {
    /// A described cluster that has lived through its past by `now`.
    pub(crate) fn of_scenario(scenario: &Scenario, now: Timestamp, audit: Audit, token: &str) -> anyhow::Result<Self> {
        let clock = SimClock::manual(now - scenario.warmup());
        let store = store(&clock);
        let world = World::boot(scenario, clock.clone(), store.clone())?;
        let silences = Silences::default();
        let api = Api {
            store: store.clone(),
            kubelets: world.clone(),
            usage: world.clone(),
            audit: audit.clone(),
            token: token.to_owned(),
            admission: scenario.admission.clone(),
        };
        let routes = Router::new()
            .nest("/prometheus", telemetry::prometheus_router(world.clone()))
            .nest("/loki", telemetry::loki_router(world.clone()))
            .nest("/jaeger", telemetry::jaeger_router(world.clone()))
            .nest("/tempo", telemetry::tempo_router(world.clone()))
            .nest("/alertmanager", silences.router(clock.clone()))
            .merge(kubernetes(api));
        let play = move |webhook, cancel: CancellationToken| {
            vec![
                tokio::spawn(world.clone().run(cancel.clone())),
                tokio::spawn(alerting::run(world, silences, webhook, cancel)),
            ]
        };
        Ok(Self {
            clock,
            store,
            audit,
            routes,
            play: Box::new(play),
        })
    }

    /// A recorded cluster at the time of its recording. Its alerts are posted by whoever plays it.
    pub(crate) fn of_recording(recording: Recording, begin: Begin, audit: Audit, token: &str) -> anyhow::Result<Self> {
        let clock = SimClock::manual(begin.now);
        let store = store(&clock);
        let (down, admission) = (begin.down.clone(), begin.admission.clone());
        let world = RecordedWorld::boot(recording, begin, clock.clone(), store.clone())?;
        let audit = audit.seen_by({
            let world = world.clone();
            move |entry| world.answered(entry)
        });
        let api = Api {
            store: store.clone(),
            kubelets: world.clone(),
            usage: world.clone(),
            audit: audit.clone(),
            token: token.to_owned(),
            admission,
        };
        let unless_down = |source: Source, router: Router| {
            if down.contains(&source) {
                Router::new().fallback(unavailable)
            } else {
                router
            }
        };
        let routes = Router::new()
            .nest(
                "/prometheus",
                unless_down(Source::Prometheus, telemetry::prometheus_router(world.clone())),
            )
            .nest("/loki", unless_down(Source::Loki, telemetry::loki_router(world.clone())))
            .nest("/jaeger", unless_down(Source::Jaeger, telemetry::jaeger_router(world.clone())))
            .nest("/tempo", unless_down(Source::Jaeger, telemetry::tempo_router(world.clone())))
            .nest("/alertmanager", Silences::default().router(clock.clone()))
            .merge(unless_down(Source::Kubernetes, kubernetes(api)));
        Ok(Self {
            clock,
            store,
            audit,
            routes,
            play: Box::new(move |_, cancel| vec![tokio::spawn(world.run(cancel))]),
        })
    }
}

fn store(clock: &SimClock) -> Store {
    let clock = clock.clone();
    Store::new(move || clock.now())
}

fn kubernetes(api: Api) -> Router {
    let api = Arc::new(api);
    Router::new().fallback(move |request: Request| api.clone().handle(request))
}

async fn unavailable() -> (StatusCode, &'static str) {
    (StatusCode::SERVICE_UNAVAILABLE, "the source does not answer\n")
}
