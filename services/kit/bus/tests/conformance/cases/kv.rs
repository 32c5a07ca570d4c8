//! Key-value buckets.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, future::join_all, stream::BoxStream};
use paramedic_bus::{Entry, Error, Kv, MAX_VALUE_BYTES};

use super::*;
use crate::backend::Backend;

fn value(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

async fn bucket(b: &impl Backend) -> Arc<dyn Kv> {
    b.bus().kv("leases", None).await.expect("bucket")
}

type Changes = BoxStream<'static, Result<Entry, Error>>;

async fn change(changes: &mut Changes) -> (String, Option<Bytes>) {
    let next = tokio::time::timeout(PATIENCE, changes.next()).await.expect("a change in time");
    let entry = next.expect("the watch goes on").expect("a change");
    (entry.key, entry.value)
}

pub(crate) async fn revisions_guard_writes(b: &mut impl Backend) {
    let kv = bucket(b).await;
    assert_eq!(kv.get("a/b.c").await.expect("get"), None);
    let first = kv.create("a/b.c", value("1")).await.expect("create");
    assert!(is_wrong_revision(&kv.create("a/b.c", value("2")).await));
    let second = kv.update("a/b.c", value("2"), first).await.expect("update");
    assert!(second > first);
    assert!(is_wrong_revision(&kv.update("a/b.c", value("3"), first).await));
    assert!(is_wrong_revision(&kv.update("missing", value("3"), second).await));
    let third = kv.put("a/b.c", value("3")).await.expect("put");
    let entry = kv.get("a/b.c").await.expect("get").expect("there");
    assert_eq!(
        entry,
        Entry {
            key: "a/b.c".into(),
            value: Some(value("3")),
            revision: third
        }
    );
    assert!(is_wrong_revision(&kv.delete("a/b.c", Some(second)).await));
    kv.delete("a/b.c", Some(third)).await.expect("delete");
    assert_eq!(kv.get("a/b.c").await.expect("get"), None);
    kv.delete("never-there", None).await.expect("deleting nothing is fine");
    for bad in ["", "a b", "a*", "a..b", ".a", "a."] {
        assert!(is_invalid(&kv.put(bad, value("")).await), "{bad:?}");
        assert!(is_invalid(&kv.get(bad).await), "{bad:?}");
    }
    let large = Bytes::from(vec![0; MAX_VALUE_BYTES + 1]);
    assert!(is_invalid(&kv.put("large", large).await));
    assert!(b.bus().kv("no spaces", None).await.is_err());
    assert!(b.bus().kv("hasty", Some(Duration::from_millis(10))).await.is_err());
}

pub(crate) async fn a_deleted_key_can_be_created_again(b: &mut impl Backend) {
    let kv = bucket(b).await;
    let first = kv.create("k", value("1")).await.expect("create");
    kv.delete("k", None).await.expect("delete");
    assert!(is_wrong_revision(&kv.update("k", value("2"), first).await));
    let second = kv.create("k", value("2")).await.expect("create again");
    assert!(second > first);
    assert_eq!(kv.get("k").await.expect("get").expect("there").value, Some(value("2")));
}

pub(crate) async fn keys_lists_the_live_ones(b: &mut impl Backend) {
    let kv = bucket(b).await;
    assert!(kv.keys().await.expect("keys").is_empty());
    for key in ["b", "a", "c"] {
        kv.put(key, value("")).await.expect("put");
    }
    kv.delete("b", None).await.expect("delete");
    let mut keys = kv.keys().await.expect("keys");
    keys.sort();
    assert_eq!(keys, ["a", "c"]);
    assert_eq!(
        kv.get("a").await.expect("get").expect("there").value,
        Some(Bytes::new()),
        "empty is not missing"
    );
}

pub(crate) async fn a_watch_sees_the_present_then_the_changes(b: &mut impl Backend) {
    let kv = bucket(b).await;
    for (key, text) in [("t.1", "old"), ("t.2", "x"), ("other", "x"), ("t.1", "new")] {
        kv.put(key, value(text)).await.expect("put");
    }
    kv.delete("t.2", None).await.expect("delete");
    let mut changes = kv.watch("t.").await.expect("watch");
    assert_eq!(change(&mut changes).await, ("t.1".into(), Some(value("new"))));
    kv.put("other", value("y")).await.expect("put");
    kv.put("t.3", value("z")).await.expect("put");
    assert_eq!(change(&mut changes).await, ("t.3".into(), Some(value("z"))));
    kv.delete("t.1", None).await.expect("delete");
    assert_eq!(change(&mut changes).await, ("t.1".into(), None));
    let mut all = kv.watch("").await.expect("watch");
    let mut present = [change(&mut all).await, change(&mut all).await];
    present.sort();
    assert_eq!(present, [("other".into(), Some(value("y"))), ("t.3".into(), Some(value("z")))]);
}

pub(crate) async fn entries_expire_and_watchers_see_it(b: &mut impl Backend) {
    let ttl = Duration::from_secs(2);
    let kv = b.bus().kv("locks", Some(ttl)).await.expect("bucket");
    let mut changes = kv.watch("").await.expect("watch");
    let first = kv.create("k", value("1")).await.expect("create");
    assert_eq!(change(&mut changes).await.1, Some(value("1")));
    let started = std::time::Instant::now();
    let mut revision = first;
    // Renewed, it outlives its ttl.
    while started.elapsed() < ttl + ttl / 2 {
        revision = kv.update("k", value("2"), revision).await.expect("renew");
        assert_eq!(change(&mut changes).await.1, Some(value("2")));
        let early = tokio::time::timeout(ttl / 8, changes.next()).await;
        assert!(early.is_err(), "it expired although it was renewed: {early:?}");
    }
    let renewed = std::time::Instant::now();
    assert_eq!(change(&mut changes).await, ("k".into(), None), "the watcher sees the expiry");
    assert!(renewed.elapsed() > ttl / 2, "too early: {:?}", renewed.elapsed());
    assert_eq!(kv.get("k").await.expect("get"), None);
    assert!(
        is_wrong_revision(&kv.update("k", value("3"), revision).await),
        "a lease that ran out cannot be renewed"
    );
    kv.create("k", value("3")).await.expect("free again");
}

pub(crate) async fn of_racing_creates_one_wins(b: &mut impl Backend) {
    let kv = bucket(b).await;
    for round in 0..10 {
        let key = format!("target-{round}");
        let results = join_all((0..8).map(|_| kv.create(&key, value("mine")))).await;
        assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1, "{results:?}");
        assert!(results.iter().all(|r| r.is_ok() || is_wrong_revision(r)), "{results:?}");
        let revision = kv.get(&key).await.expect("get").expect("there").revision;
        let results = join_all((0..8).map(|_| kv.update(&key, value("renewed"), revision))).await;
        assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1, "{results:?}");
    }
}
