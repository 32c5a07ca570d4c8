//! What the parameters of a step are wanted to be.

use std::collections::BTreeMap;

use paramedic_catalogue::quantity;
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

/// A value that is wanted.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
pub enum Wanted {
    /// A text in which this is found.
    Matches(Regex),
    /// A quantity, in thousandths, from and to.
    Amount(Option<i128>, Option<i128>),
    /// An object that has these fields at least.
    Fields(BTreeMap<String, Wanted>),
    /// A list of exactly these.
    List(Vec<Wanted>),
    /// This, or another spelling of the same quantity.
    Same(Value),
}

impl Default for Wanted {
    /// Anything.
    fn default() -> Self {
        Self::Fields(BTreeMap::new())
    }
}

impl TryFrom<Value> for Wanted {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::Object(map) => match map.iter().next() {
                Some((key, value)) if map.len() == 1 && ["matches", "at_least", "at_most", "between"].contains(&key.as_str()) => {
                    matcher(key, value)
                }
                _ => map
                    .into_iter()
                    .map(|(key, value)| Ok((key, Self::try_from(value)?)))
                    .collect::<Result<_, String>>()
                    .map(Self::Fields),
            },
            Value::Array(all) => all.into_iter().map(Self::try_from).collect::<Result<_, String>>().map(Self::List),
            other => Ok(Self::Same(other)),
        }
    }
}

fn matcher(key: &str, value: &Value) -> Result<Wanted, String> {
    let bound = |value: &Value| amount(value).ok_or_else(|| format!("{key}: {value} is neither a number nor a quantity"));
    match (key, value) {
        ("matches", Value::String(text)) => Regex::new(text)
            .map(Wanted::Matches)
            .map_err(|error| format!("matches: {text:?} is not a regular expression: {error}")),
        ("matches", other) => Err(format!("matches: {other} is no text")),
        ("at_least", value) => Ok(Wanted::Amount(Some(bound(value)?), None)),
        ("at_most", value) => Ok(Wanted::Amount(None, Some(bound(value)?))),
        (_, Value::Array(both)) if both.len() == 2 => Ok(Wanted::Amount(Some(bound(&both[0])?), Some(bound(&both[1])?))),
        (_, other) => Err(format!("{key}: {other} is not a list of two quantities")),
    }
}

impl Wanted {
    /// Whether the value is as wanted.
    pub fn fits(&self, value: &Value) -> bool {
        match self {
            Self::Matches(pattern) => text(value).is_some_and(|text| pattern.is_match(&text)),
            Self::Amount(least, most) => {
                amount(value).is_some_and(|amount| least.is_none_or(|least| amount >= least) && most.is_none_or(|most| amount <= most))
            }
            Self::Fields(fields) => fields
                .iter()
                .all(|(name, wanted)| value.get(name).is_some_and(|value| wanted.fits(value))),
            Self::List(all) => value
                .as_array()
                .is_some_and(|values| values.len() == all.len() && all.iter().zip(values).all(|(wanted, value)| wanted.fits(value))),
            Self::Same(same) => {
                let equal = |read: fn(&Value) -> Option<String>| read(same).is_some() && read(same) == read(value);
                same == value || equal(text) || amount(same).is_some() && amount(same) == amount(value)
            }
        }
    }
}

/// A text, number or truth value as it is written.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A number or a quantity, in thousandths.
fn amount(value: &Value) -> Option<i128> {
    match value {
        Value::String(text) => quantity::milli(text.trim()),
        Value::Number(number) => quantity::milli(&number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted(value: Value) -> Wanted {
        Wanted::try_from(value).unwrap()
    }

    #[test]
    fn a_value_is_compared_as_it_is_whatever_way_it_is_spelt() {
        for (want, have, fits) in [
            (json!("cart"), json!("cart"), true),
            (json!("cart"), json!("cart-2"), false),
            (json!(8), json!("8"), true),
            (json!("200"), json!(200), true),
            (json!("1Gi"), json!("1024Mi"), true),
            (json!("1Gi"), json!("1G"), false),
            (json!(true), json!("true"), true),
            (json!(null), json!("null"), false),
            (json!(["a", {"at_least": 2}]), json!(["a", 3]), true),
            (json!(["a"]), json!(["a", "b"]), false),
        ] {
            assert_eq!(wanted(want.clone()).fits(&have), fits, "{want} {have}");
        }
    }

    #[test]
    fn quantities_have_bounds() {
        let between = wanted(json!({"between": ["384Mi", "768Mi"]}));
        for (value, fits) in [
            ("384Mi", true),
            ("0.5Gi", true),
            ("768Mi", true),
            ("1Gi", false),
            ("256Mi", false),
            ("much", false),
        ] {
            assert_eq!(between.fits(&json!(value)), fits, "{value}");
        }
        assert!(wanted(json!({"at_least": "500m"})).fits(&json!(0.5)) && !wanted(json!({"at_most": 3})).fits(&json!(4)));
        assert!(wanted(json!({"matches": ":2\\.4\\."})).fits(&json!("registry/cart:2.4.1")));
    }

    #[test]
    fn an_object_may_have_more_fields_than_are_wanted() {
        let want = wanted(json!({"data": {"POOL": {"at_most": 300}}, "namespace": "shop"}));
        assert!(want.fits(&json!({"data": {"POOL": "200", "WAIT": "30s"}, "namespace": "shop", "name": "x"})));
        assert!(!want.fits(&json!({"data": {"POOL": "400"}, "namespace": "shop"})) && !want.fits(&json!({"namespace": "shop"})));
        assert!(Wanted::default().fits(&json!({})));
    }

    #[test]
    fn a_bound_that_is_none_is_refused_with_its_name() {
        for value in [
            json!({"at_least": "much"}),
            json!({"between": [1]}),
            json!({"matches": "a("}),
            json!({"matches": 1}),
        ] {
            let key = value.as_object().unwrap().keys().next().unwrap().clone();
            assert!(Wanted::try_from(value).unwrap_err().starts_with(&key));
        }
    }
}
