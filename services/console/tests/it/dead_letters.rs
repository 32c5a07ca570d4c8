//! Messages that were given up.

use paramedic_bus::{Append, streams};
use paramedic_proto::v1::{DeadLettersRequest, RetryDeadLetterRequest};
use tonic::Code;

use crate::harness::Console;

#[tokio::test]
async fn dead_letters_are_listed_until_somebody_retries_them() {
    let mut console = Console::start("").await;
    let letter = Append {
        subject: "paramedic.deadletter.executor-prod".into(),
        headers: [
            ("Paramedic-Subject", "paramedic.incident.prod.inc_a.plan_proposed"),
            ("Paramedic-Sequence", "7"),
            ("Paramedic-Reason", "the value is too large"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
        payload: "event".into(),
        ..Append::default()
    };
    console.kit.bus.append(streams::DEADLETTERS, letter).await.unwrap();
    let list = DeadLettersRequest { all: false };
    let listed = console.client.dead_letters(list).await.unwrap().into_inner().letters;
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].number, listed[0].consumer.as_str(), listed[0].retried),
        (1, "executor-prod", false)
    );
    assert_eq!(listed[0].reason, "the value is too large");

    let nobody = RetryDeadLetterRequest {
        number: 1,
        by: String::new(),
    };
    assert_eq!(
        console.client.retry_dead_letter(nobody).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    let retry = RetryDeadLetterRequest {
        number: 1,
        by: "ann".into(),
    };
    console.client.retry_dead_letter(retry.clone()).await.unwrap();
    let again = console.client.retry_dead_letter(retry).await.unwrap_err();
    assert_eq!(again.code(), Code::FailedPrecondition, "{again}");
    assert!(console.client.dead_letters(list).await.unwrap().into_inner().letters.is_empty());
    let all = console
        .client
        .dead_letters(DeadLettersRequest { all: true })
        .await
        .unwrap()
        .into_inner()
        .letters;
    assert!(all.len() == 1 && all[0].retried);
    console.stop().await;
}
