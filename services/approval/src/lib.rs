//! Approval: asks people about gates, counts their answers, ends questions that nobody answered.
//!
//! [`core`] decides (who may answer what, once), `shell` meets the bus, browsers and gRPC.

pub mod core;
