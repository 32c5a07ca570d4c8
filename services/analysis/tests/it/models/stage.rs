//! The recorded case of a bad release, whose alert claims that it is memory and whose configuration gives orders, and a model beside it.

use std::sync::Arc;

use paramedic_analysis::{
    Config,
    config::Provider,
    core::decide::Conclusion,
    shell::{
        investigate::{Investigator, investigate},
        model::ask::{Advisor, Asked},
        probes::Probes,
    },
};
use paramedic_bus::{SharedBus, embedded::EmbeddedBus};
use paramedic_domain::{
    alert::Alert,
    diagnosis::{Category, Diagnosis},
    id::IncidentId,
    object::ObjectRef,
};
use paramedic_simulator::{Begin, Cluster, Options, Recording, Simulator};
use paramedic_testkit::model::{Say, Stub};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    cases::{alerts, folder},
    world::{SPEED, access, clock, cluster, config, rules},
};

/// A case in which the engines are sure enough to tell, and a model that may be asked about it.
pub(super) struct Stage {
    pub(super) simulator: Simulator,
    pub(super) alerts: Vec<Alert>,
    pub(super) stub: Stub,
    pub(super) config: Config,
    pub(super) bus: SharedBus,
    _folder: TempDir,
}

impl Stage {
    pub(super) async fn new(provider: Provider, says: Vec<Say>) -> Self {
        let case = folder().join("P16-misdirection-and-injection");
        let alerts = alerts(&case);
        let begin = Begin::at("2026-03-05T13:17:00Z".parse().unwrap());
        let mut options = Options::new(Cluster::Recording(Box::new(Recording::load(&case).unwrap()), begin));
        options.speed = SPEED;
        rustls::crypto::ring::default_provider().install_default().ok();
        let simulator = Simulator::start(options).await.unwrap();
        let stub = Stub::start(says).await;
        let folder = tempfile::tempdir().unwrap();
        let mut config = config();
        config.model.url = stub.url();
        config.model.provider = provider;
        config.model.name = "accurate".into();
        config.model.api_key = "a key of this test".to_owned().into();
        config.model.ask_below = 1.0;
        Self {
            simulator,
            alerts,
            stub,
            config,
            bus: Arc::new(EmbeddedBus::open(folder.path()).unwrap()),
            _folder: folder,
        }
    }

    async fn probes(&self) -> Probes {
        Probes::new(&access(&self.simulator).await, clock(&self.simulator), self.config.clone(), rules())
    }

    /// What the engines say by themselves.
    pub(super) async fn engines(&self) -> Diagnosis {
        found(self.engines_conclude().await)
    }

    /// The same, whatever it is.
    pub(super) async fn engines_conclude(&self) -> Conclusion {
        let probes = self.probes().await;
        investigate(&probes, self.alerts.clone(), &mut |_, _| {}).await.unwrap()
    }

    /// Engines and model.
    pub(super) async fn investigator(&self) -> Investigator {
        Investigator {
            probes: Arc::new(self.probes().await),
            advisor: Advisor::configured(&self.config.model, self.bus.clone(), cluster()),
        }
    }

    /// What comes of it with the model.
    pub(super) async fn asked(&self, asked: Asked) -> Diagnosis {
        found(self.concluded(asked).await)
    }

    /// The same, whatever it is.
    pub(super) async fn concluded(&self, asked: Asked) -> Conclusion {
        let (investigator, incident) = (self.investigator().await, IncidentId::derive(&["test"]));
        let alerts = self.alerts.clone();
        investigator
            .investigate(alerts, Some(&incident), asked, &mut |_, _| {})
            .await
            .unwrap()
    }

    /// What comes of it with the model, which must not have changed what the engines say; and what is said about the model.
    pub(super) async fn stands(&self) -> Diagnosis {
        let (before, after) = (self.engines().await, self.asked(Asked::ByDoubt).await);
        assert_eq!(what(&before), what(&after), "{:#?}", after.missing_sources);
        after
    }

    pub(super) async fn end(self) {
        let reads_only = self
            .simulator
            .audit()
            .iter()
            .all(|entry| matches!(entry.verb.as_str(), "get" | "list" | "watch"));
        assert!(reads_only, "an investigation changes nothing");
        self.simulator.shutdown().await;
    }
}

fn found(conclusion: Conclusion) -> Diagnosis {
    match conclusion {
        Conclusion::Found(diagnosis) => *diagnosis,
        Conclusion::Inconclusive { reasons, .. } => panic!("{reasons:#?}"),
    }
}

/// Everything that something is done about. Messages quote minutes, which go on.
fn what(found: &Diagnosis) -> (Category, ObjectRef, f64, Vec<Value>) {
    let steps = found.options.iter().flat_map(|option| &option.recommendations);
    let steps = found.recommendations.iter().chain(steps).map(|step| {
        let mut parameters = step.parameters.clone();
        parameters.remove("message");
        json!([
            step.id,
            step.action,
            parameters,
            step.dependencies,
            step.risk,
            step.requires_approval
        ])
    });
    (found.category, found.target.clone(), found.confidence, steps.collect())
}

/// An answer that agrees with the engines and rests on evidence that there is.
pub(super) fn agreeing() -> Value {
    json!({
        "category": "bad_release",
        "target": {"kind": "Deployment", "namespace": "backend", "name": "worker"},
        "confidence": 0.9,
        "claims": [{"text": "the new revision exits with code 1", "evidence": ["ev-01"]}],
        "recommendations": [],
    })
}

/// The same with other steps.
pub(super) fn recommending(steps: Value) -> Value {
    let mut answer = agreeing();
    answer["recommendations"] = steps;
    answer
}

/// A step.
pub(super) fn step(id: &str, action: &str, kind: &str, namespace: &str, name: &str, after: &[&str]) -> Value {
    json!({
        "id": id,
        "action": action,
        "target": {"kind": kind, "namespace": namespace, "name": name},
        "parameters": [],
        "depends_on": after,
    })
}

/// Whether some line says `text`.
pub(super) fn says(found: &Diagnosis, text: &str) -> bool {
    let factors = found.factors.iter().map(|factor| &factor.text);
    factors.chain(&found.missing_sources).any(|line| line.contains(text))
}
