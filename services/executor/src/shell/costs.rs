//! `aws_cost_report`: the AWS CLI, asked five questions and no other, as whoever the configured credentials are.

use std::time::Duration;

use jiff::civil::Date;
use paramedic_catalogue::{actions::Costs, redact::redact};
use paramedic_domain::{
    event::Artifact,
    fault::{Effect, FailureKind},
};
use paramedic_runtime::program::{Program, inherited, secrets};
use serde_json::Value;

use super::{
    failure::Halt,
    run::{Report, Run},
};
use crate::{
    config::Account,
    core::costs::{self, Instance},
};

/// Longest time of one question.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most instances whose load is asked for: each is a question of its own.
const MOST_INSTANCES: usize = 50;

/// All that is ever asked. Nothing here changes anything.
enum Question<'a> {
    Identity,
    Total(Date, Date),
    ByService(Date, Date),
    Running,
    Load(&'a str, Date, Date),
}

impl Question<'_> {
    fn arguments(&self) -> Vec<String> {
        let words: Vec<String> = match self {
            Self::Identity => vec!["sts".into(), "get-caller-identity".into()],
            Self::Total(from, to) => bill(*from, *to),
            Self::ByService(from, to) => {
                let mut words = bill(*from, *to);
                words.extend(["--group-by".into(), "Type=DIMENSION,Key=SERVICE".into()]);
                words
            }
            Self::Running => vec![
                "ec2".into(),
                "describe-instances".into(),
                "--filters".into(),
                "Name=instance-state-name,Values=running".into(),
            ],
            Self::Load(id, from, to) => [
                "cloudwatch",
                "get-metric-statistics",
                "--namespace",
                "AWS/EC2",
                "--metric-name",
                "CPUUtilization",
                "--dimensions",
                &format!("Name=InstanceId,Value={id}"),
                "--start-time",
                &format!("{from}T00:00:00Z"),
                "--end-time",
                &format!("{to}T00:00:00Z"),
                "--period",
                "86400",
                "--statistics",
                "Average",
            ]
            .map(str::to_owned)
            .into(),
        };
        words
    }

    /// The file that its answer is kept in.
    fn file(&self) -> String {
        match self {
            Self::Identity => "sts.json".into(),
            Self::Total(..) => "total.json".into(),
            Self::ByService(..) => "costs.json".into(),
            Self::Running => "instances.json".into(),
            Self::Load(id, ..) => format!("cpu-{id}.json"),
        }
    }
}

fn bill(from: Date, to: Date) -> Vec<String> {
    [
        "ce",
        "get-cost-and-usage",
        "--time-period",
        &format!("Start={from},End={to}"),
        "--granularity",
        "MONTHLY",
        "--metrics",
        "UnblendedCost",
    ]
    .map(str::to_owned)
    .into()
}

/// The account's command line, and what was answered so far.
struct Asking<'r, 'a> {
    run: &'r Run<'a>,
    account: &'r Account,
    environment: Vec<(String, String)>,
    kept: Vec<Artifact>,
}

impl Run<'_> {
    pub(crate) async fn costs(&self) -> Result<Report, Halt> {
        let wanted = Costs::from_params(&self.step.parameters).map_err(|refused| bad(refused.reason))?;
        let (from, to) = wanted.month().map_err(|refused| bad(refused.reason))?;
        let accounts = &self.worker.config.accounts;
        let Some(account) = accounts.iter().find(|account| account.id == wanted.account) else {
            return Err(bad(format!(
                "account {} is not configured: add it to [[executor.accounts]]",
                wanted.account
            )));
        };
        let mut asking = Asking::of(self, account)?;
        let identity = asking.ask(&Question::Identity).await?;
        let who = costs::identity(&identity).map_err(bad)?;
        if who != account.id {
            return Err(bad(format!(
                "the credentials are of account {who}, not {}: nothing else was asked",
                account.id
            )));
        }
        let bill = costs::bill(&asking.ask(&Question::ByService(from, to)).await?).map_err(bad)?;
        let total = costs::total(&asking.ask(&Question::Total(from, to)).await?, &bill).map_err(bad)?;
        let running = costs::instances(&asking.ask(&Question::Running).await?).map_err(bad)?;
        let mut instances = Vec::new();
        for (id, kind) in running.iter().take(MOST_INSTANCES) {
            // A figure that is missing is named in the report; the others still hold.
            let load = match asking.ask(&Question::Load(id, from, to)).await {
                Ok(answer) => costs::load(&answer),
                Err(Halt::Failed(failure)) => Err(failure.message),
                Err(halt) => return Err(halt),
            };
            instances.push(Instance {
                id: id.clone(),
                kind: kind.clone(),
                load,
            });
        }
        let month = from.strftime("%Y-%m").to_string();
        let report = costs::Report {
            account: &account.id,
            month: &month,
            region: &account.region,
            bill: &bill,
            total,
            instances: &instances,
            running: running.len(),
            idle_below: wanted.idle_below_percent,
        };
        let mut artifacts = vec![
            self.keep("report.md", report.markdown()).await?,
            self.keep("figures.json", report.figures().to_string()).await?,
        ];
        artifacts.append(&mut asking.kept);
        Ok(Report {
            summary: report.summary(),
            artifacts,
        })
    }
}

impl<'r, 'a> Asking<'r, 'a> {
    fn of(run: &'r Run<'a>, account: &'r Account) -> Result<Self, Halt> {
        let mut environment = inherited(&[]);
        if !account.secrets_folder.as_os_str().is_empty() {
            let read = secrets(&account.secrets_folder).map_err(|error| {
                let message = format!(
                    "credentials of account {}: cannot read {}: {error}",
                    account.id,
                    account.secrets_folder.display()
                );
                Halt::failed(FailureKind::Transient, Effect::None, message)
            })?;
            environment.extend(read);
        }
        environment.push(("AWS_PAGER".into(), String::new()));
        Ok(Self {
            run,
            account,
            environment,
            kept: Vec::new(),
        })
    }

    /// The answer, which is kept.
    async fn ask(&mut self, question: &Question<'_>) -> Result<Value, Halt> {
        let mut arguments = question.arguments();
        let what = format!("aws {} of account {}", arguments[..2].join(" "), self.account.id);
        arguments.extend(["--region", &self.account.region, "--output", "json"].map(str::to_owned));
        let program = Program {
            program: self.account.program.clone(),
            arguments,
            folder: "/".into(),
            environment: self.environment.clone(),
            input: Vec::new(),
            timeout: PATIENCE,
        };
        let failed = |kind, message: String| Halt::failed(kind, Effect::None, format!("{what}: {message}"));
        let ended = program
            .run()
            .await
            .map_err(|lost| failed(FailureKind::Transient, lost.to_string()))?;
        if ended.code != Some(0) {
            let said = redact(String::from_utf8_lossy(&ended.stderr).trim());
            return Err(failed(FailureKind::Permanent, said.chars().take(400).collect()));
        }
        if ended.stdout.len() > self.run.limit() {
            return Err(failed(
                FailureKind::Permanent,
                "the answer is larger than what a step may keep".into(),
            ));
        }
        let answer: Value = serde_json::from_slice(&ended.stdout)
            .map_err(|error| failed(FailureKind::Permanent, format!("its answer is not JSON: {error}")))?;
        self.kept.push(self.run.keep(&question.file(), ended.stdout).await?);
        Ok(answer)
    }
}

fn bad(message: String) -> Halt {
    Halt::failed(FailureKind::Permanent, Effect::None, message)
}
