//! Actions that the operator registered, over HTTP, gRPC and as a Job.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use paramedic_domain::{
    change::{Call, Change, DryRun as Tried},
    event::Direction,
    fault::FailureKind,
    risk::RiskLevel,
    workflow::StepState,
};
use paramedic_executor::config::{Action, ActionKind, DryRun};
use paramedic_proto::v1::{
    self,
    executor_service_server::ExecutorService as _,
    external_action_server::{ExternalAction, ExternalActionServer},
};
use paramedic_testkit::outside::{EndpointStandIn, OutsideFault};
use serde_json::json;
use tonic::{Request, Response, Status};

use crate::{
    recommended::prepare,
    story::{Story, stage, token},
};

fn action(kind: ActionKind, url: String) -> Action {
    Action {
        name: "flush_queue".into(),
        description: "empties a queue".into(),
        schema: r#"{"type": "object", "additionalProperties": false, "required": ["queueName"],
            "properties": {"queueName": {"type": "string"}, "refuse": {"type": "boolean"}}}"#
            .into(),
        schema_file: PathBuf::new(),
        risk: RiskLevel::High,
        kind,
        url,
        method: "POST".into(),
        undo_url: String::new(),
        undo_method: "POST".into(),
        irreversible: None,
        dry_run: DryRun::default(),
        headers: BTreeMap::new(),
        header_files: BTreeMap::new(),
        namespace: String::new(),
        template_file: PathBuf::new(),
        timeout_seconds: 20,
    }
}

fn http(endpoint: &EndpointStandIn) -> Action {
    let mut action = action(ActionKind::Http, format!("{}/flush", endpoint.url()));
    action.undo_url = format!("{}/restore", endpoint.url());
    action.dry_run.header = "X-Dry-Run: true".into();
    action
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_endpoint_is_listed_tried_asked_once_and_asked_back_once() {
    let endpoint = EndpointStandIn::start("t0ken").await.unwrap();
    let token = token();
    let mut registered = http(&endpoint);
    registered.header_files.insert("Authorization".into(), token.path().into());
    let stage = stage(|config| config.actions.push(registered), Vec::new()).await;
    let listed = stage
        .service()
        .list_actions(Request::new(v1::ListActionsRequest {}))
        .await
        .unwrap()
        .into_inner();
    let ours = listed.actions.iter().find(|action| action.name == "flush_queue").unwrap();
    assert!(ours.external && ours.parameters_schema_json.contains("queueName"), "{ours:?}");
    // What the endpoint would refuse is known before anybody is asked.
    let wanted = json!({"queueName": "mail", "refuse": true});
    let answer = prepare(&stage, &[("flush", "flush_queue", wanted, &[])]).await;
    let change = <Change as paramedic_wire::Wire>::from_proto(answer.steps[0].change.clone().unwrap()).unwrap();
    assert!(change.rejected().is_some_and(|why| why.contains("would be refused")), "{change:?}");
    assert!(endpoint.effects().is_empty());

    let mut story = Story::of(stage, &[("flush", "flush_queue", json!({"queueName": "mail"}), &[])]).await;
    let Change::Call(Call::Request(request)) = &story.plan.steps[0].change else {
        panic!()
    };
    assert_eq!(request.dry_run, Tried::Accepted { warnings: Vec::new() });
    endpoint.fail_next([OutsideFault::AnswerLost]);
    // The answer to the first attempt is lost; the next ones find it done.
    let (kind, effect, message) = story.fails().await;
    assert_eq!(kind, FailureKind::Transient, "{message}");
    assert_eq!(
        effect,
        paramedic_domain::fault::Effect::Unknown,
        "nobody knows: the undo must find out"
    );
    let again = story.item(0, Direction::Forward, 2).await;
    story.work(&again, "two").await;
    assert_eq!(endpoint.effects().len(), 1);
    story.cancel().await;
    story.despite_deaths(0, Direction::Undo).await;
    let keys: Vec<(String, String)> = endpoint.effects().into_iter().map(|(key, call)| (key, call.path)).collect();
    assert_eq!(
        keys,
        [
            ("plan_stage/flush".to_owned(), "/flush".to_owned()),
            ("plan_stage/flush/undo".to_owned(), "/restore".to_owned())
        ]
    );
    assert_eq!(endpoint.effects()[0].1.body, json!({"queueName": "mail"}));
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_dies_with_the_worker_has_done_it_once() {
    let endpoint = EndpointStandIn::start("").await.unwrap();
    let registered = http(&endpoint);
    let stage = stage(|config| config.actions.push(registered), Vec::new()).await;
    let mut story = Story::of(stage, &[("flush", "flush_queue", json!({"queueName": "mail"}), &[])]).await;
    story.despite_deaths(0, Direction::Forward).await;
    assert_eq!(endpoint.effects().len(), 1);
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_worker_asked_for_is_taken_back_although_its_successor_was_stopped() {
    let endpoint = EndpointStandIn::start("").await.unwrap();
    let registered = http(&endpoint);
    let stage = stage(|config| config.actions.push(registered), Vec::new()).await;
    let story = Story::of(stage, &[("flush", "flush_queue", json!({"queueName": "mail"}), &[])]).await;
    let item = story.item(0, Direction::Forward, 1).await;
    story.dies(&item, "step_succeeded").await;
    assert_eq!(endpoint.effects().len(), 1);
    story.cancel().await;
    // The successor may not ask the endpoint, which alone knows.
    let state = story.work(&item, "successor").await;
    assert!(matches!(state, StepState::Failed { .. }), "{state:?}");
    assert_eq!(story.stage.incident().await.run.unwrap().effects, [story.plan.steps[0].id.clone()]);
    let undo = story.item(0, Direction::Undo, 1).await;
    assert_eq!(story.work(&undo, "three").await, StepState::Undone);
    let keys: Vec<String> = endpoint.effects().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["plan_stage/flush", "plan_stage/flush/undo"]);
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_nothing_of_what_a_dead_worker_asked_for() {
    let endpoint = EndpointStandIn::start("").await.unwrap();
    let registered = http(&endpoint);
    let stage = stage(|config| config.actions.push(registered), Vec::new()).await;
    let story = Story::of(stage, &[("flush", "flush_queue", json!({"queueName": "mail"}), &[])]).await;
    let item = story.item(0, Direction::Forward, 1).await;
    story.dies(&item, "step_succeeded").await;
    assert_eq!(endpoint.effects().len(), 1);
    endpoint.fail_next([OutsideFault::Refused(422)]);
    let state = story.work(&item, "successor").await;
    assert!(
        matches!(
            state,
            StepState::Failed {
                kind: FailureKind::Permanent,
                ..
            }
        ),
        "{state:?}"
    );
    assert_eq!(story.stage.incident().await.run.unwrap().effects, [story.plan.steps[0].id.clone()]);
    let undo = story.item(0, Direction::Undo, 1).await;
    assert_eq!(story.work(&undo, "three").await, StepState::Undone);
    assert_eq!(endpoint.effects().len(), 2);
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_names_another_address_since_gets_nothing() {
    let (endpoint, other) = (EndpointStandIn::start("").await.unwrap(), EndpointStandIn::start("").await.unwrap());
    let registered = http(&endpoint);
    let stage = stage(|config| config.actions.push(registered), Vec::new()).await;
    let mut story = Story::of(stage, &[("flush", "flush_queue", json!({"queueName": "mail"}), &[])]).await;
    story.stage.config.actions = vec![http(&other)];
    let (kind, _, message) = story.fails().await;
    assert_eq!(kind, FailureKind::Drift, "{message}");
    assert!(endpoint.effects().is_empty() && other.effects().is_empty());
    story.stage.end().await;
}

/// A team's service: remembers keys.
#[derive(Clone, Default)]
struct Team {
    done: Arc<Mutex<Vec<(String, String)>>>,
}

impl Team {
    fn answer(&self, what: &str, request: v1::ExternalRequest) -> Response<v1::ExternalAnswer> {
        let mut done = self.done.lock().unwrap();
        let status = if done.iter().any(|(_, key)| *key == request.idempotency_key) {
            v1::ExternalStatus::AlreadyDone
        } else {
            done.push((format!("{what} {}", request.parameters_json), request.idempotency_key));
            v1::ExternalStatus::Done
        };
        Response::new(v1::ExternalAnswer {
            status: status.into(),
            message: String::new(),
        })
    }
}

#[tonic::async_trait]
impl ExternalAction for Team {
    async fn dry_run(&self, _: Request<v1::ExternalRequest>) -> Result<Response<v1::ExternalAnswer>, Status> {
        Ok(Response::new(v1::ExternalAnswer {
            status: v1::ExternalStatus::Done.into(),
            message: String::new(),
        }))
    }
    async fn apply(&self, request: Request<v1::ExternalRequest>) -> Result<Response<v1::ExternalAnswer>, Status> {
        if request.metadata().get("x-team").is_none_or(|team| team != "ops") {
            return Err(Status::unauthenticated("who are you"));
        }
        Ok(self.answer("apply", request.into_inner()))
    }
    async fn undo(&self, request: Request<v1::ExternalRequest>) -> Result<Response<v1::ExternalAnswer>, Status> {
        Ok(self.answer("undo", request.into_inner()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grpc_service_of_a_team_is_asked_once_and_asked_back_once() {
    let team = Team::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let server = tonic::transport::Server::builder()
        .add_service(ExternalActionServer::new(team.clone()))
        .serve_with_incoming(incoming);
    let mut running = tokio::task::JoinSet::new();
    running.spawn(server);
    let mut registered = action(ActionKind::Grpc, url);
    registered.dry_run.method = true;
    registered.headers.insert("x-team".into(), "ops".into());
    let stage = stage(|config| config.actions.push(registered), Vec::new()).await;
    let mut story = Story::of(stage, &[("flush", "flush_queue", json!({"queueName": "mail"}), &[])]).await;
    let Change::Call(Call::Request(request)) = &story.plan.steps[0].change else {
        panic!()
    };
    assert_eq!(request.dry_run, Tried::Accepted { warnings: Vec::new() });
    story.despite_deaths(0, Direction::Forward).await;
    story.cancel().await;
    story.despite_deaths(0, Direction::Undo).await;
    let done = team.done.lock().unwrap().clone();
    let said = |what: &str| format!("{what} {}", r#"{"queueName":"mail"}"#);
    assert_eq!(
        done,
        [
            (said("apply"), "plan_stage/flush".to_owned()),
            (said("undo"), "plan_stage/flush/undo".to_owned())
        ]
    );
    story.stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_job_runs_once_with_the_parameters_as_data() {
    let mut template = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    let text = "spec:\n  backoffLimit: 0\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n        - name: flush\n          image: tools:1\n";
    template.write_all(text.as_bytes()).unwrap();
    let mut registered = action(ActionKind::Job, String::new());
    registered.namespace = "production".into();
    registered.template_file = template.path().into();
    registered.irreversible = Some("what was flushed is gone".into());
    let stage = stage(|config| config.actions.push(registered), Vec::new()).await;
    let answer = prepare(&stage, &[("flush", "flush_queue", json!({"queueName": "a; rm -rf /"}), &[])]).await;
    assert_eq!(answer.steps[0].refusal, "");
    let change = <Change as paramedic_wire::Wire>::from_proto(answer.steps[0].change.clone().unwrap()).unwrap();
    assert_eq!(change.rejected(), None, "{change:?}");
    let operations = change.operations();
    assert_eq!(operations[0].verb(), "creates");
    assert!(
        operations[0].target().name.starts_with("flush-queue-"),
        "{}",
        operations[0].target()
    );
    assert!(stage.mutations().iter().all(|entry| entry.dry_run));
    stage.end().await;
}
