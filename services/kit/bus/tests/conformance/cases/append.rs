//! Appending: sequences, expectations, message ids, refusals.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use paramedic_bus::{Ack, Append, Appended, Error, Headers, MAX_MESSAGE_BYTES, Start, StreamSpec};
use paramedic_testkit::eventually;

use super::*;
use crate::backend::Backend;

pub(crate) async fn sequences_start_at_one_and_have_no_gaps(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    for n in 1..=3 {
        let ack = append(&bus, message("inc.a.x", "")).await;
        assert_eq!(ack, Ack { seq: n, duplicate: false });
    }
    let refused = bus.append(STREAM, expecting("inc.a.x", "inc.a.>", 1)).await;
    assert!(is_conflict(&refused), "{refused:?}");
    assert_eq!(append(&bus, message("inc.b.x", "")).await.seq, 4, "a refused append leaves no gap");
}

pub(crate) async fn messages_appended_together_come_one_after_the_other(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    append(&bus, message("inc.a.x", "")).await;
    let together = |last| {
        vec![
            expecting("inc.a.x", "inc.a.>", last),
            message("inc.a.y", "second"),
            message("inc.a.z", "third"),
        ]
    };
    let appended = bus.append_all(STREAM, together(1)).await;
    assert!(appended.failure.is_none(), "{appended:?}");
    let seqs: Vec<u64> = appended.acks.iter().map(|ack| ack.seq).collect();
    assert_eq!(seqs, [2, 3, 4]);
    let refused = bus.append_all(STREAM, together(1)).await;
    assert!(
        matches!(refused.failure, Some(Error::Conflict { .. })) && refused.acks.is_empty(),
        "{refused:?}"
    );
    let stored = bus.replay(STREAM, ">", Start::Beginning).await.expect("replay");
    let subjects: Vec<_> = stored.iter().map(|m| (m.seq, m.subject.as_str())).collect();
    assert_eq!(subjects, [(1, "inc.a.x"), (2, "inc.a.x"), (3, "inc.a.y"), (4, "inc.a.z")]);
    assert_eq!(stored[2].payload.as_ref(), b"second");
    assert!(
        stored[3].headers.is_empty(),
        "only the headers of the caller: {:?}",
        stored[3].headers
    );
    // The next expectation sees the whole of it.
    assert_eq!(bus.append(STREAM, expecting("inc.a.z", "inc.a.>", 4)).await.expect("append").seq, 5);
}

pub(crate) async fn of_many_that_append_together_on_one_expectation_one_wins(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let rivals = (0..40).map(|n| {
        let payload = n.to_string();
        let both = vec![expecting("inc.a.x", "inc.a.>", 0), message("inc.a.y", &payload)];
        let bus = bus.clone();
        async move { bus.append_all(STREAM, both).await }
    });
    let results = join_all(rivals).await;
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(|result| result.failure.is_none());
    assert!(won.len() == 1 && won[0].acks.len() == 2, "{won:?}");
    let beaten = |result: &Appended| matches!(result.failure, Some(Error::Conflict { .. })) && result.acks.is_empty();
    assert!(lost.iter().all(beaten), "{lost:?}");
    assert_eq!(bus.replay(STREAM, ">", Start::Beginning).await.expect("replay").len(), 2);
}

pub(crate) async fn what_cannot_be_appended_together_is_refused(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let second_guarded = vec![message("inc.a.x", ""), expecting("inc.a.y", "inc.a.>", 1)];
    let named = vec![
        Append {
            msg_id: Some("m".into()),
            ..message("inc.a.x", "")
        },
        message("inc.a.y", ""),
    ];
    let strange = vec![message("inc.a.x", ""), message("other.a.y", "")];
    for wrong in [Vec::new(), second_guarded, named, strange] {
        let refused = bus.append_all(STREAM, wrong).await;
        assert!(matches!(refused.failure, Some(Error::Invalid(_))), "{refused:?}");
    }
    assert!(bus.replay(STREAM, ">", Start::Beginning).await.expect("replay").is_empty());
}

pub(crate) async fn what_was_appended_is_read_back(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let before = now();
    let headers = Headers::from([
        ("traceparent".to_owned(), "00-ab-cd-01".to_owned()),
        ("X-Kind".into(), "a: b".into()),
    ]);
    let whole = Append {
        headers: headers.clone(),
        msg_id: Some("m1".into()),
        ..expecting("inc.c.1", "inc.c.>", 0)
    };
    append(
        &bus,
        Append {
            payload: vec![0, 255, 10].into(),
            ..whole
        },
    )
    .await;
    let stored = bus.replay(STREAM, ">", Start::Beginning).await.expect("replay");
    assert_eq!(stored.len(), 1);
    assert_eq!((stored[0].seq, stored[0].subject.as_str()), (1, "inc.c.1"));
    assert_eq!(stored[0].headers, headers, "only the headers of the caller");
    assert_eq!(stored[0].payload.as_ref(), [0, 255, 10]);
    let slack = jiff::SignedDuration::from_secs(5);
    assert!(
        stored[0].time >= before - slack && stored[0].time <= now() + slack,
        "{}",
        stored[0].time
    );
}

pub(crate) async fn a_message_of_the_largest_size_is_kept(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let payload: Bytes = (0..MAX_MESSAGE_BYTES - 1024).map(|n| (n % 251) as u8).collect();
    let large = Append {
        payload: payload.clone(),
        ..message("inc.a.x", "")
    };
    append(&bus, large).await;
    append(&bus, message("inc.a.y", "small")).await;
    let mut consumer = join(&bus, &worker()).await;
    let delivery = next(&mut consumer).await;
    assert!(delivery.message.payload == payload);
    drop((consumer, delivery, bus));
    b.restart().await;
    let stored = with_stream(b)
        .await
        .replay(STREAM, "inc.a.>", Start::Beginning)
        .await
        .expect("replay");
    assert!(stored[0].payload == payload);
    assert_eq!(stored[1].payload, "small");
}

pub(crate) async fn an_expectation_on_a_subject_is_checked(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    append(&bus, expecting("inc.a.x", "inc.a.x", 0)).await;
    append(&bus, message("inc.a.y", "")).await;
    append(&bus, expecting("inc.a.x", "inc.a.x", 1)).await;
    for stale in [0, 1, 2, 4] {
        let refused = bus.append(STREAM, expecting("inc.a.x", "inc.a.x", stale)).await;
        assert!(is_conflict(&refused), "{stale}: {refused:?}");
    }
    append(&bus, expecting("inc.a.x", "inc.a.x", 3)).await;
}

pub(crate) async fn an_expectation_over_a_wildcard_is_checked(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    append(&bus, expecting("inc.c.1.opened", "inc.c.1.>", 0)).await;
    append(&bus, expecting("inc.c.2.opened", "inc.c.2.>", 0)).await;
    append(&bus, expecting("inc.c.1.planned", "inc.c.1.>", 1)).await;
    let stale = bus.append(STREAM, expecting("inc.c.1.closed", "inc.c.1.>", 1)).await;
    match stale {
        Err(Error::Conflict { filter, expected }) => assert_eq!((filter.as_str(), expected), ("inc.c.1.>", 1)),
        other => panic!("{other:?}"),
    }
    let never_seen = bus.append(STREAM, expecting("inc.c.3.opened", "inc.c.3.>", 7)).await;
    assert!(is_conflict(&never_seen), "{never_seen:?}");
    append(&bus, expecting("inc.c.1.closed", "inc.c.1.>", 3)).await;
    append(&bus, expecting("inc.c.2.opened", "inc.*.*.opened", 2)).await;
    let stale = bus.append(STREAM, expecting("inc.c.4.opened", "inc.*.*.opened", 2)).await;
    assert!(is_conflict(&stale), "{stale:?}");
    append(&bus, expecting("inc.c.4.opened", "inc.*.*.opened", 5)).await;
}

pub(crate) async fn of_racing_appends_with_one_expectation_one_wins(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let mut last = 0;
    for round in 0..20 {
        let racers = (0..8).map(|n| {
            let bus = bus.clone();
            async move {
                bus.append(STREAM, expecting(&format!("inc.c.1.r{round}x{n}"), "inc.c.1.>", last))
                    .await
            }
        });
        let results = join_all(racers).await;
        let won: Vec<_> = results.iter().filter_map(|r| r.as_ref().ok()).collect();
        assert_eq!(won.len(), 1, "{results:?}");
        assert!(results.iter().all(|r| r.is_ok() || is_conflict(r)), "{results:?}");
        last = won[0].seq;
    }
}

pub(crate) async fn a_repeated_message_id_is_stored_once(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let once = Append {
        msg_id: Some("id-1".into()),
        ..message("inc.a.x", "first")
    };
    assert_eq!(append(&bus, once.clone()).await, Ack { seq: 1, duplicate: false });
    append(&bus, message("inc.a.x", "other")).await;
    assert_eq!(append(&bus, once).await, Ack { seq: 1, duplicate: true });
    assert_eq!(bus.replay(STREAM, ">", Start::Beginning).await.expect("replay").len(), 2);
}

pub(crate) async fn a_retried_append_with_an_expectation_is_stored_once(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let once = Append {
        msg_id: Some("id-1".into()),
        ..expecting("inc.a.x", "inc.a.>", 0)
    };
    append(&bus, once.clone()).await;
    match bus.append(STREAM, once).await {
        Ok(ack) => assert_eq!(ack, Ack { seq: 1, duplicate: true }),
        Err(conflict) => assert!(matches!(conflict, Error::Conflict { .. }), "{conflict:?}"),
    }
    assert_eq!(bus.replay(STREAM, ">", Start::Beginning).await.expect("replay").len(), 1);
}

pub(crate) async fn a_message_id_is_forgotten_after_the_window(b: &mut impl Backend) {
    let bus = b.bus();
    let short = StreamSpec {
        duplicate_window: Duration::from_millis(300),
        ..stream()
    };
    bus.ensure_stream(&short).await.expect("stream");
    let once = Append {
        msg_id: Some("id-1".into()),
        ..message("inc.a.x", "")
    };
    append(&bus, once.clone()).await;
    eventually!(!append(&bus, once.clone()).await.duplicate);
    assert_eq!(
        append(&bus, once).await,
        Ack { seq: 2, duplicate: true },
        "remembered again from its second use"
    );
}

pub(crate) async fn wrong_requests_are_refused_as_invalid(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    for subject in ["", "inc", "inc..x", "inc.*", "inc.>", "inc.a b", "other.x"] {
        let refused = bus.append(STREAM, message(subject, "")).await;
        assert!(is_invalid(&refused), "{subject:?}: {refused:?}");
    }
    let big = Append {
        payload: vec![0; MAX_MESSAGE_BYTES].into(),
        ..message("inc.a", "")
    };
    assert!(is_invalid(&bus.append(STREAM, big).await));
    let header = |name: &str, value: &str| Append {
        headers: Headers::from([(name.into(), value.into())]),
        ..message("inc.a", "")
    };
    for wrong in [header("a b", ""), header("", "x"), header("Nats-Msg-Id", "x"), header("a", "x\ny")] {
        let refused = bus.append(STREAM, wrong).await;
        assert!(is_invalid(&refused), "{refused:?}");
    }
    assert!(is_invalid(&bus.append("NOWHERE", message("inc.a", "")).await));
    assert!(is_invalid(&bus.replay("NOWHERE", ">", Start::Beginning).await));
    let outside = ConsumerSpec {
        filters: vec!["other.>".into()],
        ..worker()
    };
    assert!(bus.consumer(&outside).await.is_err_and(|e| matches!(e, Error::Invalid(_))));
    let twice = ConsumerSpec {
        filters: vec!["inc.a.>".into(), "inc.*.x".into()],
        ..worker()
    };
    assert!(bus.consumer(&twice).await.is_err_and(|e| matches!(e, Error::Invalid(_))));
    bus.ping().await.expect("still fine");
}

pub(crate) async fn a_stream_is_ensured_again_only_with_the_same_subjects(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    append(&bus, message("inc.a.x", "")).await;
    bus.ensure_stream(&stream()).await.expect("the same again");
    let other = StreamSpec {
        subjects: vec!["inc.a.>".into()],
        ..stream()
    };
    assert!(is_invalid(&bus.ensure_stream(&other).await));
    let overlapping = StreamSpec {
        name: "OTHER".into(),
        subjects: vec!["inc.b.*".into()],
        ..stream()
    };
    assert!(is_invalid(&bus.ensure_stream(&overlapping).await));
    assert_eq!(append(&bus, message("inc.a.x", "")).await.seq, 2, "nothing was lost");
}
