//! Everything that can be asked for, in one place: which metrics there are and the series of each.

use jiff::Timestamp;
use promql_parser::label::{MatchOp, Matcher, Matchers};
use serde_json::{Value, json};

use super::{
    containers, requests,
    series::{Labels, Series},
    volumes,
};
use crate::world::{World, ledger::Ledger, locked::read, obj, onset::Sight};

/// A cluster as its Prometheus sees it.
pub(crate) trait Metrics: Send + Sync {
    /// The simulated time.
    fn now(&self) -> Timestamp;

    /// A consistent view for one query.
    fn view(&self) -> Box<dyn Source + '_>;

    /// The answer to a query that was written down word for word.
    fn written(&self, query: &str) -> Option<Vec<(Labels, f64)>>;

    /// Pending and firing alerts.
    fn alerts(&self) -> Vec<Value>;

    /// The groups of alert rules.
    fn rule_groups(&self) -> Value;

    /// What a metric says about itself.
    fn help(&self, metric: &str) -> String;
}

impl Metrics for World {
    fn now(&self) -> Timestamp {
        self.clock().now()
    }

    fn view(&self) -> Box<dyn Source + '_> {
        Box::new(View::of(self))
    }

    fn written(&self, _query: &str) -> Option<Vec<(Labels, f64)>> {
        None
    }

    fn alerts(&self) -> Vec<Value> {
        World::alerts(self)
    }

    fn rule_groups(&self) -> Value {
        let open = World::alerts(self);
        let rules: Vec<Value> = self
            .scenario()
            .rules
            .iter()
            .map(|rule| {
                let own: Vec<&Value> = open.iter().filter(|alert| alert["labels"]["alertname"] == rule.alert).collect();
                let in_state = |state: &str| own.iter().any(|alert| alert["state"] == state);
                let state = if in_state("firing") {
                    "firing"
                } else if in_state("pending") {
                    "pending"
                } else {
                    "inactive"
                };
                json!({
                    "name": rule.alert, "query": rule.expr, "duration": rule.hold.as_secs_f64(), "state": state,
                    "labels": rule.labels, "annotations": rule.annotations, "type": "alerting", "health": "ok", "alerts": own,
                })
            })
            .collect();
        json!([{"name": self.scenario().name, "file": "scenario", "interval": 5, "rules": rules}])
    }

    fn help(&self, metric: &str) -> String {
        let mut all = self.scenario().workloads.iter().flat_map(|workload| &workload.metrics);
        all.find(|known| known.name == metric)
            .map_or("", |known| known.help.as_str())
            .to_owned()
    }
}

/// Where series come from. `visit` is told the name so that sources need not build what nobody asked for.
pub(crate) trait Source {
    /// All series whose metric name `wanted` accepts.
    fn series<'a>(&'a self, wanted: &dyn Fn(&str) -> bool) -> Vec<Series<'a>>;

    /// Seconds between two samples.
    fn interval(&self) -> f64;
}

/// A consistent view of the world for one query.
pub(crate) struct View<'w> {
    pub(crate) world: &'w World,
    pub(crate) ledger: std::sync::RwLockReadGuard<'w, Ledger>,
    pub(crate) states: std::sync::RwLockReadGuard<'w, super::state::StateSeries>,
}

impl<'w> View<'w> {
    pub(crate) fn of(world: &'w World) -> Self {
        Self {
            world,
            ledger: read(world.ledger()),
            states: read(world.series()),
        }
    }

    /// Where faults are looked up.
    pub(crate) fn sight(&self) -> Sight<'_> {
        Sight {
            scenario: self.world.scenario(),
            ledger: &self.ledger,
            origin: obj::secs(self.world.origin()),
        }
    }
}

impl Source for View<'_> {
    fn series<'a>(&'a self, wanted: &dyn Fn(&str) -> bool) -> Vec<Series<'a>> {
        let mut all = Vec::new();
        containers::series(self, wanted, &mut all);
        requests::series(self, wanted, &mut all);
        volumes::series(self, wanted, &mut all);
        self.states.series(wanted, &mut all);
        all
    }

    fn interval(&self) -> f64 {
        self.world.scenario().scrape_interval.as_secs_f64()
    }
}

/// The series that a selector matches.
pub(crate) fn select<'a>(source: &'a dyn Source, name: Option<&str>, matchers: &Matchers) -> Vec<Series<'a>> {
    let names: Vec<&Matcher> = matchers.matchers.iter().filter(|m| m.name == "__name__").collect();
    let wanted = |metric: &str| name.is_none_or(|name| name == metric) && names.iter().all(|m| m.is_match(metric));
    let mut all = source.series(&wanted);
    let fits = |set: &[Matcher], series: &Series<'_>| set.iter().all(|m| matches(m, series.labels.get(&m.name)));
    all.retain(|series| {
        fits(&matchers.matchers, series) && (matchers.or_matchers.is_empty() || matchers.or_matchers.iter().any(|set| fits(set, series)))
    });
    all
}

fn matches(matcher: &Matcher, value: &str) -> bool {
    match &matcher.op {
        MatchOp::Equal => matcher.value == value,
        MatchOp::NotEqual => matcher.value != value,
        MatchOp::Re(regex) => regex.is_match(value),
        MatchOp::NotRe(regex) => !regex.is_match(value),
    }
}
