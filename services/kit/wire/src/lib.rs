//! paramedic-wire
