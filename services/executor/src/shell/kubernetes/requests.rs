//! Requests that change something, each of which can also be tried without effect.

use http::Method;
use json_patch::Patch;
use paramedic_domain::object::ObjectRef;
use serde_json::{Value, json};

use super::{
    Answer, Cluster, Trouble,
    path::{collection, object, query},
};
use crate::metrics;

/// The name under which the API server remembers who set a field.
const FIELD_MANAGER: &str = "paramedic";

/// The answer to an eviction.
#[derive(Debug, Clone)]
pub enum Evicted {
    /// The pod ends.
    Accepted(Answer),
    /// A budget does not let it go now; the server's words.
    Budget(String),
}

impl Cluster {
    /// Sends a JSON patch to an object or one of its subresources.
    ///
    /// # Errors
    /// See [`Trouble`]; `Unfit` when a `test` fails.
    pub async fn patch(&self, target: &ObjectRef, subresource: Option<&str>, patch: &Patch, dry_run: bool) -> Result<Answer, Trouble> {
        let mut pairs = vec![("fieldManager", FIELD_MANAGER), ("fieldValidation", "Warn")];
        if dry_run {
            pairs.push(DRY);
        }
        let path = match subresource {
            Some(subresource) => format!("{}/{subresource}", object(target)),
            None => object(target),
        };
        let what = said(dry_run, &format!("patch of {target}"));
        let body = Some(("application/json-patch+json", json!(patch)));
        let answer = self.call(Method::PATCH, &query(&path, &pairs), body, what).await;
        counted("patch", dry_run, answer)
    }

    /// Creates an object.
    ///
    /// # Errors
    /// See [`Trouble`]; `Unfit` with code 409 when there is one of that name.
    pub async fn create(&self, target: &ObjectRef, new: &Value, dry_run: bool) -> Result<Answer, Trouble> {
        let mut pairs = vec![("fieldManager", FIELD_MANAGER), ("fieldValidation", "Warn")];
        if dry_run {
            pairs.push(DRY);
        }
        let path = collection(&target.api_version, &target.kind, target.namespace.as_deref());
        let what = said(dry_run, &format!("creation of {target}"));
        let body = Some(("application/json", new.clone()));
        let answer = match self.call(Method::POST, &query(&path, &pairs), body, what.clone()).await {
            // Of the two 409s of a creation only "already exists" can come: there is no version to conflict with.
            Err(Trouble::Transient { detail, sent: false, .. }) if detail.contains("already exists") => Err(Trouble::Unfit {
                what,
                code: 409,
                message: detail,
            }),
            other => other,
        };
        counted("create", dry_run, answer)
    }

    /// Deletes exactly the object with the UID of `target`.
    ///
    /// # Errors
    /// See [`Trouble`]; `Unfit` when the object of that name has another UID.
    pub async fn delete(&self, target: &ObjectRef, dry_run: bool) -> Result<Answer, Trouble> {
        let pairs: &[(&str, &str)] = if dry_run { &[DRY] } else { &[] };
        // What it owns goes with it: a Job leaves no pods behind.
        let body =
            json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": target.uid}, "propagationPolicy": "Background"});
        let what = said(dry_run, &format!("deletion of {target}"));
        let body = Some(("application/json", body));
        let answer = self.call(Method::DELETE, &query(&object(target), pairs), body, what).await;
        counted("delete", dry_run, answer)
    }

    /// Evicts exactly the pod with the UID of `target`.
    ///
    /// # Errors
    /// See [`Trouble`]; `Unfit` when the pod of that name has another UID.
    pub async fn evict(&self, target: &ObjectRef, dry_run: bool) -> Result<Evicted, Trouble> {
        let mut options = json!({"preconditions": {"uid": target.uid}});
        if dry_run {
            options["dryRun"] = json!(["All"]);
        }
        let body = json!({"apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": target.name, "namespace": target.namespace}, "deleteOptions": options});
        let what = said(dry_run, &format!("eviction of {target}"));
        let body = Some(("application/json", body));
        let answer = self.call(Method::POST, &format!("{}/eviction", object(target)), body, what).await;
        match counted("evict", dry_run, answer) {
            Ok(answer) => Ok(Evicted::Accepted(answer)),
            Err(Trouble::Transient { detail, sent: false, .. }) if detail.contains("disruption budget") => Ok(Evicted::Budget(detail)),
            Err(trouble) => Err(trouble),
        }
    }
}

const DRY: (&str, &str) = ("dryRun", "All");

fn said(dry_run: bool, what: &str) -> String {
    if dry_run {
        format!("dry run of the {what}")
    } else {
        what.to_owned()
    }
}

fn counted(verb: &'static str, dry_run: bool, answer: Result<Answer, Trouble>) -> Result<Answer, Trouble> {
    if !dry_run {
        metrics::mutation(verb, label(&answer));
    }
    answer
}

fn label(answer: &Result<Answer, Trouble>) -> &'static str {
    match answer {
        Ok(_) => "accepted",
        Err(Trouble::Transient { .. }) => "transient",
        Err(Trouble::Missing(_)) => "missing",
        Err(Trouble::Unfit { .. }) => "unfit",
        Err(Trouble::Forbidden { .. }) => "forbidden",
    }
}
