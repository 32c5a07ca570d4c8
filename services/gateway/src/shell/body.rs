//! Reading a request body up to a limit.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use super::answer::Refusal;

/// How much of a body that is too large is read and thrown away, in multiples of the limit: a sender that is still writing
/// when the answer comes would see a broken connection instead of the answer.
const DISCARD_FACTOR: usize = 8;

/// The whole body.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let mut chunks = body.into_data_stream();
    let mut whole = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Refusal::Interrupted(error.to_string()))?;
        if whole.len() + chunk.len() > limit {
            let mut discarded = chunk.len();
            while let Some(Ok(chunk)) = chunks.next().await {
                discarded += chunk.len();
                if discarded > limit.saturating_mul(DISCARD_FACTOR) {
                    break;
                }
            }
            return Err(Refusal::TooLarge { limit });
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}
