//! paramedic-approval
