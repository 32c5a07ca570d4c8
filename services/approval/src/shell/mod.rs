//! Bus, browsers and gRPC around the decisions of `core`.

pub mod desk;
pub mod grpc;
pub mod http;
pub mod index;
pub mod secret;
pub mod slack;
pub mod view;
pub mod worker;

#[cfg(test)]
mod tests;
