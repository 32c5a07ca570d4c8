//! paramedic-executor
