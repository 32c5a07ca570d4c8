//! `MaintenanceService`: windows are messages of the stream of alerts, so that they count for every alert behind them.

use paramedic_bus::{Append, Error, Expect, Headers, SharedBus, Start, streams, trace};
use paramedic_domain::{
    id::ClusterId,
    maintenance::{Window, WindowChange, WindowTold, Windows},
    people::Role,
    subject::Subject,
};
use paramedic_proto::v1::{self, add_window_request, maintenance_service_server::MaintenanceService};
use paramedic_runtime::{Clock, Kit};
use paramedic_wire::Wire;
use tonic::{Request, Response, Status};

use super::{identity::Callers, status};
use crate::core::windows::{self, End, Wanted};

/// Lost races until the caller is told to try again; each means that somebody else declared or ended a window.
const MAX_ROUNDS: u32 = 16;

/// The service.
pub(crate) struct Maintenance {
    bus: SharedBus,
    clock: Clock,
    cluster: ClusterId,
    callers: Callers,
}

impl Maintenance {
    pub(crate) fn new(kit: &Kit) -> Self {
        Self {
            bus: kit.bus.clone(),
            clock: kit.clock.clone(),
            cluster: kit.cluster.name.clone(),
            callers: Callers::new(kit),
        }
    }

    fn cluster(&self, named: &str) -> Result<ClusterId, Status> {
        match named {
            "" => Ok(self.cluster.clone()),
            named => status::parse("cluster", named),
        }
    }

    /// The windows of a cluster, and the sequence of the last message about them.
    async fn windows(&self, cluster: &ClusterId) -> Result<(Windows, u64), Status> {
        let stored = self.bus.replay(streams::ALERTS, &subject(cluster), Start::Beginning).await;
        let stored = stored.map_err(|error| status::bus(&error))?;
        let last = stored.last().map_or(0, |message| message.seq);
        let told = stored
            .iter()
            .filter_map(|message| paramedic_wire::decode_window(&message.payload).ok());
        let mut windows = windows::fold(told);
        windows.forget(self.clock.now());
        Ok((windows, last))
    }

    /// Decides on the windows as they are and stores what follows, as often as somebody else was first.
    async fn change(
        &self,
        cluster: &ClusterId,
        decide: impl Fn(&Windows) -> Result<(Window, WindowChange), Status> + Send + Sync,
    ) -> Result<Window, Status> {
        for _ in 0..MAX_ROUNDS {
            let (windows, last) = self.windows(cluster).await?;
            let (window, change) = decide(&windows)?;
            let told_at = self.clock.now();
            let mut headers = Headers::new();
            trace::inject(&mut headers);
            let message = Append {
                subject: subject(cluster),
                headers,
                payload: paramedic_wire::encode_window(&WindowTold { told_at, change }),
                msg_id: None,
                expect: Some(Expect {
                    filter: subject(cluster),
                    last,
                }),
            };
            match self.bus.append(streams::ALERTS, message).await {
                Ok(_) => return Ok(window),
                Err(Error::Conflict { .. }) => {}
                Err(error) => return Err(status::bus(&error)),
            }
        }
        Err(Status::aborted("others kept changing windows at the same time: try again"))
    }
}

fn subject(cluster: &ClusterId) -> String {
    Subject::Window { cluster: cluster.clone() }.to_string()
}

#[tonic::async_trait]
impl MaintenanceService for Maintenance {
    async fn add_window(&self, request: Request<v1::AddWindowRequest>) -> Result<Response<v1::AddWindowResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let by = self.callers.with_role(Role::Responder, None, &metadata, &request.by)?;
        let cluster = self.cluster(&request.cluster)?;
        let refused = |field: &str, problem: &dyn std::fmt::Display| Status::invalid_argument(format!("{field}: {problem}"));
        let matchers = request.matchers.iter().map(|text| status::parse("matchers", text));
        let time = |field: &'static str, time| Wire::from_proto(time).map_err(|error: paramedic_wire::Invalid| refused(field, &error));
        let end = match request.end {
            Some(add_window_request::End::Until(until)) => End::At(time("until", until)?),
            Some(add_window_request::End::Lasts(lasts)) => {
                End::After(Wire::from_proto(lasts).map_err(|error: paramedic_wire::Invalid| refused("lasts", &error))?)
            }
            None => return Err(Status::invalid_argument("end: say until when the window lasts")),
        };
        let wanted = Wanted {
            matchers: matchers.collect::<Result<_, _>>()?,
            from: request.from.map(|from| time("from", from)).transpose()?,
            end,
            reason: request.reason,
            by,
        };
        let added = self.change(&cluster, |windows| {
            let window = windows::add(windows, &cluster, wanted.clone(), self.clock.now()).map_err(Status::invalid_argument)?;
            Ok((window.clone(), WindowChange::Added { window }))
        });
        let window = added.await?;
        tracing::info!(%cluster, id = %window.id, by = window.by, "a maintenance window was declared");
        Ok(Response::new(v1::AddWindowResponse {
            window: Some(window.to_proto()),
        }))
    }

    async fn list_windows(&self, request: Request<v1::ListWindowsRequest>) -> Result<Response<v1::ListWindowsResponse>, Status> {
        let cluster = self.cluster(&request.into_inner().cluster)?;
        let (windows, _) = self.windows(&cluster).await?;
        let now = self.clock.now();
        let listed = |configured| {
            move |window: &Window| v1::ListedWindow {
                window: Some(window.to_proto()),
                open_until: window.schedule.span_at(now).map(|span| span.until.to_proto()),
                next: window.schedule.next_edge(now).map(|edge| edge.to_proto()),
                configured,
            }
        };
        let configured = windows.configured().iter().map(listed(true));
        Ok(Response::new(v1::ListWindowsResponse {
            windows: configured.chain(windows.added().map(listed(false))).collect(),
        }))
    }

    async fn end_window(&self, request: Request<v1::EndWindowRequest>) -> Result<Response<v1::EndWindowResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let by = self.callers.with_role(Role::Responder, None, &metadata, &request.by)?;
        let cluster = self.cluster(&request.cluster)?;
        let id = status::parse("id", &request.id)?;
        let ended = self.change(&cluster, |windows| {
            let window = windows::end(windows, &id).map_err(Status::not_found)?;
            let change = WindowChange::Ended {
                id: id.clone(),
                by: by.clone(),
            };
            Ok((window, change))
        });
        let window = ended.await?;
        tracing::info!(%cluster, %id, by, "a maintenance window was ended");
        Ok(Response::new(v1::EndWindowResponse {
            window: Some(window.to_proto()),
        }))
    }
}
