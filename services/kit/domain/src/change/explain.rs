//! What a person reads about a change, the same wherever it is shown.

use super::{Call, Change, DryRun, Exchange, FieldChange, Operation, SavedPlan};
use crate::object::ObjectRef;

/// A change in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explanation {
    /// What is done, one sentence for each request, in their order.
    pub effects: Vec<String>,
    /// Old and new values; where several objects change, paths begin with the object.
    pub diff: Vec<FieldChange>,
    /// What was tried before anybody was asked; empty where there is nothing to try.
    pub dry_run: Vec<String>,
    /// What puts it back, or why nothing does; empty where nothing is changed.
    pub undo: Vec<String>,
}

impl Change {
    /// The change in words.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        let mut told = Explanation::default();
        match self {
            Self::Read { what, .. } => told.effects.push(format!("reads {what}")),
            Self::Exec(exec) => told
                .effects
                .push(format!("runs {} in a container of {}", exec.argv.join(" "), exec.target)),
            Self::Notify(notice) => told.effects.push(format!("tells people: {}", notice.title)),
            Self::Carried { by, part, .. } => {
                told.effects.push(format!("its change is part of step {by}"));
                if let Some(part) = part {
                    told.undo.push(format!(
                        "{} gets the old values of this part back by itself, unless somebody changed them since",
                        part.target
                    ));
                }
            }
            Self::Patch(_) | Self::Delete(_) | Self::Sequence { .. } => {
                let operations = self.operations();
                for operation in &operations {
                    told.operation(operation, operations.len() > 1);
                }
            }
            Self::Call(call) => told.call(call),
        }
        told
    }
}

impl Explanation {
    fn operation(&mut self, operation: &Operation, several: bool) {
        let target = operation.target();
        self.effects.push(match operation {
            Operation::Patch(patch) => match &patch.subresource {
                Some(subresource) => format!("patches {subresource} of {}", exactly(target)),
                None => format!("patches {}", exactly(target)),
            },
            Operation::Create(_) => format!("creates {target}"),
            Operation::Delete(_) | Operation::Evict(_) => format!("{} {}", operation.verb(), exactly(target)),
            Operation::Record(record) => format!(
                "records revision {} of the Helm release as {} in {target}; its content ({}) is not shown",
                record.revision, record.status, record.digest
            ),
        });
        if let Operation::Patch(patch) = operation {
            self.diff.extend(patch.diff.iter().map(|field| FieldChange {
                path: if several {
                    format!("{target}: {}", field.path)
                } else {
                    field.path.clone()
                },
                ..field.clone()
            }));
        }
        let asked = operation.dry_run().words();
        if !self.dry_run.contains(&asked) {
            self.dry_run.push(asked);
        }
        self.undo.push(match operation {
            Operation::Patch(patch) => match &patch.irreversible {
                Some(why) => format!("{target} cannot be put back: {why}"),
                None => format!("{target} gets its old values back, unless somebody changed them since"),
            },
            Operation::Create(creation) => match &creation.irreversible {
                Some(why) => format!("{target} stays: {why}"),
                None => format!("{target} is deleted again"),
            },
            Operation::Delete(deletion) => match (&deletion.restore, &deletion.owner) {
                (None, _) if deletion.ended.is_some() => format!("nothing to undo: {target} had ended"),
                (Some(_), _) => format!("{target} is created again as it was"),
                (None, Some(owner)) => format!("nothing to undo: {owner} replaces {target}"),
                (None, None) => format!("{target} cannot be brought back"),
            },
            Operation::Evict(eviction) => match &eviction.owner {
                Some(owner) => format!("nothing to undo: {owner} replaces {target}"),
                None => format!("{target} cannot be brought back"),
            },
            Operation::Record(record) => match &record.was {
                Some(was) => format!("{target} is recorded as {was} again"),
                None => format!("{target} is deleted again"),
            },
        });
    }

    fn call(&mut self, call: &Call) {
        match call {
            Call::Silence(silence) => {
                let sets: Vec<String> = silence
                    .matchers
                    .iter()
                    .map(|matchers| {
                        let pairs: Vec<String> = matchers.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
                        format!("{{{}}}", pairs.join(", "))
                    })
                    .collect();
                self.effects
                    .push(format!("silences {} for at most {} s", sets.join(" and "), silence.lasts.as_secs()));
                self.undo.push("the silence is ended".into());
            }
            Call::Ticket(ticket) => self
                .effects
                .push(format!("files a ticket in {} {}: {}", ticket.tracker, ticket.project, ticket.title)),
            Call::Commit(commit) => {
                let asks = if commit.pull_request { " and asks to merge it" } else { "" };
                self.effects.push(format!(
                    "pushes branch {} of {}{asks}; {} stays as it is",
                    commit.branch, commit.repository, commit.base
                ));
                self.diff.extend(commit.files.iter().map(|file| FieldChange {
                    path: file.path.clone(),
                    from: None,
                    to: Some(file.diff.clone()),
                }));
                self.undo
                    .push(format!("the request to merge is closed and branch {} deleted", commit.branch));
            }
            Call::Request(request) => {
                self.effects.push(format!("{}: {}", request.action, exchange(&request.forward)));
                self.dry_run.push(request.dry_run.words());
                self.undo.push(match (&request.undo, &request.irreversible) {
                    (Some(undo), _) => exchange(undo),
                    (None, Some(why)) => format!("cannot be undone: {why}"),
                    (None, None) => "cannot be undone".into(),
                });
            }
            Call::Apply(plan) => self.saved_plan(plan),
        }
    }
}

impl Explanation {
    fn saved_plan(&mut self, plan: &SavedPlan) {
        let of = match &plan.bound {
            Some(bound) => format!("the saved plan {} of", bound.file),
            None => "a plan of".into(),
        };
        self.effects.push(format!(
            "applies {of} module {} in workspace {}: {}",
            plan.module,
            plan.workspace,
            plan.summary()
        ));
        for change in &plan.changes {
            self.diff.push(FieldChange {
                path: change.address.clone(),
                from: None,
                to: Some(change.effect.word().into()),
            });
            self.diff.extend(change.attributes.iter().map(|field| FieldChange {
                path: format!("{}: {}", change.address, field.path),
                ..field.clone()
            }));
        }
        self.dry_run.push(plan.dry_run.words());
        self.undo
            .push("an applied plan is not taken back by itself: ask for the module as it was before, and approve that plan".into());
    }
}

fn exactly(target: &ObjectRef) -> String {
    match &target.uid {
        Some(uid) => format!("{target} (uid {uid})"),
        None => target.to_string(),
    }
}

fn exchange(exchange: &Exchange) -> String {
    format!("{} {} {}", exchange.method, exchange.url, exchange.body)
}

impl DryRun {
    /// The answer in words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Accepted { warnings } if warnings.is_empty() => "accepted".into(),
            Self::Accepted { warnings } => format!("accepted with warnings: {}", warnings.join("; ")),
            Self::Rejected { message } => format!("REFUSED: {message}"),
            Self::Unavailable { reason } => format!("not tried: {reason}"),
        }
    }
}
