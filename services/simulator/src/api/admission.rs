//! Validating admission: the policies of the scenario, asked after the server's own validation and in dry runs too.

use serde_json::json;

use super::{Api, request::Target};
use crate::store::{Status, name_of};

impl Api {
    /// Refuses (422) what the first policy that objects does not let in, in the words of a real server.
    pub(super) fn admitted(&self, target: &Target, object: &serde_json::Value) -> Result<(), Status> {
        let gvr = target.gvr();
        let refused = self
            .admission
            .iter()
            .find(|policy| policy.refuses(&gvr.resource, target.ns(), object));
        let Some(policy) = refused else { return Ok(()) };
        let why = format!(
            "ValidatingAdmissionPolicy '{}' with binding '{}' denied request: {}",
            policy.policy, policy.binding, policy.message
        );
        let mut status = Status::forbidden(&gvr, name_of(object), &why);
        // A policy that names no reason of its own answers Invalid.
        status.code = 422;
        "Invalid".clone_into(&mut status.reason);
        if let Some(details) = &mut status.details {
            details["causes"] = json!([{"message": why}]);
        }
        Err(status)
    }
}
