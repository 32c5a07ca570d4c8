//! Saved plans of Terraform and OpenTofu modules: made before anybody is asked, and applied as they are or not at all.

use paramedic_bus::streams;
use paramedic_domain::{
    change::{Bound, DryRun, SavedPlan},
    digest::Digest,
    fault::{Effect, FailureKind},
};
use paramedic_runtime::Kit;
use serde_json::{Map, Value, json};

use super::{
    Outside,
    module::{Checked, Module, State},
    unknown,
};
use crate::{
    core::saved_plan::{changes, objection},
    shell::{
        failure::Halt,
        kubernetes::Trouble,
        run::{Report, Run},
    },
};

/// Name of a plan file among the artifacts. Not below an incident: it can hold secrets, and what incidents keep is shown to people.
fn stored(file: &Digest) -> String {
    format!("plan-files/{file}")
}

impl Outside {
    /// Plans the module, keeps the plan file, and says what it would do. Whatever stands in the way becomes the dry run's answer.
    pub(crate) async fn plan(&self, plan: &mut SavedPlan, kit: &Kit) {
        let warnings = Vec::new();
        plan.dry_run = match self.planned(plan, kit).await {
            Ok(None) => DryRun::Accepted { warnings },
            Ok(Some(message)) => DryRun::Rejected { message },
            Err(trouble) => DryRun::Rejected {
                message: format!("module {} cannot be planned: {trouble}", plan.module),
            },
        };
    }

    async fn planned(&self, plan: &mut SavedPlan, kit: &Kit) -> Result<Option<String>, Trouble> {
        let Some(config) = self.module(&plan.module) else {
            return Err(Trouble::Missing(format!("module {} in [[executor.modules]]", plan.module)));
        };
        let module = Module::copy(config).await?;
        module.init().await?;
        module.validate().await?;
        let State { lineage, serial } = module.state().await?;
        let (said, file) = module.plan().await?;
        let shown = module.show().await?;
        match changes(&shown) {
            Ok(changes) => plan.changes = changes,
            Err(objection) => return Ok(Some(objection)),
        }
        let objection = objection(plan, &said);
        if objection.is_none() {
            let digest = Digest::of(&file);
            let unkept = |error: paramedic_bus::Error| Trouble::Transient {
                what: format!("plan file of {}", plan.module),
                detail: error.to_string(),
                sent: false,
            };
            let blobs = kit.bus.blobs(streams::ARTIFACTS).await.map_err(unkept)?;
            blobs.put(&stored(&digest), file.into()).await.map_err(unkept)?;
            plan.bound = Some(Bound {
                file: digest,
                sources: module.sources(),
                lineage,
                serial,
            });
        }
        Ok(objection)
    }
}

impl Run<'_> {
    /// Applies the plan that was approved.
    pub(super) async fn apply_saved(&self, plan: &SavedPlan) -> Result<Report, Halt> {
        let Some(config) = self.worker.outside.module(&plan.module) else {
            return Err(unknown(&plan.module, "[[executor.modules]]"));
        };
        let Some(bound) = &plan.bound else {
            return Err(Halt::failed(
                FailureKind::Permanent,
                Effect::None,
                "there is no saved plan to apply",
            ));
        };
        let file = self.plan_file(bound).await?;
        let module = Module::copy(config).await.map_err(|trouble| self.seeing(&trouble))?;
        if module.sources() != bound.sources {
            return Err(drift(format!(
                "the files of module {} are no longer those that were approved",
                plan.module
            )));
        }
        module.init().await.map_err(|trouble| self.seeing(&trouble))?;
        let before = module.state().await.map_err(|trouble| self.seeing(&trouble))?;
        // A state is written when a part of an apply is done: one that is as it was says nothing of an apply that was cut off.
        if self.began_before() || (&before.lineage, before.serial) != (&bound.lineage, bound.serial) {
            return self.moved_on(&module, plan, bound, &before).await;
        }
        self.progress(&format!("applies {}", plan.summary())).await?;
        self.about_to_send().await?;
        if let Err(trouble) = module.apply(&file).await {
            return Err(self.half_done(&module, &before, &trouble).await);
        }
        self.had_effect();
        self.proven(&module, plan).await
    }

    async fn plan_file(&self, bound: &Bound) -> Result<bytes::Bytes, Halt> {
        let Some(file) = self.worker.blobs.get(&stored(&bound.file)).await? else {
            return Err(drift(format!("plan file {} is not kept any more: ask for a new plan", bound.file)));
        };
        match Digest::of(&file) == bound.file {
            true => Ok(file),
            false => Err(drift(format!(
                "the plan file was changed after it was approved: it is {}, and {} was approved",
                Digest::of(&file),
                bound.file
            ))),
        }
    }

    /// An attempt before this one may have begun, or the state was written since the plan was made: it is looked, and nothing applied.
    async fn moved_on(&self, module: &Module<'_>, plan: &SavedPlan, bound: &Bound, now: &State) -> Result<Report, Halt> {
        let ours = self.began_before();
        let effect = if ours { Effect::Unknown } else { Effect::None };
        if ours && module.check().await.map_err(|trouble| Halt::looking(&trouble, effect))? == Checked::AsDescribed {
            self.know(Effect::Applied);
            return self.told(module, plan).await;
        }
        let who = if ours {
            "a worker before this one may have applied a part of the plan, and did not live to say"
        } else {
            "somebody changed something since it was planned"
        };
        let message = format!(
            "module {}: {who} (the state's serial was {} and is {}); nothing is applied: look at the module, and decide on the new plan",
            plan.module, bound.serial, now.serial
        );
        Err(Halt::failed(FailureKind::Drift, effect, message))
    }

    /// What is known after an apply that failed: a part of it may be there, so it is not tried again.
    async fn half_done(&self, module: &Module<'_>, before: &State, trouble: &Trouble) -> Halt {
        // A program that was cut off may have made what it did not live to write down.
        let ended = !matches!(trouble, Trouble::Transient { sent: true, .. });
        let (effect, known) = match module.state().await {
            Ok(after) if after.serial == before.serial && after.lineage == before.lineage => match ended {
                true => (Effect::None, "its state was not written"),
                false => (
                    Effect::Unknown,
                    "its state was not written, which says nothing of a program that was cut off",
                ),
            },
            Ok(_) => (Effect::Applied, "a part of it was applied: its state was written"),
            Err(_) => (Effect::Unknown, "what was applied is not known: its state cannot be read"),
        };
        self.know(effect);
        Halt::failed(
            FailureKind::Permanent,
            effect,
            format!("{trouble}; {known}; it is not tried again by itself: look at the module, and ask for a new plan"),
        )
    }

    /// Another plan must show no change.
    async fn proven(&self, module: &Module<'_>, plan: &SavedPlan) -> Result<Report, Halt> {
        match module.check().await.map_err(|trouble| Halt::looking(&trouble, Effect::Applied))? {
            Checked::AsDescribed => self.told(module, plan).await,
            Checked::Differs => Err(Halt::failed(
                FailureKind::Permanent,
                Effect::Applied,
                format!(
                    "the plan was applied, but another plan of module {} still shows changes: look at the module",
                    plan.module
                ),
            )),
        }
    }

    /// The report on a module that is as described; outputs are kept without the sensitive ones.
    async fn told(&self, module: &Module<'_>, plan: &SavedPlan) -> Result<Report, Halt> {
        let outputs = module.outputs().await.map_err(|trouble| Halt::looking(&trouble, Effect::Applied))?;
        Ok(Report {
            artifacts: vec![
                self.keep("outputs.json", masked(&outputs).to_string()).await?,
                self.keep("figures.json", json!({"remaining_changes": 0}).to_string()).await?,
            ],
            summary: format!(
                "applied to module {}: {}; another plan shows no change",
                plan.module,
                plan.summary()
            ),
        })
    }
}

fn drift(message: String) -> Halt {
    Halt::failed(FailureKind::Drift, Effect::None, message)
}

/// Name and value of each output; those that are marked as sensitive without theirs.
fn masked(outputs: &Value) -> Value {
    let listed = outputs.as_object().into_iter().flatten();
    let shown: Map<String, Value> = listed
        .map(|(name, output)| {
            let secret = output.get("sensitive") != Some(&Value::Bool(false));
            let value = if secret { json!("(sensitive)") } else { output["value"].clone() };
            (name.clone(), value)
        })
        .collect();
    Value::Object(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_shown_unless_they_are_sensitive_or_do_not_say() {
        let outputs = json!({
            "vpc_id": {"sensitive": false, "type": "string", "value": "vpc-1"},
            "password": {"sensitive": true, "type": "string", "value": "hunter2"},
            "other": {"value": "x"}
        });
        assert_eq!(
            masked(&outputs),
            json!({"vpc_id": "vpc-1", "password": "(sensitive)", "other": "(sensitive)"})
        );
    }
}
