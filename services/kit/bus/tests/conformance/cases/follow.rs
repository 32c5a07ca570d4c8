//! Reading a log to its end, and on.

use futures::{StreamExt, stream::BoxStream};
use paramedic_bus::Stored;

use super::*;
use crate::backend::Backend;

type Followed = BoxStream<'static, Result<Stored, Error>>;

async fn next(followed: &mut Followed) -> u64 {
    let message = tokio::time::timeout(PATIENCE, followed.next()).await.expect("in time");
    message.expect("it goes on").expect("a message").seq
}

async fn take(followed: &mut Followed, count: usize) -> Vec<u64> {
    let mut seqs = Vec::new();
    for _ in 0..count {
        seqs.push(next(followed).await);
    }
    seqs
}

pub(crate) async fn following_goes_from_the_past_to_the_present_without_a_gap(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    for _ in 0..600 {
        append(&bus, message("inc.a.old", "x")).await;
    }
    let mut followed = bus.follow(STREAM, "inc.a.>", 0).await.expect("follow");
    let writer = bus.clone();
    let writing = in_background(async move {
        for _ in 0..300 {
            append(&writer, message("inc.a.new", "x")).await;
        }
    });
    assert_eq!(take(&mut followed, 900).await, (1..=900).collect::<Vec<u64>>());
    joined(writing).await;
    let waiting = in_background(async move { next(&mut followed).await });
    append(&bus, message("inc.a.last", "x")).await;
    assert_eq!(joined(waiting).await, 901);
}

pub(crate) async fn following_starts_after_a_sequence_and_obeys_its_filter(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    for round in 0..20 {
        append(&bus, message(&format!("inc.c{}.e", round % 2), "x")).await;
    }
    let mut followed = bus.follow(STREAM, "inc.c1.>", 10).await.expect("follow");
    assert_eq!(take(&mut followed, 5).await, [12, 14, 16, 18, 20]);
    append(&bus, message("inc.c0.e", "x")).await;
    append(&bus, message("inc.c1.e", "x")).await;
    assert_eq!(next(&mut followed).await, 22);
}

pub(crate) async fn two_followers_see_the_same(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    fill(&bus, &["1", "2"]).await;
    let mut one = bus.follow(STREAM, ">", 0).await.expect("follow");
    let mut two = bus.follow(STREAM, ">", 0).await.expect("follow");
    assert_eq!(take(&mut one, 2).await, take(&mut two, 2).await);
    fill(&bus, &["3"]).await;
    assert_eq!((next(&mut one).await, next(&mut two).await), (3, 3));
}

pub(crate) async fn following_goes_on_after_an_outage(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    fill(&bus, &["1"]).await;
    let mut followed = bus.follow(STREAM, ">", 0).await.expect("follow");
    assert_eq!(next(&mut followed).await, 1);
    let waiting = in_background(async move { next(&mut followed).await });
    b.server_outage().await;
    paramedic_testkit::eventually!(bus.append(STREAM, message("inc.a.2", "2")).await.is_ok());
    assert_eq!(joined(waiting).await, 2);
}

pub(crate) async fn whoever_follows_a_closed_bus_is_told(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let mut followed = bus.follow(STREAM, ">", 0).await.expect("follow");
    let waiting = in_background(async move { (followed.next().await, followed.next().await.is_none()) });
    bus.close().await.expect("close");
    let (told, over) = joined(waiting).await;
    assert!(matches!(told, Some(Err(Error::Unavailable(_)))) && over);
}
