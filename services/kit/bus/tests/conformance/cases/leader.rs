//! One of several replicas leads.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use paramedic_bus::leader::lead;
use paramedic_testkit::eventually;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::backend::Backend;

/// A replica that counts itself while it leads.
fn replica(
    bus: &SharedBus,
    me: &'static str,
    leading: &Arc<AtomicU32>,
    most: &Arc<AtomicU32>,
) -> (JoinSet<Result<(), Error>>, CancellationToken) {
    let (bus, leading, most, drain) = (bus.clone(), leading.clone(), most.clone(), CancellationToken::new());
    let until = drain.clone();
    let tasks = in_background(async move {
        lead(&bus, "counting", me, &until, |over| {
            let (leading, most) = (leading.clone(), most.clone());
            async move {
                most.fetch_max(leading.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                over.cancelled().await;
                leading.fetch_sub(1, Ordering::SeqCst);
            }
        })
        .await
    });
    (tasks, drain)
}

pub(crate) async fn of_several_one_leads_and_another_takes_over(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let (leading, most) = (Arc::default(), Arc::default());
    let replicas: Vec<_> = ["one", "two", "three"].map(|me| replica(&bus, me, &leading, &most)).into();
    eventually!(leading.load(Ordering::SeqCst) == 1);
    let kv = bus.kv("leaders", Some(Duration::from_secs(10))).await.expect("bucket");
    let in_office = async || kv.get("counting").await.expect("get").and_then(|entry| entry.value);
    let first = in_office().await.expect("somebody leads");
    let index = ["one", "two", "three"]
        .iter()
        .position(|me| me.as_bytes() == &first[..])
        .expect("one of us");
    let mut left = Vec::new();
    for (number, (tasks, drain)) in replicas.into_iter().enumerate() {
        if number == index {
            // It dies without a word: its work is gone, its name stays until it is forgotten.
            drop(tasks);
            leading.fetch_sub(1, Ordering::SeqCst);
        } else {
            left.push((tasks, drain));
        }
    }
    eventually!(within Duration::from_secs(60), leading.load(Ordering::SeqCst) == 1, "another one takes over");
    assert_ne!(in_office().await.expect("somebody leads"), first);
    assert_eq!(most.load(Ordering::SeqCst), 1, "never two");
    for (tasks, drain) in left {
        drain.cancel();
        joined(tasks).await.expect("it ends well");
    }
    assert_eq!(leading.load(Ordering::SeqCst), 0);
    assert!(in_office().await.is_none(), "the office is given back");
}

pub(crate) async fn an_office_that_was_given_up_is_sought_again(b: &mut impl Backend) {
    let bus = with_stream(b).await;
    let (terms, drain) = (Arc::new(AtomicU32::new(0)), CancellationToken::new());
    let (counted, until) = (terms.clone(), drain.clone());
    let leading = in_background(async move {
        lead(&bus, "short", "me", &until, |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            async {}
        })
        .await
    });
    eventually!(terms.load(Ordering::SeqCst) >= 2);
    drain.cancel();
    joined(leading).await.expect("it ends well");
}
