//! The whole configuration: process sections and one section per role.

use std::{collections::HashMap, path::Path};

use paramedic_runtime::config::{self, Error, Invalid, Process};
use serde::Deserialize;

/// Everything that can be configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    bus: config::Bus,
    cluster: config::Cluster,
    people: config::PeopleFile,
    http: config::HttpListener,
    grpc: config::Listener,
    telemetry: config::Telemetry,
    clock: config::ClockSource,
    /// Gateway.
    pub gateway: paramedic_gateway::Config,
    /// Analysis.
    pub analysis: paramedic_analysis::Config,
    /// Planner.
    pub planner: paramedic_planner::Config,
    /// Executor.
    pub executor: paramedic_executor::Config,
    /// Approval.
    pub approval: paramedic_approval::Config,
    /// Notifier.
    pub notifier: paramedic_notifier::Config,
    /// Console.
    pub console: paramedic_console::Config,
}

/// The commented defaults of every section.
pub const DEFAULTS: [&str; 8] = [
    config::DEFAULTS,
    paramedic_gateway::DEFAULTS,
    paramedic_analysis::DEFAULTS,
    paramedic_planner::DEFAULTS,
    paramedic_executor::DEFAULTS,
    paramedic_approval::DEFAULTS,
    paramedic_notifier::DEFAULTS,
    paramedic_console::DEFAULTS,
];

/// Keys whose variables hold comma-separated lists, besides the gateway's.
const LISTS: [&str; 5] = [
    "notifier.email.to",
    "analysis.debug_flags",
    "planner.allow_namespaces",
    "planner.deny_namespaces",
    "planner.cluster_kinds",
];

impl Settings {
    /// Reads defaults, file and environment.
    ///
    /// # Errors
    /// Names the key that cannot be used.
    pub fn load(file: Option<&Path>, environment: HashMap<String, String>) -> Result<Self, Error> {
        let settings: Self = config::load(&DEFAULTS, file, environment, &[&LISTS[..], &paramedic_gateway::LISTS].concat())?;
        Ok(settings)
    }

    /// Checks the process's sections and those of the roles it runs.
    ///
    /// # Errors
    /// Names the first key that cannot be used.
    pub fn validate(&self, roles: &[&str]) -> Result<(), Invalid> {
        self.process().validate()?;
        for role in roles {
            match *role {
                "gateway" => self.gateway.validate()?,
                "analysis" => self.analysis.validate()?,
                "planner" => self.planner.validate()?,
                "executor" => self.executor.validate()?,
                "approval" => self.approval.validate()?,
                "notifier" => self.notifier.validate()?,
                "console" => self.console.validate()?,
                other => return Err(Invalid::new(other, "there is no such role")),
            }
        }
        Ok(())
    }

    /// The sections that every process needs.
    #[must_use]
    pub fn process(&self) -> Process {
        Process {
            bus: self.bus.clone(),
            cluster: self.cluster.clone(),
            people: self.people.clone(),
            http: self.http.clone(),
            grpc: self.grpc.clone(),
            telemetry: self.telemetry.clone(),
            clock: self.clock.clone(),
        }
    }
}

impl Settings {
    /// Where roles of one process call each other: at the process's own gRPC listener.
    pub fn meet_at(&mut self, grpc: &str) {
        grpc.clone_into(&mut self.planner.executor_url);
        grpc.clone_into(&mut self.notifier.approval_url);
    }
}
