//! The Kubernetes REST API over the [`crate::store`].
//!
//! - seams: [`backend`] (logs and commands), [`metrics`] (current use)
//! - the request: [`request`], [`auth`], [`catalog`] and [`custom`] (what is served), `dispatch`
//! - objects: [`decode`], [`convert`], [`defaults`], [`validate`], [`schema`], [`protobuf`], [`quantity`],
//!   [`quota`], [`limits`], `admission`
//! - verbs: `read`, `watch`, `write` (with [`patch`] and [`managed`]), `delete`, `scale`, `evict`, `review` (with `access`), `logs`, `exec`
//! - what clients learn about the server: [`discovery`], [`openapi`], [`table`]

mod access;
mod admission;
pub mod auth;
pub mod backend;
pub mod catalog;
pub mod convert;
pub mod custom;
pub mod decode;
pub mod defaults;
mod delete;
pub mod discovery;
mod dispatch;
mod evict;
mod exec;
pub mod fields;
pub mod limits;
mod logs;
pub mod managed;
pub mod metrics;
pub mod openapi;
pub mod patch;
pub mod protobuf;
pub mod quantity;
pub mod quota;
mod read;
pub mod reply;
pub mod request;
mod review;
mod scale;
pub mod schema;
pub mod selector;
pub mod table;
pub mod validate;
mod watch;
mod write;

use std::sync::Arc;

use self::{backend::Kubelets, metrics::UsageSource, request::Target};
use crate::{audit::Audit, scenario::admission::Admission, store::Store};

/// The API server: the store, and whom to ask about running containers.
pub struct Api {
    /// The objects.
    pub store: Store,
    /// Logs and commands.
    pub kubelets: Arc<dyn Kubelets>,
    /// Current use.
    pub usage: Arc<dyn UsageSource>,
    /// Every request.
    pub audit: Audit,
    /// The one bearer token that is let in.
    pub token: String,
    /// Policies that refuse objects.
    pub admission: Vec<Admission>,
}

/// Who sends a request.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// `User-Agent`.
    pub user_agent: String,
    /// `fieldManager`, or empty.
    pub field_manager: String,
    /// Simulated time of the request.
    pub at: jiff::Timestamp,
}

impl Caller {
    /// The writer that managed fields record for a write to `target`.
    pub(crate) fn writer(&self, target: &Target) -> managed::Writer {
        let agent = self.user_agent.split('/').next().unwrap_or_default();
        let manager = match (self.field_manager.as_str(), agent) {
            ("", "") => "unknown",
            ("", agent) => agent,
            (manager, _) => manager,
        };
        managed::Writer {
            manager: manager.to_owned(),
            subresource: target.sub().to_owned(),
            at: self.at,
        }
    }
}
