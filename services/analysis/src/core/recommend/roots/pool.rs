//! A pool that is too small: a larger one that the database can take, read by a restart, and more pods as the load rose.

use paramedic_domain::{
    id::StepId,
    plan::{Approach, PlanOption, Recommendation},
    risk::RiskLevel,
};
use serde_json::json;

use super::named;
use crate::core::{
    engines::{Finding, roots::Pool},
    facts::Facts,
    recommend::{List, options::option, report},
};

/// What is waited for a connection afterwards: longer than the database needs for its slowest query, shorter than callers wait.
const PATIENCE: &str = "30s";
/// Most callers that are restarted: more are told to people.
const MOST_CALLERS: usize = 4;

pub(super) fn remedy(facts: &Facts, finding: &Finding, pool: &Pool) -> (Vec<Recommendation>, Vec<PlanOption>) {
    let Some((size, replicas)) = pool.wanted else {
        // Nothing that fits into what the database takes: people decide.
        let mut list = List::of(&pool.workload);
        let kept = diagnostics(&mut list, pool);
        report(facts, finding, &mut list, &kept[0], &kept, "bug");
        return (list.items, Vec::new());
    };
    let larger = larger(facts, finding, pool, size, replicas);
    let more = (replicas > pool.workload.desired).then(|| more_pods(facts, finding, pool, replicas));
    let options = more.map_or_else(Vec::new, |more| {
        vec![
            option(
                Approach::Fix,
                format!("a pool of {size} and {replicas} pods"),
                format!(
                    "up to {} connections to the database; the deployment's source must be changed, too",
                    size * replicas
                ),
                larger.clone(),
            ),
            option(
                Approach::Alternative,
                format!("{replicas} pods with pools of {} as they are", pool.size),
                format!(
                    "no restart and only {} connections, but each pod stays as near to its limit as it was before the load rose",
                    pool.size * replicas
                ),
                more,
            ),
        ]
    });
    (larger, options)
}

fn diagnostics(list: &mut List<'_>, pool: &Pool) -> Vec<StepId> {
    let own = list
        .add(
            "collect_diagnostics",
            "Keep logs and states of the waiting pods",
            json!({"type": "all"}),
            &[],
        )
        .why(
            0.98,
            RiskLevel::Low,
            "a restart removes what shows who holds the connections".into(),
        );
    let mut all = vec![own];
    if let Some(database) = &pool.database {
        let parameters = json!({
            "database": database.name,
            "namespace": database.namespace,
            "metrics": ["pg_stat_activity_count", "pg_settings_max_connections"],
        });
        let step = list.push(
            "collect_diagnostics",
            "Capture the connection figures of the database",
            parameters,
            &[],
        );
        all.push(step.why(
            0.98,
            RiskLevel::Low,
            "they show that the pool is the limit and not the database".into(),
        ));
    }
    all
}

fn larger(facts: &Facts, finding: &Finding, pool: &Pool, size: u32, replicas: u32) -> Vec<Recommendation> {
    let mut list = List::of(&pool.workload);
    let kept = diagnostics(&mut list, pool);
    let (map, key) = &pool.size_key;
    let mut patch = json!({key: size.to_string()});
    if let Some((key, _)) = pool.timeout_key.as_ref().filter(|(_, value)| value != PATIENCE) {
        patch[key] = json!(PATIENCE);
    }
    let namespace = list.namespace();
    let room = pool
        .room
        .map_or_else(String::new, |room| format!("; the database takes {room:.0} of this client"));
    let raise = list
        .push(
            "patch_config_map",
            &format!("Increase {key} from {} to {size}", pool.size),
            json!({"configMap": map, "namespace": namespace, "patch": patch}),
            &kept,
        )
        .why(
            0.88,
            RiskLevel::Low,
            format!("{size} x {replicas} pods = {} connections{room}", size * replicas),
        );
    let mut last = list
        .add(
            "rolling_restart",
            &format!(
                "Restart {} one pod at a time, so that it reads the new pool size",
                pool.workload.object.name
            ),
            json!({"strategy": "one-at-a-time", "waitForReady": true}),
            &[raise],
        )
        .why(
            0.90,
            RiskLevel::Medium,
            "environment variables are read when a container starts".into(),
        );
    list.require_approval(&last);
    if replicas > pool.workload.desired {
        last = list
            .add(
                "scale",
                &format!(
                    "Scale {} from {} to {replicas} pods",
                    pool.workload.object.name, pool.workload.desired
                ),
                json!({"replicas": replicas}),
                &[last],
            )
            .why(0.85, RiskLevel::Low, "as many more as the load rose".into());
    }
    let healthy = list
        .add(
            "health_check",
            &format!("Verify that {} is healthy", pool.workload.object.name),
            json!({}),
            &[last],
        )
        .why(0.95, RiskLevel::None, "callers are only touched when what they call is well".into());
    let mut after = vec![healthy.clone()];
    for caller in pool.callers.iter().take(MOST_CALLERS) {
        let restart = list
            .push(
                "rolling_restart",
                &format!("Restart {} one pod at a time (it calls {})", caller.name, pool.workload.object.name),
                named(caller, json!({"strategy": "one-at-a-time", "waitForReady": true})),
                std::slice::from_ref(&healthy),
            )
            .why(
                0.75,
                RiskLevel::Medium,
                "drops the connections and queues that it built up while it waited".into(),
            );
        after.push(restart);
    }
    let all: Vec<&str> = std::iter::once(&pool.workload.object)
        .chain(&pool.callers)
        .map(|object| object.name.as_str())
        .collect();
    let whole = list
        .push(
            "verify_recovery",
            "Verify that it and its callers are well and stay so",
            json!({"namespace": namespace, "services": all, "stableFor": "30s"}),
            &after,
        )
        .why(0.95, RiskLevel::None, "the incident is over when the callers recovered, too".into());
    report(
        facts,
        finding,
        &mut list,
        &kept[0],
        &[whole],
        "change request for the deployment's source",
    );
    list.items
}

fn more_pods(facts: &Facts, finding: &Finding, pool: &Pool, replicas: u32) -> Vec<Recommendation> {
    let mut list = List::of(&pool.workload);
    let kept = diagnostics(&mut list, pool);
    let scale = list
        .add(
            "scale",
            &format!(
                "Scale {} from {} to {replicas} pods",
                pool.workload.object.name, pool.workload.desired
            ),
            json!({"replicas": replicas}),
            &kept,
        )
        .why(0.70, RiskLevel::Low, "every pod brings a pool of its own".into());
    list.require_approval(&scale);
    let healthy = list
        .add(
            "health_check",
            &format!("Verify that {} is healthy", pool.workload.object.name),
            json!({}),
            &[scale],
        )
        .why(0.95, RiskLevel::None, "new pods count when they are ready".into());
    report(facts, finding, &mut list, &kept[0], &[healthy], "bug");
    list.items
}
