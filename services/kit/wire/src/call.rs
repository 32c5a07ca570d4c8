//! Requests to systems outside of the cluster.

use paramedic_domain::change::{
    Bound, Call, Commit, Exchange, FileChange, Matchers, Request, ResourceChange, ResourceEffect, SavedPlan, Silence, Ticket,
};
use paramedic_proto::v1::{self, call::Kind};

use crate::{
    Invalid, Wire,
    codec::{message, message_field, words},
};

message!(Matchers => Matchers { labels });
message!(Silence => Silence { matchers, lasts, comment });
message!(Ticket => Ticket { tracker, project, title, body, labels, priority, attachments });
message!(FileChange => FileChange { path, before, content, diff });
message!(Commit => Commit { repository, base, base_commit, branch, files, message, pull_request });
message!(Exchange => Exchange { method, url; body = body_json });
message!(Request => OutsideRequest { action, forward, undo, irreversible, dry_run });
words!(ResourceEffect => ResourceEffect { Create, Update, Replace, Destroy });
message!(Bound => PlanBound { file, sources, lineage, serial });
message!(ResourceChange => ResourceChange { address, effect, attributes });
message!(SavedPlan => SavedPlan { module, workspace, bound, changes, dry_run });
message_field!(Call);

impl Wire for Call {
    type Proto = v1::Call;
    fn to_proto(&self) -> v1::Call {
        let kind = match self {
            Self::Silence(silence) => Kind::Silence(silence.to_proto()),
            Self::Ticket(ticket) => Kind::Ticket(ticket.to_proto()),
            Self::Commit(commit) => Kind::Commit(commit.to_proto()),
            Self::Request(request) => Kind::Request(request.to_proto()),
            Self::Apply(plan) => Kind::Apply(plan.to_proto()),
        };
        v1::Call { kind: Some(kind) }
    }
    fn from_proto(proto: v1::Call) -> Result<Self, Invalid> {
        match proto.kind {
            Some(Kind::Silence(silence)) => Wire::from_proto(silence)
                .map(Self::Silence)
                .map_err(|invalid| invalid.within("silence")),
            Some(Kind::Ticket(ticket)) => Wire::from_proto(ticket)
                .map(Self::Ticket)
                .map_err(|invalid| invalid.within("ticket")),
            Some(Kind::Commit(commit)) => Wire::from_proto(commit)
                .map(Self::Commit)
                .map_err(|invalid| invalid.within("commit")),
            Some(Kind::Request(request)) => Wire::from_proto(request)
                .map(Self::Request)
                .map_err(|invalid| invalid.within("request")),
            Some(Kind::Apply(plan)) => Wire::from_proto(plan).map(Self::Apply).map_err(|invalid| invalid.within("apply")),
            None => Err(Invalid::new("kind", "is missing or unknown")),
        }
    }
}
