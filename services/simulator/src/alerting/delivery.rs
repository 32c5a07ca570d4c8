//! Evaluating on the simulated clock and delivering over HTTP.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use promql_parser::parser::Expr;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{Silences, Webhook, groups::Groups, rules::Alerts};
use crate::{
    scenario::AlertRule,
    telemetry::{
        promql::{self, Value},
        source::View,
    },
    world::{World, obj},
};

/// Simulated time between two evaluations.
const EVERY: Duration = Duration::from_secs(5);
/// Wall time a receiver has to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Wall time before the first retry; doubles up to [`LONGEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// Evaluates and delivers until cancelled. Alerts wait while no webhook is set.
pub async fn run(world: Arc<World>, silences: Silences, mut webhook: watch::Receiver<Option<Webhook>>, cancel: CancellationToken) {
    // Only fails when a provider is installed already, which is as good.
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = match reqwest::Client::builder().timeout(PATIENCE).build() {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "no http client, alerts are not delivered");
            return;
        }
    };
    let mut rules = Rules::of(&world);
    rules.catch_up(&world);
    let mut groups = Groups::by(&world.scenario().group_by);
    let mut retry = Retry::default();
    loop {
        let now = world.clock().now();
        rules.evaluate(&world, now);
        if webhook.has_changed().unwrap_or(false) {
            groups.tell_again();
        }
        let receiver = webhook.borrow_and_update().clone();
        if let Some(receiver) = receiver.filter(|_| retry.may_try()) {
            let heard = rules.alerts.told().filter(|alert| !silences.mutes(&alert.labels, now));
            for due in groups.due(heard, now, "http://prometheus.simulator.invalid") {
                match post(&client, &receiver, &due.payload).await {
                    Ok(()) => {
                        rules.alerts.forget(&due.resolved());
                        groups.delivered(due, now);
                        retry = Retry::default();
                    }
                    Err(problem) => {
                        tracing::warn!(url = receiver.url, problem, "alert was not delivered, will retry");
                        retry.failed();
                        break;
                    }
                }
            }
        }
        let next = next_tick(now);
        tokio::select! {
            () = cancel.cancelled() => return,
            () = world.clock().sleep_until(next) => {}
            outcome = webhook.changed() => if outcome.is_err() { return } else { webhook.mark_changed() },
        }
    }
}

/// The next multiple of the evaluation interval.
fn next_tick(now: Timestamp) -> Timestamp {
    let every = EVERY.as_secs_f64();
    obj::at_secs(((obj::secs(now) / every).floor() + 1.0) * every)
}

/// The rules with their parsed expressions.
struct Rules {
    rules: Vec<(AlertRule, Expr)>,
    alerts: Alerts,
}

impl Rules {
    fn of(world: &World) -> Self {
        let parse = |rule: &AlertRule| Some((rule.clone(), promql::parse(&rule.expr).ok()?));
        Self {
            rules: world.scenario().rules.iter().filter_map(parse).collect(),
            alerts: Alerts::default(),
        }
    }

    /// Evaluates the recent past, so that what was wrong for long enough before the start fires at once.
    fn catch_up(&mut self, world: &World) {
        let longest = self.rules.iter().map(|(rule, _)| rule.hold.0).max().unwrap_or_default();
        let now = world.clock().now();
        let mut at = obj::before(now, longest + EVERY * 3);
        while at < now {
            self.evaluate(world, at);
            at = obj::after(at, EVERY * 3);
        }
    }

    fn evaluate(&mut self, world: &World, now: Timestamp) {
        let view = View::of(world);
        let loaded = |rule: &AlertRule| rule.after.is_none_or(|after| obj::after(world.origin(), after.0) <= now);
        for (index, (rule, expr)) in self.rules.iter().enumerate().filter(|(_, (rule, _))| loaded(rule)) {
            match promql::instant(&view, expr, obj::secs(now)) {
                Ok(Value::Vector(matches)) => self.alerts.update(index, rule, &matches, now),
                Ok(other) => tracing::warn!(rule = rule.alert, kind = other.kind(), "rule does not give a vector"),
                Err(error) => tracing::warn!(rule = rule.alert, error, "rule cannot be evaluated"),
            }
        }
        drop(view);
        world.set_alerts(self.alerts.shown());
    }
}

/// When a failed delivery may be tried again, in wall time.
#[derive(Default)]
struct Retry {
    delay: Option<Duration>,
    not_before: Option<Instant>,
}

impl Retry {
    fn may_try(&self) -> bool {
        self.not_before.is_none_or(|at| Instant::now() >= at)
    }

    fn failed(&mut self) {
        let delay = self.delay.map_or(FIRST_RETRY, |delay| (delay * 2).min(LONGEST_RETRY));
        self.delay = Some(delay);
        self.not_before = Some(Instant::now() + delay);
    }
}

/// Posts a payload. Transport errors and 5xx are worth a retry; other refusals are final, as for Alertmanager.
async fn post(client: &reqwest::Client, receiver: &Webhook, payload: &serde_json::Value) -> Result<(), String> {
    let mut request = client.post(&receiver.url).json(payload);
    if let Some(token) = &receiver.bearer {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.map_err(|error| error.to_string())?;
    let status = answer.status();
    if status.is_server_error() {
        return Err(format!("receiver answered {status}"));
    }
    if !status.is_success() {
        tracing::error!(url = receiver.url, %status, "receiver refused the alert for good");
    }
    Ok(())
}
