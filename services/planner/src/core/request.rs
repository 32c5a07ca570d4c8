//! A set of recommendations as people and programs write it.

use paramedic_domain::plan::{Recommendation, Rollback};
use serde::Deserialize;
use serde_json::Value;

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    /// The steps.
    pub recommendations: Vec<Recommendation>,
    /// What shall happen after a failure, if the set says it.
    pub rollback: Option<Rollback>,
    /// What was read and is not used.
    pub notes: Vec<String>,
}

/// What may stand next to the list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Around {
    rollback_strategy: Option<Rollback>,
    estimated_duration: Option<Value>,
    historical_success_rate: Option<Value>,
}

/// Reads an array of recommendations, or an object with one under `recommendations`.
///
/// # Errors
/// Everything that is wrong with the text, by path.
pub fn parse(text: &str) -> Result<Set, Vec<String>> {
    let value: Value = serde_json::from_str(text).map_err(|error| vec![format!("recommendations_json is not JSON: {error}")])?;
    let (list, around) = match &value {
        Value::Object(fields) => {
            let Some(list) = fields.get("recommendations") else {
                return Err(vec![
                    "recommendations_json: neither an array nor an object with an array under recommendations".into(),
                ]);
            };
            (list, Some(&value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => (&value, None),
    };
    let Value::Array(list) = list else {
        return Err(vec!["recommendations_json: the recommendations are not an array".into()]);
    };
    let mut problems = Vec::new();
    let mut recommendations = Vec::with_capacity(list.len());
    for (index, one) in list.iter().enumerate() {
        match Recommendation::deserialize(one) {
            Ok(recommendation) => recommendations.push(recommendation),
            Err(error) => {
                let name = one
                    .get("id")
                    .and_then(Value::as_str)
                    .map_or_else(String::new, |id| format!(" ({id})"));
                problems.push(format!("/recommendations/{index}{name}: {error}"));
            }
        }
    }
    let around = around.map_or(Ok(None), |value| Around::deserialize(value).map(Some));
    match around {
        Err(error) => problems.push(format!("/rollbackStrategy: {error}")),
        Ok(around) if problems.is_empty() => {
            return Ok(Set {
                recommendations,
                rollback: around.as_ref().and_then(|around| around.rollback_strategy),
                notes: around.as_ref().map(unused).unwrap_or_default(),
            });
        }
        Ok(_) => {}
    }
    Err(problems)
}

fn unused(around: &Around) -> Vec<String> {
    let time = around
        .estimated_duration
        .as_ref()
        .map(|claim| format!("the set claims a duration of {claim}: not used, the estimate is measured"));
    let rate = around
        .historical_success_rate
        .as_ref()
        .map(|claim| format!("the set claims a success rate of {claim}: not used, success is measured"));
    time.into_iter().chain(rate).collect()
}
