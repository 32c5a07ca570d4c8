//! Disks of volumes: `ec2 describe-volumes` at AWS, `compute disks describe` at Google Cloud.

use std::sync::LazyLock;

use jiff::Timestamp;
use paramedic_domain::evidence::Source;
use regex::Regex;
use serde_json::Value;

use super::{Answer, MOST_ENTRIES, Place, Question, Sought, Thing, Told, aws, clean, is_project, pattern};
use crate::core::{
    read::{each, text, time},
    subjects::{disks::Disk, machines::ABSENT},
};

/// Of a PersistentVolume of a driver that is known.
pub(super) fn disk(volume: &Value) -> Option<Place> {
    static EBS: LazyLock<Regex> = LazyLock::new(|| pattern("vol-[0-9a-f]{8}(?:[0-9a-f]{9})?"));
    static DISK: LazyLock<Regex> = LazyLock::new(|| {
        pattern("projects/([a-z][a-z0-9.:-]{4,90})/zones/([a-z]+(?:-[a-z]+)+[0-9]{1,2}-[a-z])/disks/([a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)")
    });
    let handle = text(volume, "/spec/csi/volumeHandle");
    match text(volume, "/spec/csi/driver") {
        "ebs.csi.aws.com" => EBS.is_match(handle).then_some(Place::Ebs {
            region: aws::region(zone(volume)?)?,
            volume: handle.to_owned(),
        }),
        "pd.csi.storage.gke.io" => {
            let found = DISK.captures(handle)?;
            is_project(&found[1]).then(|| Place::Disk {
                project: found[1].to_owned(),
                zone: found[2].to_owned(),
                name: found[3].to_owned(),
            })
        }
        _ => None,
    }
}

/// The zone that a volume's pods have to be in.
fn zone(volume: &Value) -> Option<&str> {
    let terms = each(volume, "/spec/nodeAffinity/required/nodeSelectorTerms");
    let mut expressions = terms.flat_map(|term| each(term, "/matchExpressions"));
    let of_zone =
        |expression: &&Value| ["topology.ebs.csi.aws.com/zone", "topology.kubernetes.io/zone"].contains(&text(expression, "/key"));
    expressions.find(of_zone)?.pointer("/values/0")?.as_str()
}

pub(super) fn of_aws(region: &str, volume: &str) -> Vec<Question> {
    let words = [
        "ec2",
        "describe-volumes",
        "--volume-ids",
        volume,
        "--region",
        region,
        "--output",
        "json",
    ];
    vec![Question {
        source: Source::Aws,
        arguments: words.map(str::to_owned).into(),
    }]
}

pub(super) fn of_gcp(project: &str, zone: &str, name: &str) -> Vec<Question> {
    let (project, zone) = (format!("--project={project}"), format!("--zone={zone}"));
    let words = ["compute", "disks", "describe", name, &project, &zone, "--format=json"];
    vec![Question {
        source: Source::Gcp,
        arguments: words.map(str::to_owned).into(),
    }]
}

pub(super) fn told(sought: &Sought, answers: &[Answer]) -> Result<Told, String> {
    let mut moments = Vec::new();
    let (disk, quote) = match answers.first() {
        None => return Err("nothing was answered".into()),
        Some(Answer::Absent(words)) => {
            let id = sought.place.id().to_owned();
            let excerpt = format!("there is no disk {id}: {words}");
            let disk = Disk {
                provider: sought.place.provider(),
                state: ABSENT.into(),
                id,
                machines: Vec::new(),
            };
            (disk, sought.quote(0, excerpt))
        }
        Some(Answer::Json(answer)) => {
            let (state, attached) = match &sought.place {
                Place::Ebs { region, volume } => ebs(answer, region, volume)?,
                place => persistent(answer, place.id())?,
            };
            let words: Vec<String> = attached.iter().map(|attached| attached.words.clone()).collect();
            let id = sought.place.id().to_owned();
            let excerpt = match words.is_empty() {
                true => format!("disk {id} is {state} and attached to no machine"),
                false => format!("disk {id} is {state}: {}", words.join(", ")),
            };
            let quote = sought.quote(0, excerpt);
            let rows = attached.iter().filter_map(|attached| {
                let what = format!("disk {id} was {}", attached.words);
                Some(sought.moment(attached.since?, what, &quote))
            });
            moments.extend(rows);
            let disk = Disk {
                provider: sought.place.provider(),
                machines: attached.into_iter().map(|attached| attached.machine).collect(),
                state,
                id,
            };
            (disk, quote)
        }
    };
    Ok(Told {
        about: sought.object.clone(),
        thing: Thing::Disk(disk),
        quotes: vec![quote],
        moments,
    })
}

/// A machine that has a disk.
struct Attached {
    machine: Place,
    words: String,
    since: Option<Timestamp>,
}

fn ebs(answer: &Value, region: &str, id: &str) -> Result<(String, Vec<Attached>), String> {
    let volume = each(answer, "/Volumes").find(|volume| text(volume, "/VolumeId") == id);
    let volume = volume.ok_or_else(|| format!("its answer says nothing about {id}"))?;
    let state = clean(text(volume, "/State"));
    if state.is_empty() {
        return Err(format!("its answer has no state of {id}"));
    }
    let mut attached = Vec::new();
    for attachment in each(volume, "/Attachments").take(MOST_ENTRIES) {
        let (instance, state) = (clean(text(attachment, "/InstanceId")), clean(text(attachment, "/State")));
        if state != "detached" && !instance.is_empty() {
            let since = time(attachment, "/AttachTime");
            let when = since.map_or_else(String::new, |since| format!(" since {since}"));
            attached.push(Attached {
                words: format!("{state} to {instance}{when}"),
                machine: Place::Ec2 {
                    region: region.to_owned(),
                    instance,
                },
                since,
            });
        }
    }
    Ok((state, attached))
}

fn persistent(answer: &Value, name: &str) -> Result<(String, Vec<Attached>), String> {
    static USER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("/projects/([^/]+)/zones/([^/]+)/instances/([^/]+)$").expect("a constant pattern"));
    if text(answer, "/name") != name {
        return Err(format!("its answer says nothing about {name}"));
    }
    let state = clean(text(answer, "/status")).to_lowercase();
    if state.is_empty() {
        return Err(format!("its answer has no status of {name}"));
    }
    let since = time(answer, "/lastAttachTimestamp");
    let users: Vec<&str> = each(answer, "/users").filter_map(Value::as_str).take(MOST_ENTRIES).collect();
    let mut attached = Vec::new();
    for user in &users {
        let found = USER
            .captures(user)
            .ok_or_else(|| format!("{:?}, which uses {name}, is no machine", clean(user)))?;
        // Of several users, the time is that of one nobody knows which.
        let since = since.filter(|_| users.len() == 1);
        let when = since.map_or_else(String::new, |since| format!(" since {since}"));
        attached.push(Attached {
            words: format!("attached to {}{when}", clean(&found[3])),
            machine: Place::Gce {
                project: clean(&found[1]),
                zone: clean(&found[2]),
                name: clean(&found[3]),
            },
            since,
        });
    }
    Ok((state, attached))
}
