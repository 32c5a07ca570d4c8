//! paramedic-simulator
