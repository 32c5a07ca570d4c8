//! What must not matter: the order of labels, a second time, a few seconds.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use crate::{
    chance::{Chance, Stream},
    format::{Post, Storm, Webhook, WebhookAlert},
    group::{AlertKey, Contender, Grouped, Known},
    intake::{self, Refused},
    measure::Table,
};

/// How far posts are shuffled, in seconds.
const SHUFFLE_SECONDS: f64 = 30.0;

/// Whether the result is the same when it must be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Invariance {
    /// With all labels and fields in reverse order.
    pub label_order: bool,
    /// Again from the beginning, and with every post twice in a row.
    pub replay: bool,
    /// Pairwise F1 between the result and the one of posts shuffled within 30 seconds.
    pub shuffled: f64,
}

/// Runs the storm four more times.
pub(super) fn check(storm: &Storm, contender: &Contender, groups: &[Grouped]) -> Result<Invariance, Refused> {
    let plain = |post: &Post| serde_json::to_vec(&post.webhook);
    let reversed = |post: &Post| serde_json::to_vec(&Reversed(&post.webhook));
    let expected = partition(groups);
    let same = |groups: Vec<Grouped>| partition(&groups) == expected;
    let in_order: Vec<&Post> = storm.posts.iter().collect();
    let twice: Vec<&Post> = storm.posts.iter().flat_map(|post| [post, post]).collect();
    let shuffled = run(storm, contender, &shuffle(storm), plain)?;
    Ok(Invariance {
        label_order: same(run(storm, contender, &in_order, reversed)?),
        replay: same(run(storm, contender, &in_order, plain)?) && same(run(storm, contender, &twice, plain)?),
        shuffled: agreement(&expected, &partition(&shuffled)),
    })
}

fn run(
    storm: &Storm,
    contender: &Contender,
    posts: &[&Post],
    body: impl Fn(&Post) -> serde_json::Result<Vec<u8>>,
) -> Result<Vec<Grouped>, Refused> {
    let mut grouper = (contender.make)(Known {
        topology: &storm.topology,
        windows: &storm.windows,
    });
    for post in posts {
        let body = body(post).map_err(|error| Refused::from(error.to_string()))?;
        for alert in intake::read(body)? {
            grouper.observe(&alert, post.at);
        }
    }
    grouper.rest();
    Ok(grouper.groups())
}

/// Posts up to 30 seconds later than they came.
fn shuffle(storm: &Storm) -> Vec<&Post> {
    let mut chance = Chance::new(storm.truth.seed.unwrap_or_default(), 0, Stream::Shuffle);
    let mut late: Vec<(i64, &Post)> = storm
        .posts
        .iter()
        .map(|post| (post.at.as_millisecond() + chance.millis(0.0, SHUFFLE_SECONDS), post))
        .collect();
    late.sort_by_key(|(at, _)| *at);
    late.into_iter().map(|(_, post)| post).collect()
}

/// The number of each alert's group, groups numbered by their members.
fn partition(groups: &[Grouped]) -> BTreeMap<AlertKey, usize> {
    let mut members: Vec<Vec<&AlertKey>> = groups.iter().map(|group| group.members.iter().collect()).collect();
    members.iter_mut().for_each(|group| group.sort());
    members.sort();
    let numbered = |(index, group): (usize, Vec<&AlertKey>)| group.into_iter().map(|alert| (alert.clone(), index)).collect::<Vec<_>>();
    members.into_iter().enumerate().flat_map(numbered).collect()
}

/// Pairwise F1 of two results; what is in no group is alone.
fn agreement(one: &BTreeMap<AlertKey, usize>, other: &BTreeMap<AlertKey, usize>) -> f64 {
    let all: std::collections::BTreeSet<&AlertKey> = one.keys().chain(other.keys()).collect();
    let class =
        |result: &BTreeMap<AlertKey, usize>, index: usize, alert: &AlertKey| result.get(alert).copied().unwrap_or(usize::MAX - index);
    let table: Table = all
        .iter()
        .enumerate()
        .map(|(index, alert)| (class(one, index, alert), class(other, index, alert)))
        .collect();
    table.pairwise().f1
}

/// A body with every object's fields from the last to the first.
struct Reversed<'a>(&'a Webhook);
struct ReversedAlert<'a>(&'a WebhookAlert);
struct ReversedMap<'a>(&'a BTreeMap<String, String>);

impl Serialize for Reversed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let alerts: Vec<ReversedAlert<'_>> = self.0.alerts.iter().map(ReversedAlert).collect();
        let mut fields = serializer.serialize_struct("Webhook", 4)?;
        fields.serialize_field("truncatedAlerts", &self.0.truncated_alerts)?;
        fields.serialize_field("groupKey", &self.0.group_key)?;
        fields.serialize_field("version", &self.0.version)?;
        fields.serialize_field("alerts", &alerts)?;
        fields.end()
    }
}

impl Serialize for ReversedAlert<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Alert", 7)?;
        fields.serialize_field("fingerprint", &self.0.fingerprint)?;
        fields.serialize_field("generatorURL", &self.0.generator_url)?;
        fields.serialize_field("endsAt", &self.0.ends_at)?;
        fields.serialize_field("startsAt", &self.0.starts_at)?;
        fields.serialize_field("annotations", &ReversedMap(&self.0.annotations))?;
        fields.serialize_field("labels", &ReversedMap(&self.0.labels))?;
        fields.serialize_field("status", &self.0.status)?;
        fields.end()
    }
}

impl Serialize for ReversedMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().rev())
    }
}
