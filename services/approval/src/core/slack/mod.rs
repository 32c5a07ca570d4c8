//! What Slack sends, and what it is answered.

pub mod payload;
pub mod signature;
pub mod views;
