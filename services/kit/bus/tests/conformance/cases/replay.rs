//! Reading the log back.

use futures::future::join_all;
use jiff::SignedDuration;
use paramedic_bus::{Start, Stored};

use super::*;
use crate::backend::Backend;

fn seqs(stored: &[Stored]) -> Vec<u64> {
    stored.iter().map(|m| m.seq).collect()
}

pub(crate) async fn replay_from_the_beginning_a_sequence_and_a_time(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let replay = async |start| seqs(&bus.replay(STREAM, "inc.>", start).await.expect("replay"));
    assert!(replay(Start::Beginning).await.is_empty(), "an empty stream");
    fill(&bus, &["1", "2"]).await;
    // The clock of the bus is read through what it stored, so that the case does not depend on two clocks agreeing.
    let stored = bus.replay(STREAM, ">", Start::Beginning).await.expect("replay");
    let second = stored[1].time;
    while now() <= second {
        tokio::task::yield_now().await;
    }
    fill(&bus, &["3", "4"]).await;
    assert_eq!(replay(Start::Beginning).await, [1, 2, 3, 4]);
    assert_eq!(replay(Start::Sequence(0)).await, [1, 2, 3, 4]);
    assert_eq!(replay(Start::Sequence(3)).await, [3, 4]);
    assert!(replay(Start::Sequence(5)).await.is_empty());
    assert!(replay(Start::New).await.is_empty());
    assert_eq!(
        replay(Start::Time(stored[0].time - SignedDuration::from_secs(9))).await,
        [1, 2, 3, 4]
    );
    assert_eq!(replay(Start::Time(second)).await, [2, 3, 4], "at or after");
    assert_eq!(replay(Start::Time(second + SignedDuration::from_nanos(1))).await, [3, 4]);
    assert!(replay(Start::Time(now() + SignedDuration::from_hours(1))).await.is_empty());
}

pub(crate) async fn replay_follows_filters(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    for round in 0..300 {
        append(&bus, message(&format!("inc.c{}.i{}.e{round}", round % 2, round % 3), "x")).await;
    }
    let replay = async |filter, start| seqs(&bus.replay(STREAM, filter, start).await.expect("replay"));
    let of = |wanted: &dyn Fn(u64) -> bool, from: u64| (from..=300).filter(|seq| wanted(seq - 1)).collect::<Vec<_>>();
    assert_eq!(replay("inc.c1.i2.>", Start::Beginning).await, of(&|n| n % 2 == 1 && n % 3 == 2, 1));
    assert_eq!(replay("inc.*.i1.*", Start::Sequence(7)).await, of(&|n| n % 3 == 1, 7));
    assert_eq!(replay("inc.c0.>", Start::Sequence(290)).await, of(&|n| n % 2 == 0, 290));
    assert_eq!(replay("inc.c0.i0.e0", Start::Beginning).await, [1]);
    assert_eq!(replay(">", Start::Beginning).await.len(), 300);
    assert!(replay("inc.c9.>", Start::Beginning).await.is_empty());
    assert!(replay("inc.c0", Start::Beginning).await.is_empty());
}

pub(crate) async fn replay_sees_every_acknowledged_append(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let writers = (0..8).map(|w| {
        let bus = bus.clone();
        async move {
            for n in 0..25 {
                let ack = append(&bus, message(&format!("inc.c.w{w}.e{n}"), "x")).await;
                let mine = bus
                    .replay(STREAM, &format!("inc.c.w{w}.>"), Start::Beginning)
                    .await
                    .expect("replay");
                assert_eq!(mine.len(), n + 1);
                assert_eq!(mine[n].seq, ack.seq);
            }
        }
    });
    join_all(writers).await;
}
