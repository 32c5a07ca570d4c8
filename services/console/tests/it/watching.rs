//! Streams of events.

use std::time::Duration;

use paramedic_proto::v1::{WatchRequest, WatchResponse};
use paramedic_wire::Wire;
use tonic::Streaming;

use crate::harness::{Console, opened, resolved};

async fn next(stream: &mut Streaming<WatchResponse>) -> (u64, paramedic_domain::envelope::Envelope) {
    let response = tokio::time::timeout(Duration::from_secs(20), stream.message())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    (response.position, Wire::from_proto(response.envelope.unwrap()).unwrap())
}

fn all() -> WatchRequest {
    WatchRequest {
        cluster: None,
        incident: None,
        from_position: None,
    }
}

#[tokio::test]
async fn a_watcher_sees_what_happens_from_now_on() {
    let mut console = Console::start("").await;
    console.append("1", vec![opened("before")]).await;
    let mut events = console.client.watch(all()).await.unwrap().into_inner();
    let id = console.append("2", vec![opened("after"), resolved()]).await;
    for kind in ["incident_opened", "incident_resolved"] {
        let (_, envelope) = next(&mut events).await;
        assert_eq!((envelope.event.kind(), &envelope.incident), (kind, &id));
    }
    console.stop().await;
    assert!(events.message().await.unwrap().is_none(), "the stream ends with the process");
}

#[tokio::test]
async fn a_watcher_that_comes_back_misses_nothing() {
    let mut console = Console::start("").await;
    console.append("1", vec![opened("first")]).await;
    let watched = console.append("2", vec![opened("second")]).await;
    let request = WatchRequest {
        cluster: Some("prod".into()),
        incident: Some(watched.to_string()),
        from_position: Some(1),
    };
    let mut events = console.client.watch(request.clone()).await.unwrap().into_inner();
    let (position, envelope) = next(&mut events).await;
    assert_eq!((position, envelope.seq), (2, 1));
    drop(events);

    console.append("1", vec![opened("first"), resolved()]).await;
    console.append("2", vec![opened("second"), resolved()]).await;
    let back = WatchRequest {
        from_position: Some(position + 1),
        ..request
    };
    let mut events = console.client.watch(back).await.unwrap().into_inner();
    let (position, envelope) = next(&mut events).await;
    assert_eq!((position, envelope.seq, envelope.incident), (4, 2, watched));
}
