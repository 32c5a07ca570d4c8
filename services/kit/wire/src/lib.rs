//! Domain values on the wire: [`encode`] and [`decode`] for stored events (and their pairs for messages of the `ALERTS`
//! stream, `encode_notification` and so on), [`Wire`] for every other message.
//!
//! One file per domain word. Protobuf types stop here and at the gRPC handlers; no decision ever sees one.

mod alert;
mod approval;
mod call;
mod change;
mod codec;
mod correlation;
mod diagnosis;
mod envelope;
mod event;
mod evidence;
pub mod headers;
mod incident;
mod invalid;
mod object;
mod plan;
mod quiet;
mod request;
mod risk;
mod scalar;
mod topology;
mod verification;

pub use alert::{decode_notification, encode_notification};
pub use codec::Wire;
pub use correlation::{decode_told, encode_told};
pub use envelope::{decode, encode};
pub use invalid::Invalid;
pub use quiet::{decode_quiet, decode_window, encode_quiet, encode_window};
pub use topology::{decode_topology, encode_topology};
