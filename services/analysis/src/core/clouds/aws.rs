//! Machines at AWS: `ec2 describe-instances` and `ec2 describe-instance-status`.

use std::sync::LazyLock;

use jiff::Timestamp;
use paramedic_domain::evidence::Source;
use regex::Regex;
use serde_json::Value;

use super::{Answer, MOST_ENTRIES, Place, Question, Sought, Thing, Told, clean, is_region, pattern};
use crate::core::{
    read::{each, text, time},
    subjects::{
        Quote,
        machines::{ABSENT, Cause, Machine},
    },
    timeline::{Moment, Telling},
};

/// States of a machine that is gone or about to be.
const GONE: [&str; 5] = ["shutting-down", "terminated", "stopping", "stopped", ABSENT];

/// Of `aws:///eu-central-1a/i-0123456789abcdef0`.
pub(super) fn machine(provider_id: &str) -> Option<Place> {
    static FORM: LazyLock<Regex> = LazyLock::new(|| pattern("aws:///([a-z0-9-]{5,40})/(i-[0-9a-f]{8}(?:[0-9a-f]{9})?)"));
    let found = FORM.captures(provider_id)?;
    Some(Place::Ec2 {
        region: region(&found[1])?,
        instance: found[2].to_owned(),
    })
}

/// The region of a zone: `eu-central-1a`, or `us-west-2-lax-1a` of a local one.
pub(super) fn region(zone: &str) -> Option<String> {
    static FORM: LazyLock<Regex> = LazyLock::new(|| pattern("([a-z]{2}(?:-[a-z]+)+?-[0-9]{1,2})(?:[a-z]|-[a-z0-9-]+)"));
    let region = FORM.captures(zone)?[1].to_owned();
    is_region(&region).then_some(region)
}

pub(super) fn questions(region: &str, instance: &str) -> Vec<Question> {
    let ask = |words: &[&str]| Question {
        source: Source::Aws,
        arguments: words
            .iter()
            .chain(&["--instance-ids", instance, "--region", region, "--output", "json"])
            .map(|word| (*word).to_owned())
            .collect(),
    };
    vec![
        ask(&["ec2", "describe-instances"]),
        ask(&["ec2", "describe-instance-status", "--include-all-instances"]),
    ]
}

/// Whether an error says that there is no such machine or disk.
pub(super) fn says_absent(complaint: &str) -> bool {
    complaint.contains("(InvalidInstanceID.NotFound)") || complaint.contains("(InvalidVolume.NotFound)")
}

pub(super) fn told(sought: &Sought, id: &str, answers: &[Answer], at: Timestamp) -> Result<Told, String> {
    let mut told = Findings {
        machine: Machine {
            known: true,
            provider: "aws".into(),
            id: id.to_owned(),
            minutes_ago: -1.0,
            ..Machine::default()
        },
        quotes: Vec::new(),
        moments: Vec::new(),
    };
    match answers.first() {
        None => return Err("nothing was answered".into()),
        Some(Answer::Absent(words)) => {
            told.machine.state = ABSENT.into();
            told.machine.reason = words.clone();
            let excerpt = format!("there is no instance {id}: {words}");
            told.quotes.push(sought.quote(0, excerpt));
        }
        Some(Answer::Json(answer)) => instance(sought, find(answer, "/Reservations", "/Instances", id)?, at, &mut told)?,
    }
    told.machine.gone = GONE.contains(&told.machine.state.as_str());
    if let Some(Answer::Json(answer)) = answers.get(1) {
        status(sought, find(answer, "", "/InstanceStatuses", id)?, at, &mut told);
    }
    Ok(Told {
        about: sought.object.clone(),
        thing: Thing::Machine(told.machine),
        quotes: told.quotes,
        moments: told.moments,
    })
}

/// What was read so far.
struct Findings {
    machine: Machine,
    quotes: Vec<Quote>,
    moments: Vec<Moment>,
}

/// The machine that was asked about among those of an answer.
fn find<'v>(answer: &'v Value, outer: &str, inner: &str, id: &str) -> Result<&'v Value, String> {
    let groups: Vec<&Value> = match outer {
        "" => vec![answer],
        outer => each(answer, outer).collect(),
    };
    let mut all = groups.into_iter().flat_map(|group| each(group, inner));
    let found = all.find(|machine| text(machine, "/InstanceId") == id);
    found.ok_or_else(|| format!("its answer says nothing about {id}"))
}

fn instance(sought: &Sought, instance: &Value, at: Timestamp, told: &mut Findings) -> Result<(), String> {
    let machine = &mut told.machine;
    let own = |pointer: &str| clean(text(instance, pointer));
    let (state, code, transition) = (own("/State/Name"), own("/StateReason/Code"), own("/StateTransitionReason"));
    if state.is_empty() {
        return Err(format!("its answer has no state of {}", machine.id));
    }
    machine.spot = text(instance, "/InstanceLifecycle") == "spot";
    let running = ["pending", "running"].contains(&state.as_str());
    if !running {
        machine.ended_by = ended_by(&code, &transition, machine.spot);
        let message = own("/StateReason/Message");
        let words = [message.as_str(), code.as_str(), transition.as_str()];
        machine.reason = words.into_iter().find(|words| !words.is_empty()).unwrap_or_default().to_owned();
    }
    let lifecycle = if machine.spot { "spot instance" } else { "instance" };
    let excerpt = format!(
        "{lifecycle} {} is {state}; StateReason {code:?} {:?}, StateTransitionReason {transition:?}",
        machine.id, machine.reason
    );
    machine.state = state;
    let quote = sought.quote(0, excerpt);
    if let Some(ended) = ended_at(&transition).filter(|_| !running) {
        told.machine.minutes_ago = at.duration_since(ended).as_secs_f64() / 60.0;
        let what = format!(
            "{lifecycle} {} became {}: {}",
            told.machine.id, told.machine.state, told.machine.reason
        );
        told.moments.push(sought.moment(ended, what, &quote));
    }
    told.quotes.push(quote);
    Ok(())
}

/// By whom a machine was ended, as the codes of AWS say it.
fn ended_by(code: &str, transition: &str, spot: bool) -> Cause {
    let says = |words: &str| code.contains(words) || transition.contains(words);
    if says("Server.SpotInstance") {
        Cause::Reclaimed
    } else if says("Client.InstanceInitiatedShutdown") {
        Cause::Itself
    } else if says("Client.User") || says("Client.InstanceTerminated") || says("User initiated") {
        Cause::Request
    } else if spot && says("Service initiated") {
        Cause::Reclaimed
    } else if says("Server.") || says("Service initiated") {
        Cause::Provider
    } else {
        Cause::Unknown
    }
}

/// The time in `User initiated (2026-03-11 18:20:44 GMT)`.
fn ended_at(transition: &str) -> Option<Timestamp> {
    static FORM: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\((\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) (?:GMT|UTC)\)").expect("a constant pattern"));
    let found = FORM.captures(transition)?;
    format!("{}T{}Z", &found[1], &found[2]).parse().ok()
}

fn status(sought: &Sought, status: &Value, at: Timestamp, told: &mut Findings) {
    let checks = [("system", "/SystemStatus"), ("instance", "/InstanceStatus")];
    let mut excerpt = Vec::new();
    let mut passed = 0;
    let mut since = Vec::new();
    for (name, pointer) in checks {
        let found = clean(text(status, &format!("{pointer}/Status")));
        excerpt.push(format!("the {name} check is {found}"));
        match found.as_str() {
            "ok" => passed += 1,
            "impaired" => {
                told.machine.failed_checks.push(name.to_owned());
                let details = format!("{pointer}/Details");
                let times = each(status, &details).filter_map(|detail| time(detail, "/ImpairedSince"));
                since.extend(times.min().map(|since| (since, name)));
            }
            _ => {}
        }
    }
    let mut ahead = Vec::new();
    for event in each(status, "/Events").take(MOST_ENTRIES) {
        let (code, description) = (clean(text(event, "/Code")), clean(text(event, "/Description")));
        if description.starts_with("[Completed]") || description.starts_with("[Canceled]") {
            continue;
        }
        let begins = time(event, "/NotBefore");
        let when = begins.map_or_else(String::new, |begins| format!(" not before {begins}"));
        let line = format!("{code}{when}: {description}");
        excerpt.push(format!("scheduled: {line}"));
        ahead.extend(begins.map(|begins| (begins, format!("{code} is scheduled: {description}"))));
        told.machine.scheduled.push(line);
    }
    told.machine.healthy = told.machine.state == "running" && passed == checks.len() && told.machine.scheduled.is_empty();
    let quote = sought.quote(1, format!("of instance {} {}", told.machine.id, excerpt.join(", ")));
    for (since, name) in since {
        let what = format!("the provider's {name} check of {} fails since then", told.machine.id);
        told.machine.minutes_ago = at.duration_since(since).as_secs_f64() / 60.0;
        told.moments.push(sought.moment(since, what, &quote));
    }
    told.moments.extend(ahead.into_iter().map(|(begins, what)| Moment {
        telling: Telling::Ahead,
        ..sought.moment(begins, what, &quote)
    }));
    told.quotes.push(quote);
}
