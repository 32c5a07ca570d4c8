//! The correlator as others use it, on the alerts of a small shop.

#![allow(clippy::unwrap_used)]

mod control;
mod incidents;
mod shop;
