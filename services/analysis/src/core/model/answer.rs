//! The form of an answer. There is no field for a risk, an approval or a plan: those are nobody's to claim.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Deserialize;
use serde_json::{Value, json};

use paramedic_domain::diagnosis::Category;

/// Largest answer that is read, bytes: twelve claims and a few steps need a tenth of it.
const MOST_BYTES: usize = 64 * 1024;

/// The word for "none of the categories, or not sure": an opinion that changes nothing.
pub const UNKNOWN: &str = "unknown";

/// Every category that may be named.
pub const CATEGORIES: [Category; 28] = [
    Category::OomLimitTooLow,
    Category::MemoryLeak,
    Category::CpuThrottle,
    Category::BadRelease,
    Category::BadConfig,
    Category::MissingObject,
    Category::ImagePull,
    Category::ProbeMisconfig,
    Category::Scheduling,
    Category::QuotaPolicy,
    Category::StorageFull,
    Category::StorageProvisioning,
    Category::NetworkPolicy,
    Category::Dns,
    Category::ServiceMisroute,
    Category::NodeFailure,
    Category::ZoneFailure,
    Category::DependencyFailure,
    Category::DbPoolExhaustion,
    Category::DbDeadlock,
    Category::TrafficSurge,
    Category::CertExpiry,
    Category::AuthRbac,
    Category::External,
    Category::ControlPlane,
    Category::ChangeRequest,
    Category::Cost,
    Category::NoFault,
];

/// What a model says about an incident.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The cause, or `unknown` if the evidence does not tell.
    pub category: String,
    /// The object at fault: one that was listed.
    pub target: Target,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// Why, cause first; each claim cites the evidence it rests on.
    pub claims: Vec<Claim>,
    /// Steps that were offered and that fit the cause; may be empty.
    pub recommendations: Vec<Proposal>,
}

/// One sentence with its proof.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The sentence.
    pub text: String,
    /// Ids of evidence that was shown; a claim without any is dropped.
    pub evidence: Vec<String>,
}

/// An object by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// `Deployment`, `Node`, ...
    pub kind: String,
    /// Namespace; empty for objects without one.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// A step that was offered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// Its name within this answer.
    pub id: String,
    /// An action that was offered.
    pub action: String,
    /// What it acts on.
    pub target: Target,
    /// Parameters, as they were offered; those left out are as offered.
    pub parameters: Vec<Parameter>,
    /// Ids of steps of this answer that come first.
    pub depends_on: Vec<String>,
}

/// A parameter of a step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// Value; numbers and lists as JSON.
    pub value: String,
}

/// The word of a category.
#[must_use]
pub fn word(category: Category) -> String {
    match serde_json::to_value(category) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The JSON Schema of an answer, in the subset that every provider's strict mode takes: all fields required, none besides.
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = plain(settings.into_generator().into_root_schema_for::<Answer>().to_value());
    let words: Vec<String> = CATEGORIES.into_iter().map(word).chain([UNKNOWN.to_owned()]).collect();
    schema["properties"]["category"]["enum"] = json!(words);
    schema
}

/// Without the keywords that strict modes refuse.
fn plain(schema: Value) -> Value {
    match schema {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(key, value)| {
                let noise = matches!(key.as_str(), "$schema" | "title" | "format") && value.is_string();
                !noise
            });
            Value::Object(kept.map(|(key, value)| (key, plain(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        other => other,
    }
}

/// Reads an answer.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub fn read(value: Value) -> Result<Answer, String> {
    let answer: Answer = serde_path_to_error::deserialize(value).map_err(|error| format!("its answer does not fit the schema: {error}"))?;
    if !(0.0..=1.0).contains(&answer.confidence) {
        return Err(format!(
            "its answer does not fit the schema: confidence {} is not 0 to 1",
            answer.confidence
        ));
    }
    Ok(answer)
}

/// Reads an answer that came as text: JSON, which some models wrap in a code fence.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub fn read_text(text: &str) -> Result<Answer, String> {
    if text.len() > MOST_BYTES {
        return Err(format!("its answer has {} bytes, more than {MOST_BYTES}", text.len()));
    }
    let text = text.trim();
    let inner = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    let text = inner.map_or(text, |inner| inner.trim_end().trim_end_matches("```"));
    let value = serde_json::from_str(text).map_err(|error| format!("its answer is not JSON: {error}"))?;
    read(value)
}
