//! paramedic-analysis
