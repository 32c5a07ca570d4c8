//! What is said around objects that write no logs themselves.

use paramedic_domain::object::ObjectRef;

use super::{Said, Subject, Variable, World, lines, view::view};

/// Subjects that write no logs themselves: rules may cite those of their namespace.
const WITH_LOGS: [&str; 6] = ["service", "ingress", "route", "policy", "claim", "certificate"];

view! {
    /// What is said in the namespace of an object that writes no logs itself.
    pub(super) struct LogsView {
        /// The newest line of each shape.
        texts: Vec<String>,
    }
}

/// Gives such subjects the name `logs`.
pub(super) fn add(world: &World, all: &mut [Subject]) {
    for subject in all.iter_mut().filter(|subject| WITH_LOGS.contains(&subject.of)) {
        subject.variables.push(logs(world, &subject.object));
    }
}

/// `logs`: what is said in the namespace of an object.
fn logs(world: &World, object: &ObjectRef) -> Variable {
    let said: Vec<&Said> = world.said.iter().filter(|said| said.by.namespace == object.namespace).collect();
    Variable {
        name: "logs",
        fields: serde_json::to_value(&LogsView {
            texts: said.iter().map(|said| said.text.clone()).collect(),
        })
        .unwrap_or_default(),
        object: object.clone(),
        quotes: said.iter().flat_map(|said| lines(std::slice::from_ref(said))).collect(),
    }
}
