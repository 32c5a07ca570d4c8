//! Real servers for tests. Each owns a temporary directory and free loopback ports, and is killed by its process id on drop.

mod alertmanager;
mod nats;
mod nats_cluster;
mod process;
mod prometheus;
mod smtp;

pub use alertmanager::{Alertmanager, Labels, Webhook};
pub use nats::NatsServer;
pub use nats_cluster::NatsCluster;
pub use process::signal;
pub use prometheus::{Prometheus, Push};
pub use smtp::{Mail, SmtpSink};
