//! paramedic-testkit
