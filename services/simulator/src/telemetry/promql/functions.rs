//! The functions of PromQL.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use promql_parser::parser::Expr;

use super::{Point, Value, ranges};
use crate::{telemetry::series::Labels, world::obj::at_secs};

/// Where and over what a function is called.
pub(super) struct At<'a> {
    /// Evaluation time.
    pub(super) t: f64,
    /// Length of the range of the first argument.
    pub(super) window: f64,
    /// End of that range.
    pub(super) end: f64,
    /// The first argument as it was written.
    pub(super) first: Option<&'a Expr>,
}

pub(super) fn call(name: &str, args: Vec<Value>, at: &At<'_>) -> Result<Value, String> {
    if let Some(value) = of_range(name, &args, at)? {
        return Ok(value);
    }
    match name {
        "time" => Ok(Value::Scalar(at.t)),
        "pi" => Ok(Value::Scalar(std::f64::consts::PI)),
        "scalar" => match args.into_iter().next() {
            Some(Value::Vector(all)) if all.len() == 1 => Ok(Value::Scalar(all[0].1)),
            _ => Ok(Value::Scalar(f64::NAN)),
        },
        "vector" => Ok(Value::Vector(vec![(Labels::default(), number(&args, 0)?)])),
        "absent" => {
            let empty = matches!(args.first(), Some(Value::Vector(all)) if all.is_empty());
            Ok(Value::Vector(if empty { vec![(named_by(at.first), 1.0)] } else { Vec::new() }))
        }
        "sort" | "sort_desc" => {
            let mut all = vector(args)?;
            all.sort_by(|a, b| if name == "sort" { a.1.total_cmp(&b.1) } else { b.1.total_cmp(&a.1) });
            Ok(Value::Vector(all))
        }
        "histogram_quantile" => histogram_quantile(args),
        "label_replace" => label_replace(args),
        "label_join" => label_join(args),
        "timestamp" => Ok(Value::Vector(
            vector(args)?.into_iter().map(|(labels, _)| (labels.without_name(), at.t)).collect(),
        )),
        "clamp" | "clamp_min" | "clamp_max" | "round" => {
            let first = args.get(1).map(|_| number(&args, 1)).transpose()?;
            let second = args.get(2).map(|_| number(&args, 2)).transpose()?;
            map(args, |value| match (name, first, second) {
                ("clamp", Some(low), Some(high)) => value.max(low).min(high),
                ("clamp_min", Some(low), _) => value.max(low),
                ("clamp_max", Some(high), _) => value.min(high),
                (_, Some(to), _) => (value / to + 0.5).floor() * to,
                _ => (value + 0.5).floor(),
            })
        }
        "minute" | "hour" | "day_of_week" | "day_of_month" | "month" | "year" => {
            let args = if args.is_empty() {
                vec![Value::Vector(vec![(Labels::default(), at.t)])]
            } else {
                args
            };
            map(args, |value| calendar(name, value))
        }
        _ => {
            let function = plain(name).ok_or_else(|| format!("the function {name} is not supported here"))?;
            map(args, function)
        }
    }
}

fn plain(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "sqrt" => f64::sqrt,
        "exp" => f64::exp,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sgn" => |value| if value == 0.0 || value.is_nan() { value } else { value.signum() },
        _ => return None,
    })
}

fn calendar(name: &str, value: f64) -> f64 {
    let time = at_secs(value).to_zoned(TimeZone::UTC);
    f64::from(match name {
        "minute" => i16::from(time.minute()),
        "hour" => i16::from(time.hour()),
        "day_of_week" => i16::from(time.weekday().to_sunday_zero_offset()),
        "day_of_month" => i16::from(time.day()),
        "month" => i16::from(time.month()),
        _ => time.year(),
    })
}

/// Functions of a range vector; `None` when `name` is none of them.
fn of_range(name: &str, args: &[Value], at: &At<'_>) -> Result<Option<Value>, String> {
    let Some(all) = args
        .iter()
        .find_map(|arg| if let Value::Matrix(all) = arg { Some(all) } else { None })
    else {
        return Ok(None);
    };
    if name == "absent_over_time" {
        return Ok(Some(Value::Vector(if all.is_empty() {
            vec![(named_by(at.first), 1.0)]
        } else {
            Vec::new()
        })));
    }
    let ahead = if name == "predict_linear" { number(args, 1)? } else { 0.0 };
    let phi = if name == "quantile_over_time" { number(args, 0)? } else { 0.0 };
    let value = |points: &[Point]| match name {
        "rate" => ranges::extrapolated(points, at.end, at.window, true, true),
        "increase" => ranges::extrapolated(points, at.end, at.window, true, false),
        "delta" => ranges::extrapolated(points, at.end, at.window, false, false),
        "irate" => ranges::last_two(points, true, true),
        "idelta" => ranges::last_two(points, false, false),
        "deriv" => ranges::line(points, at.t).map(|(slope, _)| slope),
        "predict_linear" => ranges::line(points, at.t).map(|(slope, now)| now + slope * ahead),
        "quantile_over_time" => Some(ranges::quantile(phi, &mut points.iter().map(|p| p.1).collect::<Vec<_>>())),
        _ => ranges::over_time(name, points),
    };
    let known = [
        "rate",
        "increase",
        "delta",
        "irate",
        "idelta",
        "deriv",
        "predict_linear",
        "quantile_over_time",
    ];
    if !known.contains(&name) && ranges::over_time(name, &[(0.0, 0.0)]).is_none() {
        return Err(format!("the function {name} is not supported here"));
    }
    let keeps_name = matches!(name, "last_over_time" | "first_over_time");
    let named = |labels: &Labels| {
        if keeps_name {
            labels.clone()
        } else {
            labels.clone().without_name()
        }
    };
    Ok(Some(Value::Vector(
        all.iter()
            .filter_map(|(labels, points)| Some((named(labels), value(points)?)))
            .collect(),
    )))
}

fn histogram_quantile(args: Vec<Value>) -> Result<Value, String> {
    let phi = number(&args, 0)?;
    let Some(Value::Vector(all)) = args.into_iter().nth(1) else {
        return Err("histogram_quantile needs a vector".to_owned());
    };
    let mut groups = BTreeMap::<Labels, Vec<(f64, f64)>>::new();
    for (labels, count) in all {
        let bound = match labels.get("le") {
            "+Inf" => Some(f64::INFINITY),
            bound => bound.parse().ok(),
        };
        if let Some(bound) = bound {
            groups.entry(labels.without_name().with("le", "")).or_default().push((bound, count));
        }
    }
    let quantile = |(labels, buckets)| (labels, ranges::histogram_quantile(phi, buckets));
    Ok(Value::Vector(groups.into_iter().map(quantile).collect()))
}

fn label_replace(args: Vec<Value>) -> Result<Value, String> {
    let [target, replacement, source, pattern] = texts(&args[1..])?;
    let regex = regex::Regex::new(&format!("^(?:{pattern})$")).map_err(|error| format!("label_replace: {error}"))?;
    let all = vector(args)?.into_iter().map(|(labels, value)| {
        let replaced = regex.captures(labels.get(&source)).map(|found| {
            let mut out = String::new();
            found.expand(&replacement, &mut out);
            out
        });
        match replaced {
            Some(text) => (labels.with(&target, &text), value),
            None => (labels, value),
        }
    });
    Ok(Value::Vector(all.collect()))
}

fn label_join(args: Vec<Value>) -> Result<Value, String> {
    let words: Vec<String> = args[1..].iter().map(text).collect::<Result<_, _>>()?;
    let [target, separator, sources @ ..] = words.as_slice() else {
        return Err("label_join needs a label and a separator".to_owned());
    };
    let all = vector(args)?.into_iter().map(|(labels, value)| {
        let joined = sources.iter().map(|source| labels.get(source)).collect::<Vec<_>>().join(separator);
        (labels.with(target, &joined), value)
    });
    Ok(Value::Vector(all.collect()))
}

fn texts<const N: usize>(args: &[Value]) -> Result<[String; N], String> {
    let all: Vec<String> = args.iter().map(text).collect::<Result<_, _>>()?;
    all.try_into().map_err(|_| format!("{N} texts are needed"))
}

fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        other => Err(format!("a string is needed, got {}", other.kind())),
    }
}

fn number(args: &[Value], i: usize) -> Result<f64, String> {
    match args.get(i) {
        Some(Value::Scalar(value)) => Ok(*value),
        other => Err(format!(
            "argument {} must be a scalar, got {}",
            i + 1,
            other.map_or("nothing", Value::kind)
        )),
    }
}

fn vector(args: Vec<Value>) -> Result<Vec<(Labels, f64)>, String> {
    match args.into_iter().next() {
        Some(Value::Vector(all)) => Ok(all),
        other => Err(format!("a vector is needed, got {}", other.as_ref().map_or("nothing", Value::kind))),
    }
}

fn map(args: Vec<Value>, function: impl Fn(f64) -> f64) -> Result<Value, String> {
    Ok(Value::Vector(
        vector(args)?
            .into_iter()
            .map(|(labels, value)| (labels.without_name(), function(value)))
            .collect(),
    ))
}

/// The labels that a selector fixes with `=`, which is what `absent` answers with.
fn named_by(expr: Option<&Expr>) -> Labels {
    let selector = match expr {
        Some(Expr::VectorSelector(selector)) => selector,
        Some(Expr::MatrixSelector(selector)) => &selector.vs,
        _ => return Labels::default(),
    };
    let fixed = selector
        .matchers
        .matchers
        .iter()
        .filter(|m| matches!(m.op, promql_parser::label::MatchOp::Equal));
    let labels = fixed
        .map(|m| (m.name.clone(), m.value.clone()))
        .filter(|(name, _)| name != "__name__");
    Labels(labels.collect())
}
