//! Requests to a real kube-apiserver 1.36, sent to the simulator in the same order, and the answers compared: status code,
//! warnings, Status objects word for word, and for everything else which keys are there.
//!
//! Not compared: values of objects (names, times and numbers differ), managed fields (a test of their own), and the steps
//! in [`NOT_COVERED`].

#![allow(clippy::unwrap_used, missing_docs)]

mod golden_shape;

use std::time::Duration;

use golden_shape::{differences, keys};
use paramedic_simulator::{
    Options, Scenario, Simulator,
    store::{Gvr, Store},
};
use reqwest::Method;
use serde_json::Value;

/// Simulated seconds per wall second: pods start within moments, and the transcript's waits stay short.
const SPEED: f64 = 10.0;

/// Steps whose answers are meant to differ, and why.
const NOT_COVERED: &[(&str, &str)] = &[(
    "metrics api absent",
    "the simulated cluster has a metrics server, the recorded one had none",
)];

struct Replay {
    simulator: Simulator,
    client: reqwest::Client,
    /// What stands in the transcript, and what it is called here.
    names: Vec<(String, String)>,
    list_version: String,
    failures: Vec<String>,
}

#[tokio::test]
async fn answers_have_the_shape_of_the_real_ones() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/two-nodes.yaml");
    let options = Options {
        speed: SPEED,
        ..Options::new(Scenario::load(file).unwrap())
    };
    let mut replay = Replay {
        simulator: Simulator::start(options).await.unwrap(),
        client: reqwest::Client::new(),
        names: Vec::new(),
        list_version: String::new(),
        failures: Vec::new(),
    };
    let transcript = include_str!("golden/kubernetes-1.36.jsonl");
    let mut covered = 0;
    for line in transcript.lines() {
        let name = serde_json::from_str::<Value>(line).unwrap()["name"].as_str().unwrap().to_owned();
        settle(&replay.simulator.store(), &name).await;
        let step: Value = serde_json::from_str(&replay.renamed(line)).unwrap();
        if NOT_COVERED.iter().any(|(skipped, _)| *skipped == name) {
            continue;
        }
        replay.step(&name, &step).await;
        covered += 1;
    }
    let Replay { simulator, failures, .. } = replay;
    simulator.shutdown().await;
    assert!(
        failures.is_empty(),
        "{} of {covered} steps differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert_eq!(covered + NOT_COVERED.len(), 81);
}

impl Replay {
    fn renamed(&self, line: &str) -> String {
        self.names
            .iter()
            .fold(line.to_owned(), |text, (golden, ours)| text.replace(golden, ours))
    }

    async fn step(&mut self, name: &str, step: &Value) {
        let (request, golden) = (&step["request"], &step["response"]);
        let mut path = request["path"].as_str().unwrap().to_owned();
        if name == "watch pods from list" {
            path = path.replace("resourceVersion=452", &format!("resourceVersion={}", self.list_version));
        }
        let method: Method = request["method"].as_str().unwrap().parse().unwrap();
        let mut call = self.client.request(method, format!("{}{path}", self.simulator.url()));
        call = call
            .header("user-agent", "Python-urllib/3.11")
            .header("accept", request["accept"].as_str().unwrap());
        call = match name {
            "no token" => call,
            "bad token" => call.bearer_auth("nonsense"),
            _ => call.bearer_auth(self.simulator.token()),
        };
        if let Some(content_type) = request["content_type"].as_str() {
            call = call.header("content-type", content_type);
        }
        call = match &request["body"] {
            Value::Null => call,
            Value::String(text) => call.body(text.clone()),
            body => call.body(body.to_string()),
        };
        let response = call.send().await.unwrap();
        let status = response.status().as_u16();
        let warning = response.headers().get("warning").map(|v| v.to_str().unwrap().to_owned());
        let text = response.text().await.unwrap();
        let ours = read(&text, &golden["body"]);
        self.learn(name, &golden["body"], &ours);

        let mut differs = Vec::new();
        if golden["status"] != status {
            differs.push(format!(
                "status {status} instead of {}: {}",
                golden["status"],
                text.chars().take(300).collect::<String>()
            ));
        } else {
            if warning.as_deref() != golden["headers"]["Warning"].as_str() {
                differs.push(format!("warning {warning:?} instead of {}", golden["headers"]["Warning"]));
            }
            differs.extend(differences(name, &golden["body"], &ours));
        }
        self.failures.extend(differs.into_iter().map(|why| format!("- {name}: {why}")));
    }

    /// Remembers what the transcript's objects are called here.
    fn learn(&mut self, name: &str, golden: &Value, ours: &Value) {
        let mut pairs = vec![(golden, ours)];
        if name == "list pods" {
            self.list_version = ours["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
            let items = |list: &'_ Value| list["items"].as_array().cloned().unwrap_or_default();
            let (theirs, mine) = (items(golden), items(ours));
            for (golden, ours) in theirs.iter().zip(&mine) {
                self.remember(&golden["metadata"]["name"], &ours["metadata"]["name"]);
                self.remember(&golden["metadata"]["uid"], &ours["metadata"]["uid"]);
            }
            pairs.clear();
        }
        for (golden, ours) in pairs {
            if !keys(golden).is_empty() {
                self.remember(&golden["metadata"]["uid"], &ours["metadata"]["uid"]);
            }
        }
    }

    fn remember(&mut self, golden: &Value, ours: &Value) {
        let (Some(golden), Some(ours)) = (golden.as_str(), ours.as_str()) else {
            return;
        };
        if !self.names.iter().any(|(known, _)| known == golden) {
            self.names.push((golden.to_owned(), ours.to_owned()));
        }
    }
}

/// JSON, JSON lines (where the transcript has a list of events) or text.
fn read(text: &str, golden: &Value) -> Value {
    match golden {
        Value::Array(_) => text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect(),
        Value::String(_) => Value::from(text),
        _ => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
    }
}

/// Waits until the controllers have done what the recorded ones had done before this step.
async fn settle(store: &Store, step: &str) {
    let ns = Some("golden");
    let deployment = || store.get(&Gvr::deployments(), ns, "web").unwrap_or_default();
    let rolled_out = |wanted: i64| {
        let (web, pods) = (deployment(), store.list(&Gvr::pods(), ns).0);
        let done = ["replicas", "updatedReplicas", "availableReplicas"]
            .iter()
            .all(|key| web["status"][key] == wanted);
        done && web["status"]["observedGeneration"] == web["metadata"]["generation"] && pods.len() as i64 == wanted
    };
    let quota_failure = || deployment()["status"]["conditions"].to_string().contains("exceeded quota");
    let budget = || store.get(&Gvr::pod_disruption_budgets(), ns, "web").unwrap_or_default();
    let condition: Box<dyn Fn() -> bool> = match step {
        "get deployment rolled out" => Box::new(move || rolled_out(3)),
        "get deployment mid or after rollout" => Box::new(|| store.list(&Gvr::replica_sets(), ns).0.len() == 2),
        "list pods" => Box::new(move || rolled_out(2)),
        "get pdb" => Box::new(move || budget()["status"]["currentHealthy"] == 2),
        "replicaset with ReplicaFailure" | "deployment blocked by quota" => Box::new(quota_failure),
        "create hpa" => Box::new(move || rolled_out(2)),
        "quota used" => Box::new(|| {
            store
                .get(&Gvr::resource_quotas(), ns, "q")
                .is_some_and(|q| q["status"]["used"].is_object())
        }),
        _ => return,
    };
    let mut changed = store.changed();
    let wait = async {
        loop {
            changed.borrow_and_update();
            if condition() {
                return;
            }
            changed.changed().await.unwrap();
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), wait).await;
    assert!(
        waited.is_ok(),
        "the cluster did not get ready for {step:?}: {:#}",
        deployment()["status"]
    );
}
