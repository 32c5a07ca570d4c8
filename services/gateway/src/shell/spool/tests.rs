use tempfile::TempDir;

use super::*;

fn message(text: &str) -> Append {
    Append {
        subject: "paramedic.alert.prod.notification".into(),
        headers: [("traceparent".into(), "00-1".into())].into(),
        payload: text.to_owned().into(),
        msg_id: Some(text.into()),
        expect: None,
    }
}

async fn open(folder: &TempDir, max_bytes: u64) -> Arc<Spool> {
    let sources = ["a".to_owned(), "b".to_owned()];
    Arc::new(Spool::open(folder.path(), max_bytes, sources.iter()).await.unwrap())
}

fn kept(spool: &Spool) -> Vec<String> {
    spool
        .queue
        .iter()
        .values()
        .map(|value| entry::decode(&value.unwrap()).unwrap().1.msg_id.unwrap())
        .collect()
}

#[tokio::test]
async fn what_is_kept_comes_back_in_order_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder, 1 << 20).await;
    assert!(spool.is_empty() && spool.waiting().is_none());
    spool.keep("a", &[message("1"), message("2")]).await.unwrap();
    spool.keep("b", &[message("3\n{\"source\"")]).await.unwrap();
    spool.remove(0).unwrap();
    drop(spool);
    let spool = open(&folder, 1 << 20).await;
    assert_eq!(kept(&spool), ["2", "3\n{\"source\""]);
    spool.keep("b", &[message("4")]).await.unwrap();
    assert_eq!(kept(&spool), ["2", "3\n{\"source\"", "4"]);
    let value = spool.queue.get(entry::key(2)).unwrap().unwrap();
    let (source, read) = entry::decode(&value).unwrap();
    let written = message("3\n{\"source\"");
    assert_eq!(
        (source.as_str(), read.subject, read.headers, read.payload),
        ("b", written.subject, written.headers, written.payload)
    );
}

#[tokio::test]
async fn a_full_spool_takes_all_of_a_webhook_or_nothing_and_leaves_room_for_the_others() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder, 12_000).await;
    let large = message(&"x".repeat(500));
    let mut taken = 0;
    while spool.keep("a", std::slice::from_ref(&large)).await.is_ok() {
        taken += 1;
    }
    assert!(taken > 3, "{taken}");
    assert_eq!(spool.keep("a", &[message("1"), large.clone()]).await, Err(Refused::Full));
    assert_eq!(kept(&spool).len(), taken);
    assert_eq!(spool.keep("b", std::slice::from_ref(&large)).await, Ok(()));
    let bytes = spool.lock().shares.in_use();
    drop(spool);
    let spool = open(&folder, 12_000).await;
    assert_eq!(spool.lock().shares.in_use(), bytes, "the room taken is the same after a restart");
    spool.remove(0).unwrap();
    assert_eq!(spool.keep("a", &[message("1")]).await, Ok(()));
}

#[tokio::test]
async fn a_sender_who_hangs_up_leaves_nothing_half_done() {
    let folder = TempDir::new().unwrap();
    let spool = open(&folder, 1 << 20).await;
    let first = [message("1")];
    let mut keeping = Box::pin(spool.keep("a", &first));
    // It has begun to write, or is about to.
    assert!(futures::poll!(keeping.as_mut()).is_pending());
    drop(keeping);
    spool.keep("b", &[message("2")]).await.unwrap();
    assert_eq!(kept(&spool), ["1", "2"]);
    assert_eq!(*spool.durable.lock().await, 2);
}

#[test]
fn bytes_that_are_no_entry_are_not_read() {
    for bytes in [&b""[..], b"{}", b"{}\nbody", b"\n", b"\xff\n"] {
        assert!(entry::decode(bytes).is_none());
    }
}
