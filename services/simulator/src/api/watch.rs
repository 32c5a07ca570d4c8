//! `watch`: the change log as a stream of JSON lines.

use std::{convert::Infallible, time::Duration};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Api, convert,
    read::Filter,
    reply::Reply,
    request::{Query, Target},
    table::{self, View},
};
use crate::store::{Change, ChangeKind, Gvr, Status, Store, WatchStream};

/// How often a quiet watch tells its client how far it has read. The real server does so about once a minute.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// How long a watch lives when the client does not say. The real server picks 30 to 60 minutes.
const DEFAULT_LIFE: Duration = Duration::from_secs(45 * 60);

struct Watcher {
    store: Store,
    target: Target,
    stored: Gvr,
    filter: Filter,
    view: View,
    bookmarks: bool,
    stream: WatchStream,
    ready: Vec<Bytes>,
    headed: bool,
    ends: Instant,
    next_bookmark: Instant,
    done: bool,
}

impl Api {
    /// Streams changes until `timeoutSeconds` (wall time) is over.
    pub(super) fn watch(&self, target: &Target, query: &Query, view: &View) -> Result<Reply, Status> {
        let filter = Filter::parse(target, query)?;
        let initial_events = query.flag("sendInitialEvents");
        let from = match query.get("resourceVersion") {
            None | Some("0") => None,
            Some(text) => Some(text.parse::<u64>().map_err(|_| {
                let cause = crate::store::Cause::invalid("resourceVersion", &json!(text), "strconv.ParseUint: invalid syntax");
                Status::invalid("meta.k8s.io", "ListOptions", "", &[cause])
            })?),
        };
        let life = query
            .number("timeoutSeconds")?
            .and_then(|n| u64::try_from(n).ok())
            .filter(|n| *n > 0);
        let now = Instant::now();
        let stored = target.stored();
        let (initial, rv) = match from {
            Some(rv) if !initial_events => (Vec::new(), rv),
            _ => self.store.list_shared(&stored, target.ns()),
        };
        let stream = match self.store.watch(rv) {
            Ok(stream) => stream,
            // Once the request is understood, the real server refuses inside the stream.
            Err(status) => {
                return Ok(streamed(Body::from(format!(
                    "{}\n",
                    json!({"type": "ERROR", "object": status.to_json()})
                ))));
            }
        };
        let mut watcher = Watcher {
            store: self.store.clone(),
            target: target.clone(),
            stored,
            filter,
            view: view.clone(),
            bookmarks: query.flag("allowWatchBookmarks"),
            stream,
            ready: Vec::new(),
            headed: false,
            ends: now + life.map_or(DEFAULT_LIFE, Duration::from_secs),
            next_bookmark: now + BOOKMARK_EVERY,
            done: false,
        };
        for object in initial {
            let object = convert::to_served(target.resource, &object);
            if watcher.filter.takes(&object) {
                watcher.emit("ADDED", object);
            }
        }
        if initial_events {
            watcher.bookmark(true);
        }
        let lines = futures::stream::unfold(watcher, |mut watcher| async move {
            let line = watcher.next().await?;
            Some((Ok::<_, Infallible>(line), watcher))
        });
        Ok(streamed(Body::from_stream(lines)))
    }
}

fn streamed(body: Body) -> Reply {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Reply::Raw(response)
}

impl Watcher {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if !self.ready.is_empty() {
                return Some(self.ready.remove(0));
            }
            if self.done {
                return None;
            }
            let wake = if self.bookmarks {
                self.ends.min(self.next_bookmark)
            } else {
                self.ends
            };
            tokio::select! {
                change = self.stream.next() => match change {
                    Ok(change) => self.take(&change),
                    Err(status) => {
                        self.line(&json!({"type": "ERROR", "object": status.to_json()}));
                        self.done = true;
                    }
                },
                () = tokio::time::sleep_until(wake) => {
                    self.done = Instant::now() >= self.ends;
                    self.next_bookmark = Instant::now() + BOOKMARK_EVERY;
                    if self.bookmarks {
                        self.bookmark(false);
                    }
                }
            }
        }
    }

    fn take(&mut self, change: &Change) {
        if change.gvr.group != self.stored.group || change.gvr.resource != self.stored.resource {
            return;
        }
        if self.target.ns().is_some_and(|ns| change.object["metadata"]["namespace"] != *ns) {
            return;
        }
        let object = convert::to_served(self.target.resource, &change.object);
        let before = change.previous.as_deref().map(|old| convert::to_served(self.target.resource, old));
        let was = before.is_some_and(|old| self.filter.takes(&old));
        let is = change.kind != ChangeKind::Deleted && self.filter.takes(&object);
        match (was, is) {
            (false, true) => self.emit("ADDED", object),
            (true, true) => self.emit("MODIFIED", object),
            (true, false) => self.emit("DELETED", object),
            (false, false) => {}
        }
    }

    fn emit(&mut self, kind: &str, object: Value) {
        let shown = match &self.view {
            View::Plain => object,
            view => {
                let rv = object["metadata"]["resourceVersion"].clone();
                let mut shown = table::render(
                    self.target.resource,
                    &[object],
                    view,
                    self.store.now(),
                    json!({"resourceVersion": rv}),
                );
                // Only the first table of a watch carries the columns.
                if std::mem::replace(&mut self.headed, true) && shown.get("columnDefinitions").is_some() {
                    shown["columnDefinitions"] = Value::Null;
                }
                shown
            }
        };
        self.line(&json!({"type": kind, "object": shown}));
    }

    fn bookmark(&mut self, initial_end: bool) {
        let mut meta = json!({"resourceVersion": self.stream.seen().to_string()});
        if initial_end {
            meta["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let resource = self.target.resource;
        let mut object = convert::headed(resource.kind, &resource.gvr().api_version(), json!({"metadata": meta}));
        if resource.has_status() {
            object["spec"] = if resource.plural == "pods" {
                json!({"containers": null})
            } else {
                json!({})
            };
            object["status"] = json!({});
        }
        if !matches!(self.view, View::Plain) {
            object = convert::headed(
                "Table",
                "meta.k8s.io/v1",
                json!({"metadata": meta, "columnDefinitions": null, "rows": []}),
            );
        }
        self.line(&json!({"type": "BOOKMARK", "object": object}));
    }

    fn line(&mut self, value: &Value) {
        let mut text = value.to_string();
        text.push('\n');
        self.ready.push(Bytes::from(text));
    }
}
