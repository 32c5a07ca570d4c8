//! A pretend executor: template changes of one workload are merged within a request, as the real one does.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use paramedic_domain::{
    change::{Change, Confirm, DryRun, FieldChange, Notice, ObjectPatch, Wait},
    object::ObjectRef,
    risk::Context,
};
use paramedic_proto::v1::{
    self,
    executor_service_server::{ExecutorService, ExecutorServiceServer},
};
use paramedic_wire::Wire;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

/// Steps of each request, and the number of patches it took for granted.
pub(crate) type Asked = Arc<Mutex<Vec<(Vec<String>, usize)>>>;

#[derive(Clone, Default)]
pub(crate) struct Pretend {
    pub(crate) asked: Asked,
}

pub(crate) struct Served {
    pub(crate) url: String,
    stop: CancellationToken,
    work: tokio::task::JoinHandle<()>,
}

impl Served {
    #[allow(clippy::disallowed_methods, reason = "the test owns the task and joins it")]
    pub(crate) async fn start(executor: Pretend) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let work = tokio::spawn(async move {
            tonic::transport::Server::builder()
                .add_service(ExecutorServiceServer::new(executor))
                .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stopped.cancelled_owned())
                .await
                .unwrap();
        });
        Self { url, stop, work }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.work.await.unwrap();
    }
}

fn patch(target: &ObjectRef, path: &str, value: &Value) -> Change {
    Change::Patch(ObjectPatch {
        target: target.clone(),
        subresource: None,
        owner: None,
        patch: serde_json::from_value(json!([{"op": "add", "path": path, "value": value}])).unwrap(),
        undo: serde_json::from_value(json!([{"op": "remove", "path": path}])).unwrap(),
        irreversible: None,
        diff: vec![FieldChange {
            path: path.into(),
            from: None,
            to: Some(value.to_string()),
        }],
        dry_run: DryRun::Accepted { warnings: Vec::new() },
        wait: Wait::Accepted,
    })
}

fn object(api_version: &str, kind: &str, name: &str) -> ObjectRef {
    ObjectRef {
        uid: Some(format!("uid-{name}")),
        ..ObjectRef::new(api_version, kind, Some("production"), name)
    }
}

/// The pretend catalogue.
const ACTIONS: [&str; 8] = [
    "increase_resources",
    "restart_pod",
    "enable_debug_mode",
    "update_hpa",
    "notify_only",
    "collect_diagnostics",
    "backup_data",
    "health_check",
];

/// One item: its change and whether that is of a template, or why there is none, with the path to blame.
type Drafted = Result<(Change, bool), (String, String)>;

fn draft(item: &v1::PrepareItem, carriers: &mut BTreeMap<String, String>) -> Drafted {
    let parameters: Value = serde_json::from_str(&item.parameters_json).unwrap();
    let name = parameters.get("deployment").and_then(Value::as_str).unwrap_or("payment-service");
    let deployment = object("apps/v1", "Deployment", name);
    if let Some(bad) = parameters.get("memory").filter(|memory| !memory.is_string()) {
        return Err((format!("{bad} is not of type \"string\""), "/memory".into()));
    }
    Ok(match item.action.as_str() {
        "increase_resources" | "restart_pod" | "enable_debug_mode" => {
            if let Some(by) = carriers.get(&deployment.name) {
                let expect = if item.action == "restart_pod" {
                    Confirm::RolledOut
                } else {
                    Confirm::InTemplate
                };
                let by = by.parse().unwrap();
                (Change::Carried { by, expect, part: None }, false)
            } else {
                carriers.insert(deployment.name.clone(), item.step_id.clone());
                let value = parameters.get("memory").cloned().unwrap_or(json!(1));
                let field = if parameters.get("memory").is_some() {
                    "memory"
                } else {
                    &item.step_id
                };
                (patch(&deployment, &format!("/spec/template/{field}"), &value), true)
            }
        }
        "update_hpa" => (
            patch(
                &object("autoscaling/v2", "HorizontalPodAutoscaler", "hpa"),
                "/spec/maxReplicas",
                &json!(8),
            ),
            false,
        ),
        "notify_only" => {
            let notice = Notice {
                title: "t".into(),
                body: "b".into(),
                attachments: Vec::new(),
            };
            (Change::Notify(notice), false)
        }
        "collect_diagnostics" | "backup_data" | "health_check" => (
            Change::Read {
                what: "state".into(),
                targets: Vec::new(),
            },
            false,
        ),
        other => return Err((format!("action {other:?} is not in the catalogue"), String::new())),
    })
}

#[tonic::async_trait]
impl ExecutorService for Pretend {
    async fn list_actions(&self, _: Request<v1::ListActionsRequest>) -> Result<Response<v1::ListActionsResponse>, Status> {
        let action = |name: &str| v1::Action {
            name: name.into(),
            parameters_schema_json: json!({"properties": {"namespace": {}, "deployment": {}}}).to_string(),
            ..v1::Action::default()
        };
        Ok(Response::new(v1::ListActionsResponse {
            actions: ACTIONS.into_iter().map(action).collect(),
        }))
    }

    async fn control(&self, _: Request<v1::ControlRequest>) -> Result<Response<v1::ControlResponse>, Status> {
        Err(Status::unimplemented("the pretend executor runs nothing"))
    }

    async fn prepare(&self, request: Request<v1::PrepareRequest>) -> Result<Response<v1::PrepareResponse>, Status> {
        let request = request.into_inner();
        let ids = request.items.iter().map(|item| item.step_id.clone()).collect();
        self.asked.lock().unwrap().push((ids, request.assume.len()));
        let mut carriers: BTreeMap<String, String> = BTreeMap::new();
        let mut steps = Vec::new();
        for item in request.items {
            let drafted = draft(&item, &mut carriers);
            let context = Context {
                replicas: Some(4),
                production: true,
                template_change: drafted.as_ref().is_ok_and(|(_, template)| *template),
                ..Context::default()
            };
            let (change, (refusal, refusal_path)) = match drafted {
                Ok((change, _)) => (Some(change), Default::default()),
                Err(refusal) => (None, refusal),
            };
            steps.push(v1::PreparedStep {
                step_id: item.step_id,
                read_only: change.as_ref().is_some_and(Change::read_only),
                mutates: change.as_ref().is_some_and(Change::mutates),
                change: change.as_ref().map(Wire::to_proto),
                risk_context: Some(context.to_proto()),
                timeout: Some(Duration::from_secs(60).to_proto()),
                typical: Some(Duration::from_secs(20).to_proto()),
                lasts: None,
                refusal,
                refusal_path,
            });
        }
        Ok(Response::new(v1::PrepareResponse {
            steps,
            notes: vec!["a note of the executor".into()],
        }))
    }
}
