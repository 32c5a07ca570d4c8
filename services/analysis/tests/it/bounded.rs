//! How often the API server is asked in one investigation.

use paramedic_analysis::{
    core::decide::Conclusion,
    shell::{investigate::investigate, probes::Probes},
};
use paramedic_simulator::Source;

use crate::{
    cases::{alerts, folder, recorded, truth},
    world::{access, clock, config, rules},
};

/// Most requests of one investigation to the API server.
const MOST: usize = 40;

/// How often the API server was asked about a case, and what was left out because that was often enough.
async fn asked(name: &str, down: Vec<Source>) -> (usize, Vec<String>) {
    let case = folder().join(name);
    let simulator = recorded(&case, truth(&case).now.unwrap(), down).await;
    let probes = Probes::new(&access(&simulator).await, clock(&simulator), config(), rules());
    let mut unasked = Vec::new();
    let conclusion = investigate(&probes, alerts(&case), &mut |_, _| {}).await.unwrap();
    if let Conclusion::Found(found) = conclusion {
        unasked.extend(found.missing_sources.into_iter().filter(|missing| missing.contains("not asked")));
    }
    let count = simulator.audit().iter().filter(|entry| entry.path.starts_with("/api")).count();
    simulator.shutdown().await;
    (count, unasked)
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_requests_to_the_api_server_are_enough_for_every_case() {
    let cases = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap());
    let cases = cases.filter(|entry| entry.path().join("alerts.json").exists());
    let mut cases: Vec<String> = cases.map(|entry| entry.file_name().into_string().unwrap()).collect();
    cases.sort();
    assert!(cases.len() >= 20, "{cases:?}");
    for case in &cases {
        for down in [vec![], vec![Source::Loki], vec![Source::Loki, Source::Prometheus]] {
            let without = format!("{case} without {down:?}");
            let (count, unasked) = asked(case, down).await;
            assert!(count <= MOST && unasked.is_empty(), "{without}: {count} requests, {unasked:?}");
            eprintln!("{count:3} requests: {without}");
        }
    }
}
