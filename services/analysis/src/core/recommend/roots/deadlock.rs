//! A Job whose transaction locks others out: it is suspended, and people decide whose order of locks changes.

use paramedic_domain::{
    plan::{Approach, PlanOption, Recommendation},
    risk::RiskLevel,
    verification::{Comparison, Criterion},
};
use serde_json::json;

use super::decisive;
use crate::core::{
    engines::{Finding, roots::Deadlock},
    facts::Facts,
    recommend::{List, options::option, report},
};

/// Deadlocks per second that count as none.
const NONE: f64 = 0.01;

pub(super) fn remedy(
    facts: &Facts,
    finding: &Finding,
    deadlock: &Deadlock,
    criteria: &mut Vec<Criterion>,
) -> (Vec<Recommendation>, Vec<PlanOption>) {
    criteria.push(decisive(
        "the database counts no deadlocks",
        &deadlock.rate,
        Comparison::AtMost,
        NONE,
        "deadlocks/s",
    ));
    let stop = steps(facts, finding, deadlock, true);
    if deadlock.job.cron_job.is_none() || deadlock.job.cron_suspended {
        return (stop, Vec::new());
    }
    let wait = steps(facts, finding, deadlock, false);
    let options = vec![
        option(
            Approach::Mitigation,
            format!("suspend {} and its schedule", deadlock.job.object.name),
            "ends the deadlocks at once; what the Job has not committed is lost and done again when it is resumed",
            stop.clone(),
        ),
        option(
            Approach::Mitigation,
            "let this run end, suspend the schedule",
            "nothing is lost; the deadlocks go on until the Job ends by itself",
            wait,
        ),
    ];
    (stop, options)
}

fn steps(facts: &Facts, finding: &Finding, deadlock: &Deadlock, stop: bool) -> Vec<Recommendation> {
    let mut list = List::of(&deadlock.database);
    let namespace = list.namespace();
    let job = &deadlock.job;
    let kept = list
        .add(
            "collect_diagnostics",
            "Keep the database's log, locks and activity before any changes",
            json!({"type": "all", "metrics": ["pg_stat_database_deadlocks", "pg_stat_activity_count", "pg_stat_activity_max_tx_duration"]}),
            &[],
        )
        .why(0.98, RiskLevel::Low, "it names both statements of every deadlock".into());
    let mut last = kept.clone();
    if let Some(cron) = job.cron_job.as_ref().filter(|_| !job.cron_suspended) {
        last = list
            .push(
                "suspend_cronjob",
                &format!("Keep {cron} from starting another run"),
                json!({"cronJob": cron, "namespace": namespace}),
                std::slice::from_ref(&last),
            )
            .why(0.90, RiskLevel::Low, "the next run would take the same locks".into());
    }
    if stop {
        last = list
            .push(
                "suspend_job",
                &format!("Suspend {}: its transaction is rolled back and its locks are free", job.object.name),
                json!({"job": job.object.name, "namespace": namespace}),
                &[last],
            )
            .why(
                0.85,
                RiskLevel::Medium,
                "it is the one long transaction; no other session is touched".into(),
            );
        list.require_approval(&last);
        let clients: Vec<&str> = deadlock.clients.iter().map(|client| client.name.as_str()).collect();
        last = list
            .push(
                "verify_recovery",
                "Verify that there are no more deadlocks and that the services are well",
                json!({
                    "namespace": namespace,
                    "services": clients,
                    "query": deadlock.rate.query,
                    "comparison": "<=",
                    "value": NONE,
                    "stableFor": "30s",
                }),
                &[last],
            )
            .why(
                0.95,
                RiskLevel::None,
                "the rate falls when its window of five minutes has passed".into(),
            );
    }
    if let Some(team) = &job.team {
        list.push(
            "notify_only",
            &format!("Tell team {team} that its Job is suspended and what must change"),
            json!({
                "type": "jira",
                "project": team.to_uppercase(),
                "priority": "high",
                "title": format!("{}: opposite order of locks, suspended", job.object),
                "message": format!("{}\n\nResume it when both sides take their locks in the same order, in shorter transactions.", finding.summary),
                "namespace": namespace,
                "attachments": [format!("diagnostics_{kept}")],
            }),
            std::slice::from_ref(&last),
        )
        .why(1.0, RiskLevel::None, "only its owners can change the order of its locks".into());
    }
    report(facts, finding, &mut list, &kept, &[last], "bug");
    list.items
}
