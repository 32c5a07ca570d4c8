//! From an alert to its diagnosis, by rules alone, on a recorded cluster of 50 nodes and 2,000 pods.
//!
//!     scripts/bench analysis [--nodes 50] [--pods 2000] [--runs 100]
//!
//! The ceiling is measured in the same run: the same requests to the API server, as many at a time, their answers parsed and dropped. What
//! an investigation takes beyond that is its own time.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints, and ends where it cannot go on"
)]

mod estate;

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use anyhow::Context;
use futures::{StreamExt, stream};
use paramedic_analysis::{
    Config, DEFAULTS,
    core::{decide::Conclusion, rules::RuleSet},
    shell::{investigate::investigate, kubernetes::Kubernetes, probes::Probes},
};
use paramedic_domain::{
    alert::{Alert, AlertStatus},
    policy::Mode,
};
use paramedic_runtime::{Clock, ClusterAccess};
use paramedic_simulator::{Begin, Cluster, Options, Recording, Simulator};
use serde::Deserialize;

/// Questions that an investigation has open at the same time.
const AT_ONCE: usize = 6;

#[derive(Deserialize)]
struct Defaults {
    analysis: Config,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (nodes, pods, runs) = (option("--nodes", 50)?, option("--pods", 2000)?, option("--runs", 100)?);
    rustls::crypto::ring::default_provider().install_default().ok();
    let folder = tempfile::tempdir()?;
    estate::write(folder.path(), nodes, pods)?;
    let begin = Begin {
        now: estate::NOW.parse()?,
        fixed_by: Vec::new(),
        harmless: Vec::new(),
        down: Vec::new(),
        admission: Vec::new(),
        unready: Vec::new(),
    };
    let recording = Recording::load(folder.path())?;
    let mut options = Options::new(Cluster::Recording(Box::new(recording), begin));
    options.speed = 60.0;
    let simulator = Simulator::start(options).await?;
    let access = access(&simulator).await?;
    let defaults: Defaults = paramedic_runtime::config::load(&[DEFAULTS], None, Default::default(), &[])?;
    let rules = Arc::new(RuleSet::load(&[]).map_err(|problems| anyhow::anyhow!(problems.join("\n")))?);
    let probes = Probes::new(&access, Clock::scaled(simulator.epoch(), 60.0), defaults.analysis.clone(), rules);

    let before = simulator.audit().len();
    let found = once(&probes).await?;
    let asked: Vec<String> = simulator.audit()[before..].iter().map(|entry| entry.path.clone()).collect();
    println!("{nodes} nodes, {pods} pods; {found}");
    println!("requests to the API server: {} (aim: at most 40)", asked.len());

    let mut whole = Vec::new();
    let mut ceiling = Vec::new();
    let kubernetes = Kubernetes::new(access.client.clone().context("a client")?, std::time::Duration::from_secs(30));
    for _ in 0..runs {
        let started = Instant::now();
        once(&probes).await?;
        whole.push(started.elapsed().as_secs_f64() * 1000.0);
        let started = Instant::now();
        let mut questions = Vec::new();
        for path in &asked {
            questions.push(kubernetes.get(path));
        }
        stream::iter(questions)
            .buffer_unordered(AT_ONCE)
            .for_each(|answer| async move { drop(answer) })
            .await;
        ceiling.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    let own: Vec<f64> = whole
        .iter()
        .zip(&ceiling)
        .map(|(whole, ceiling)| (whole - ceiling).max(0.0))
        .collect();
    println!();
    println!("| | p50 ms | p99 ms |");
    println!("|---|---|---|");
    for (name, mut values) in [
        ("alert to diagnosis", whole),
        ("the same requests alone", ceiling),
        ("own time (aim: p50 at most 300 ms)", own),
    ] {
        values.sort_by(f64::total_cmp);
        println!("| {name} | {:.0} | {:.0} |", at(&values, 0.50), at(&values, 0.99));
    }
    println!();
    println!("memory of this process, the simulated cluster included: {} MiB", resident_mib()?);
    simulator.shutdown().await;
    Ok(())
}

fn option(name: &str, default: usize) -> anyhow::Result<usize> {
    let mut arguments = std::env::args();
    match arguments.find(|argument| argument == name) {
        None => Ok(default),
        Some(_) => arguments
            .next()
            .context("a number is missing")?
            .parse()
            .with_context(|| name.to_owned()),
    }
}

async fn once(probes: &Probes) -> anyhow::Result<String> {
    let labels = [
        ("alertname", "KubeDeploymentRolloutStuck"),
        ("namespace", estate::NAMESPACE),
        ("deployment", estate::WORKLOAD),
        ("severity", "warning"),
    ];
    let alert = Alert {
        fingerprint: "f00d".into(),
        status: AlertStatus::Firing,
        labels: labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        annotations: BTreeMap::new(),
        starts_at: estate::NOW.parse()?,
        ends_at: None,
        generator_url: String::new(),
        group_key: "{}".into(),
    };
    match investigate(probes, vec![alert], &mut |_, _| {}).await? {
        Conclusion::Found(found) => Ok(format!("{:?} of {} ({:.2})", found.category, found.target, found.confidence)),
        Conclusion::Inconclusive { reasons, .. } => anyhow::bail!("no diagnosis: {}", reasons.join("; ")),
    }
}

fn at(sorted: &[f64], share: f64) -> f64 {
    let at = ((sorted.len() - 1) as f64 * share).round();
    sorted[at as usize]
}

fn resident_mib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).context("a number")?.parse()?;
    Ok(kib / 1024)
}

async fn access(simulator: &Simulator) -> anyhow::Result<ClusterAccess> {
    let kubeconfig = kube::config::Kubeconfig::from_yaml(&simulator.kubeconfig())?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await?;
    Ok(ClusterAccess {
        name: "bench".parse()?,
        client: Some(kube::Client::try_from(config)?),
        prometheus: Some(simulator.prometheus_url()),
        loki: Some(simulator.loki_url()),
        jaeger: None,
        tempo: None,
        alertmanager: None,
        mode: Mode::Observe,
        policies: paramedic_runtime::Policies::default(),
        http: paramedic_runtime::http::client()?,
    })
}
