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
use serde_json::json;
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

fn patch(target: &ObjectRef, step: &str) -> Change {
    Change::Patch(ObjectPatch {
        target: target.clone(),
        patch: serde_json::from_value(json!([{"op": "add", "path": format!("/{step}"), "value": 1}])).unwrap(),
        undo: serde_json::from_value(json!([{"op": "remove", "path": format!("/{step}")}])).unwrap(),
        diff: vec![FieldChange {
            path: step.into(),
            from: None,
            to: Some("1".into()),
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

#[tonic::async_trait]
impl ExecutorService for Pretend {
    async fn list_actions(&self, _: Request<v1::ListActionsRequest>) -> Result<Response<v1::ListActionsResponse>, Status> {
        Ok(Response::new(v1::ListActionsResponse { actions: Vec::new() }))
    }

    async fn prepare(&self, request: Request<v1::PrepareRequest>) -> Result<Response<v1::PrepareResponse>, Status> {
        let request = request.into_inner();
        let ids = request.items.iter().map(|item| item.step_id.clone()).collect();
        self.asked.lock().unwrap().push((ids, request.assume.len()));
        let deployment = object("apps/v1", "Deployment", "payment-service");
        let mut carriers: BTreeMap<String, String> = BTreeMap::new();
        let mut steps = Vec::new();
        for item in request.items {
            let (change, template) = match item.action.as_str() {
                "increase_resources" | "restart_pod" | "enable_debug_mode" => match carriers.get(&deployment.name) {
                    Some(by) => {
                        let expect = if item.action == "restart_pod" {
                            Confirm::RolledOut
                        } else {
                            Confirm::InTemplate
                        };
                        (
                            Some(Change::Carried {
                                by: by.parse().unwrap(),
                                expect,
                            }),
                            false,
                        )
                    }
                    None => {
                        carriers.insert(deployment.name.clone(), item.step_id.clone());
                        (Some(patch(&deployment, &item.step_id)), true)
                    }
                },
                "update_hpa" => (
                    Some(patch(&object("autoscaling/v2", "HorizontalPodAutoscaler", "hpa"), &item.step_id)),
                    false,
                ),
                "notify_only" => {
                    let notice = Notice {
                        title: "t".into(),
                        body: "b".into(),
                        attachments: Vec::new(),
                    };
                    (Some(Change::Notify(notice)), false)
                }
                "collect_diagnostics" | "backup_data" | "health_check" => (
                    Some(Change::Read {
                        what: "state".into(),
                        targets: Vec::new(),
                    }),
                    false,
                ),
                _ => (None, false),
            };
            let context = Context {
                replicas: Some(4),
                production: true,
                template_change: template,
                ..Context::default()
            };
            steps.push(v1::PreparedStep {
                step_id: item.step_id,
                refusal: if change.is_none() {
                    format!("action {:?} is not in the catalogue", item.action)
                } else {
                    String::new()
                },
                read_only: change.as_ref().is_some_and(Change::read_only),
                mutates: change.as_ref().is_some_and(Change::mutates),
                change: change.as_ref().map(Wire::to_proto),
                risk_context: Some(context.to_proto()),
                timeout: Some(Duration::from_secs(60).to_proto()),
            });
        }
        Ok(Response::new(v1::PrepareResponse {
            steps,
            notes: vec!["a note of the executor".into()],
        }))
    }
}
