//! Where an incident stands, for the query side.

use paramedic_domain::incident::Status;

use crate::codec::words;

words!(Status => IncidentStatus {
    Open, Analysing, Planning, AwaitingApproval, Executing, Verifying, Resolved, Escalated, Cancelled, Merged,
});
