//! Everything that can be asked for, in one place: which metrics there are and the series of each.

use promql_parser::label::{MatchOp, Matcher, Matchers};

use super::{containers, requests, series::Series, volumes};
use crate::world::{World, ledger::Ledger, locked::read, obj, onset::Sight};

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
