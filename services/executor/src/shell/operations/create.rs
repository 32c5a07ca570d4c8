//! A new object, told from others of its name by the step's mark.

use paramedic_bus::lease::Lease;
use paramedic_catalogue::patch::{mark_of, marker};
use paramedic_domain::{change::Creation, fault::Effect};
use serde_json::Value;

use super::patch::drifted;
use crate::shell::{
    crash::{self, Moment},
    failure::Halt,
    kubernetes::Trouble,
    run::Run,
};

/// What is there in the place of a new object.
enum Place {
    Free,
    Ours,
    Taken(String),
}

impl Run<'_> {
    pub(super) async fn create(&self, creation: &Creation, leases: &[Lease]) -> Result<String, Halt> {
        let target = &creation.target;
        let how = match self.place(creation).await? {
            Place::Ours => {
                self.know(Effect::Applied);
                "was created already"
            }
            Place::Taken(by) => {
                self.know(Effect::None);
                return Err(drifted(target, &[by], self.effect()));
            }
            Place::Free => {
                self.know(Effect::None);
                self.permitted_with(leases).await?;
                self.know(Effect::Unknown);
                match self.worker.cluster.create(target, &creation.object, false).await {
                    Ok(_) => self.know(Effect::Applied),
                    // Somebody was faster: another worker of this attempt, or a stranger.
                    Err(trouble @ Trouble::Unfit { code: 409, .. }) => match self.place(creation).await? {
                        Place::Ours => self.know(Effect::Applied),
                        Place::Taken(by) => {
                            self.know(Effect::None);
                            return Err(drifted(target, &[by], self.effect()));
                        }
                        Place::Free => return Err(self.sending(&trouble)),
                    },
                    Err(trouble) => return Err(self.sending(&trouble)),
                }
                crash::point(&self.step.id, Moment::AfterApply);
                "created"
            }
        };
        let state = self.watched(target, creation.wait).await?;
        Ok(format!("{target} {how}; {state}"))
    }

    async fn place(&self, creation: &Creation) -> Result<Place, Halt> {
        match self.worker.cluster.get(&creation.target).await {
            Ok(object) => Ok(self.whose(&object)),
            Err(Trouble::Missing(_)) => Ok(Place::Free),
            Err(trouble) => Err(Halt::looking(&trouble, self.effect())),
        }
    }

    fn whose(&self, object: &Value) -> Place {
        if mark_of(object) == Some(&*marker(&self.attempt.plan, &self.step.id)) {
            Place::Ours
        } else {
            let since = object.pointer("/metadata/creationTimestamp").and_then(Value::as_str).unwrap_or("?");
            Place::Taken(format!("it exists already, since {since}"))
        }
    }
}
