//! What cross-service stories are made of: a practice range, the product as real processes, and real servers around it.

mod installation;
mod otlp;
mod product;
mod range;
mod story;

pub use installation::{Installation, ROLES, Setup};
pub use otlp::{OtlpReceiver, SpanRecord};
pub use product::{Product, ProductOptions, TOKEN, paramedic};
pub use range::Range;
pub use story::{PATIENCE, Story, wait_for_end, wait_for_event};
