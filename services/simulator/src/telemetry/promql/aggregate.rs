//! Aggregations: `sum by (...)` and the like.

use std::collections::BTreeMap;

use promql_parser::parser::{AggregateExpr, LabelModifier, token::*};

use super::{Value, ranges::quantile};
use crate::telemetry::series::Labels;

pub(super) fn apply(expr: &AggregateExpr, input: Vec<(Labels, f64)>, param: Option<Value>) -> Result<Value, String> {
    let number = || match &param {
        Some(Value::Scalar(value)) => Ok(*value),
        _ => Err(format!("{} needs a number as its parameter", expr.op)),
    };
    let op = expr.op.id();
    if matches!(op, T_TOPK | T_BOTTOMK | T_LIMITK) {
        return Ok(Value::Vector(pick(expr, input, number()?, op)));
    }
    if op == T_COUNT_VALUES {
        let Some(Value::Text(label)) = &param else {
            return Err("count_values needs a label name".to_owned());
        };
        let mut counts = BTreeMap::<Labels, f64>::new();
        for (labels, value) in input {
            *counts.entry(group(expr, &labels).with(label, &value.to_string())).or_default() += 1.0;
        }
        return Ok(Value::Vector(counts.into_iter().collect()));
    }
    let mut groups = BTreeMap::<Labels, Vec<f64>>::new();
    for (labels, value) in input {
        groups.entry(group(expr, &labels)).or_default().push(value);
    }
    let phi = if op == T_QUANTILE { number()? } else { 0.0 };
    let mut out = Vec::new();
    for (labels, mut values) in groups {
        let count = values.len() as f64;
        let sum: f64 = values.iter().sum();
        let mean = sum / count;
        let variance = || values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        let value = match op {
            T_SUM => sum,
            T_AVG => mean,
            T_COUNT => count,
            T_MIN => values.iter().copied().fold(f64::NAN, f64::min),
            T_MAX => values.iter().copied().fold(f64::NAN, f64::max),
            T_GROUP => 1.0,
            T_STDDEV => variance().sqrt(),
            T_STDVAR => variance(),
            T_QUANTILE => quantile(phi, &mut values),
            _ => return Err(format!("the aggregation {} is not supported here", expr.op)),
        };
        out.push((labels, value));
    }
    Ok(Value::Vector(out))
}

fn pick(expr: &AggregateExpr, input: Vec<(Labels, f64)>, count: f64, op: u16) -> Vec<(Labels, f64)> {
    let mut groups = BTreeMap::<Labels, Vec<(Labels, f64)>>::new();
    for (labels, value) in input {
        groups.entry(group(expr, &labels)).or_default().push((labels, value));
    }
    let mut out = Vec::new();
    for mut members in groups.into_values() {
        match op {
            T_TOPK => members.sort_by(|a, b| b.1.total_cmp(&a.1)),
            T_BOTTOMK => members.sort_by(|a, b| a.1.total_cmp(&b.1)),
            _ => {}
        }
        members.truncate(count.max(0.0) as usize);
        out.extend(members);
    }
    out
}

fn group(expr: &AggregateExpr, labels: &Labels) -> Labels {
    match &expr.modifier {
        None => Labels::default(),
        Some(LabelModifier::Include(keys)) => labels.only(&keys.labels),
        Some(LabelModifier::Exclude(keys)) => labels.except(&keys.labels),
    }
}
