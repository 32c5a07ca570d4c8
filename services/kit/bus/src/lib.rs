//! The bus: everything Paramedic needs from a message system, and nothing more.
//!
//! Two backends implement the port ([`Bus`]) with the same observable semantics, proved by one suite (`tests/conformance`):
//! [`embedded`] (sled, one process) and [`jetstream`] (NATS >= 2.12).
//!
//! # Contract
//!
//! **Streams.** A stream is an append-only log of messages under the subjects it owns. Sequences start at 1 and have no gaps;
//! `Stored::time` never decreases along the log. A subject belongs to at most one stream.
//!
//! **Appending.**
//! - An append that was acknowledged survives a kill -9 of this process. What it survives beyond that is the backend's to say:
//!   the embedded bus acknowledges after fdatasync (power loss included); JetStream acknowledges after the write of a quorum of
//!   replicas and syncs by its own `sync_interval`.
//! - An append with [`Expect`] is refused with [`Error::Conflict`] unless the last sequence among the subjects that
//!   match its filter is the expected one.
//! - An append that failed with [`Error::Unavailable`] may have been stored: reload and decide again, never append again blindly.
//! - A repeated `msg_id` within the stream's duplicate window is acknowledged with `duplicate = true` and the first sequence,
//!   and stored once. With an expectation too, the repetition may be answered as a duplicate or as a conflict with itself.
//! - Of messages appended together the first ones are stored if not all are: a caller that dies, or is overtaken under the
//!   expectation, leaves a beginning. The embedded bus stores them at once and flushes once.
//! - A message is at most [`MAX_MESSAGE_BYTES`] with its headers. Header names starting with `Nats-` belong to the backend.
//!
//! **Reading.** [`Bus::replay`] and [`Consumer::next`] return only messages that are already as durable as an acknowledged append.
//!
//! - [`Bus::follow`] goes on where a replay ends: every message in the order of the log, once, to one reader.
//!
//! **Consuming.**
//! - A durable consumer delivers every matching message at least once; competing [`Consumer`]s of one name share the work, and a
//!   message is in one hand at a time until its `ack_wait` passes.
//! - A delivery that is not settled within `ack_wait` is delivered again with `attempt + 1`; so is a `nak` after its delay, and
//!   nobody waits for it by polling.
//! - Positions, delivery counts and nak deadlines survive a restart and a kill -9. The embedded bus redelivers what a dead
//!   process held at once, since nobody else can hold it; JetStream after `ack_wait`.
//! - A timer is a hint, not a proof: after a restart of a nats-server a nak may come back up to a second early. Compare the clock,
//!   and nak again for the rest.
//! - `max_ack_pending` counts deliveries in hand and messages waiting out a nak: a consumer whose naks are timers needs it large.
//! - Joining a consumer with other settings changes them for everybody, except `start`, which only a new consumer obeys.
//!
//! **Key-value.** Revisions grow over the bucket. Opening a bucket with another ttl changes it for everybody. A value is at most
//! [`MAX_VALUE_BYTES`]. A write is acknowledged under the same rule as an append. A watch starts with the
//! live entries, then reports every change in revision order; a deletion or an expiry has `value: None`. Only the newest of several
//! quick changes of one key need be seen.

pub mod consume;
pub mod dead_letters;
pub mod embedded;
mod incident_log;
pub mod jetstream;
pub mod kill_switch;
pub mod leader;
pub mod lease;
mod limits;
mod port;
pub mod streams;
pub mod subject;
pub mod topologies;
pub mod trace;

pub use incident_log::{Decided, IncidentLog, LogError, Now};
pub use limits::{MAX_MESSAGE_BYTES, MAX_VALUE_BYTES};
pub use port::{
    Ack, Append, Appended, Blobs, Bus, Consumer, ConsumerSpec, Delivery, Entry, Error, Expect, Headers, Kv, Settle, SharedBus, Start,
    Stored, StreamSpec,
};
