//! paramedic-proto
