//! A node is lost, and its cloud provider is asked why: what is told with its answer, without it, and with tools that do not give one.

use std::{path::Path, time::Duration};

use paramedic_analysis::{
    Config,
    config::Cloud,
    core::decide::Conclusion,
    shell::{investigate::investigate, probes::Probes},
};
use paramedic_domain::{
    diagnosis::{Category, Diagnosis},
    evidence::Source,
};
use paramedic_simulator::{
    Begin, Cluster, Options, Recording, Simulator,
    commands::{Call, Commands, Recorded},
};
use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    cases::{alerts, folder, truth},
    world::{SPEED, access, clock, config, rules},
};

const CASE: &str = "C13-node-spot-reclaimed";

#[derive(Deserialize)]
struct Outside {
    tools: Recorded,
}

fn recorded(case: &Path) -> Recorded {
    let outside: Outside = serde_yaml_ng::from_str(&std::fs::read_to_string(case.join("outside.yaml")).unwrap()).unwrap();
    outside.tools
}

/// A tool that does the same whatever it is asked.
fn always(call: Call) -> Recorded {
    Recorded {
        tools: [("aws".to_owned(), vec![Call { run: "*".into(), ..call }])].into(),
    }
}

/// The diagnosis of the case with a cloud of these regions, and every call of its tool.
async fn diagnosed(tools: Option<&Recorded>, region: &str) -> (Diagnosis, Vec<String>) {
    let case = folder().join(CASE);
    let begin = Begin::at(truth(&case).now.unwrap());
    let mut options = Options::new(Cluster::Recording(Box::new(Recording::load(&case).unwrap()), begin));
    options.speed = SPEED;
    rustls::crypto::ring::default_provider().install_default().ok();
    let simulator = Simulator::start(options).await.unwrap();
    let installed: Option<(TempDir, Commands)> = tools.map(|tools| {
        let folder = tempfile::tempdir().unwrap();
        let commands = tools.install(folder.path()).unwrap();
        (folder, commands)
    });
    let clouds = installed.iter().map(|(_, commands)| -> Cloud {
        let program = commands.tool("aws");
        serde_json::from_value(json!({"name": "prod", "kind": "aws", "program": program, "regions": [region]})).unwrap()
    });
    let settings = Config {
        clouds: clouds.collect(),
        ..config()
    };
    let probes = Probes::new(&access(&simulator).await, clock(&simulator), settings, rules());
    let conclusion = tokio::time::timeout(Duration::from_secs(60), investigate(&probes, alerts(&case), &mut |_, _| {})).await;
    let conclusion = conclusion.expect("no tool holds an investigation up").unwrap();
    simulator.shutdown().await;
    let calls = installed.map_or_else(Vec::new, |(_, commands)| commands.calls());
    match conclusion {
        Conclusion::Found(found) => (*found, calls),
        Conclusion::Inconclusive { reasons, .. } => panic!("{reasons:#?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_says_becomes_the_cause_its_evidence_and_a_row_and_its_silence_lowers_the_confidence() {
    let case = folder().join(CASE);
    let (known, calls) = diagnosed(Some(&recorded(&case)), "eu-central-1").await;
    assert_eq!(
        (known.category, known.engine.as_str()),
        (Category::NodeFailure, "rules/machine-reclaimed")
    );
    assert_eq!(known.missing_sources, [""; 0]);
    assert_eq!(calls.len(), 2, "only the node that is not ready is asked about: {calls:#?}");
    let cited: Vec<_> = known.evidence.iter().filter(|evidence| evidence.source == Source::Aws).collect();
    assert_eq!(cited[0].query, calls[0], "a person can repeat it");
    let row = known.timeline.iter().find(|row| row.source == Source::Aws).unwrap();
    assert_eq!(row.at.to_string(), "2026-04-21T09:17:06Z");
    assert!(row.what.contains("became terminated"), "{}", row.what);

    let (unasked, calls) = diagnosed(None, "eu-central-1").await;
    assert_eq!(
        (unasked.engine.as_str(), unasked.target, calls.len()),
        ("rules/node-lost", known.target.clone(), 0)
    );
    assert_eq!(unasked.missing_sources, [""; 0], "nobody misses what is not configured");

    let (elsewhere, calls) = diagnosed(Some(&recorded(&case)), "us-east-1").await;
    assert_eq!(
        (elsewhere.confidence, elsewhere.missing_sources.len(), calls.len()),
        (unasked.confidence, 0, 0)
    );

    let fails = always(Call {
        complains: "Unable to locate credentials".into(),
        exits: 253,
        ..Call::default()
    });
    let lies = always(Call {
        prints: json!({"Reservations": [{"Instances": [{"InstanceId": "i-00000000000000000", "State": {"Name": "running"}}]}]}).to_string(),
        ..Call::default()
    });
    for (tool, why) in [
        (fails, "Unable to locate credentials"),
        (lies, "says nothing about i-0f52b8d4a3c16e790"),
    ] {
        let (found, _) = diagnosed(Some(&tool), "eu-central-1").await;
        assert_eq!(found.engine, "rules/node-lost");
        let missing = found.missing_sources.join("\n");
        assert!(missing.starts_with("aws prod: ") && missing.contains(why), "{missing}");
        assert!(
            found.confidence < unasked.confidence,
            "{} against {}",
            found.confidence,
            unasked.confidence
        );
    }
}
