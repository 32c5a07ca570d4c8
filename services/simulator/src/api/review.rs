//! Access and token reviews: the one token may do everything, a service account what its roles say. Nobody else is known, so
//! nothing is said against them.

use serde_json::{Value, json};

use super::{Api, Caller, access::Account, reply::Reply, request::Target};
use crate::store::Status;

impl Api {
    /// Answers a review; nothing is stored.
    pub(super) fn review(&self, target: &Target, caller: &Caller, mut body: Value) -> Result<Reply, Status> {
        let resource = target.resource;
        body["kind"] = json!(resource.kind);
        body["apiVersion"] = json!(target.gvr().api_version());
        if !body["metadata"].is_object() {
            body["metadata"] = json!({});
        }
        let admin = json!({"username": "kubernetes-admin", "groups": ["system:masters", "system:authenticated"]});
        let spec = body["spec"].clone();
        let allowed = json!({"allowed": true});
        body["status"] = match resource.plural {
            "tokenreviews" if spec["token"].as_str() == Some(self.token.as_str()) => json!({"authenticated": true, "user": admin}),
            "tokenreviews" => json!({"user": {}, "error": "invalid bearer token"}),
            "selfsubjectreviews" => json!({"userInfo": admin}),
            "selfsubjectrulesreviews" => json!({"incomplete": false,
                "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}]}),
            "selfsubjectaccessreviews" => allowed,
            _ => match Account::of(spec["user"].as_str().unwrap_or_default()) {
                None => allowed,
                Some(account) => match account.may(&self.store, &spec) {
                    Some(why) => json!({"allowed": true, "reason": why}),
                    None => json!({"allowed": false}),
                },
            },
        };
        super::managed::track_update(resource, None, &mut body, &caller.writer(target));
        Ok(Reply::json(201, body, Vec::new()))
    }
}
