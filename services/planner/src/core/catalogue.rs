//! The executor's actions as the planner knows them: names, other names, parameters.

use paramedic_domain::{
    object::ObjectRef,
    plan::{Recommendation, Refusal},
};
use serde_json::{Map, Value};

/// Similarity (Jaro-Winkler, 0 to 1) from which a name counts as perhaps meant: `restart_pods` and `restart_pod` have 0.98,
/// unrelated actions of the catalogue stay below 0.75.
const NEAR: f64 = 0.8;
/// Most names that are offered instead.
const OFFERED: usize = 3;

/// One action.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Name.
    pub name: String,
    /// Other names.
    pub aliases: Vec<String>,
    /// JSON Schema of its parameters.
    pub schema: Value,
}

/// All of them; empty when the executor did not say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    /// In any order.
    pub actions: Vec<Known>,
}

impl Catalogue {
    /// The action of that name or other name.
    #[must_use]
    pub fn find(&self, action: &str) -> Option<&Known> {
        self.actions
            .iter()
            .find(|known| known.name == action || known.aliases.iter().any(|alias| alias == action))
    }

    /// The name under which an action is known.
    #[must_use]
    pub fn canonical<'a>(&'a self, action: &'a str) -> &'a str {
        self.find(action).map_or(action, |known| known.name.as_str())
    }

    /// Why a recommendation cannot be planned whatever its parameters are, if so.
    #[must_use]
    pub fn unknown(&self, recommendation: &Recommendation) -> Option<Refusal> {
        let action = recommendation.action.as_str();
        if self.actions.is_empty() || self.find(action).is_some() {
            return None;
        }
        let near = self.near(action);
        let hint = if near.is_empty() {
            String::new()
        } else {
            format!("; near: {}", near.join(", "))
        };
        Some(Refusal {
            step: Some(recommendation.id.to_string()),
            reason: format!("action {action:?} is not in the catalogue{hint}"),
        })
    }

    /// Names that look like `action`, the likeliest first.
    fn near(&self, action: &str) -> Vec<&str> {
        let mut found: Vec<(f64, &str)> = self
            .actions
            .iter()
            .filter_map(|known| {
                let names = std::iter::once(&known.name).chain(&known.aliases);
                let best = names.map(|name| strsim::jaro_winkler(name, action)).fold(0.0, f64::max);
                (best >= NEAR).then_some((best, known.name.as_str()))
            })
            .collect();
        found.sort_by(|one, other| other.0.total_cmp(&one.0));
        found.into_iter().take(OFFERED).map(|(_, name)| name).collect()
    }

    /// Parameters by which an action of that name is told to look at one workload; `None` when it is not in the catalogue
    /// or names workloads in another way.
    #[must_use]
    pub fn about_workload(&self, action: &str, workload: &ObjectRef) -> Option<Map<String, Value>> {
        let properties = self.find(action)?.schema.get("properties")?;
        let kind = workload.kind.to_lowercase();
        let namespace = workload.namespace.as_deref()?;
        if properties.get(&kind).is_none() || properties.get("namespace").is_none() {
            return None;
        }
        Some(Map::from_iter([
            (kind, Value::from(workload.name.as_str())),
            ("namespace".to_owned(), Value::from(namespace)),
        ]))
    }
}
