//! A leak: the working set grows in a straight line in most pods, whatever the load, without a new release.
//!
//! Weights: growth 0.28 (times the share of pods that grow and how straight the line is), OOM kill 0.20, independence of
//! the load 0.12 (0.15 against, when growth follows the load), unchanged template 0.10, a growing counter in the logs 0.08.

use paramedic_domain::diagnosis::Category;

use super::{Finding, factor, oom_factor, seconds_between, span};
use crate::core::{
    facts::{Facts, Series, Workload},
    quantity::human,
    stats::{Fit, fit, growth_follows, longest_run, median},
};

/// A shorter stretch says nothing about a trend, hours.
const MIN_HOURS: f64 = 2.0;
/// A line that explains less of the variance is not a line.
const MIN_R2: f64 = 0.90;
/// The rise over the stretch must be worth this share of the limit.
const MIN_RISE_OF_LIMIT: f64 = 0.05;
/// The same for containers without a limit, bytes.
const MIN_RISE: f64 = 64.0 * 1_048_576.0;
/// Correlation of growth with load below which the load does not matter, and above which it is the cause.
const INDEPENDENT: f64 = 0.4;
const FOLLOWS: f64 = 0.7;

struct Growth<'a> {
    series: &'a Series,
    fit: Fit,
}

pub(super) fn diagnose(facts: &Facts, workload: &Workload) -> Result<Finding, String> {
    if facts.memory.is_empty() {
        return Err("there is no memory series, so growth can neither be seen nor excluded".into());
    }
    let judged: Vec<Growth<'_>> = facts
        .memory
        .iter()
        .filter_map(|series| {
            let fit = fit(longest_run(&series.points))?;
            (fit.hours >= MIN_HOURS).then_some(Growth { series, fit })
        })
        .collect();
    let enough = workload.limit.map_or(MIN_RISE, |limit| limit * MIN_RISE_OF_LIMIT);
    let growing: Vec<&Growth<'_>> = judged
        .iter()
        .filter(|growth| growth.fit.r2 >= MIN_R2 && growth.fit.rise >= enough)
        .collect();
    if growing.is_empty() || growing.len() * 2 < judged.len() {
        return Err(format!(
            "the working set grows in a straight line in {} of {} pods with at least {MIN_HOURS} h without a restart",
            growing.len(),
            judged.len()
        ));
    }
    let slope = median(growing.iter().map(|growth| growth.fit.slope).collect()).ok_or("no slope")?;
    let hours = growing.iter().map(|growth| growth.fit.hours).fold(0.0, f64::max);
    let mut factors = Vec::new();
    factors.extend(growth_factor(&judged, &growing, slope, hours));
    factors.extend(oom_factor(facts, 0.20));
    let load = load_correlation(facts, &growing);
    if load.is_some_and(|r| r >= FOLLOWS) && facts.oom_killed().next().is_none() {
        return Err("memory grows, but as fast as the load is high: demand, not a leak".into());
    }
    factors.extend(load_factor(facts, &growing, load));
    let stable = template_unchanged(facts, hours);
    factors.extend(stable.clone());
    factors.extend(counter_factor(facts));
    let rate = format!("{}/h", human(slope));
    let summary = format!(
        "{} leaks memory: the working set of container {} grows by {rate} in {} of {} pods{}{}",
        workload.object,
        workload.container,
        growing.len(),
        judged.len(),
        if load.is_some_and(|r| r.abs() < INDEPENDENT) {
            ", whatever the request rate"
        } else {
            ""
        },
        if stable.is_some() {
            "; the template has not changed meanwhile, so no release caused it"
        } else {
            ""
        },
    );
    let mut chain = vec![format!(
        "memory that container {} no longer needs is never given back ({rate} per pod)",
        workload.container
    )];
    if let Some(limit) = workload.limit {
        chain.push(format!("the working set reaches the limit of {}", human(limit)));
    }
    if facts.oom_killed().next().is_some() {
        chain.push("the kernel kills the container (OOMKilled, exit code 137) and the kubelet restarts it".into());
    }
    Ok(Finding {
        category: Category::MemoryLeak,
        summary,
        chain,
        factors,
        slope: Some(slope),
        root: None,
    })
}

fn growth_factor(judged: &[Growth<'_>], growing: &[&Growth<'_>], slope: f64, hours: f64) -> Option<paramedic_domain::diagnosis::Factor> {
    let share = growing.len() as f64 / judged.len() as f64;
    let straight = growing.iter().map(|growth| growth.fit.r2).sum::<f64>() / growing.len() as f64;
    let rates: Vec<String> = growing
        .iter()
        .map(|growth| {
            format!(
                "{} {}/h over {:.0} h (R\u{b2} {:.3})",
                growth.series.of,
                human(growth.fit.slope),
                growth.fit.hours,
                growth.fit.r2
            )
        })
        .collect();
    factor(
        0.28 * share * straight,
        format!(
            "the working set grows in a straight line, {}/h in the middle, for up to {hours:.0} h: {}",
            human(slope),
            rates.join(", ")
        ),
        growing.iter().map(|growth| growth.series.evidence.clone()),
    )
}

/// The correlation of growth with load, averaged over the growing pods.
fn load_correlation(facts: &Facts, growing: &[&Growth<'_>]) -> Option<f64> {
    let load = facts.requests.as_ref()?;
    let each: Vec<f64> = growing
        .iter()
        .filter_map(|growth| growth_follows(longest_run(&growth.series.points), &load.points))
        .collect();
    (!each.is_empty()).then(|| each.iter().sum::<f64>() / each.len() as f64)
}

fn load_factor(facts: &Facts, growing: &[&Growth<'_>], load: Option<f64>) -> Option<paramedic_domain::diagnosis::Factor> {
    let (requests, r) = (facts.requests.as_ref()?, load?);
    let cited = std::iter::once(requests.evidence.clone()).chain(growing.iter().map(|growth| growth.series.evidence.clone()));
    if r.abs() < INDEPENDENT {
        factor(
            0.12,
            format!("growth does not depend on the request rate (correlation {r:.2})"),
            cited,
        )
    } else if r >= FOLLOWS {
        factor(
            -0.15,
            format!("growth follows the request rate (correlation {r:.2}): it may be demand"),
            cited,
        )
    } else {
        factor(
            0.0,
            format!("growth and request rate go together a little (correlation {r:.2})"),
            cited,
        )
    }
}

fn template_unchanged(facts: &Facts, hours: f64) -> Option<paramedic_domain::diagnosis::Factor> {
    let newest = facts.revisions.first()?;
    let age = seconds_between(newest.created, facts.at);
    if age < hours * 3600.0 {
        return None;
    }
    factor(
        0.10,
        format!(
            "the template has not changed for {} (revision {}): not a release",
            span(age),
            newest.number
        ),
        [newest.evidence.clone()],
    )
}

fn counter_factor(facts: &Facts) -> Option<paramedic_domain::diagnosis::Factor> {
    let pattern = facts.logs.iter().find(|pattern| pattern.growing.is_some())?;
    let (from, to) = pattern.growing?;
    factor(
        0.08,
        format!(
            "a number in the logs only ever grows ({from} to {to} in one pod): {:?}",
            pattern.latest
        ),
        [pattern.evidence.clone()],
    )
}
