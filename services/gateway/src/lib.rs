//! paramedic-gateway
