//! Records of Helm releases: Secrets whose content goes from the API server to the API server and nowhere else.

use jiff::Timestamp;
use json_patch::Patch;
use paramedic_bus::lease::Lease;
use paramedic_catalogue::{
    helm::{Release, Rewrite, record::TYPE},
    patch::{mark_of, marker},
};
use paramedic_domain::{
    change::{ReleaseRecord, STEP_ANNOTATION},
    fault::{Effect, FailureKind},
    object::ObjectRef,
};
use serde_json::{Value, json};

use super::{patch::drifted, revert::changed_since, uid};
use crate::shell::{
    crash::{self, Moment},
    failure::Halt,
    kubernetes::Trouble,
    run::Run,
};

/// The Secret of a new record, with the step's mark.
pub(crate) fn new_secret(written: &Release, at: Timestamp, mark: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "type": TYPE,
        "metadata": {"name": written.secret.name, "namespace": written.secret.namespace, "labels": written.labels(at),
            "annotations": {STEP_ANNOTATION: mark}},
        "data": {"release": written.encoded()}})
}

/// The patch that gives a record its status. `seen`: `data.release` as it was read, which must still be there. It leaves no mark: the
/// digest of the content tells whether it is there.
pub(crate) fn status_patch(written: &Release, seen: Option<&Value>) -> Patch {
    let mut operations = vec![json!({"op": "test", "path": "/metadata/uid", "value": written.secret.uid})];
    operations.extend(seen.map(|seen| json!({"op": "test", "path": "/data/release", "value": seen})));
    operations.push(json!({"op": "replace", "path": "/data/release", "value": written.encoded()}));
    operations.push(json!({"op": "add", "path": "/metadata/labels/status", "value": written.status()}));
    serde_json::from_value(Value::Array(operations)).expect("operations built here are valid RFC 6902")
}

impl Run<'_> {
    pub(super) async fn record(&self, record: &ReleaseRecord, leases: &[Lease]) -> Result<String, Halt> {
        let said = format!("revision {} is recorded as {}", record.revision, record.status);
        match &record.was {
            Some(_) => self.restatus(record, leases).await?,
            None => self.record_anew(record, leases).await?,
        }
        Ok(said)
    }

    /// Takes a new record away again, or gives a record its old status.
    pub(super) async fn unrecord(&self, record: &ReleaseRecord, leases: &[Lease]) -> Result<String, Halt> {
        let target = &record.target;
        let Some(secret) = self.look(target).await? else {
            return Ok(format!("{target} does not exist: nothing to take back"));
        };
        let Some(was) = &record.was else {
            return self.forget(record, &secret, leases).await;
        };
        let present = read(&secret)?;
        if present.digest() == record.from_digest {
            return Ok(format!("{target} is recorded as {was} already"));
        }
        if present.digest() != record.digest {
            return Err(changed_since(target, &["the record is another one".into()]));
        }
        let old = present.rewritten(&Rewrite {
            target: target.clone(),
            revision: record.revision,
            status: was.clone(),
            new: None,
        });
        let patch = status_patch(&old, secret.pointer("/data/release"));
        self.permitted(leases).await?;
        self.worker
            .cluster
            .patch(target, None, &patch, false)
            .await
            .map_err(|trouble| Halt::looking(&trouble, Effect::Unknown))?;
        crash::point(&self.step.id, Moment::AfterApply);
        Ok(format!("{target} is recorded as {was} again"))
    }

    async fn record_anew(&self, record: &ReleaseRecord, leases: &[Lease]) -> Result<(), Halt> {
        let target = &record.target;
        match self.worker.cluster.get(target).await {
            Ok(secret) if self.ours(&secret) => {
                self.know(Effect::Applied);
                return Ok(());
            }
            Ok(_) => {
                self.know(Effect::None);
                return Err(drifted(
                    target,
                    &["there is a revision of that number already".into()],
                    self.effect(),
                ));
            }
            Err(Trouble::Missing(_)) => self.know(Effect::None),
            Err(trouble) => return Err(Halt::looking(&trouble, self.effect())),
        }
        let (written, _) = self.made_of(record).await?;
        let secret = new_secret(&written, record.at, &marker(&self.attempt.plan, &self.step.id));
        self.permitted(leases).await?;
        self.know(Effect::Unknown);
        match self.worker.cluster.create(target, &secret, false).await {
            Ok(_) => self.know(Effect::Applied),
            // Another worker of this attempt was faster, or Helm was.
            Err(Trouble::Unfit { code: 409, .. }) => {
                self.know(Effect::None);
                return Err(Halt::failed(
                    FailureKind::Transient,
                    self.effect(),
                    format!("{target} was created meanwhile"),
                ));
            }
            Err(trouble) => return Err(self.sending(&trouble)),
        }
        crash::point(&self.step.id, Moment::AfterApply);
        Ok(())
    }

    async fn restatus(&self, record: &ReleaseRecord, leases: &[Lease]) -> Result<(), Halt> {
        let target = &record.target;
        let secret = self.secret(target).await?;
        if read(&secret)?.digest() == record.digest {
            self.know(Effect::Applied);
            return Ok(());
        }
        let (written, seen) = self.made_of(record).await?;
        let patch = status_patch(&written, seen.pointer("/data/release"));
        self.permitted(leases).await?;
        self.know(Effect::Unknown);
        match self.worker.cluster.patch(target, None, &patch, false).await {
            Ok(_) => self.know(Effect::Applied),
            Err(Trouble::Unfit { .. }) => {
                self.know(Effect::None);
                return Err(drifted(target, &["somebody wrote the record meanwhile".into()], self.effect()));
            }
            Err(trouble) => return Err(self.sending(&trouble)),
        }
        crash::point(&self.step.id, Moment::AfterApply);
        Ok(())
    }

    /// The content that was approved, made of the record that was seen, and the Secret it is made of.
    async fn made_of(&self, record: &ReleaseRecord) -> Result<(Release, Value), Halt> {
        let secret = self.secret(&record.from).await?;
        let from = read(&secret)?;
        if from.digest() != record.from_digest {
            return Err(drifted(&record.from, &["the record is another one".into()], self.effect()));
        }
        let written = from.rewritten(&Rewrite::from(record));
        if written.digest() == record.digest {
            Ok((written, secret))
        } else {
            Err(Halt::failed(
                FailureKind::Permanent,
                self.effect(),
                format!("{}: the record that was approved cannot be made of {}", record.target, record.from),
            ))
        }
    }

    /// The Secret with that UID.
    async fn secret(&self, target: &ObjectRef) -> Result<Value, Halt> {
        match self.worker.cluster.get(target).await {
            Ok(secret) if uid(&secret) == target.uid.as_deref() => Ok(secret),
            Ok(_) | Err(Trouble::Missing(_)) => Err(drifted(target, &[format!("{target} was deleted")], self.effect())),
            Err(trouble) => Err(Halt::looking(&trouble, self.effect())),
        }
    }

    async fn forget(&self, record: &ReleaseRecord, secret: &Value, leases: &[Lease]) -> Result<String, Halt> {
        let target = &record.target;
        if !self.ours(secret) {
            return Err(changed_since(target, &["it is not the one that this step created".into()]));
        }
        self.delete_created(target, secret, leases).await
    }

    fn ours(&self, object: &Value) -> bool {
        mark_of(object) == Some(&*marker(&self.attempt.plan, &self.step.id))
    }
}

fn read(secret: &Value) -> Result<Release, Halt> {
    Release::read(secret).map_err(|problem| Halt::failed(FailureKind::Permanent, Effect::Unknown, problem))
}
