//! Who may come in: one bearer token may do everything.
//!
//! kubectl sends no credentials over plain HTTP, so the token may also stand at the head of the path: a client whose
//! server address is `http://host:port/access/<token>` is let in.

use http::{HeaderMap, header};

use super::{custom::Kinds, request::Target};
use crate::store::Status;

/// First segment of a path that carries the token.
const ACCESS: &str = "/access/";

/// The path without the token at its head, and whether the right token stood there.
pub fn strip_access<'a>(path: &'a str, token: &str) -> (&'a str, bool) {
    let rest = path.strip_prefix(ACCESS).and_then(|rest| rest.strip_prefix(token));
    match rest {
        Some("") => ("/", true),
        Some(rest) if rest.starts_with('/') => (rest, true),
        _ => (path, false),
    }
}

/// Lets the holder of `token` in. No token: 403 for anonymous, as the real server words it. Another token: 401.
pub fn check(kinds: &Kinds, headers: &HeaderMap, token: &str, verb: &str, path: &str) -> Result<(), Status> {
    let Some(header) = headers.get(header::AUTHORIZATION) else {
        return Err(anonymous(kinds, verb, path));
    };
    let sent = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).map(str::trim);
    if sent == Some(token) {
        Ok(())
    } else {
        Err(Status::new(401, "Unauthorized", "Unauthorized"))
    }
}

fn anonymous(kinds: &Kinds, verb: &str, path: &str) -> Status {
    let user = "User \"system:anonymous\" cannot";
    match Target::parse(kinds, path) {
        Ok(target) => {
            let resource = match target.sub() {
                "" => target.resource.plural.to_owned(),
                sub => format!("{}/{sub}", target.resource.plural),
            };
            let scope = match target.ns() {
                Some(ns) => format!("in the namespace \"{ns}\""),
                None => "at the cluster scope".to_owned(),
            };
            let group = target.resource.group;
            Status::forbidden(
                &target.gvr(),
                target.name(),
                &format!("{user} {verb} resource \"{resource}\" in API group \"{group}\" {scope}"),
            )
        }
        Err(_) => {
            let why = format!("forbidden: {user} {verb} path \"{path}\"");
            Status::new(403, "Forbidden", why).with_details(serde_json::json!({}))
        }
    }
}
