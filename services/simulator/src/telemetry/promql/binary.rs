//! Binary operators between scalars and vectors.

use std::collections::BTreeMap;

use promql_parser::parser::{BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality, token::*};

use super::Value;
use crate::telemetry::series::Labels;

type Samples = Vec<(Labels, f64)>;

pub(super) fn apply(expr: &BinaryExpr, left: Value, right: Value) -> Result<Value, String> {
    let op = expr.op.id();
    match (left, right) {
        (Value::Scalar(l), Value::Scalar(r)) => {
            let kept = compute(op, l, r)?;
            Ok(Value::Scalar(if expr.op.is_comparison_operator() {
                f64::from(u8::from(kept.is_some()))
            } else {
                kept.unwrap_or(f64::NAN)
            }))
        }
        (Value::Vector(all), Value::Scalar(r)) => each(expr, all, |value| (value, r), |value| value),
        (Value::Scalar(l), Value::Vector(all)) => each(expr, all, |value| (l, value), |value| value),
        (Value::Vector(left), Value::Vector(right)) if expr.op.is_set_operator() => Ok(Value::Vector(sets(expr, left, right))),
        (Value::Vector(left), Value::Vector(right)) => vectors(expr, left, right).map(Value::Vector),
        (left, right) => Err(format!("binary operator {} between {} and {}", expr.op, left.kind(), right.kind())),
    }
}

fn each(expr: &BinaryExpr, all: Samples, sides: impl Fn(f64) -> (f64, f64), keep: impl Fn(f64) -> f64) -> Result<Value, String> {
    let comparing = expr.op.is_comparison_operator();
    let mut out = Vec::new();
    for (labels, value) in all {
        let (l, r) = sides(value);
        let result = compute(expr.op.id(), l, r)?;
        if comparing && expr.return_bool() {
            out.push((labels.without_name(), f64::from(u8::from(result.is_some()))));
        } else if comparing {
            if result.is_some() {
                out.push((labels, keep(value)));
            }
        } else {
            out.push((labels.without_name(), result.unwrap_or(f64::NAN)));
        }
    }
    Ok(Value::Vector(out))
}

/// The result of an operator; `None` when a comparison does not hold.
fn compute(op: u16, l: f64, r: f64) -> Result<Option<f64>, String> {
    let keep = |holds: bool| holds.then_some(l);
    Ok(match op {
        T_ADD => Some(l + r),
        T_SUB => Some(l - r),
        T_MUL => Some(l * r),
        T_DIV => Some(l / r),
        T_MOD => Some(l % r),
        T_POW => Some(l.powf(r)),
        T_ATAN2 => Some(l.atan2(r)),
        T_EQLC => keep(l == r),
        T_NEQ => keep(l != r),
        T_GTR => keep(l > r),
        T_LSS => keep(l < r),
        T_GTE => keep(l >= r),
        T_LTE => keep(l <= r),
        _ => return Err("this binary operator is not supported".to_owned()),
    })
}

fn signature(modifier: Option<&BinModifier>, labels: &Labels) -> Labels {
    match modifier.and_then(|modifier| modifier.matching.as_ref()) {
        Some(LabelModifier::Include(keys)) => labels.only(&keys.labels),
        Some(LabelModifier::Exclude(keys)) => labels.except(&keys.labels),
        None => labels.clone().without_name(),
    }
}

fn sets(expr: &BinaryExpr, left: Samples, right: Samples) -> Samples {
    let sign = |labels: &Labels| signature(expr.modifier.as_ref(), labels);
    match expr.op.id() {
        T_LOR => {
            let there: std::collections::BTreeSet<Labels> = left.iter().map(|(labels, _)| sign(labels)).collect();
            left.into_iter()
                .chain(right.into_iter().filter(|(labels, _)| !there.contains(&sign(labels))))
                .collect()
        }
        op => {
            let there: std::collections::BTreeSet<Labels> = right.iter().map(|(labels, _)| sign(labels)).collect();
            left.into_iter()
                .filter(|(labels, _)| there.contains(&sign(labels)) == (op == T_LAND))
                .collect()
        }
    }
}

fn vectors(expr: &BinaryExpr, left: Samples, right: Samples) -> Result<Samples, String> {
    let modifier = expr.modifier.as_ref();
    let card = modifier.map(|modifier| &modifier.card);
    // The "one" side is looked up, the "many" side is walked.
    let swapped = matches!(card, Some(VectorMatchCardinality::OneToMany(_)));
    let (many, one) = if swapped { (right, left) } else { (left, right) };
    let grouped = matches!(
        card,
        Some(VectorMatchCardinality::OneToMany(_) | VectorMatchCardinality::ManyToOne(_))
    );
    let extra = card.and_then(|card| card.labels()).map_or(&[][..], |labels| &labels.labels);
    let mut index = BTreeMap::<Labels, (Labels, f64)>::new();
    for (labels, value) in one {
        let sign = signature(modifier, &labels);
        if index.insert(sign.clone(), (labels, value)).is_some() {
            return Err(format!(
                "found duplicate series for the match group {:?}; many-to-many matching not allowed",
                sign.0
            ));
        }
    }
    let comparing = expr.op.is_comparison_operator();
    let mut out = Vec::new();
    let mut used = std::collections::BTreeSet::new();
    for (labels, value) in many {
        let sign = signature(modifier, &labels);
        let Some((other_labels, other)) = index.get(&sign) else { continue };
        if !grouped && !used.insert(sign.clone()) {
            return Err("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)".to_owned());
        }
        let (l, r) = if swapped { (*other, value) } else { (value, *other) };
        let result = compute(expr.op.id(), l, r)?;
        let kept_name = comparing && !expr.return_bool();
        let mut labels_out = if grouped {
            if kept_name { labels } else { labels.without_name() }
        } else if kept_name {
            labels
        } else {
            match modifier.and_then(|modifier| modifier.matching.as_ref()) {
                Some(LabelModifier::Include(_)) => sign,
                Some(LabelModifier::Exclude(keys)) => labels.except(&keys.labels),
                None => labels.without_name(),
            }
        };
        for key in extra {
            labels_out = labels_out.with(key, other_labels.get(key));
        }
        match (comparing, expr.return_bool(), result) {
            (true, true, result) => out.push((labels_out, f64::from(u8::from(result.is_some())))),
            (true, false, Some(_)) => out.push((labels_out, value)),
            (true, false, None) => {}
            (false, _, result) => out.push((labels_out, result.unwrap_or(f64::NAN))),
        }
    }
    Ok(out)
}
