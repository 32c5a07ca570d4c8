//! What the server gives at best: the same messages, published and acknowledged, as many in flight.

use std::time::{Duration, Instant};

use async_nats::{HeaderMap, header, jetstream::message::PublishMessage};
use bytes::Bytes;
use futures::future::join_all;

use crate::accept::Measured;

/// Publishes this payload again and again, each time under another id.
pub(crate) async fn publish(url: &str, payload: Bytes, in_flight: usize, seconds: u64) -> Measured {
    let context = async_nats::jetstream::new(async_nats::connect(url).await.unwrap());
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds);
    let writers = join_all((0..in_flight).map(|writer| {
        let (context, payload) = (context.clone(), payload.clone());
        tokio::spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < until {
                let mut headers = HeaderMap::new();
                // As long as the gateway's, which are hashes.
                let id = format!("{writer:032x}{:032x}", times.len());
                headers.insert(header::NATS_MESSAGE_ID, id.as_str());
                let since = Instant::now();
                let message = PublishMessage::build().headers(headers).payload(payload.clone());
                let subject = "paramedic.alert.raw.notification";
                context.send_publish(subject, message).await.unwrap().await.unwrap();
                times.push(since.elapsed());
            }
            times
        })
    }))
    .await;
    Measured {
        times: writers.into_iter().flat_map(Result::unwrap).collect(),
        elapsed: began.elapsed(),
    }
}
