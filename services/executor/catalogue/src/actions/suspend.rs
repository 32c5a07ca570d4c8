//! `suspend_cronjob`, `resume_cronjob`, `suspend_job`, `resume_job`: work that shall not start, or start again.

use paramedic_domain::{object::ObjectRef, risk::RiskLevel};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{BuiltIn, parse, refuse, schema_of};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused},
    patch::{Edit, Path},
    references::items,
    world::{Need, World, with_uid},
};

const fn action(
    name: &'static str,
    aliases: &'static [&'static str],
    (description, risk, undo): (&'static str, &'static str, &'static str),
    schema: fn() -> Value,
    needs: fn(&Params) -> Result<Vec<Need>, Refused>,
    draft: fn(&Params, &World, &Moment) -> Result<Draft, Refused>,
) -> BuiltIn {
    BuiltIn {
        name,
        aliases,
        about: About {
            description,
            risk,
            undo,
            dry_run: "server-side dry run of the patch",
            external: false,
        },
        kind: Kind::Cluster,
        timeout_seconds: 60,
        typical_seconds: 2,
        schema,
        needs,
        draft,
    }
}

pub(super) const SUSPEND_CRON_JOB: BuiltIn = action(
    "suspend_cronjob",
    &["suspend_cron_job", "pause_cronjob"],
    (
        "keeps a CronJob from starting Jobs; one that runs goes on",
        "low: nothing is stopped",
        "the CronJob starts Jobs again",
    ),
    schema_of::<CronJob>,
    needs_cron_job,
    suspend_cron_job,
);

pub(super) const RESUME_CRON_JOB: BuiltIn = action(
    "resume_cronjob",
    &["resume_cron_job", "unsuspend_cronjob"],
    (
        "lets a suspended CronJob start Jobs again; a run that was missed within its starting deadline starts at once",
        "low: it starts what its schedule says",
        "the CronJob is suspended again",
    ),
    schema_of::<CronJob>,
    needs_cron_job,
    resume_cron_job,
);

pub(super) const SUSPEND_JOB: BuiltIn = action(
    "suspend_job",
    &["pause_job"],
    (
        "suspends a Job: its running pods are stopped and started anew when it is resumed",
        "medium: running pods are stopped, and what they had not stored is lost",
        "the Job is resumed, which starts its pods anew",
    ),
    schema_of::<Job>,
    needs_job,
    suspend_job,
);

pub(super) const RESUME_JOB: BuiltIn = action(
    "resume_job",
    &["unsuspend_job"],
    (
        "lets a suspended Job start its pods",
        "low: it starts what it was made for",
        "the Job is suspended again, which stops its pods",
    ),
    schema_of::<Job>,
    needs_job,
    resume_job,
);

/// Which CronJob.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CronJob {
    /// Namespace.
    namespace: String,
    /// Name of the CronJob.
    #[serde(rename = "cronJob", alias = "cron_job", alias = "cronjob", alias = "name")]
    cron_job: String,
}

/// Which Job.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Job {
    /// Namespace.
    namespace: String,
    /// Name of the Job.
    #[serde(alias = "name")]
    job: String,
}

fn cron_job(params: &Params) -> Result<ObjectRef, Refused> {
    let params: CronJob = parse(params)?;
    Ok(ObjectRef::new("batch/v1", "CronJob", Some(&params.namespace), &params.cron_job))
}

fn job(params: &Params) -> Result<ObjectRef, Refused> {
    let params: Job = parse(params)?;
    Ok(ObjectRef::new("batch/v1", "Job", Some(&params.namespace), &params.job))
}

fn needs_cron_job(params: &Params) -> Result<Vec<Need>, Refused> {
    Ok(vec![Need::Object(cron_job(params)?)])
}

fn needs_job(params: &Params) -> Result<Vec<Need>, Refused> {
    Ok(vec![Need::Object(job(params)?)])
}

fn suspend_cron_job(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let target = cron_job(params)?;
    let running = items(world.object(&target)?, "/status/active").count();
    let draft = suspended(&target, world, true)?;
    Ok(draft.notes((running > 0).then(|| format!("{running} Job(s) of {target} run now and go on: suspend_job stops one"))))
}

fn resume_cron_job(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    suspended(&cron_job(params)?, world, false)
}

fn suspend_job(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let target = job(params)?;
    let object = world.object(&target)?;
    unfinished(&target, object)?;
    let active = object.pointer("/status/active").and_then(Value::as_u64).unwrap_or(0);
    let draft = suspended(&target, world, true)?;
    Ok(if active > 0 {
        draft.concern(
            RiskLevel::Medium,
            format!("{active} running pod(s) of {target} are stopped, and what they had not stored is lost"),
        )
    } else {
        draft
    })
}

fn resume_job(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let target = job(params)?;
    unfinished(&target, world.object(&target)?)?;
    suspended(&target, world, false)
}

fn unfinished(target: &ObjectRef, object: &Value) -> Result<(), Refused> {
    if finished(object) {
        return refuse(format!(
            "{target} has ended: it neither runs nor can be resumed (rerun_job starts another one)"
        ));
    }
    Ok(())
}

/// Whether a Job has completed or failed for good.
pub(super) fn finished(job: &Value) -> bool {
    items(job, "/status/conditions").any(|condition| {
        let text = |name: &str| condition.get(name).and_then(Value::as_str);
        matches!(text("type"), Some("Complete" | "Failed")) && text("status") == Some("True")
    })
}

fn suspended(target: &ObjectRef, world: &World, wanted: bool) -> Result<Draft, Refused> {
    let object = world.object(target)?;
    let path = Path::new(["spec", "suspend"]);
    if path.read(object).and_then(Value::as_bool).unwrap_or(false) == wanted {
        return refuse(format!(
            "{target} is {} already",
            if wanted { "suspended" } else { "not suspended" }
        ));
    }
    Ok(ObjectEdit::plain(with_uid(target, object), vec![Edit::set(path, wanted)]).into())
}
