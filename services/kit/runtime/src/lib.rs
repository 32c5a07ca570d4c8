//! paramedic-runtime
