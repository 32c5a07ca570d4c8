//! One runtime, one command, one exit code.

use std::process::ExitCode;

use paramedic_runtime::Clock;

use crate::{
    cli::{Cli, Command},
    commands, drill, eval, reference, roles, simulate, text,
};

/// Workflows are many small values that live for a moment on several threads, where it takes half of the time of the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs the command; errors go to standard error as one sentence with its causes.
pub fn exit_code(cli: Cli) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::from(error).context("cannot start the async runtime")),
    };
    let outcome = runtime.block_on(run(cli));
    // A prompt may still be blocked on standard input; nobody waits for it.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|error| fail(&error))
}

#[expect(clippy::print_stderr, reason = "the one place where a command's error reaches its user")]
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("paramedic: {error:#}");
    ExitCode::FAILURE
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Up(process) => roles::run(&roles::ALL, &process).await,
        Command::Gateway(process) => roles::run(&["gateway"], &process).await,
        Command::Analysis(process) => roles::run(&["analysis"], &process).await,
        Command::Planner(process) => roles::run(&["planner"], &process).await,
        Command::Executor(process) => roles::run(&["executor"], &process).await,
        Command::Approval(process) => roles::run(&["approval"], &process).await,
        Command::Notifier(process) => roles::run(&["notifier"], &process).await,
        Command::Console(process) => roles::run(&["console"], &process).await,
        Command::Drill(arguments) => drill::run(arguments).await,
        Command::Eval(arguments) => eval::run(arguments).await,
        Command::Simulate(arguments) => simulate::run(arguments).await,
        Command::Storm { command } => commands::storm(command),
        Command::Rules { command } => commands::rules(command),
        Command::Policy { command } => commands::policy(command, Clock::system().now()).await,
        Command::People { command } => commands::people(&command, Clock::system().now()),
        Command::Configuration => {
            text::say(reference::markdown().trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Command::Artifacts(arguments) => commands::artifacts(&arguments).await,
        Command::Topology(arguments) => commands::topology(&arguments).await,
        Command::Report(report) => commands::report(&report).await,
        Command::Request { command } => commands::request(&command).await,
        Command::Incidents { server, open, json } => commands::incidents(&server, open, json).await,
        Command::Show { server, id, json } => commands::show(&server, &id, json).await,
        Command::Timeline { server, id } => commands::timeline(&server, &id).await,
        Command::Approve { server, decision } => commands::decide(&server, &decision, true).await,
        Command::Ack { server, question } => commands::acknowledge(&server, &question).await,
        Command::TakeOver { server, question, reason } => commands::take_over(&server, &question, &reason).await,
        Command::Deny { server, decision } => commands::decide(&server, &decision, false).await,
        Command::Replay { server, id } => commands::replay(&server, &id).await,
        Command::Plan { command } => commands::plan(command).await,
        Command::Workflow { command } => commands::workflow(command).await,
        Command::Actions(arguments) => commands::actions(&arguments).await,
        Command::KillSwitch { command } => commands::kill_switch(command).await,
        Command::Maintenance { command } => commands::maintenance(command).await,
        Command::Regroup { command } => commands::regroup(command).await,
        Command::Deadletters { command } => commands::dead_letters(command).await,
        Command::Audit { command } => commands::audit(command).await,
    }
}
