//! What cloud providers are asked about machines and disks of the cluster, and what is taken of their answers.
//!
//! The questions are a closed list of commands that only read. What objects of the cluster put into them are identifiers of strict forms,
//! each an argument of its own; no shell reads them.

mod aws;
mod disks;
mod gcp;

use std::sync::LazyLock;

use jiff::Timestamp;
use paramedic_domain::{evidence::Source, object::ObjectRef};
use regex::Regex;
use serde_json::Value;

use super::{
    facts::Facts,
    read::text,
    redact::redact,
    snapshot::{Snapshot, reference},
    subjects::{
        Quote,
        disks::{Disk, not_attached},
        machines::Machine,
        nodes,
    },
    timeline::{Moment, Telling},
};

/// Most nodes that are asked about in one investigation: what takes more of them at once is not their machines.
const MOST_NODES: usize = 3;
/// Most disks, likewise.
const MOST_DISKS: usize = 2;
/// Most entries of a list in an answer: operations, announcements, machines that have a disk.
const MOST_ENTRIES: usize = 10;
/// Longest text of a provider that is repeated, characters.
const MOST_TEXT: usize = 200;

/// Where something of the cluster is at its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A machine at AWS.
    Ec2 {
        /// `eu-central-1`.
        region: String,
        /// `i-0123456789abcdef0`.
        instance: String,
    },
    /// A machine at Google Cloud.
    Gce {
        /// `shop-prod-4711`.
        project: String,
        /// `europe-west3-a`.
        zone: String,
        /// `gke-shop-pool-1-abcd`.
        name: String,
    },
    /// A disk at AWS.
    Ebs {
        /// `eu-central-1`.
        region: String,
        /// `vol-0123456789abcdef0`.
        volume: String,
    },
    /// A disk at Google Cloud.
    Disk {
        /// `shop-prod-4711`.
        project: String,
        /// `europe-west3-a`.
        zone: String,
        /// `pvc-0b1c2d3e`.
        name: String,
    },
}

/// An object whose provider is asked about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// The object.
    pub object: ObjectRef,
    /// Where it is.
    pub place: Place,
}

/// A command of the closed list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Whose tool it is.
    pub source: Source,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// What a tool answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// What there is.
    Json(Value),
    /// That there is no such thing, in its words.
    Absent(String),
}

/// What a provider told about an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The object.
    pub about: ObjectRef,
    /// What it is at the provider.
    pub thing: Thing,
    /// What says so.
    pub quotes: Vec<Quote>,
    /// When what happened.
    pub moments: Vec<Moment>,
}

/// A machine or a disk.
#[derive(Debug, Clone, PartialEq)]
pub enum Thing {
    /// Of a node.
    Machine(Machine),
    /// Of a PersistentVolume.
    Disk(Disk),
}

/// What is worth a question: machines of nodes that are not ready, the ones that alerts name first, and disks that could not be attached.
#[must_use]
pub fn sought(facts: &Facts) -> Vec<Sought> {
    let named = |node: &&Value| facts.alerts.iter().any(|alert| alert.label("node") == text(node, "/metadata/name"));
    let mut lost: Vec<&Value> = not_ready(&facts.world.snapshot).collect();
    lost.sort_by_key(|node| !named(node));
    let machines = lost.into_iter().filter_map(|node| {
        let place = Place::of_machine(text(node, "/spec/providerID"))?;
        let object = reference("Node", node);
        Some(Sought { object, place })
    });
    let disks = not_attached(&facts.world.snapshot).into_iter().filter_map(|volume| {
        let place = Place::of_disk(volume)?;
        let object = reference("PersistentVolume", volume);
        Some(Sought { object, place })
    });
    machines.take(MOST_NODES).chain(disks.take(MOST_DISKS)).collect()
}

fn not_ready(snapshot: &Snapshot) -> impl Iterator<Item = &Value> {
    snapshot.of("Node").iter().filter(|node| nodes::ready(node).0 != "True")
}

impl Place {
    /// Of a node's `spec.providerID`; `None` where it has another form than those that are known.
    #[must_use]
    pub fn of_machine(provider_id: &str) -> Option<Self> {
        aws::machine(provider_id).or_else(|| gcp::machine(provider_id))
    }

    /// Of a PersistentVolume; `None` where its driver or form is none of those that are known.
    #[must_use]
    pub fn of_disk(volume: &Value) -> Option<Self> {
        disks::disk(volume)
    }

    /// Its identifier at the provider.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Ec2 { instance: id, .. } | Self::Ebs { volume: id, .. } | Self::Gce { name: id, .. } | Self::Disk { name: id, .. } => id,
        }
    }

    /// `aws` or `gcp`.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        match self.region() {
            Some(_) => "aws",
            None => "gcp",
        }
    }

    /// The region of what is at AWS.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::Ec2 { region, .. } | Self::Ebs { region, .. } => Some(region),
            Self::Gce { .. } | Self::Disk { .. } => None,
        }
    }

    /// The project of what is at Google Cloud.
    #[must_use]
    pub fn project(&self) -> Option<&str> {
        match self {
            Self::Gce { project, .. } | Self::Disk { project, .. } => Some(project),
            Self::Ec2 { .. } | Self::Ebs { .. } => None,
        }
    }

    /// Everything that is asked about it, in this order.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        match self {
            Self::Ec2 { region, instance } => aws::questions(region, instance),
            Self::Gce { project, zone, name } => gcp::questions(project, zone, name),
            Self::Ebs { region, volume } => disks::of_aws(region, volume),
            Self::Disk { project, zone, name } => disks::of_gcp(project, zone, name),
        }
    }
}

impl Sought {
    /// What the answers tell, in the order of the questions; fewer, if later ones could not be asked.
    ///
    /// # Errors
    /// Why an answer cannot be what was asked for.
    pub fn told(&self, answers: &[Answer], at: Timestamp) -> Result<Told, String> {
        match &self.place {
            Place::Ec2 { instance, .. } => aws::told(self, instance, answers, at),
            Place::Gce { name, .. } => gcp::told(self, name, answers, at),
            Place::Ebs { .. } | Place::Disk { .. } => disks::told(self, answers),
        }
    }

    /// The evidence of an answer.
    fn quote(&self, question: usize, excerpt: String) -> Quote {
        let asked = self.place.questions();
        let question = &asked[question.min(asked.len() - 1)];
        Quote {
            source: question.source,
            query: question.words(),
            excerpt,
            value: None,
        }
    }

    /// A row of the time line.
    fn moment(&self, at: Timestamp, what: String, quote: &Quote) -> Moment {
        Moment {
            at,
            telling: Telling::Turn,
            object: self.object.to_string(),
            what,
            quote: quote.clone(),
        }
    }
}

#[cfg(test)]
impl Told {
    /// The machine that it must be about.
    pub(in crate::core) fn machine(&self) -> Machine {
        match &self.thing {
            Thing::Machine(machine) => machine.clone(),
            Thing::Disk(disk) => panic!("{disk:?}"),
        }
    }
}

impl Question {
    /// It as a person would type it.
    #[must_use]
    pub fn words(&self) -> String {
        let tool = if self.source == Source::Gcp { "gcloud" } else { "aws" };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,".contains(c);
        let quoted = self.arguments.iter().map(|argument| match argument.chars().all(plain) {
            true => argument.clone(),
            false => format!("'{argument}'"),
        });
        std::iter::once(tool.to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
    }

    /// What its tool said, taken apart.
    ///
    /// # Errors
    /// Why that is no answer.
    pub fn answered(&self, code: Option<i32>, stdout: &[u8], stderr: &[u8]) -> Result<Answer, String> {
        let complaint = String::from_utf8_lossy(stderr);
        match code {
            Some(0) => serde_json::from_slice(stdout)
                .map(Answer::Json)
                .map_err(|error| format!("its answer is not JSON: {error}")),
            Some(_) if aws::says_absent(&complaint) || gcp::says_absent(&complaint) => Ok(Answer::Absent(clean(complaint.trim()))),
            Some(code) => Err(format!("it ended with exit code {code}: {}", clean(complaint.trim()))),
            None => Err("a signal ended it".into()),
        }
    }
}

/// A provider's text as it is repeated: in one line, without control characters and secrets, and not long.
fn clean(text: &str) -> String {
    // What turns the direction of text, or has no width, hides what follows it.
    let hidden =
        |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let printable: String = text.chars().map(|c| if hidden(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = printable.split_whitespace().collect();
    redact(&words.join(" ")).chars().take(MOST_TEXT).collect()
}

/// Whether this is the form of an AWS region.
#[must_use]
pub fn is_region(name: &str) -> bool {
    static REGION: LazyLock<Regex> = LazyLock::new(|| pattern("[a-z]{2}(-[a-z]+)+-[0-9]{1,2}"));
    REGION.is_match(name)
}

/// Whether this is the form of a project's id at Google Cloud.
#[must_use]
pub fn is_project(name: &str) -> bool {
    static PROJECT: LazyLock<Regex> = LazyLock::new(|| pattern("([a-z][a-z0-9.-]{0,61}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"));
    PROJECT.is_match(name)
}

/// A pattern of a whole text.
fn pattern(inner: &str) -> Regex {
    Regex::new(&format!("^(?:{inner})$")).expect("a constant pattern")
}
