//! A model in the role: for incidents, for people who ask, and where the engines found nothing.

use futures::StreamExt;
use paramedic_analysis::{
    config::Provider,
    core::decide::Conclusion,
    shell::{investigate::Service, model::ask::Asked},
};
use paramedic_bus::IncidentLog;
use paramedic_proto::v1::{self, analysis_service_server::AnalysisService, investigate_response::Finding};
use paramedic_testkit::model::Say;
use paramedic_wire::Wire;
use serde_json::json;
use tonic::Request;

use super::stage::{Stage, agreeing, recommending, says, step};
use crate::world::{access, clock, cluster, run};

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_has_the_models_opinion_in_its_diagnosis() {
    let stage = Stage::new(Provider::Anthropic, vec![Say::Conclude(agreeing())]).await;
    let running = run(stage.config.clone(), clock(&stage.simulator), access(&stage.simulator).await).await;
    let id = running.open(stage.alerts.clone()).await;
    let incident = running.until(&id, |incident| incident.diagnosis.is_some()).await;
    let diagnosis = incident.diagnosis.unwrap();
    assert!(says(&diagnosis, "model/anthropic/accurate agrees"), "{:#?}", diagnosis.factors);
    running.stop().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_the_model_gets_its_opinion() {
    let mut stage = Stage::new(Provider::Openai, vec![Say::Conclude(agreeing())]).await;
    stage.config.model.ask_below = 0.0;
    let service = Service {
        cluster: cluster(),
        log: IncidentLog::new(stage.bus.clone()),
        investigator: stage.investigator().await,
    };
    for (ask_model, asked) in [(false, 0), (true, 1)] {
        let request = v1::InvestigateRequest {
            cluster: String::new(),
            incident: String::new(),
            alerts: stage.alerts.iter().map(Wire::to_proto).collect(),
            ask_model,
        };
        let stream = service.investigate(Request::new(request)).await.unwrap().into_inner();
        let found: Vec<_> = stream.map(|response| response.unwrap().finding.unwrap()).collect().await;
        let Some(Finding::Diagnosis(diagnosis)) = found.last() else {
            panic!("{found:#?}")
        };
        let said = diagnosis
            .factors
            .iter()
            .any(|factor| factor.text.contains("model/openai/accurate agrees"));
        assert_eq!((said, stage.stub.asked().len()), (ask_model, asked));
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inconclusive_investigation_stays_one_whatever_a_model_says() {
    let mut confident = agreeing();
    confident["confidence"] = json!(0.99);
    let drain = json!([step("a", "drain_node", "Node", "", "node-1", &[])]);
    let mut proved = confident.clone();
    proved["claims"][0]["evidence"] = json!(["mdl-01"]);
    let look = json!({"kind": "Deployment", "namespace": "backend", "name": "worker"});
    let says = [
        (vec![Say::Conclude(confident)], "does not exist"),
        (
            vec![Say::Call(vec![("kubernetes_get", look)]), Say::Conclude(proved)],
            "holds bad_release of Deployment backend/worker (99 %) possible",
        ),
        (vec![Say::Conclude(recommending(drain))], "drain_node"),
        (vec![Say::Conclude(json!({}))], "does not fit the schema"),
        (vec![Say::Text("{".into())], "is not JSON"),
        (vec![Say::Status(500, None)], "500"),
    ];
    for (say, sentence) in says {
        let mut stage = Stage::new(Provider::Openai, say.clone()).await;
        // An alert about something that the recorded cluster does not have.
        stage.alerts.truncate(1);
        stage.alerts[0].labels = [
            ("alertname".to_owned(), "SomethingElse".to_owned()),
            ("namespace".to_owned(), "backend".to_owned()),
            ("deployment".to_owned(), "no-such-thing".to_owned()),
        ]
        .into();
        let Conclusion::Inconclusive { reasons: before, .. } = stage.engines_conclude().await else {
            panic!("the engines find nothing")
        };
        let Conclusion::Inconclusive { reasons: after, .. } = stage.concluded(Asked::ByDoubt).await else {
            panic!("{say:?} makes a diagnosis")
        };
        assert_eq!(stage.stub.asked().len(), say.len());
        assert_eq!(after[..before.len()], before, "{say:?}");
        let line = &after[before.len()];
        assert!(line.starts_with("model: ") && line.contains(sentence), "{say:?} {line}");
        stage.end().await;
    }
}
