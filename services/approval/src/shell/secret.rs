//! The secret that signs links: configured, or generated once and shared by the replicas through the bus.

use anyhow::Context as _;
use bytes::Bytes;
use paramedic_bus::{Error, Kv};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

/// Key of the generated secret in the `approvals` bucket.
const KEY: &str = "secret/links";

/// The configured secret, or the one on the bus, which the first replica puts there.
///
/// # Errors
/// When the bus is unavailable.
pub async fn obtain(configured: &SecretString, kv: &dyn Kv) -> anyhow::Result<SecretSlice<u8>> {
    if !configured.expose_secret().is_empty() {
        return Ok(configured.expose_secret().as_bytes().to_vec().into());
    }
    let generated: [u8; 32] = rand::random();
    match kv.create(KEY, Bytes::copy_from_slice(&generated)).await {
        Ok(_) => tracing::info!("generated the secret that signs approval links and put it on the bus"),
        Err(Error::WrongRevision { .. }) => {}
        Err(error) => return Err(error).context("cannot store the secret that signs approval links"),
    }
    let entry = kv.get(KEY).await.context("cannot read the secret that signs approval links")?;
    let value = entry
        .and_then(|entry| entry.value)
        .context("the secret that signs approval links vanished from the bus")?;
    Ok(value.to_vec().into())
}
