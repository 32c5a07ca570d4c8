//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

mod decision;
mod kill_switch;
mod maintenance;
mod people;
mod plan;
mod policy;
mod practice;
mod regroup;
mod report;
mod request;
mod rules;
mod storm;

pub use decision::{Decision, Question};
pub use kill_switch::{KillSwitch, Move as MoveSwitch};
pub use maintenance::{Add as AddWindow, Maintenance, Until};
pub use people::People;
pub use plan::{Choice, Plan, Preview};
pub use policy::Policy as Policies;
pub use practice::{Approve, Drill, Engine, Evaluate, Model, Simulate};
pub use regroup::{Regroup, Who as RegroupWho};
pub use report::Report;
pub use request::{Asker, Deploy, Request};
pub use rules::{List as ListRules, Rules};
pub use storm::{Convert, Eval, Generate, Storm};

/// Event-driven incident remediation for Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "paramedic", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Commands: roles first, then those for people.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run every role in this process (embedded bus unless configured otherwise).
    Up(Process),
    /// Run the alert intake.
    Gateway(Process),
    /// Run investigation and verification.
    Analysis(Process),
    /// Run planning.
    Planner(Process),
    /// Run the step executor.
    Executor(Process),
    /// Run approvals.
    Approval(Process),
    /// Run notifications.
    Notifier(Process),
    /// Run the query API.
    Console(Process),
    /// Practise: a simulated cluster with a fault, every role, and you.
    Drill(Drill),
    /// Measure: recorded clusters with alerts whose right answers are known, every role, and points for each answer.
    Eval(Evaluate),
    /// Run only the simulated cluster.
    Simulate(Simulate),
    /// Alert storms for measuring correlation: generate them, measure on them, convert other data.
    Storm {
        /// What to do with storms.
        #[command(subcommand)]
        command: Storm,
    },
    /// Diagnoses as data: list them, test them and your own.
    Rules {
        /// What to do.
        #[command(subcommand)]
        command: Rules,
    },
    /// What runs by itself, what asks, what must not run: check, test, explain and try policies.
    Policy {
        /// What to do.
        #[command(subcommand)]
        command: Policies,
    },
    /// Who may do what: check a people file, make tokens for it, ask it.
    People {
        /// What to do.
        #[command(subcommand)]
        command: People,
    },
    /// Print the configuration reference as Markdown.
    Configuration,
    /// Say that something is wrong: it becomes an alert like any other.
    Report(Report),
    /// Ask for a change: it is planned, tried, asked about, carried out, checked, and taken back if it fails.
    Request {
        /// What to ask for.
        #[command(subcommand)]
        command: Request,
    },
    /// List incidents.
    Incidents {
        #[command(flatten)]
        server: Server,
        /// Only those that have not ended.
        #[arg(long)]
        open: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one incident: diagnosis, plan, gates, steps, verification.
    Show {
        #[command(flatten)]
        server: Server,
        /// Incident id.
        id: String,
        /// Print the whole state as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what happened, event by event.
    Timeline {
        #[command(flatten)]
        server: Server,
        /// Incident id.
        id: String,
    },
    /// Approve a gate: shows the exact change and binds to its digest.
    Approve {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        decision: Decision,
    },
    /// Say that you look at a gate: reminders and escalations wait for you.
    Ack {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        question: Question,
    },
    /// Do by hand what a gate is about: the workflow ends, what it changed is undone, and the incident is yours.
    TakeOver {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        question: Question,
        /// Your words, kept in the log.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Deny a gate.
    Deny {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        decision: Decision,
    },
    /// Plans: try a set of recommendations, read a plan, choose another way out.
    Plan {
        /// What to do with plans.
        #[command(subcommand)]
        command: Plan,
    },
    /// A running workflow: pause it, let it go on, stop it, take a step out.
    Workflow {
        /// What to say.
        #[command(subcommand)]
        command: Workflow,
    },
    /// The catalogue of actions, or one of them with its parameters.
    Actions(Actions),
    /// Files that investigations and steps of an incident kept: list them, or read one.
    Artifacts(Artifacts),
    /// What there is in the cluster, and what depends on what.
    Topology(Topology),
    /// Fold an incident's log again and print the state it gives.
    Replay {
        #[command(flatten)]
        server: Server,
        /// Incident id.
        id: String,
    },
    /// Messages that a role gave up: list them, or have one handled again.
    Deadletters {
        /// What to do.
        #[command(subcommand)]
        command: DeadLetters,
    },
    /// Which alerts belong together: merge incidents, split one, take alerts out.
    Regroup {
        /// What is right.
        #[command(subcommand)]
        command: Regroup,
    },
    /// Stop every change everywhere, at once; let changes go on; say which it is.
    KillSwitch {
        /// What to do.
        #[command(subcommand)]
        command: KillSwitch,
    },
    /// Maintenance windows: expect alerts for a time, list, end.
    Maintenance {
        /// What to do.
        #[command(subcommand)]
        command: Maintenance,
    },
    /// Check the logs.
    Audit {
        /// What to check.
        #[command(subcommand)]
        command: Audit,
    },
}

/// Options of a serving process.
#[derive(Debug, Args)]
pub struct Process {
    /// Configuration file (TOML, YAML or JSON); PARAMEDIC_* variables win over it.
    #[arg(long, env = "PARAMEDIC_CONFIG")]
    pub config: Option<PathBuf>,
}

/// Where the query and approval APIs are.
#[derive(Debug, Args)]
pub struct Server {
    /// gRPC address of `paramedic up`, or of the console.
    #[arg(long, env = "PARAMEDIC_SERVER", default_value = "http://127.0.0.1:9095")]
    pub server: String,
    /// gRPC address of the approval role, where it is another one.
    #[arg(long, env = "PARAMEDIC_APPROVAL_SERVER")]
    pub approval_server: Option<String>,
    /// Token that says who you are.
    #[arg(long, env = "PARAMEDIC_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

/// Words on a running workflow.
#[derive(Debug, Subcommand)]
pub enum Workflow {
    /// No further step starts; what runs is finished.
    Pause(Word),
    /// Steps start again.
    Resume(Word),
    /// What runs is finished, what was changed is undone.
    Cancel(Word),
    /// Take one step out; what depends on it goes on as if it had succeeded.
    Skip {
        #[command(flatten)]
        word: Word,
        /// Step id.
        step: String,
    },
    /// Say what becomes of a failed workflow's changes, where its plan asks.
    Rollback {
        #[command(flatten)]
        word: Word,
        #[command(flatten)]
        fate: Fate,
    },
}

/// Who says it, about what, and why.
#[derive(Debug, Args)]
pub struct Word {
    #[command(flatten)]
    pub server: Server,
    /// gRPC address of the executor, where it is not the server's.
    #[arg(long, env = "PARAMEDIC_EXECUTOR_SERVER")]
    pub executor: Option<String>,
    /// Incident id.
    pub id: String,
    /// Your name.
    #[arg(long, env = "USER", default_value = "")]
    pub by: String,
    /// Your words, kept in the log.
    #[arg(long, default_value = "")]
    pub reason: String,
}

/// What becomes of changes.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Fate {
    /// They are undone, the last one first.
    #[arg(long)]
    pub undo: bool,
    /// They stay.
    #[arg(long)]
    pub keep: bool,
}

/// What to list.
#[derive(Debug, Args)]
pub struct Actions {
    /// Name of one action; without it, all are listed.
    pub name: Option<String>,
    /// gRPC address of `paramedic up`, or of the executor.
    #[arg(long, env = "PARAMEDIC_EXECUTOR_SERVER", default_value = "http://127.0.0.1:9095")]
    pub executor: String,
}

/// Which files.
#[derive(Debug, Args)]
pub struct Artifacts {
    #[command(flatten)]
    pub server: Server,
    /// Incident id.
    pub id: String,
    /// Name of a file, or the end of one; without it, they are listed.
    pub name: Option<String>,
    /// Write it to this file; without it, it is printed.
    #[arg(long, requires = "name")]
    pub out: Option<PathBuf>,
}

/// What to show of the topology.
#[derive(Debug, Args)]
pub struct Topology {
    #[command(flatten)]
    pub server: Server,
    /// One thing, as Deployment/shop/cart or Node/worker-1: what it depends on, and what depends on it. Without it, everything is counted.
    pub entity: Option<String>,
    /// Cluster; without it, the one that the console serves.
    #[arg(long)]
    pub cluster: Option<String>,
    /// Print JSON.
    #[arg(long, conflicts_with = "mermaid")]
    pub json: bool,
    /// Print a Mermaid graph: around the one thing, or of all calls.
    #[arg(long)]
    pub mermaid: bool,
}

/// Commands about messages that were given up.
#[derive(Debug, Subcommand)]
pub enum DeadLetters {
    /// List those that nobody has retried. Exit code 2: there are some.
    List {
        #[command(flatten)]
        server: Server,
        /// List those too that were retried.
        #[arg(long)]
        all: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give one to its role again, once what it failed at is mended.
    Retry {
        #[command(flatten)]
        server: Server,
        /// Its number, as `paramedic deadletters list` shows it.
        number: u64,
        /// Your name, where the server does not know you by a token.
        #[arg(long, env = "USER", default_value = "")]
        by: String,
    },
}

/// Audits.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Verify the hash chain of one incident's log, or of all.
    Verify {
        #[command(flatten)]
        server: Server,
        /// Incident id; without it, every incident.
        id: Option<String>,
    },
}
