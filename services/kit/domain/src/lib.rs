//! paramedic-domain
