//! Real servers for tests. Each owns a temporary directory and free loopback ports, and is killed by its process id on drop.

mod nats;
mod process;

pub use nats::NatsServer;
