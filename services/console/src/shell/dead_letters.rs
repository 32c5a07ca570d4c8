//! Messages that were given up, for people.

use paramedic_bus::{
    Bus, Error,
    dead_letters::{self, DeadLetter},
};
use paramedic_proto::v1;
use paramedic_wire::Wire;
use tonic::Status;

use super::status;

/// Those that wait for a person, or all.
pub(super) async fn list(bus: &dyn Bus, all: bool) -> Result<v1::DeadLettersResponse, Status> {
    let letters = dead_letters::list(bus).await.map_err(|error| status::bus(&error))?;
    let wanted = letters.into_iter().filter(|letter| all || !letter.retried);
    Ok(v1::DeadLettersResponse {
        letters: wanted.map(proto).collect(),
    })
}

/// Another try of one.
pub(super) async fn retry(bus: &dyn Bus, number: u64, by: &str) -> Result<v1::RetryDeadLetterResponse, Status> {
    let letter = dead_letters::retry(bus, number, by).await.map_err(|error| match error {
        Error::Invalid(why) => Status::failed_precondition(why),
        error => status::bus(&error),
    })?;
    tracing::info!(
        number,
        by,
        consumer = letter.consumer,
        subject = letter.subject,
        "a dead letter is tried again"
    );
    Ok(v1::RetryDeadLetterResponse {
        letter: Some(proto(letter)),
    })
}

fn proto(letter: DeadLetter) -> v1::DeadLetter {
    v1::DeadLetter {
        number: letter.number,
        consumer: letter.consumer,
        subject: letter.subject,
        reason: letter.reason,
        at: Some(letter.at.to_proto()),
        retried: letter.retried,
    }
}
