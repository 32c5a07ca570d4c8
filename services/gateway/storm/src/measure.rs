//! How well alerts were put together: metrics over two partitions of the same things.
//!
//! `docs/storms.md` defines each with its source.

mod latency;
mod partition;
mod roots;

pub use latency::percentile;
pub use partition::{Agreement, Table};
pub use roots::{mean_reciprocal, strict};
