//! Machines at Google Cloud: `compute instances describe` and `compute operations list`.

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::evidence::Source;
use regex::Regex;
use serde_json::Value;

use super::{Answer, MOST_ENTRIES, Place, Question, Sought, Thing, Told, clean, is_project, pattern};
use crate::core::{
    read::{text, time},
    subjects::machines::{ABSENT, Cause, Machine},
};

/// States of a machine that is gone or about to be. A `TERMINATED` one was stopped; deleted ones are not there.
const GONE: [&str; 6] = ["stopping", "stopped", "terminated", "suspending", "suspended", ABSENT];
/// What ended a machine longer ago than this says nothing of one that runs.
const LATELY: SignedDuration = SignedDuration::from_hours(2);
/// Operations of a machine that are read, the newest.
const MOST_OPERATIONS: &str = "20";

/// Of `gce://shop-prod-4711/europe-west3-a/gke-shop-pool-1-abcd`.
pub(super) fn machine(provider_id: &str) -> Option<Place> {
    static FORM: LazyLock<Regex> = LazyLock::new(|| {
        pattern("gce://([a-z][a-z0-9.:-]{4,90})/([a-z]+(?:-[a-z]+)+[0-9]{1,2}-[a-z])/([a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)")
    });
    let found = FORM.captures(provider_id)?;
    let place = Place::Gce {
        project: found[1].to_owned(),
        zone: found[2].to_owned(),
        name: found[3].to_owned(),
    };
    is_project(&found[1]).then_some(place)
}

pub(super) fn questions(project: &str, zone: &str, name: &str) -> Vec<Question> {
    let ask = |words: Vec<String>| Question {
        source: Source::Gcp,
        arguments: ["compute".to_owned()].into_iter().chain(words).collect(),
    };
    let (project, json) = (format!("--project={project}"), "--format=json".to_owned());
    vec![
        ask(vec![
            "instances".into(),
            "describe".into(),
            name.to_owned(),
            project.clone(),
            format!("--zone={zone}"),
            json.clone(),
        ]),
        ask(vec![
            "operations".into(),
            "list".into(),
            project,
            format!("--zones={zone}"),
            format!("--filter=targetLink ~ \"/zones/{zone}/instances/{name}$\""),
            "--sort-by=~insertTime".into(),
            format!("--limit={MOST_OPERATIONS}"),
            json,
        ]),
    ]
}

/// Whether an error says that there is no such thing.
pub(super) fn says_absent(complaint: &str) -> bool {
    static FORM: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new("The resource 'projects/[^'/]+/zones/[^'/]+/[a-z]+/[^'/]+' was not found").expect("a constant pattern")
    });
    FORM.is_match(complaint)
}

pub(super) fn told(sought: &Sought, name: &str, answers: &[Answer], at: Timestamp) -> Result<Told, String> {
    let mut machine = Machine {
        known: true,
        provider: "gcp".into(),
        id: name.to_owned(),
        minutes_ago: -1.0,
        ..Machine::default()
    };
    let mut quotes = Vec::new();
    let mut moments = Vec::new();
    let mut stopped = None;
    match answers.first() {
        None => return Err("nothing was answered".into()),
        Some(Answer::Absent(words)) => {
            machine.state = ABSENT.into();
            machine.reason = words.clone();
            quotes.push(sought.quote(0, format!("there is no instance {name}: {words}")));
        }
        Some(Answer::Json(instance)) => {
            if text(instance, "/name") != name {
                return Err(format!("its answer says nothing about {name}"));
            }
            machine.state = clean(text(instance, "/status")).to_lowercase();
            if machine.state.is_empty() {
                return Err(format!("its answer has no status of {name}"));
            }
            machine.spot = instance.pointer("/scheduling/preemptible") == Some(&Value::Bool(true))
                || text(instance, "/scheduling/provisioningModel") == "SPOT";
            stopped = time(instance, "/lastStopTimestamp");
            machine.reason = clean(text(instance, "/statusMessage"));
            let model = if machine.spot { "spot" } else { "standard" };
            let since = stopped.map_or_else(String::new, |stopped| format!(", lastStopTimestamp {stopped}"));
            let excerpt = format!("instance {name} ({model}) has status {}{since}", machine.state.to_uppercase());
            quotes.push(sought.quote(0, excerpt));
        }
    }
    machine.gone = GONE.contains(&machine.state.as_str());
    let mut ended = None;
    if let Some(Answer::Json(operations)) = answers.get(1) {
        let operations = operations.as_array().ok_or("its answer is no list of operations")?;
        let endings = operations.iter().map(|operation| ending(sought, operation));
        let mut endings: Vec<Ending> = endings.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        endings.sort_by_key(|ending| std::cmp::Reverse(ending.at));
        // What a machine was ended by before it was started anew is over.
        let counts = |ending: &Ending| machine.gone || at.duration_since(ending.at) <= LATELY;
        endings.retain(counts);
        endings.truncate(MOST_ENTRIES);
        let lines: Vec<&str> = endings.iter().map(|ending| ending.line.as_str()).collect();
        let excerpt = match lines.is_empty() {
            true => format!("no operation that ended {name}"),
            false => lines.join("; "),
        };
        let quote = sought.quote(1, excerpt);
        moments.extend(endings.iter().map(|ending| sought.moment(ending.at, ending.line.clone(), &quote)));
        ended = endings.into_iter().next();
        machine.healthy = machine.state == "running" && ended.is_none();
        // What was said of why is told before what was said of the state.
        quotes.insert(usize::from(ended.is_none()), quote);
    }
    if let Some(ended) = ended {
        machine.ended_by = ended.by;
        machine.reason = ended.line;
        machine.minutes_ago = at.duration_since(ended.at).as_secs_f64() / 60.0;
    } else if let Some(stopped) = stopped.filter(|_| machine.gone) {
        machine.minutes_ago = at.duration_since(stopped).as_secs_f64() / 60.0;
        let what = format!("instance {name} was stopped");
        moments.push(sought.moment(stopped, what, &quotes[0]));
    }
    Ok(Told {
        about: sought.object.clone(),
        thing: Thing::Machine(machine),
        quotes,
        moments,
    })
}

/// An operation that ended a machine.
struct Ending {
    at: Timestamp,
    by: Cause,
    line: String,
}

/// Of an operation; `None` where it is one that ends nothing.
fn ending(sought: &Sought, operation: &Value) -> Result<Option<Ending>, String> {
    let Place::Gce { project, zone, name } = &sought.place else {
        return Ok(None);
    };
    let own = format!("/projects/{project}/zones/{zone}/instances/{name}");
    if !text(operation, "/targetLink").ends_with(&own) {
        return Err(format!("its answer is about other things than {name}"));
    }
    let kind = text(operation, "/operationType");
    let by = match kind {
        "compute.instances.preempted" => Cause::Reclaimed,
        "compute.instances.hostError" | "compute.instances.terminateOnHostMaintenance" | "compute.instances.migrateOnHostMaintenance" => {
            Cause::Provider
        }
        "compute.instances.guestTerminate" => Cause::Itself,
        "delete" | "stop" | "suspend" | "reset" => Cause::Request,
        _ => return Ok(None),
    };
    let Some(at) = time(operation, "/insertTime") else {
        return Ok(None);
    };
    let words = ["/user", "/statusMessage"].map(|pointer| clean(text(operation, pointer)));
    let by_whom = if words[0].is_empty() {
        String::new()
    } else {
        format!(" by {}", words[0])
    };
    let why = if words[1].is_empty() {
        String::new()
    } else {
        format!(": {}", words[1])
    };
    Ok(Some(Ending {
        at,
        by,
        line: format!("{kind} of instance {name}{by_whom} at {at}{why}"),
    }))
}
