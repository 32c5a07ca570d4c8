//! Changes.

use paramedic_domain::change::{
    Change, Confirm, Creation, Deletion, DryRun, Eviction, Exec, FieldChange, Notice, ObjectPatch, Operation, ReleaseRecord, Wait,
};
use paramedic_proto::v1::{self, change::Kind, dry_run::Answer};

use crate::{
    Invalid, Wire,
    codec::{Field, message, message_field, words},
};

words!(Wait => Wait { Accepted, Rollout, JobComplete, Resized, PodResized, Synced, Reconciled, SnapshotReady });
words!(Confirm => Confirm { RolledOut, InTemplate });
message!(Exec => Exec { target, container, argv });
message!(FieldChange => FieldChange { path, from, to });
message!(ObjectPatch => ObjectPatch {
    target, diff, dry_run, wait, subresource, owner, irreversible;
    patch = patch_json, undo = undo_json
});
message!(Creation => Creation { target, dry_run, wait, irreversible; object = object_json });
message!(Deletion => Deletion { target, owner, dry_run, ended; restore = restore_json });
message!(Eviction => Eviction { target, owner, dry_run });
message!(ReleaseRecord => ReleaseRecord { target, from, from_digest, revision, status, was, description, at, digest, dry_run });
message!(Notice => Notice { title, body, attachments });
message_field!(Change, DryRun, Operation);

impl Wire for DryRun {
    type Proto = v1::DryRun;
    fn to_proto(&self) -> v1::DryRun {
        let answer = match self {
            Self::Accepted { warnings } => Answer::Accepted(v1::dry_run::Accepted {
                warnings: warnings.clone(),
            }),
            Self::Rejected { message } => Answer::Rejected(v1::dry_run::Rejected { message: message.clone() }),
            Self::Unavailable { reason } => Answer::Unavailable(v1::dry_run::Unavailable { reason: reason.clone() }),
        };
        v1::DryRun { answer: Some(answer) }
    }
    fn from_proto(proto: v1::DryRun) -> Result<Self, Invalid> {
        match proto.answer {
            Some(Answer::Accepted(v1::dry_run::Accepted { warnings })) => Ok(Self::Accepted { warnings }),
            Some(Answer::Rejected(v1::dry_run::Rejected { message })) => Ok(Self::Rejected { message }),
            Some(Answer::Unavailable(v1::dry_run::Unavailable { reason })) => Ok(Self::Unavailable { reason }),
            None => Err(Invalid::new("answer", "is missing or unknown")),
        }
    }
}

impl Wire for Change {
    type Proto = v1::Change;
    fn to_proto(&self) -> v1::Change {
        let kind = match self {
            Self::Read { what, targets } => Kind::Read(v1::Read {
                what: what.clone(),
                targets: targets.to_field(),
            }),
            Self::Exec(exec) => Kind::Exec(exec.to_proto()),
            Self::Patch(patch) => Kind::Patch(patch.to_proto()),
            Self::Delete(deletion) => Kind::Delete(deletion.to_proto()),
            Self::Sequence { operations } => Kind::Sequence(v1::Sequence {
                operations: operations.to_field(),
            }),
            Self::Call(call) => Kind::Call(call.to_proto()),
            Self::Notify(notice) => Kind::Notify(notice.to_proto()),
            Self::Carried { by, expect, part } => Kind::Carried(v1::Carried {
                by: by.to_proto(),
                expect: expect.to_proto(),
                part: part.as_ref().map(|part| part.to_proto()),
            }),
        };
        v1::Change { kind: Some(kind) }
    }
    fn from_proto(proto: v1::Change) -> Result<Self, Invalid> {
        match proto.kind {
            Some(Kind::Read(read)) => Ok(Self::Read {
                what: read.what,
                targets: Field::from_field(read.targets).map_err(|invalid: Invalid| invalid.within("read.targets"))?,
            }),
            Some(Kind::Exec(exec)) => Wire::from_proto(exec).map(Self::Exec).map_err(|invalid| invalid.within("exec")),
            Some(Kind::Patch(patch)) => Wire::from_proto(patch).map(Self::Patch).map_err(|invalid| invalid.within("patch")),
            Some(Kind::Delete(deletion)) => Wire::from_proto(deletion)
                .map(Self::Delete)
                .map_err(|invalid| invalid.within("delete")),
            Some(Kind::Sequence(sequence)) => Ok(Self::Sequence {
                operations: Field::from_field(sequence.operations).map_err(|invalid: Invalid| invalid.within("sequence.operations"))?,
            }),
            Some(Kind::Call(call)) => Wire::from_proto(call).map(Self::Call).map_err(|invalid| invalid.within("call")),
            Some(Kind::Notify(notice)) => Wire::from_proto(notice)
                .map(Self::Notify)
                .map_err(|invalid| invalid.within("notify")),
            Some(Kind::Carried(carried)) => Ok(Self::Carried {
                by: Wire::from_proto(carried.by).map_err(|invalid: Invalid| invalid.within("carried.by"))?,
                expect: Wire::from_proto(carried.expect).map_err(|invalid: Invalid| invalid.within("carried.expect"))?,
                part: carried
                    .part
                    .map(Wire::from_proto)
                    .transpose()
                    .map_err(|invalid: Invalid| invalid.within("carried.part"))?
                    .map(Box::new),
            }),
            None => Err(Invalid::new("kind", "is missing or unknown")),
        }
    }
}

impl Wire for Operation {
    type Proto = v1::Operation;
    fn to_proto(&self) -> v1::Operation {
        use v1::operation::Kind;
        let kind = match self {
            Self::Patch(patch) => Kind::Patch(patch.to_proto()),
            Self::Create(creation) => Kind::Create(creation.to_proto()),
            Self::Delete(deletion) => Kind::Delete(deletion.to_proto()),
            Self::Evict(eviction) => Kind::Evict(eviction.to_proto()),
            Self::Record(record) => Kind::Record(record.to_proto()),
        };
        v1::Operation { kind: Some(kind) }
    }
    fn from_proto(proto: v1::Operation) -> Result<Self, Invalid> {
        use v1::operation::Kind;
        match proto.kind {
            Some(Kind::Patch(patch)) => Wire::from_proto(patch).map(Self::Patch).map_err(|invalid| invalid.within("patch")),
            Some(Kind::Create(creation)) => Wire::from_proto(creation)
                .map(Self::Create)
                .map_err(|invalid| invalid.within("create")),
            Some(Kind::Delete(deletion)) => Wire::from_proto(deletion)
                .map(Self::Delete)
                .map_err(|invalid| invalid.within("delete")),
            Some(Kind::Evict(eviction)) => Wire::from_proto(eviction)
                .map(Self::Evict)
                .map_err(|invalid| invalid.within("evict")),
            Some(Kind::Record(record)) => Wire::from_proto(record)
                .map(Self::Record)
                .map_err(|invalid| invalid.within("record")),
            None => Err(Invalid::new("kind", "is missing or unknown")),
        }
    }
}
