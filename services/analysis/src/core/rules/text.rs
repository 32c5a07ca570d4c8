//! Rules and remedies as they are written in YAML.

use std::collections::BTreeMap;

use paramedic_domain::{diagnosis::Category, evidence::Source, plan::Approach, risk::RiskLevel};
use serde::Deserialize;
use serde_json::{Map, Value};

/// One file of rules.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Rules, in any order.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Remedies by name, for the rules of all files.
    #[serde(default)]
    pub remedies: BTreeMap<String, Remedy>,
}

/// A diagnosis.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Unique; `rules/NAME` is the engine that a diagnosis names.
    pub name: String,
    /// What it diagnoses.
    pub category: Category,
    /// What it looks at: `container`, `workload`, `node`, ...
    pub each: String,
    /// CEL: whether it may apply.
    pub when: String,
    /// The object at fault.
    pub target: Target,
    /// One or two sentences, with `{expressions}`.
    pub summary: String,
    /// Cause first, symptom last.
    #[serde(default)]
    pub chain: Vec<String>,
    /// Reasons for and against it.
    pub reasons: Vec<Reason>,
    /// What would show that it is wrong.
    pub wrong_if: String,
    /// Names of remedies, best first; those whose condition does not hold are left out.
    #[serde(default)]
    pub remedies: Vec<String>,
    /// It is about the alert itself, not about an object that alerts could be about.
    #[serde(default)]
    pub of_alert: bool,
}

/// Which object is at fault.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Target {
    /// The object of a variable.
    Variable(String),
    /// An object that may not exist, by `{expressions}`.
    Named {
        /// `v1`.
        api_version: String,
        /// `ConfigMap`.
        kind: String,
        /// Empty for objects of the cluster.
        #[serde(default)]
        namespace: String,
        /// Name.
        name: String,
    },
}

/// A reason.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// What it adds to the confidence, or takes.
    pub weight: f64,
    /// CEL: whether it holds; left out: always.
    #[serde(default, rename = "if")]
    pub condition: Option<String>,
    /// The sentence.
    pub says: String,
    /// The variable whose evidence it cites.
    pub cites: String,
    /// Only evidence that this regular expression matches; without such evidence the reason does not hold.
    #[serde(default)]
    pub matching: Option<String>,
    /// The source that a reason against it rests on: while that does not answer, the reason counts as holding, so that silence never
    /// makes anything more certain.
    #[serde(default)]
    pub needs: Option<Source>,
}

/// A way out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remedy {
    /// Whether it removes the cause (`fix`, or another way: `alternative`) or only eases the symptom (`mitigation`).
    pub approach: Approach,
    /// What it is called where people choose.
    pub title: String,
    /// What speaks against it.
    pub tradeoff: String,
    /// CEL: whether it can be done here; left out: always.
    #[serde(default, rename = "if")]
    pub condition: Option<String>,
    /// Steps in order.
    pub steps: Vec<Step>,
    /// How to tell that it worked.
    #[serde(default)]
    pub criteria: Vec<Check>,
}

/// A recommended action.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Name within the remedy.
    pub id: String,
    /// Action of the executor's catalogue.
    #[serde(rename = "do")]
    pub action: String,
    /// Variable whose object becomes the parameters `deployment` (or whatever its kind is) and `namespace`.
    #[serde(default)]
    pub on: Option<String>,
    /// Further parameters; a text that is one `{expression}` keeps the expression's type.
    #[serde(default)]
    pub with: Map<String, Value>,
    /// CEL: whether it is needed; left out: always.
    #[serde(default, rename = "if")]
    pub condition: Option<String>,
    /// Steps that must succeed first.
    #[serde(default)]
    pub after: Vec<String>,
    /// What it does, for people.
    pub says: String,
    /// Why.
    pub why: String,
    /// 0 to 1.
    #[serde(default = "sure")]
    pub confidence: f64,
    /// The rule's opinion of the risk; shown, never trusted.
    pub risk: RiskLevel,
    /// Whether people have to be asked whatever policy says.
    #[serde(default)]
    pub ask: bool,
}

fn sure() -> f64 {
    0.95
}

/// A condition of success.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Check {
    /// Every replica of the variable's workload is ready.
    Ready(String),
    /// No container of it restarted since the change.
    Calm(String),
    /// A PromQL query.
    Query(Query),
    /// A field of an object.
    Field(Field),
}

/// See [`Check::Query`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// What it means.
    pub says: String,
    /// PromQL, with `{{expressions}}` where [`Step::with`] has `{expressions}`: PromQL has braces of its own.
    pub promql: String,
    /// CEL: whether it can be measured here; left out: always.
    #[serde(default, rename = "if")]
    pub condition: Option<String>,
    /// Most that is good.
    #[serde(default)]
    pub at_most: Option<Value>,
    /// Least that is good.
    #[serde(default)]
    pub at_least: Option<Value>,
    /// Unit of the value.
    pub unit: String,
    /// CEL: the value now.
    #[serde(default)]
    pub before: Option<String>,
}

/// See [`Check::Field`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// What it means.
    pub says: String,
    /// Variable of the object.
    pub of: String,
    /// JSON pointer of a number, a quantity, a truth value or a condition's status; `#` before it counts the entries of a list.
    pub pointer: String,
    /// Most that is good.
    #[serde(default)]
    pub at_most: Option<Value>,
    /// Least that is good.
    #[serde(default)]
    pub at_least: Option<Value>,
    /// Unit of the value.
    pub unit: String,
}
