//! Reading a request body within the limit of one and the room for all.

use std::{future::poll_fn, pin::Pin, time::Duration};

use axum::body::{Body, HttpBody};
use bytes::Bytes;

use super::{
    answer::Refusal,
    budget::{Budget, Room},
};
use crate::core::body::Chunks;

/// How much of a body that is refused is read and thrown away, in multiples of the limit: a sender that is still writing
/// when the answer comes would see a broken connection instead of the answer.
const DISCARD_FACTOR: usize = 8;
/// How long a sender may take for its body: a slow one holds room that others need. 32 MiB at 1 MiB/s.
const PATIENCE: Duration = Duration::from_secs(32);

/// The whole body in the pieces in which it came, and the room that it takes until the answer.
pub(crate) async fn read(body: Body, limit: usize, budget: &Budget, source: usize) -> Result<(Chunks, Room), Refusal> {
    tokio::time::timeout(PATIENCE, collect(body, limit, budget, source))
        .await
        .unwrap_or(Err(Refusal::Slow { after: PATIENCE }))
}

async fn collect(mut body: Body, limit: usize, budget: &Budget, source: usize) -> Result<(Chunks, Room), Refusal> {
    match collect_from(&mut body, limit, budget, source).await {
        Err(refusal @ (Refusal::TooLarge { .. } | Refusal::Busy)) => {
            let mut discarded = 0;
            while let Some(Ok(piece)) = next(&mut body).await {
                discarded += piece.len();
                if discarded > limit.saturating_mul(DISCARD_FACTOR) {
                    break;
                }
            }
            Err(refusal)
        }
        collected => collected,
    }
}

async fn collect_from(body: &mut Body, limit: usize, budget: &Budget, source: usize) -> Result<(Chunks, Room), Refusal> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(Refusal::TooLarge { limit });
    }
    // Room for all that was announced, so that no body is given up half-way for want of it.
    let mut room = budget.enter(source).and_then(|room| room.grow(announced)).ok_or(Refusal::Busy)?;
    let mut reserved = announced;
    let mut chunks = Chunks::default();
    while let Some(piece) = next(body).await {
        let piece = piece.map_err(|error| Refusal::Interrupted(error.to_string()))?;
        if chunks.bytes() + piece.len() > limit {
            return Err(Refusal::TooLarge { limit });
        }
        chunks.push(piece);
        let missing = (chunks.bytes() as u64).saturating_sub(reserved);
        if missing > 0 {
            room = room.grow(missing).ok_or(Refusal::Busy)?;
            reserved += missing;
        }
    }
    Ok((chunks, room))
}

/// The next piece of data.
async fn next(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await? {
            Ok(frame) => match frame.into_data() {
                Ok(data) => return Some(Ok(data)),
                Err(_trailers) => {}
            },
            Err(error) => return Some(Err(error)),
        }
    }
}
