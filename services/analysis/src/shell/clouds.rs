//! The command-line tools of cloud providers as a source of evidence.

use std::{collections::BTreeSet, time::Duration};

use paramedic_domain::evidence::Source;
use paramedic_runtime::program::{Program, inherited, secrets};
use tokio::time::{Instant, timeout};

use super::{meter::Meter, probes::Probes};
use crate::{
    config::{Cloud, CloudKind},
    core::{
        clouds::{Answer, Place, Question, sought},
        facts::Facts,
    },
    metrics,
};

/// Largest answer that is read, bytes: one machine or disk needs a few thousand.
const MOST_BYTES: usize = 1024 * 1024;

/// A configured cloud.
#[derive(Clone)]
pub struct Tool {
    cloud: Cloud,
    timeout: Duration,
    meter: Meter,
}

/// What tools may see of this process's environment besides the usual: the pod's own identity, where the provider gives it one.
const IDENTITY: &[&str] = &[
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

/// Asks about what [`sought`] names and a configured cloud has, one after the other: each run of a tool takes as much memory as a small
/// service. What does not answer is named in the facts, and asked no more.
pub(super) async fn clouds(probes: &Probes, facts: &mut Facts) {
    let mut silent: BTreeSet<&str> = BTreeSet::new();
    for sought in sought(facts) {
        let Some(tool) = probes.clouds.iter().find(|tool| tool.cloud.serves(&sought.place)) else {
            continue;
        };
        if silent.contains(tool.cloud.name.as_str()) {
            continue;
        }
        let (answers, problem) = tool.answers(&sought.place).await;
        if let Some(problem) = problem {
            silent.insert(&tool.cloud.name);
            tool.missing(facts, &problem);
        }
        if answers.is_empty() {
            continue;
        }
        match sought.told(&answers, facts.at) {
            Err(why) => tool.missing(facts, &format!("{}: {why}", sought.object)),
            Ok(told) => {
                for quote in &told.quotes {
                    quote.file(facts.at, &mut facts.evidence);
                }
                facts.moments.extend(told.moments.iter().cloned());
                facts.world.told.push(told);
            }
        }
    }
}

impl Tool {
    /// The tool of a cloud, which is waited for `timeout` at most.
    #[must_use]
    pub fn new(cloud: Cloud, timeout: Duration) -> Self {
        Self {
            cloud,
            timeout,
            meter: Meter::default(),
        }
    }

    /// The same, reading from a budget.
    #[must_use]
    pub fn metered(&self, meter: &Meter) -> Self {
        Self {
            meter: meter.clone(),
            ..self.clone()
        }
    }

    /// Names it among the sources that could not be asked.
    fn missing(&self, facts: &mut Facts, why: &str) {
        facts.missing.push(format!("{} {}: {why}", self.name(), self.cloud.name));
        facts.world.silent.insert(self.source());
    }

    fn source(&self) -> Source {
        match self.cloud.kind {
            CloudKind::Aws => Source::Aws,
            CloudKind::Gcp => Source::Gcp,
        }
    }

    fn name(&self) -> &'static str {
        match self.cloud.kind {
            CloudKind::Aws => "aws",
            CloudKind::Gcp => "gcp",
        }
    }

    /// The answers up to the first question that has none, and why it has none.
    async fn answers(&self, place: &Place) -> (Vec<Answer>, Option<String>) {
        let mut answers = Vec::new();
        for question in place.questions() {
            let began = Instant::now();
            // A program that does not end when it is asked to is not waited for.
            let answer = timeout(self.timeout, self.ask(&question)).await;
            let answer = answer.unwrap_or_else(|_| Err(format!("it did not answer within {} s", self.timeout.as_secs())));
            metrics::probed(self.name(), answer.is_ok(), began.elapsed().as_secs_f64());
            match answer {
                Ok(answer) => answers.push(answer),
                Err(why) => return (answers, Some(format!("{}: {why}", question.words()))),
            }
        }
        (answers, None)
    }

    async fn ask(&self, question: &Question) -> Result<Answer, String> {
        let home = std::env::temp_dir();
        let mut environment = inherited(IDENTITY);
        // Both tools keep caches below it, and ask or page only where they are let.
        environment.push(("HOME".into(), home.display().to_string()));
        environment.push(("AWS_PAGER".into(), String::new()));
        environment.push(("CLOUDSDK_CORE_DISABLE_PROMPTS".into(), "1".into()));
        if let Some(folder) = self.cloud.secrets_folder() {
            environment.extend(secrets(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?);
        }
        let program = Program {
            program: self.cloud.program().to_owned(),
            arguments: question.arguments.clone(),
            folder: home,
            environment,
            input: Vec::new(),
            timeout: self.timeout,
        };
        let ended = program.run().await.map_err(|lost| lost.to_string())?;
        let read = ended.stdout.len() + ended.stderr.len();
        let taken = self.meter.take(read, self.name(), &question.words());
        taken.map_err(|used_up| used_up.to_string())?;
        if read > MOST_BYTES {
            return Err(format!("the answer is longer than {MOST_BYTES} bytes"));
        }
        question.answered(ended.code, &ended.stdout, &ended.stderr)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

    use super::*;

    const MACHINE: &str = "aws:///eu-central-1a/i-0123456789abcdef0";

    /// A tool that is a script, and the folder that it is in.
    fn tool(script: &str, secrets: &str) -> (Tool, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("aws");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let cloud = Cloud {
            name: "prod".into(),
            kind: CloudKind::Aws,
            program: program.display().to_string(),
            secrets_folder: secrets.into(),
            regions: vec!["eu-central-1".into()],
            projects: Vec::new(),
        };
        (Tool::new(cloud, Duration::from_secs(1)), folder)
    }

    async fn answers(tool: &Tool) -> (usize, String) {
        let (answers, problem) = tool.answers(&Place::of_machine(MACHINE).unwrap()).await;
        (answers.len(), problem.unwrap_or_default())
    }

    fn asked(folder: &Path) -> String {
        fs::read_to_string(folder.join("asked")).unwrap_or_default()
    }

    #[tokio::test]
    async fn each_argument_arrives_as_it_is_with_the_credentials_of_the_folder_and_nothing_else_of_the_environment() {
        let given = tempfile::tempdir().unwrap();
        fs::write(given.path().join("AWS_ACCESS_KEY_ID"), "key\n").unwrap();
        let script = r#"here=$(dirname "$0"); for a in "$@"; do printf '<%s>' "$a" >> "$here/asked"; done; echo "$AWS_ACCESS_KEY_ID,$CARGO" >> "$here/asked"; echo '{}'"#;
        let (tool, folder) = tool(script, given.path().to_str().unwrap());
        assert_eq!(answers(&tool).await, (2, String::new()));
        let first = asked(folder.path()).lines().next().unwrap_or_default().to_owned();
        assert_eq!(
            first,
            "<ec2><describe-instances><--instance-ids><i-0123456789abcdef0><--region><eu-central-1><--output><json>key,"
        );
    }

    #[tokio::test]
    async fn one_that_fails_is_told_of_and_asked_no_more() {
        let (tool, folder) = tool(
            r#"echo asked >> "$(dirname "$0")/asked"; echo 'Unable to locate credentials' >&2; exit 253"#,
            "",
        );
        let (count, problem) = answers(&tool).await;
        assert_eq!(count, 0);
        assert!(problem.starts_with("aws ec2 describe-instances --instance-ids"), "{problem}");
        assert!(
            problem.ends_with("it ended with exit code 253: Unable to locate credentials"),
            "{problem}"
        );
        assert_eq!(asked(folder.path()), "asked\n");
    }

    #[tokio::test]
    async fn one_that_does_not_end_is_not_waited_for_even_if_it_will_not_be_asked_to() {
        let (tool, _folder) = tool("trap '' INT; while :; do sleep 0.1; done", "");
        let began = Instant::now();
        let (count, problem) = answers(&tool).await;
        assert!(count == 0 && problem.contains("within 1 s"), "{problem}");
        // A program that is asked to end has twenty seconds for it; nobody waits for these.
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn answers_that_are_too_long_or_beyond_the_budget_are_dropped() {
        let (tool, _folder) = tool("head -c 1100000 /dev/zero | tr '\\0' ' '; echo '{}'", "");
        let (count, problem) = answers(&tool).await;
        assert!(count == 0 && problem.contains("longer than"), "{problem}");
        let meter = Meter::of(1024);
        let (_, problem) = answers(&tool.metered(&meter)).await;
        assert!(problem.contains("left out"), "{problem}");
        assert_eq!(meter.left_out().len(), 1);
    }

    #[tokio::test]
    async fn one_that_is_not_there_is_named() {
        let (mut tool, _folder) = tool("", "");
        tool.cloud.program = "/no/such/aws".into();
        assert!(answers(&tool).await.1.contains("cannot run /no/such/aws"));
    }
}
