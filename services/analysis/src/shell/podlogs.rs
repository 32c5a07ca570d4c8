//! Logs from the API server, of what the log store knows nothing about.

use std::collections::BTreeSet;

use paramedic_domain::evidence::Source;

use super::{
    complaints::{beginning, cited, namespaces},
    kubernetes::Problem,
    reader::Reader,
    telemetry::patterns,
};
use crate::core::{
    facts::Facts,
    podlogs::{Asked, lines, said, troubled, wanted},
};

/// Most requests for logs.
const MOST_REQUESTS: usize = 7;

/// The last words of what crashed or is not ready, where no log of it was found yet.
pub(super) async fn podlogs(kubernetes: &Reader, facts: &mut Facts) {
    let heard: BTreeSet<_> = facts.world.said.iter().map(|said| &said.by).collect();
    let asked = wanted(&facts.world.snapshot, &namespaces(facts), &heard);
    let from = beginning(facts);
    let mut left = MOST_REQUESTS;
    let unheard = facts.logs.is_empty();
    for asked in asked {
        let (path, log) = match read(kubernetes, &asked, &mut left).await {
            Ok(Some(found)) => found,
            Ok(None) => continue,
            Err(problem) => {
                facts.missing.push(format!("pod logs: {problem}"));
                return;
            }
        };
        let all = lines(&asked.pod, &log, from);
        let own = facts.workload.as_ref().is_some_and(|own| own.object.same_object(&asked.owner));
        if own && unheard {
            patterns(facts, Source::Kubernetes, &path, &all);
        }
        let troubled = troubled(&all);
        let members = &facts.estate.members;
        let member = members.iter().position(|member| member.workload.object.same_object(&asked.owner));
        if let Some(at) = member
            && members[at].complaints.is_empty()
        {
            facts.estate.members[at].complaints = cited(facts, Source::Kubernetes, &path, &troubled);
        }
        facts.world.said.extend(said(&asked.owner, Source::Kubernetes, &path, &troubled));
    }
}

/// The first of the logs that has something, with its path.
///
/// # Errors
/// That logs may not be read at all; a log that is gone is none.
async fn read(kubernetes: &Reader, asked: &Asked, left: &mut usize) -> Result<Option<(String, String)>, Problem> {
    for path in &asked.paths {
        let Some(fewer) = left.checked_sub(1) else { break };
        *left = fewer;
        match kubernetes.text(path).await {
            Ok(log) if !log.is_empty() => return Ok(Some((path.clone(), log))),
            Err(refused @ Problem::Refused { .. }) if refused.forbidden() => return Err(refused),
            // An empty log; a run whose log is gone; a node that does not answer.
            _ => {}
        }
    }
    Ok(None)
}
