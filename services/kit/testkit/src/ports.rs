//! Loopback ports for servers that are told their port before they start.
//!
//! A port from the system's own ephemeral range can become the source port of any outgoing connection between the moment it
//! is chosen and the moment the server listens on it, so these come from below that range (Linux: 32768 and up), and tests
//! that run at the same time keep out of each other's way by file locks, which end with the process that holds them.

use std::{
    fs::{self, File},
    net::TcpListener,
    ops::Range,
    process,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result};

/// Above the ports of well-known services, below every common ephemeral range.
const PORTS: Range<u16> = 12_000..32_000;
/// Spreads the first tries of neighbouring process ids.
const STRIDE: usize = 64;
/// The locks of this process's ports, held until it ends.
static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A loopback port that nobody listens on and that no other test is given while this process lives.
///
/// # Errors
/// When the temporary folder cannot be written, or no port is left.
pub fn free_port() -> Result<u16> {
    let folder = std::env::temp_dir().join("paramedic-test-ports");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let first = process::id() as usize * STRIDE % PORTS.len();
    for port in PORTS.skip(first).chain(PORTS.take(first)) {
        let path = folder.join(port.to_string());
        let lock = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        if lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            held.push(lock);
            return Ok(port);
        }
    }
    anyhow::bail!("no free loopback port in {PORTS:?}")
}
