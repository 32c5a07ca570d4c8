//! The way of a post into the product: the gateway's own reading of a webhook.

use paramedic_domain::alert::Alert;
use paramedic_gateway::core::{
    body::{Chunks, Rejection},
    webhook,
};

/// A post that the gateway would not take.
#[derive(Debug, thiserror::Error)]
#[error("the gateway refuses a post: {0}")]
pub struct Refused(String);

impl From<String> for Refused {
    fn from(why: String) -> Self {
        Self(why)
    }
}

/// The alerts of a post, as the correlator gets them.
pub(crate) fn read(body: Vec<u8>) -> Result<Vec<Alert>, Refused> {
    let mut chunks = Chunks::default();
    chunks.push(body.into());
    let reading = webhook::parse(chunks).map_err(|rejection| match rejection {
        Rejection::Malformed(why) | Rejection::Version(why) | Rejection::Shape(why) => Refused(why),
    })?;
    match reading.problems.first() {
        Some(problem) => Err(problem.clone().into()),
        None => Ok(reading.groups.into_iter().flat_map(|group| group.alerts).collect()),
    }
}
