//! What the disk and the server can do without us.

use std::{fs::File, io::Write, path::Path, time::Instant};

use anyhow::{Context, Result};
use async_nats::jetstream::{
    self, AckKind,
    consumer::{PullConsumer, pull},
    message::PublishMessage,
    stream,
};
use futures::StreamExt;

use crate::{
    measure::{Row, timed},
    work::{BODY, WRITERS, count},
};

/// Appends 512 bytes and waits for the disk.
pub(crate) fn fdatasync(directory: &Path, times: usize) -> Result<Row> {
    let mut file = File::create(directory.join("ceiling"))?;
    let begun = Instant::now();
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        let since = Instant::now();
        file.write_all(&[7; BODY])?;
        file.sync_data()?;
        taken.push(since.elapsed());
    }
    Ok(Row::new(
        "disk: append 512 B + fdatasync, one after the other",
        begun.elapsed(),
        taken,
    ))
}

/// Publish + ack one after the other, publish + ack by many, pull + confirmed ack one after the other.
pub(crate) async fn jetstream(url: &str, scale: f64) -> Result<Vec<Row>> {
    let context = jetstream::new(async_nats::connect(url).await?);
    let config = stream::Config {
        name: "RAW".into(),
        subjects: vec!["raw.>".into()],
        ..Default::default()
    };
    let stream = context.create_stream(config).await?;
    let publish = |jobs: usize, times: usize| {
        let context = context.clone();
        move |job: usize| {
            let context = context.clone();
            async move {
                let mut taken = Vec::with_capacity(times);
                for n in 0..times {
                    let since = Instant::now();
                    let message = PublishMessage::build().payload(vec![7; BODY].into());
                    context.send_publish(format!("raw.{jobs}.{job}.{n}"), message).await?.await?;
                    taken.push(since.elapsed());
                }
                Ok(taken)
            }
        }
    };
    let (alone, each) = (count(5_000, scale), count(1_000, scale));
    let sequential = timed("nats client: publish + ack, one after the other", 1, alone, publish(1, alone)).await?;
    let parallel = timed("nats client: publish + ack, 64 writers", WRITERS, each, publish(WRITERS, each)).await?;
    let consumer: PullConsumer = stream
        .create_consumer(pull::Config {
            durable_name: Some("raw".into()),
            ..Default::default()
        })
        .await?;
    let consume = timed("nats client: pull 1 + confirmed ack, one after the other", 1, alone, |_| {
        let consumer = consumer.clone();
        async move {
            let mut taken = Vec::with_capacity(alone);
            for _ in 0..alone {
                let since = Instant::now();
                let mut batch = consumer.fetch().max_messages(1).messages().await?;
                let message = batch.next().await.context("a message")?.map_err(anyhow::Error::from_boxed)?;
                message.double_ack_with(AckKind::Ack).await.map_err(anyhow::Error::from_boxed)?;
                taken.push(since.elapsed());
            }
            Ok(taken)
        }
    });
    Ok(vec![sequential, parallel, consume.await?])
}
