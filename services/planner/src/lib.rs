//! paramedic-planner
