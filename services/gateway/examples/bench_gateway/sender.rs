//! Senders that cost next to nothing: one connection each, a body that is ready but for the digits of its fingerprints.

use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    accept::{Measured, PATH, TOKEN, body},
    figures::thread_time,
};

/// Digits that are replaced.
pub(crate) const BLANK: &str = "################";

/// Posts webhooks of `batch` new alerts until the time is over, `in_flight` senders at once. They have a thread of their own, so that
/// what they cost is known; it is given besides.
pub(crate) async fn post(address: &str, batch: usize, in_flight: usize, seconds: u64, run: usize) -> (Measured, Duration) {
    let address = address.to_owned();
    let thread = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let measured = runtime.block_on(async {
            let began = Instant::now();
            let until = began + Duration::from_secs(seconds);
            let senders = join_all((0..in_flight).map(|number| {
                let address = address.clone();
                tokio::spawn(async move { sender(&address, batch, (run * in_flight + number) as u64, until).await })
            }))
            .await;
            Measured {
                times: senders.into_iter().flat_map(Result::unwrap).collect(),
                elapsed: began.elapsed(),
            }
        });
        (measured, thread_time())
    };
    let (done, waiting) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || done.send(thread()).ok());
    waiting.await.unwrap()
}

async fn sender(address: &str, batch: usize, number: u64, until: Instant) -> Vec<Duration> {
    let body = body(batch);
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut request = (head + &body).into_bytes();
    let blank = BLANK.as_bytes();
    let places: Vec<usize> = (0..request.len() - blank.len())
        .filter(|at| request[*at..].starts_with(blank))
        .collect();
    assert_eq!(places.len(), batch + 1, "the group and each alert");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut times = Vec::new();
    let mut next = number << 32;
    let mut answer = vec![0; 4096];
    while Instant::now() < until {
        for place in &places {
            request[*place..place + blank.len()].copy_from_slice(format!("{next:016x}").as_bytes());
            next += 1;
        }
        let since = Instant::now();
        stream.write_all(&request).await.unwrap();
        let mut filled = 0;
        while !complete(&answer[..filled]) {
            let read = stream.read(&mut answer[filled..]).await.unwrap();
            assert!(read > 0, "the gateway hung up: {}", String::from_utf8_lossy(&answer[..filled]));
            filled += read;
        }
        times.push(since.elapsed());
        assert!(
            answer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&answer[..filled])
        );
    }
    times
}

/// Whether the answer has its whole body: an object without objects in it.
fn complete(answer: &[u8]) -> bool {
    answer.ends_with(b"}")
}
