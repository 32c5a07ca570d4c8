//! PetShop: metrics of a micro-service application with injected issues.
//!
//! There are no alerts in it. One is derived per service and objective (latency, availability): its value is more than three standard
//! deviations worse than the mean of the time without issues, and worse than anything in it: a rule that is kept does not fire while all
//! is well. What is so from the first moment of the data began before the issue, and belongs to none. `target.json` names the root.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read as _,
    path::Path,
};

use flate2::read::GzDecoder;
use jiff::{SignedDuration, Timestamp};
use paramedic_correlation::topology::{Edge, Entity, Relation, Rule, Topology};
use serde::Deserialize;

use super::{Conversion, ConvertError, Converted, labels, posts, truths};
use crate::format::{FormatError, Incident, Storm, Truth};

/// Standard deviations from the usual that are an alert.
const FAR: f64 = 3.0;
/// Values are those of the five minutes after their time.
const PERIOD: SignedDuration = SignedDuration::from_mins(5);
/// How long before the data what is off at its first moment is said to have begun: nothing tells, but an issue begins within the data.
const STANDING: SignedDuration = SignedDuration::from_hours(1);
/// Namespace of what has none.
const NAMESPACE: &str = "petshop";

/// A statistic that is looked at.
struct Watched {
    metric: &'static str,
    statistic: &'static str,
    alert: &'static str,
    /// Whether much of it is bad, or little.
    high: bool,
    /// A standard deviation is at least this share of the mean: what never changed has none.
    least: f64,
}

const fn watched(metric: &'static str, statistic: &'static str, alert: &'static str, high: bool, least: f64) -> Watched {
    Watched {
        metric,
        statistic,
        alert,
        high,
        least,
    }
}

/// How much is requested is no objective: it follows the hour of the day.
const WATCHED: [Watched; 2] = [
    watched("latency", "Average", "ServiceLatencyHigh", true, 0.05),
    // Usually 100 %: half a point is a lot.
    watched("availability", "Average", "ServiceAvailabilityLow", false, 0.005),
];

/// Files by their path below the data set's folder.
type Files = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Case {
    target: Target,
    root_cause: Cause,
}

#[derive(Deserialize)]
struct Target {
    node: String,
    metric: String,
    timestamp: i64,
}

#[derive(Deserialize)]
struct Cause {
    node: String,
}

/// Values by service, metric and statistic, in the order of their times.
type Series = BTreeMap<(String, String, String), Vec<(i64, f64)>>;

/// Converts the data set, packed (`.tar.gz`) or not.
///
/// # Errors
/// When it cannot be read or is no PetShop data set.
pub fn petshop(path: &Path) -> Result<Conversion, ConvertError> {
    let files = if path.is_dir() { unpacked(path)? } else { packed(path)? };
    let usual: BTreeMap<&str, Series> = files
        .iter()
        .filter_map(|(name, text)| Some((name.strip_suffix("/noissue/metrics.csv")?, series(text))))
        .collect();
    let (mut storms, mut skipped) = (Vec::new(), Vec::new());
    for (name, text) in files.iter().filter(|(name, _)| name.ends_with("/target.json")) {
        let folder = name.trim_end_matches("/target.json");
        let set = folder.split('/').next().unwrap_or_default();
        let (Some(metrics), Some(graph)) = (files.get(&format!("{folder}/metrics.csv")), files.get(&format!("{set}/graph.csv"))) else {
            skipped.push(format!("{folder}: its metrics or the graph are missing"));
            continue;
        };
        let Some(usual) = usual.get(set) else {
            skipped.push(format!("{folder}: there are no metrics of a time without issues"));
            continue;
        };
        let case: Case = serde_json::from_str(text).map_err(|error| ConvertError::content(Path::new(name), error))?;
        let case_name = folder.replace('/', "-");
        storms.push((case_name, storm(&case, &series(metrics), usual, graph)));
    }
    if storms.is_empty() && skipped.is_empty() {
        return Err(ConvertError::content(
            path,
            "no target.json in it: name the PetShop data set's archive or folder",
        ));
    }
    Ok(Conversion { storms, skipped })
}

fn packed(path: &Path) -> Result<Files, ConvertError> {
    let file = fs::File::open(path).map_err(FormatError::io("open", path))?;
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let mut files = Files::new();
    for entry in archive.entries().map_err(FormatError::io("read", path))? {
        let mut entry = entry.map_err(FormatError::io("read", path))?;
        let name = entry.path().map_err(FormatError::io("read", path))?.to_string_lossy().into_owned();
        if wanted(&name) {
            let mut text = String::new();
            entry.read_to_string(&mut text).map_err(FormatError::io("read", path))?;
            files.insert(below(&name), text);
        }
    }
    Ok(files)
}

fn unpacked(root: &Path) -> Result<Files, ConvertError> {
    let mut files = Files::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(FormatError::io("list", &folder))? {
            let path = entry.map_err(FormatError::io("list", &folder))?.path();
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if wanted(&name) {
                files.insert(below(&name), fs::read_to_string(&path).map_err(FormatError::io("read", &path))?);
            }
        }
    }
    Ok(files)
}

fn wanted(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "csv" || end == "json")
}

/// The archive has everything in a folder of its own.
fn below(name: &str) -> String {
    let name = name.trim_start_matches("./");
    name.strip_prefix("dataset/").unwrap_or(name).to_owned()
}

/// Columns are headed by service, metric and statistic; a fourth head names the column of the times.
fn series(csv: &str) -> Series {
    let mut rows = csv.lines().map(|line| line.split(',').collect::<Vec<&str>>());
    let [services, metrics, statistics] = [(); 3].map(|()| rows.next().unwrap_or_default());
    let mut series = Series::new();
    for row in rows {
        let Some(at) = row.first().and_then(|time| time.parse::<f64>().ok()) else {
            continue;
        };
        for (column, value) in row.iter().enumerate().skip(1) {
            let (Some(service), Some(metric), Some(statistic)) = (services.get(column), metrics.get(column), statistics.get(column)) else {
                continue;
            };
            if let Ok(value) = value.parse::<f64>() {
                let key = ((*service).to_owned(), (*metric).to_owned(), (*statistic).to_owned());
                #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
                series.entry(key).or_default().push((at as i64, value));
            }
        }
    }
    series
}

fn storm(case: &Case, observed: &Series, usual: &Series, graph: &str) -> Storm {
    let calls = calls(graph);
    let first = observed.values().flatten().map(|(at, _)| *at).min();
    let (mut alerts, mut standing) = (Vec::new(), Vec::new());
    for ((service, metric, statistic), values) in observed {
        let Some(usual) = usual.get(&(service.clone(), metric.clone(), statistic.clone())) else {
            continue;
        };
        let Some((mean, deviation)) = spread(usual) else { continue };
        for rule in WATCHED.iter().filter(|rule| rule.metric == metric && rule.statistic == statistic) {
            let off = |value: f64| if rule.high { value - mean } else { mean - value };
            let worst = usual.iter().map(|(_, value)| off(*value)).fold(0.0, f64::max);
            let far = worst.max(FAR * deviation.max(rule.least * mean.abs()));
            let Some((at, value)) = values.iter().find(|(_, value)| off(*value) > far) else {
                continue;
            };
            let alert = converted(rule.alert, service, *at, &format!("{metric} is {value:.4}, usually {mean:.4}"));
            if Some(*at) == first {
                standing.push(Converted {
                    starts_at: alert.starts_at - STANDING,
                    ..alert
                });
            } else {
                alerts.push(alert);
            }
        }
    }
    // Somebody was told about the target, or there would have been no issue.
    let told = WATCHED.iter().find(|rule| rule.metric == case.target.metric).unwrap_or(&WATCHED[0]);
    let told = converted(
        told.alert,
        &case.target.node,
        case.target.timestamp,
        "the objective of this service is missed",
    );
    if !alerts.iter().any(|alert| alert.labels == told.labels) {
        standing.retain(|alert| alert.labels != told.labels);
        alerts.push(told);
    }
    let onset = alerts.iter().map(|alert| alert.starts_at).min().unwrap_or_default() - PERIOD;
    let incident = Incident {
        id: "incident-1".into(),
        fault: format!("{} of {}", case.target.metric, case.root_cause.node),
        category: "unknown".into(),
        root: entity(&case.root_cause.node),
        aliases: Vec::new(),
        onset,
        affected: vec![entity(&case.target.node)],
    };
    let mut truth = truths(&alerts, Some(&incident.id));
    truth.extend(truths(&standing, None));
    Storm {
        posts: posts([alerts, standing].concat()),
        truth: Truth {
            set: "petshop".into(),
            seed: None,
            services: calls
                .iter()
                .flat_map(|(caller, callee)| [caller, callee])
                .collect::<BTreeSet<_>>()
                .len(),
            alerts: truth,
            incidents: vec![incident],
        },
        windows: Vec::new(),
        topology: topology(&calls),
    }
}

/// What stands behind the addresses that callers used: the traces name an address and what answers there apart, and no edge between them.
/// A load balancer's name has the first five letters of what it was made for in its second part (`servi-searc`: the stack Services, its
/// search service); `execute-api` is where AWS serves every stage of an API gateway.
fn behind_fronts(calls: &[(String, String)]) -> Vec<(String, String)> {
    let names: BTreeSet<&String> = calls.iter().flat_map(|(caller, callee)| [caller, callee]).collect();
    let is_behind = |front: &str, name: &str| {
        let load_balanced = || {
            let made_for = front.to_lowercase().split('-').nth(1)?.get(..5)?.to_owned();
            let serves = name.contains("::ECS::") || !name.contains("_");
            Some(front.contains(".elb.") && serves && name.to_lowercase().contains(&made_for))
        };
        load_balanced().unwrap_or(false) || (front.starts_with("execute-api.") && name.ends_with("::ApiGateway::Stage"))
    };
    let fronts = names.iter().filter(|name| name.ends_with("_remote"));
    fronts
        .flat_map(|front| {
            let behind = names.iter().filter(|name| is_behind(front, name));
            behind.map(|name| ((*front).clone(), (*name).clone()))
        })
        .collect()
}

fn converted(alert: &str, service: &str, at: i64, summary: &str) -> Converted {
    Converted {
        starts_at: Timestamp::from_second(at).unwrap_or_default() + PERIOD,
        labels: labels([
            ("alertname", alert),
            ("namespace", NAMESPACE),
            ("service", &entity(service).name),
            ("severity", "warning"),
        ]),
        summary: summary.to_owned(),
    }
}

/// Mean and standard deviation; `None` of fewer than two values.
fn spread(values: &[(i64, f64)]) -> Option<(f64, f64)> {
    #[expect(clippy::cast_precision_loss, reason = "some hundred values")]
    let count = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().map(|(_, value)| value).sum::<f64>() / count;
    let variance = values.iter().map(|(_, value)| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Some((mean, variance.sqrt()))
}

/// A matrix: whom the service of a row calls has a 1 in its column.
fn calls(csv: &str) -> Vec<(String, String)> {
    let mut rows = csv.lines().map(|line| line.split(',').collect::<Vec<&str>>());
    let heads = rows.next().unwrap_or_default();
    let of_row = |row: Vec<&str>| {
        let caller = row.first().copied().unwrap_or_default().to_owned();
        let called = |(head, cell): (&&str, &&str)| cell.parse::<f64>().is_ok_and(|calls| calls > 0.0).then(|| (*head).to_owned());
        heads
            .iter()
            .zip(&row)
            .skip(1)
            .filter_map(called)
            .map(|callee| (caller.clone(), callee))
            .collect::<Vec<_>>()
    };
    rows.flat_map(of_row).filter(|(caller, callee)| caller != callee).collect()
}

fn topology(calls: &[(String, String)]) -> Topology {
    let edge = |(caller, callee): &(String, String)| Edge {
        from: entity(caller),
        to: entity(callee),
        relation: Relation::Calls,
    };
    let front = |(front, behind): &(String, String)| Edge {
        from: entity(front),
        to: entity(behind),
        relation: Relation::Selects,
    };
    let edges: Vec<Edge> = calls.iter().map(edge).chain(behind_fronts(calls).iter().map(front)).collect();
    let entities: BTreeSet<Entity> = edges.iter().flat_map(|edge| [edge.from.clone(), edge.to.clone()]).collect();
    let rules: BTreeSet<&str> = WATCHED.iter().map(|rule| rule.alert).collect();
    Topology {
        entities: entities.into_iter().collect(),
        edges,
        // A value says something of the five minutes before the alert.
        rules: rules
            .into_iter()
            .map(|alert| Rule {
                alert: alert.to_owned(),
                for_seconds: 300,
            })
            .collect(),
    }
}

/// A service by its name in the data, which may hold what separates the parts of an entity.
fn entity(service: &str) -> Entity {
    Entity::in_namespace("Service", NAMESPACE, &service.replace('/', "_"))
}

#[cfg(test)]
mod tests;
