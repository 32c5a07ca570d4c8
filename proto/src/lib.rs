//! The protobuf messages and gRPC services of Paramedic, generated from `paramedic/v1/*.proto`; nothing else.

/// Version 1.
#[allow(
    clippy::all,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "generated; the .proto files hold the docs"
)]
pub mod v1 {
    tonic::include_proto!("paramedic.v1");
}

/// Every message and service with its comments, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("paramedic.v1.fds");
