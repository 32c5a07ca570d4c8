//! What people are told, and in which words: pure functions from an incident's log to messages, and from messages to bytes.

pub mod breaker;
pub mod compose;
pub mod mask;
pub mod message;
pub mod owed;
pub mod paging;
pub mod render;
pub mod story;
pub mod timeline;
pub mod words;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
