//! `pods/log`.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    Api,
    backend::{Kubelets, LogLine, LogQuery},
    reply::Reply,
    request::{Query, Target},
};
use crate::store::{Gvr, Status, Store, name_of};

/// How often a followed log is read again (wall time).
const FOLLOW_EVERY: Duration = Duration::from_millis(250);

impl Api {
    /// The log of one container, whole or followed.
    pub(super) fn logs(&self, target: &Target, query: &Query) -> Result<Reply, Status> {
        let gvr = Gvr::pods();
        let found = self.store.get_shared(&gvr, target.ns(), target.name());
        let pod = found.ok_or_else(|| Status::not_found(&gvr, target.name()))?;
        let container = container(&pod, query.get("container"))?;
        let previous = query.flag("previous");
        let since = match (query.number("sinceSeconds")?, query.get("sinceTime")) {
            (Some(seconds), _) => Some(self.store.now() - Duration::from_secs(seconds.unsigned_abs())),
            (None, Some(text)) => Some(
                text.parse()
                    .map_err(|_| Status::bad_request(format!("invalid sinceTime \"{text}\"")))?,
            ),
            (None, None) => None,
        };
        let tail = query.number("tailLines")?.map(|n| usize::try_from(n).unwrap_or(0));
        if !previous {
            started(&pod, &container)?;
        }
        let namespace = target.ns().unwrap_or_default();
        let ask = LogQuery {
            namespace,
            pod: target.name(),
            container: &container,
            previous,
            since,
            tail,
        };
        let lines = self.kubelets.logs(&ask).ok_or_else(|| {
            let which = if previous { "previous terminated container" } else { "container" };
            Status::bad_request(format!("{which} \"{container}\" in pod \"{}\" not found\n", target.name()))
        })?;
        let stamped = query.flag("timestamps");
        let mut text: String = lines.iter().map(|line| written(line, stamped)).collect();
        if let Some(limit) = query.number("limitBytes")?.and_then(|n| usize::try_from(n).ok()) {
            let cut = text.floor_char_boundary(limit.min(text.len()));
            text.truncate(cut);
        }
        let body = if query.flag("follow") && !previous {
            let follower = Follower {
                store: self.store.clone(),
                kubelets: self.kubelets.clone(),
                namespace: namespace.to_owned(),
                pod: target.name().to_owned(),
                container,
                stamped,
                uid: pod["metadata"]["uid"].clone(),
                last: lines.last().map(|line| line.at).or(since),
                first: Some(text),
            };
            Body::from_stream(futures::stream::unfold(follower, |mut follower| async move {
                let text = follower.next().await?;
                Some((Ok::<_, Infallible>(Bytes::from(text)), follower))
            }))
        } else {
            Body::from(text)
        };
        let mut response = Response::new(body);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        Ok(Reply::Raw(response))
    }
}

struct Follower {
    store: Store,
    kubelets: Arc<dyn Kubelets>,
    namespace: String,
    pod: String,
    container: String,
    stamped: bool,
    uid: Value,
    last: Option<Timestamp>,
    first: Option<String>,
}

impl Follower {
    /// The next piece; `None` once the pod is gone.
    async fn next(&mut self) -> Option<String> {
        if let Some(first) = self.first.take().filter(|text| !text.is_empty()) {
            return Some(first);
        }
        loop {
            tokio::time::sleep(FOLLOW_EVERY).await;
            let pod = self.store.get_shared(&Gvr::pods(), Some(&self.namespace), &self.pod)?;
            if pod["metadata"]["uid"] != self.uid {
                return None;
            }
            let ask = LogQuery {
                namespace: &self.namespace,
                pod: &self.pod,
                container: &self.container,
                previous: false,
                since: self.last,
                tail: None,
            };
            let lines = self.kubelets.logs(&ask)?;
            if let Some(line) = lines.last() {
                self.last = Some(line.at);
                return Some(lines.iter().map(|line| written(line, self.stamped)).collect());
            }
        }
    }
}

fn written(line: &LogLine, stamped: bool) -> String {
    if stamped {
        format!("{:.9} {}\n", line.at, line.text)
    } else {
        format!("{}\n", line.text)
    }
}

/// The asked-for container, or the only one.
pub(super) fn container(pod: &Value, asked: Option<&str>) -> Result<String, Status> {
    let names = |key: &str| -> Vec<String> {
        pod["spec"][key]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|c| c["name"].as_str())
            .map(str::to_owned)
            .collect()
    };
    let (main, init) = (names("containers"), names("initContainers"));
    let pod_name = name_of(pod);
    match asked {
        Some(name) if main.iter().chain(&init).any(|have| have == name) => Ok(name.to_owned()),
        Some(name) => Err(Status::bad_request(format!("container {name} is not valid for pod {pod_name}"))),
        None => match main.as_slice() {
            [only] => Ok(only.clone()),
            several => {
                let annotated = pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"].as_str();
                if let Some(name) = annotated.filter(|name| several.iter().any(|have| have == name)) {
                    return Ok(name.to_owned());
                }
                let mut why = format!(
                    "a container name must be specified for pod {pod_name}, choose one of: [{}]",
                    several.join(" ")
                );
                if !init.is_empty() {
                    why.push_str(&format!(" or one of the init containers: [{}]", init.join(" ")));
                }
                Err(Status::bad_request(why))
            }
        },
    }
}

/// Refuses the log of a container that has not started yet, naming why it waits.
fn started(pod: &Value, container: &str) -> Result<(), Status> {
    let name = name_of(pod);
    if pod["spec"]["nodeName"].as_str().unwrap_or_default().is_empty() {
        return Err(Status::bad_request(format!("pod {name} does not have a host assigned")));
    }
    let statuses = ["containerStatuses", "initContainerStatuses"]
        .into_iter()
        .filter_map(|k| pod["status"][k].as_array())
        .flatten();
    let status = statuses.into_iter().find(|s| s["name"] == container);
    let waiting = status.map(|s| &s["state"]["waiting"]).filter(|w| w.is_object());
    match waiting.and_then(|w| w["reason"].as_str()) {
        Some("CrashLoopBackOff") | None => Ok(()),
        Some("ContainerCreating") => Err(Status::bad_request(format!(
            "container \"{container}\" in pod \"{name}\" is waiting to start: ContainerCreating"
        ))),
        Some("ErrImagePull" | "ImagePullBackOff") => {
            let why = format!("container \"{container}\" in pod \"{name}\" is waiting to start: trying and failing to pull image");
            Err(Status::bad_request(why))
        }
        Some(reason) => Err(Status::bad_request(format!(
            "container \"{container}\" in pod \"{name}\" is waiting to start: {reason}"
        ))),
    }
}
