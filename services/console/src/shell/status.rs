//! Errors at the gRPC edge.

use paramedic_bus::{Error, LogError};
use paramedic_domain::id::{ClusterId, IncidentId};
use tonic::Status;

/// The bus failed.
pub(super) fn bus(error: &Error) -> Status {
    match error {
        Error::Unavailable(_) => Status::unavailable(error.to_string()),
        Error::Conflict { .. } | Error::WrongRevision { .. } => Status::aborted(error.to_string()),
        Error::Invalid(_) => Status::internal(error.to_string()),
    }
}

/// A log could not be read or written.
pub(super) fn log(error: &LogError) -> Status {
    match error {
        LogError::Bus(error) => bus(error),
        LogError::Fold(_) | LogError::Decode { .. } => Status::data_loss(error.to_string()),
        LogError::Contended { .. } => Status::aborted(error.to_string()),
    }
}

/// There is no such incident.
pub(super) fn unknown(cluster: &ClusterId, incident: &IncidentId) -> Status {
    Status::not_found(format!("there is no incident {incident} in cluster {cluster}"))
}

/// A field of the request that cannot be used.
pub(super) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(field: &str, text: &str) -> Result<T, Status> {
    text.parse().map_err(|error| Status::invalid_argument(format!("{field}: {error}")))
}
