//! When a container ends because its work is done.

use std::time::Duration;

use crate::world::{ledger::WorkloadKey, model::Run};

/// How long the work of a container takes that nobody described.
const USUAL: Duration = Duration::from_secs(1);

/// The end of a container's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Completion {
    /// Time from its start.
    pub(crate) after: Duration,
    pub(crate) exit_code: i32,
    /// The last words in its log.
    pub(crate) log: Vec<String>,
}

/// `None` for containers that serve for ever. Containers of Jobs and init containers end: as the scenario says, else as their
/// command says, else successfully after a second.
pub(crate) fn of(run: &Run<'_>, workload: &WorkloadKey) -> Option<Completion> {
    if let Some(exits) = run.behaviour().and_then(|behaviour| behaviour.exits.as_ref()) {
        return Some(Completion {
            after: exits.after.0,
            exit_code: exits.exit_code,
            log: exits.log.clone(),
        });
    }
    let works = run.container.init || matches!(workload.kind.as_str(), "Job" | "CronJob");
    works.then(|| {
        let words: Vec<&str> = run.container.args.iter().map(String::as_str).collect();
        let (after, exit_code) = command(&words).unwrap_or((USUAL, 0));
        Completion {
            after,
            exit_code,
            log: Vec::new(),
        }
    })
}

/// What the few commands do whose course is plain: `sleep`, `true`, `false`, `exit`, and shell scripts made of them.
fn command(words: &[&str]) -> Option<(Duration, i32)> {
    match words {
        ["sh" | "/bin/sh" | "bash" | "/bin/bash", "-c", script, ..] => {
            let mut total = Duration::ZERO;
            for step in script.split([';', '\n']).flat_map(|part| part.split("&&")) {
                let words: Vec<&str> = step.split_whitespace().collect();
                let (after, exit_code) = command(&words).unwrap_or((Duration::ZERO, 0));
                total += after;
                if exit_code != 0 || words.first() == Some(&"exit") {
                    return Some((total.max(USUAL), exit_code));
                }
            }
            Some((total.max(USUAL), 0))
        }
        ["sleep" | "/bin/sleep", seconds] => Some((Duration::try_from_secs_f64(seconds.trim_end_matches('s').parse().ok()?).ok()?, 0)),
        ["exit", code] => Some((Duration::ZERO, code.parse().ok()?)),
        ["true" | "/bin/true"] => Some((USUAL, 0)),
        ["false" | "/bin/false"] => Some((USUAL, 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_commands_end_as_they_say() {
        for (words, seconds, code) in [
            (&["sleep", "30"][..], 30, 0),
            (&["false"][..], 1, 1),
            (&["sh", "-c", "echo hello; sleep 5 && exit 3"][..], 5, 3),
            (&["/bin/sh", "-c", "echo hello"][..], 1, 0),
        ] {
            assert_eq!(command(words), Some((Duration::from_secs(seconds), code)), "{words:?}");
        }
        assert_eq!(command(&["./migrate", "up"]), None);
    }
}
