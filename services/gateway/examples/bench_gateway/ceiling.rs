//! What is the most that there is to have: the same messages without the gateway around them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_nats::{
    HeaderMap, header,
    jetstream::{Context, message::PublishMessage},
};
use axum::{Router, response::IntoResponse, routing::post};
use bytes::Bytes;
use futures::future::join_all;
use http::header::CONTENT_TYPE;

use crate::accept::{Measured, PATH};

/// What the gateway answers.
const ANSWER: &str = r#"{"alerts":1,"repeated":false,"spooled":false}"#;

/// Publishes one payload again and again, each time under another id.
#[derive(Clone)]
pub(crate) struct Publisher {
    context: Context,
    payload: Bytes,
    next: Arc<AtomicU64>,
}

impl Publisher {
    pub(crate) async fn connect(url: &str, payload: Bytes) -> Self {
        Self {
            context: async_nats::jetstream::new(async_nats::connect(url).await.unwrap()),
            payload,
            next: Arc::default(),
        }
    }

    /// Once, until it is acknowledged.
    async fn publish(&self) {
        let mut headers = HeaderMap::new();
        // As long as the gateway's, which are hashes.
        let id = format!("{:064x}", self.next.fetch_add(1, Ordering::Relaxed));
        headers.insert(header::NATS_MESSAGE_ID, id.as_str());
        let message = PublishMessage::build().headers(headers).payload(self.payload.clone());
        let subject = "paramedic.alert.raw.notification";
        self.context.send_publish(subject, message).await.unwrap().await.unwrap();
    }

    /// What the bus gives at best: nothing but messages, so many in flight.
    pub(crate) async fn alone(self, in_flight: usize, seconds: u64) -> Measured {
        let began = Instant::now();
        let until = began + Duration::from_secs(seconds);
        let writers = join_all((0..in_flight).map(|_| {
            let publisher = self.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                while Instant::now() < until {
                    let since = Instant::now();
                    publisher.publish().await;
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
}

/// A server that takes the same requests and looks at nothing in them: with a publisher each is a message, without one it is only answered.
pub(crate) fn server(publisher: Option<Publisher>) -> Router {
    let handler = async move |body: Bytes| {
        drop(body);
        if let Some(publisher) = &publisher {
            publisher.publish().await;
        }
        ([(CONTENT_TYPE, "application/json")], ANSWER).into_response()
    };
    Router::new().route(PATH, post(handler))
}
