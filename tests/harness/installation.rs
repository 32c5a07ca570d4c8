//! The product as a production installation runs it: every role a process of its own, on one nats-server.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use paramedic_domain::{approval::GateState, incident::Incident};
use paramedic_testkit::servers::SmtpSink;

use crate::{Product, ProductOptions, Range};

/// Every role, each after those that it calls by their addresses.
pub const ROLES: [&str; 7] = ["executor", "console", "approval", "planner", "notifier", "analysis", "gateway"];

/// How an installation is set up.
#[derive(Clone, Default)]
pub struct Setup {
    everywhere: ProductOptions,
    roles: BTreeMap<&'static str, ProductOptions>,
    replicas: BTreeMap<&'static str, usize>,
    absent: Vec<&'static str>,
}

impl Setup {
    /// Sets a variable of every role.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.everywhere = self.everywhere.with(name, value);
        self
    }

    /// Sets a variable of one role.
    #[must_use]
    pub fn role(mut self, role: &'static str, name: &str, value: impl Into<String>) -> Self {
        let options = self.roles.remove(role).unwrap_or_default().with(name, value);
        self.roles.insert(role, options);
        self
    }

    /// Runs a role this often; once is usual.
    #[must_use]
    pub fn replicas(mut self, role: &'static str, count: usize) -> Self {
        self.replicas.insert(role, count);
        self
    }

    /// Runs no process of a role.
    #[must_use]
    pub fn without(mut self, role: &'static str) -> Self {
        self.absent.push(role);
        self
    }

    /// The notifier writes mails to this sink.
    #[must_use]
    pub fn mail(self, smtp: &SmtpSink) -> Self {
        let (host, port) = smtp.address();
        self.role("notifier", "PARAMEDIC_NOTIFIER__EMAIL__URL", format!("smtp://{host}:{port}"))
            .role("notifier", "PARAMEDIC_NOTIFIER__EMAIL__FROM", "paramedic@example.com")
            .role("notifier", "PARAMEDIC_NOTIFIER__EMAIL__TO", "oncall@example.com")
    }

    fn options(&self, role: &str) -> ProductOptions {
        let own = self.roles.get(role).into_iter().flat_map(|own| &own.variables);
        own.fold(self.everywhere.clone(), |options, (name, value)| options.with(name, value))
    }
}

/// A running installation.
pub struct Installation {
    processes: Vec<(&'static str, Product)>,
}

impl Installation {
    /// Starts every role and waits until each is ready. The planner's and the notifier's replicas call an executor and an
    /// approval of their own number.
    ///
    /// # Errors
    /// When one of them does not get ready, with the end of its log.
    pub async fn start(range: &Range, bus: &str, setup: &Setup) -> Result<Self> {
        let mut installation = Self { processes: Vec::new() };
        for role in ROLES.into_iter().filter(|role| !setup.absent.contains(role)) {
            for number in 0..setup.replicas.get(role).copied().unwrap_or(1) {
                let mut options = setup.options(role);
                let calls = match role {
                    "planner" => Some(("PARAMEDIC_PLANNER__EXECUTOR_URL", "executor")),
                    "notifier" => Some(("PARAMEDIC_NOTIFIER__APPROVAL_URL", "approval")),
                    _ => None,
                };
                if let Some((variable, callee)) = calls {
                    options = options.with(variable, installation.one_of(callee, number)?.grpc());
                }
                installation
                    .processes
                    .push((role, Product::start(role, range, bus, &options).await?));
            }
        }
        Ok(installation)
    }

    fn one_of(&self, role: &str, number: usize) -> Result<&Product> {
        let all: Vec<&Product> = self.all(role).collect();
        all.get(number % all.len().max(1))
            .copied()
            .with_context(|| format!("no {role} runs that another role could call"))
    }

    /// Every process of a role.
    pub fn all(&self, role: &str) -> impl Iterator<Item = &Product> {
        self.processes
            .iter()
            .filter(move |(name, _)| *name == role)
            .map(|(_, process)| process)
    }

    /// The first process of a role.
    ///
    /// # Panics
    /// When the setup left the role out.
    #[must_use]
    pub fn of(&self, role: &str) -> &Product {
        self.all(role).next().expect("the setup runs this role")
    }

    /// The first process of a role, to be killed or started again.
    ///
    /// # Panics
    /// When the setup left the role out.
    pub fn of_mut(&mut self, role: &str) -> &mut Product {
        let (_, process) = self
            .processes
            .iter_mut()
            .find(|(name, _)| *name == role)
            .expect("the setup runs this role");
        process
    }

    /// Every process with its role.
    pub fn processes_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Product)> {
        self.processes.iter_mut().map(|(role, process)| (*role, process))
    }

    /// Approves the first gate that waits, by the command line, bound to the digest of the plan that was read.
    ///
    /// # Errors
    /// When no gate waits, or the command fails, with what it said.
    pub async fn approve(&self, incident: &Incident) -> Result<()> {
        let waits = |state: &GateState| matches!(state, GateState::Waiting { .. });
        let (gate, _) = incident.gates.iter().find(|(_, state)| waits(state)).context("no gate waits")?;
        let plan = incident.plan.as_ref().context("the incident has no plan")?;
        let digest = plan.gate(gate).context("the plan has no such gate")?.digest.to_string();
        let arguments = [
            "approve",
            incident.id.as_str(),
            "--gate",
            gate.as_str(),
            "--digest",
            &digest,
            "--by",
            "ann",
            "--approval-server",
            &self.of("approval").grpc(),
        ];
        self.of("console").run(&arguments).await.map(drop)
    }
}
