//! Requests to systems outside of the cluster.

use paramedic_domain::{
    change::Call,
    fault::{Effect, FailureKind},
};

use super::{
    failure::Halt,
    worker::{Report, Run},
};

impl Run<'_> {
    pub(crate) async fn call(&self, call: &Call) -> Result<Report, Halt> {
        self.permitted(&[]).await?;
        Err(unknown(call))
    }

    pub(crate) async fn call_back(&self, call: &Call) -> Result<Report, Halt> {
        self.permitted(&[]).await?;
        Err(unknown(call))
    }
}

fn unknown(call: &Call) -> Halt {
    let system = match call {
        Call::Silence(_) => "Alertmanager",
        Call::Ticket(ticket) => &ticket.tracker,
        Call::Commit(commit) => &commit.repository,
        Call::Request(request) => &request.action,
    };
    Halt::failed(
        FailureKind::Permanent,
        Effect::None,
        format!("{system} is not configured for this executor: add it to [executor]"),
    )
}
