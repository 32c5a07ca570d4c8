//! paramedic-console
