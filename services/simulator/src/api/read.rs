//! `get` and `list`.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::{Value, json};

use super::{
    Api, convert,
    fields::Fields,
    reply::Reply,
    request::{Query, Target},
    selector::Labels,
    table::{self, View},
};
use crate::store::Status;

/// Which objects of a collection are meant.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    labels: Labels,
    fields: Fields,
}

impl Filter {
    /// From `labelSelector` and `fieldSelector`; a name in the path is a field selector too.
    pub(super) fn parse(target: &Target, query: &Query) -> Result<Self, Status> {
        let labels = Labels::parse(query.get("labelSelector").unwrap_or_default())?;
        let mut terms = query.get("fieldSelector").unwrap_or_default().to_owned();
        if let Some(name) = &target.name {
            terms = format!("metadata.name={name},{terms}");
        }
        Ok(Self {
            labels,
            fields: Fields::parse(target.resource, &terms)?,
        })
    }

    /// True when the served object is meant.
    pub(super) fn takes(&self, object: &Value) -> bool {
        self.labels.matches(&object["metadata"]["labels"]) && self.fields.matches(object)
    }
}

impl Api {
    /// One object, or 404.
    pub(super) fn get(&self, target: &Target, view: &View) -> Result<Reply, Status> {
        let found = self.store.get_shared(&target.stored(), target.ns(), target.name());
        let stored = found.ok_or_else(|| Status::not_found(&target.gvr(), target.name()))?;
        let object = convert::to_served(target.resource, &stored);
        let rv = object["metadata"]["resourceVersion"].clone();
        Ok(Reply::ok(match view {
            View::Plain => object,
            view => table::render(target.resource, &[object], view, self.store.now(), json!({"resourceVersion": rv})),
        }))
    }

    /// The objects of a collection, filtered and paged.
    pub(super) fn list(&self, target: &Target, query: &Query, view: &View) -> Result<Reply, Status> {
        let filter = Filter::parse(target, query)?;
        let (stored, rv) = self.store.list_shared(&target.stored(), target.ns());
        let mut items: Vec<Value> = stored
            .iter()
            .map(|object| convert::to_served(target.resource, object))
            .filter(|object| filter.takes(object))
            .collect();
        let mut meta = json!({"resourceVersion": rv.to_string()});
        if let Some(token) = query.get("continue") {
            let (start, from_rv) = read_token(token)?;
            items.retain(|item| key(item) > start);
            meta["resourceVersion"] = json!(from_rv.to_string());
        }
        let limit = query.number("limit")?.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
        if let Some(limit) = limit
            && items.len() > limit
        {
            let rest = items.len() - limit;
            items.truncate(limit);
            let last = items.last().map(key).unwrap_or_default();
            meta["continue"] = json!(write_token(&last, rv));
            // With a selector the real server does not know how many more would match.
            if query.get("labelSelector").is_none() && query.get("fieldSelector").is_none() {
                meta["remainingItemCount"] = json!(rest);
            }
        }
        match view {
            View::Plain => {}
            // A list stays one, whatever its length.
            View::Metadata => return Ok(Reply::ok(table::metadata_list(&items, meta))),
            View::Table { .. } => return Ok(Reply::ok(table::render(target.resource, &items, view, self.store.now(), meta))),
        }
        let items: Vec<Value> = items.into_iter().map(convert::as_item).collect();
        let kind = format!("{}List", target.resource.kind);
        Ok(Reply::ok(convert::headed(
            &kind,
            &target.gvr().api_version(),
            json!({"metadata": meta, "items": items}),
        )))
    }
}

fn key(object: &Value) -> String {
    let meta = &object["metadata"];
    format!(
        "{}\u{0}{}",
        meta["namespace"].as_str().unwrap_or_default(),
        meta["name"].as_str().unwrap_or_default()
    )
}

fn write_token(last: &str, rv: u64) -> String {
    STANDARD_NO_PAD.encode(json!({"v": "meta.k8s.io/v1", "rv": rv, "start": last}).to_string())
}

fn read_token(token: &str) -> Result<(String, u64), Status> {
    let bad = || Status::bad_request("continue key is not valid: illegal base64 data or wrong version");
    let bytes = STANDARD_NO_PAD.decode(token.trim_end_matches('=')).map_err(|_| bad())?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| bad())?;
    match (value["start"].as_str(), value["rv"].as_u64()) {
        (Some(start), Some(rv)) => Ok((start.to_owned(), rv)),
        _ => Err(bad()),
    }
}
