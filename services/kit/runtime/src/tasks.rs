//! Tasks with names whose end is never silent.

use std::time::Duration;

use anyhow::anyhow;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::Task;

/// Longest wait for tasks to finish what they have in hand.
const DRAIN_DEADLINE: Duration = Duration::from_secs(20);

/// Runs tasks until `drain`; a task that ends earlier drains the others and makes the result an error.
///
/// # Errors
/// The first task that failed, panicked or ended before the drain.
pub async fn run(tasks: Vec<Task>, drain: CancellationToken) -> anyhow::Result<()> {
    let mut set = JoinSet::new();
    for Task { name, work } in tasks {
        let span = tracing::info_span!(parent: None, "task", task = name);
        set.spawn(async move { (name, work.await) }.instrument(span));
    }
    let mut first_error = None;
    let deadline = async {
        drain.cancelled().await;
        tokio::time::sleep(DRAIN_DEADLINE).await;
    };
    tokio::pin!(deadline);
    loop {
        let ended = tokio::select! {
            ended = set.join_next() => ended,
            () = &mut deadline => {
                tracing::warn!(left = set.len(), "tasks did not finish in time; what they had in hand will be redelivered");
                break;
            }
        };
        let Some(ended) = ended else { break };
        let problem = match ended {
            Ok((_, Ok(()))) if drain.is_cancelled() => None,
            Ok((name, Ok(()))) => Some(anyhow!("task {name} ended by itself")),
            Ok((name, Err(error))) => Some(error.context(format!("task {name} failed"))),
            Err(join) => Some(anyhow!("a task panicked: {join}")),
        };
        if let Some(problem) = problem {
            tracing::error!(error = format!("{problem:#}"), "draining");
            first_error.get_or_insert(problem);
            drain.cancel();
        }
    }
    first_error.map_or(Ok(()), Err)
}
