//! From an HTTP request to the handler that answers it, with the audit entry.

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    response::Response,
};
use http::{HeaderMap, Method, Request, header, request::Parts};
use serde_json::Value;

use super::{
    Api, Caller, auth,
    custom::Kinds,
    decode,
    delete::DeleteOptions,
    discovery, openapi,
    patch::Patch,
    reply::Reply,
    request::{Query, Target},
    scale::ScaleEdit,
    table::View,
};
use crate::{audit::Entry, store::Status};

/// Bodies larger than this are refused, as the real server does.
const MAX_BODY: usize = 3 * 1024 * 1024;

/// One request, read and parsed as far as every handler needs it.
struct Call {
    verb: &'static str,
    path: String,
    query: Query,
    caller: Caller,
    accept: String,
    content_type: String,
    body: Vec<u8>,
    /// The path carried the token.
    trusted: bool,
}

impl Api {
    /// Answers one request and writes it down.
    pub async fn handle(self: Arc<Self>, request: Request<Body>) -> Response {
        let (mut parts, body) = request.into_parts();
        let (path, trusted) = auth::strip_access(parts.uri.path(), &self.token);
        let path = path.to_owned();
        let query = Query::parse(parts.uri.query());
        let text = |name: header::HeaderName| header_text(&parts.headers, &name);
        let caller = Caller {
            user_agent: text(header::USER_AGENT),
            field_manager: query.get("fieldManager").unwrap_or_default().to_owned(),
            at: self.store.now(),
        };
        let mut call = Call {
            verb: verb(&Kinds::of(&self.store), &parts.method, &path, &query),
            path,
            query,
            caller,
            accept: text(header::ACCEPT),
            content_type: text(header::CONTENT_TYPE),
            body: Vec::new(),
            trusted,
        };
        let reply = match to_bytes(body, MAX_BODY).await {
            Ok(bytes) => {
                call.body = bytes.to_vec();
                self.answer(&call, &mut parts).await
            }
            Err(_) => Err(Status::new(
                413,
                "RequestEntityTooLarge",
                format!("Request entity too large: limit is {MAX_BODY}"),
            )),
        };
        let reply = reply.unwrap_or_else(|status| Reply::failure(&status));
        let response = reply.into_response();
        self.write_down(&call, parts.uri.query(), response.status().as_u16());
        response
    }

    fn write_down(&self, call: &Call, raw_query: Option<&str>, code: u16) {
        let body = match decode::parse_body(&call.body, &call.content_type) {
            Ok(value) => value,
            Err(_) if call.body.is_empty() => Value::Null,
            Err(_) => Value::from(String::from_utf8_lossy(&call.body).into_owned()),
        };
        let target = Target::parse(&Kinds::of(&self.store), &call.path).ok();
        let kind = target.as_ref().map_or("", |target| match target.sub() {
            "eviction" => "Eviction",
            _ => target.resource.kind,
        });
        let named = target.as_ref().and_then(|target| target.name.as_deref());
        let name = named.or_else(|| body["metadata"]["name"].as_str()).unwrap_or_default().to_owned();
        self.audit.record(Entry {
            time: call.caller.at,
            verb: call.verb.to_owned(),
            path: call.path.clone(),
            kind: kind.to_owned(),
            namespace: target.as_ref().and_then(Target::ns).unwrap_or_default().to_owned(),
            name,
            query: raw_query.unwrap_or_default().to_owned(),
            dry_run: call.query.dry_run().unwrap_or(false) || body["dryRun"].as_array().is_some_and(|list| !list.is_empty()),
            user_agent: call.caller.user_agent.clone(),
            field_manager: call.caller.field_manager.clone(),
            content_type: call.content_type.clone(),
            body,
            code,
        });
    }

    async fn answer(&self, call: &Call, parts: &mut Parts) -> Result<Reply, Status> {
        // Liveness is nobody's secret.
        if let "/healthz" | "/readyz" | "/livez" = call.path.as_str() {
            return Ok(Reply::text(200, "ok"));
        }
        if call.path == "/version" || call.path == "/version/" {
            return Ok(Reply::ok(discovery::version()));
        }
        let kinds = Kinds::of(&self.store);
        if !call.trusted {
            auth::check(&kinds, &parts.headers, &self.token, call.verb, &call.path)?;
        }
        if let Some(reply) = self.about(&kinds, call, &parts.headers) {
            return Ok(reply);
        }
        let target = Target::parse(&kinds, &call.path)?;
        self.on_object(call, &target, parts).await
    }

    /// Discovery, schemas and the audit log.
    fn about(&self, kinds: &Kinds, call: &Call, headers: &HeaderMap) -> Option<Reply> {
        let path = call.path.trim_end_matches('/');
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match segments.as_slice() {
            ["api"] | ["apis"] => {
                let core = segments == ["api"];
                if let Some((content_type, version)) = discovery::aggregated_wanted(&call.accept) {
                    let body = discovery::aggregated(kinds, core, version);
                    return Some(Reply::Json {
                        code: 200,
                        body,
                        warnings: Vec::new(),
                        content_type,
                    });
                }
                let host = header_text(headers, &header::HOST);
                Some(Reply::ok(if core {
                    discovery::core_versions(&host)
                } else {
                    discovery::group_list(kinds)
                }))
            }
            ["api", version] => discovery::resource_list(kinds, "", version).map(Reply::ok).or_else(not_here),
            ["apis", group] => discovery::group(kinds, group).map(Reply::ok).or_else(not_here),
            ["apis", group, version] => discovery::resource_list(kinds, group, version).map(Reply::ok).or_else(not_here),
            ["openapi", ..] => openapi::answer(kinds, path, &call.accept).or_else(not_here),
            ["simulator", "audit"] => Some(Reply::text(200, self.audit.lines())),
            ["api" | "apis", ..] => None,
            _ => not_here(),
        }
    }

    async fn on_object(&self, call: &Call, target: &Target, parts: &mut Parts) -> Result<Reply, Status> {
        let Call { query, caller, .. } = call;
        let view = View::parse(&call.accept, query.get("includeObject"));
        let named = target.name.is_some();
        allowed(target, call.verb, &parts.method)?;
        if target.resource.group == "metrics.k8s.io" {
            return self.metrics(target, query);
        }
        match (target.sub(), &parts.method) {
            ("log", _) => self.logs(target, query),
            ("exec", _) => self.exec(target, query, parts).await,
            ("eviction", _) => self.evict(target, query, &call.json()?),
            ("scale", &Method::GET) => self.get_scale(target),
            ("scale", &Method::PUT) => self.put_scale(target, query, caller, &ScaleEdit::Whole(call.json()?)),
            ("scale", _) => self.put_scale(target, query, caller, &ScaleEdit::Patch(call.patch()?)),
            (_, &Method::GET | &Method::HEAD) if call.verb == "watch" => self.watch(target, query, &view),
            (_, &Method::GET | &Method::HEAD) if named => self.get(target, &view),
            (_, &Method::GET | &Method::HEAD) => self.list(target, query, &view),
            (_, &Method::POST) if target.resource.verbs == ["create"] => self.review(target, caller, call.json()?),
            (_, &Method::POST) => self.create(target, query, caller, call.json()?),
            (_, &Method::PUT) => self.replace(target, query, caller, call.json()?),
            (_, &Method::PATCH) => self.patch(target, query, caller, &call.patch()?),
            (_, &Method::DELETE) => {
                let body = if call.body.is_empty() { Value::Null } else { call.json()? };
                let options = DeleteOptions::parse(query, &body)?;
                if named {
                    self.delete(target, &options)
                } else {
                    self.delete_collection(target, query, &options)
                }
            }
            _ => Err(not_allowed()),
        }
    }
}

impl Call {
    fn json(&self) -> Result<Value, Status> {
        decode::parse_body(&self.body, &self.content_type)
    }

    fn patch(&self) -> Result<Patch, Status> {
        Patch::parse(&self.content_type, &self.body)
    }
}

fn not_here() -> Option<Reply> {
    Some(Reply::text(404, "404 page not found\n"))
}

fn not_allowed() -> Status {
    Status::new(
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
    )
    .with_details(serde_json::json!({}))
}

/// 405 unless the resource or subresource takes the verb there.
fn allowed(target: &Target, verb: &str, method: &Method) -> Result<(), Status> {
    let verbs = match target.sub.as_deref().and_then(|sub| target.resource.sub(sub)) {
        Some(sub) => sub.verbs,
        None => target.resource.verbs,
    };
    let whole = target.name.is_none() || target.sub.is_some();
    let fits = match *method {
        Method::POST => whole && (target.name.is_none() || target.sub.is_some()),
        Method::PUT | Method::PATCH => target.name.is_some(),
        _ => true,
    };
    if fits && verbs.contains(&verb) {
        Ok(())
    } else {
        Err(not_allowed())
    }
}

/// The Kubernetes verb of a request.
fn verb(kinds: &Kinds, method: &Method, path: &str, query: &Query) -> &'static str {
    let target = Target::parse(kinds, path).ok();
    let named = target.as_ref().is_none_or(|target| target.name.is_some());
    match *method {
        Method::GET | Method::HEAD if target.is_some() && query.flag("watch") => "watch",
        Method::GET | Method::HEAD if named => "get",
        Method::GET | Method::HEAD => "list",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if named => "delete",
        Method::DELETE => "deletecollection",
        _ => "other",
    }
}

fn header_text(headers: &HeaderMap, name: &header::HeaderName) -> String {
    let all: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    all.join(",")
}
