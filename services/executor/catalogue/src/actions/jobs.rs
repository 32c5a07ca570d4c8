//! `rerun_job` and `run_job`: work that runs to its end, as a step.

use std::{collections::BTreeMap, time::Duration};

use paramedic_domain::{change::Wait, object::ObjectRef, risk::RiskLevel};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{BuiltIn, config_map::Scalar, image, parse, refuse, schema_of, span, suspend::finished};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Refused, Request},
    redact::names_a_secret,
    world::{Need, World},
};

/// Seconds that a Job stays after its end: a step that is delivered again must find it, and people want its logs.
const KEPT: i64 = 86_400;
/// Longest time that a Job may run as a step.
const LONGEST: Duration = Duration::from_secs(3600);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);
/// Longest name of a Job whose pods can still carry it in a label.
const LONGEST_NAME: usize = 63;
const STAYS: &str = "a Job that ran is a record, not an effect";

pub(super) const RERUN: BuiltIn = BuiltIn {
    name: "rerun_job",
    aliases: &["retry_job", "restart_job"],
    about: About {
        description: "creates a Job from the template of one that ended, and waits until it has completed",
        risk: "medium: it does again whatever the first one did",
        undo: "none: what a Job did is not known; its record stays",
        dry_run: "server-side dry run of the creation; what it does is not tried",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 3700,
    typical_seconds: 120,
    schema: schema_of::<Rerun>,
    needs: needs_rerun,
    draft: rerun,
};

pub(super) const RUN: BuiltIn = BuiltIn {
    name: "run_job",
    aliases: &["run_container", "run_script"],
    about: About {
        description: "runs a container once as a Job, with few rights, and waits until it has completed",
        risk: "medium: what it does depends on its image; high with a service account of its own",
        undo: "none: what a Job did is not known; its record stays for a day or longer",
        dry_run: "server-side dry run of the creation; what it does is not tried",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 3700,
    typical_seconds: 120,
    schema: schema_of::<Run>,
    needs: needs_run,
    draft: run,
};

/// Which Job.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rerun {
    /// Namespace.
    namespace: String,
    /// Name of the Job that ended.
    #[serde(alias = "name")]
    job: String,
}

/// What to run.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Run {
    /// Namespace.
    namespace: String,
    /// Beginning of the Job's name; a suffix makes it unique.
    #[serde(default = "default_name")]
    name: String,
    /// Image with tag or digest.
    image: String,
    /// Whether an image without a tag, or with the tag `latest`, is meant; otherwise it is refused.
    #[serde(rename = "allowLatest", alias = "allow_latest", default)]
    allow_latest: bool,
    /// Command, each word an item of its own; left out: that of the image.
    #[serde(default)]
    command: Vec<String>,
    /// Arguments, each an item of its own.
    #[serde(default)]
    args: Vec<String>,
    /// Environment. Secrets are not written here: they come from Secrets, see secretEnv.
    #[serde(default)]
    env: BTreeMap<String, Scalar>,
    /// Environment variables from Secrets of the namespace: `secret/key` by variable.
    #[serde(rename = "secretEnv", alias = "secret_env", default)]
    secret_env: BTreeMap<String, String>,
    /// Service account; left out: none, and no token.
    #[serde(rename = "serviceAccount", alias = "service_account", alias = "serviceAccountName")]
    service_account: Option<String>,
    /// CPU limit; left out: `500m`.
    cpu: Option<String>,
    /// Memory limit; left out: `256Mi`.
    memory: Option<String>,
    /// How long it may run, at most `1h`; left out: `10m`.
    timeout: Option<String>,
}

fn default_name() -> String {
    "paramedic-job".to_owned()
}

/// A name for a new object: the beginning, short enough, and the suffix.
pub(super) fn named(beginning: &str, suffix: &str) -> String {
    let room = LONGEST_NAME - suffix.len() - 1;
    let short: String = beginning.chars().take(room).collect();
    format!("{}-{suffix}", short.trim_end_matches(['-', '.']))
}

impl Rerun {
    fn target(&self) -> ObjectRef {
        ObjectRef::new("batch/v1", "Job", Some(&self.namespace), &self.job)
    }
}

fn needs_rerun(params: &Params) -> Result<Vec<Need>, Refused> {
    Ok(vec![Need::Object(parse::<Rerun>(params)?.target())])
}

fn rerun(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let params: Rerun = parse(params)?;
    let target = params.target();
    let job = world.object(&target)?;
    if !finished(job) {
        return refuse(format!(
            "{target} has not ended: another one beside it could do the same work twice"
        ));
    }
    let mut spec = job.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
    for assigned in ["selector", "manualSelector", "suspend", "completionMode"] {
        let kept = assigned == "completionMode" && spec.get(assigned).and_then(Value::as_str) == Some("Indexed");
        if !kept {
            spec.remove(assigned);
        }
    }
    let ttl = spec.get("ttlSecondsAfterFinished").and_then(Value::as_i64).unwrap_or(KEPT);
    spec.insert("ttlSecondsAfterFinished".into(), json!(ttl.max(KEPT)));
    if let Some(labels) = spec
        .get_mut("template")
        .and_then(|template| template.pointer_mut("/metadata/labels"))
        .and_then(Value::as_object_mut)
    {
        generated(labels);
    }
    let mut labels = job
        .pointer("/metadata/labels")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    generated(&mut labels);
    let name = named(&params.job, &moment.suffix);
    Ok(Draft::from(Request::Create {
        object: json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": name, "namespace": params.namespace, "labels": labels},
            "spec": spec
        }),
        wait: Wait::JobComplete,
        irreversible: Some(STAYS.into()),
    })
    .concern(RiskLevel::Medium, format!("{target} ran before: this one does the same again")))
}

/// Removes the labels that the Job controller writes.
fn generated(labels: &mut Map<String, Value>) {
    for label in [
        "controller-uid",
        "job-name",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-name",
    ] {
        labels.remove(label);
    }
}

fn needs_run(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: Run = parse(params)?;
    Ok(vec![Need::Object(ObjectRef::new("v1", "Namespace", None, &params.namespace))])
}

fn run(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let params: Run = parse(params)?;
    world.object(&ObjectRef::new("v1", "Namespace", None, &params.namespace))?;
    image::exact(&params.image, params.allow_latest)?;
    let timeout = match &params.timeout {
        Some(text) => span::duration("timeout", text, LONGEST)?,
        None => DEFAULT_TIMEOUT,
    };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if params.name.is_empty() || !params.name.chars().all(plain) || params.name.starts_with('-') {
        return Err(Refused::parameter(
            "/name",
            format!("{:?} is not made of lower-case letters, digits and hyphens", params.name),
        ));
    }
    let limits = json!({
        "cpu": quantity("/cpu", params.cpu.as_deref().unwrap_or("500m"))?,
        "memory": quantity("/memory", params.memory.as_deref().unwrap_or("256Mi"))?
    });
    let mut container = json!({
        "name": "job",
        "image": params.image,
        "env": environment(&params)?,
        "resources": {"requests": limits, "limits": limits},
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}
    });
    for (field, words) in [("command", &params.command), ("args", &params.args)] {
        if !words.is_empty() {
            container[field] = json!(words);
        }
    }
    let mut pod = json!({
        "restartPolicy": "Never",
        "automountServiceAccountToken": params.service_account.is_some(),
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container]
    });
    if let Some(account) = &params.service_account {
        pod["serviceAccountName"] = json!(account);
    }
    let name = named(&params.name, &moment.suffix);
    let draft = Draft::from(Request::Create {
        object: json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": name, "namespace": params.namespace, "labels": {"app.kubernetes.io/managed-by": "paramedic"}},
            "spec": {
                "backoffLimit": 0,
                "activeDeadlineSeconds": timeout.as_secs(),
                "ttlSecondsAfterFinished": KEPT,
                "template": {"metadata": {"labels": {"app.kubernetes.io/managed-by": "paramedic"}}, "spec": pod}
            }
        }),
        wait: Wait::JobComplete,
        irreversible: Some(STAYS.into()),
    });
    Ok(match &params.service_account {
        Some(account) => draft.concern(
            RiskLevel::High,
            format!("it may do whatever service account {}/{account} may do", params.namespace),
        ),
        None => draft.concern(RiskLevel::Medium, format!("what {} does is not known here", params.image)),
    })
}

fn quantity<'a>(parameter: &str, text: &'a str) -> Result<&'a str, Refused> {
    match crate::quantity::milli(text) {
        Some(value) if value > 0 => Ok(text),
        _ => Err(Refused::parameter(
            parameter,
            format!("{text:?} is no positive Kubernetes quantity"),
        )),
    }
}

fn environment(params: &Run) -> Result<Vec<Value>, Refused> {
    let mut entries = Vec::new();
    for (name, value) in &params.env {
        if names_a_secret(name) {
            return Err(Refused::parameter(
                "/env",
                format!("{name} looks like a secret: plans are read by people; keep it in a Secret and give secretEnv"),
            ));
        }
        entries.push(json!({"name": name, "value": value.text()}));
    }
    for (name, from) in &params.secret_env {
        let Some((secret, key)) = from.split_once('/').filter(|(secret, key)| !secret.is_empty() && !key.is_empty()) else {
            return Err(Refused::parameter(
                "/secretEnv",
                format!("{name}: {from:?} is not the name of a Secret and a key, like \"database/password\""),
            ));
        };
        entries.push(json!({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}));
    }
    Ok(entries)
}
