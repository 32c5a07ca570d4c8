//! PromQL: evaluates parsed expressions over a [`Source`].
//!
//! - [`eval`]: expressions; [`binary`], [`aggregate`], [`functions`], [`ranges`]: their parts
//!
//! Samples lie on a fixed grid (every scrape interval). Long ranges are thinned to a few thousand samples, which changes
//! slopes and rates by less than a sample's worth.

mod aggregate;
mod binary;
mod eval;
mod functions;
mod ranges;
#[cfg(test)]
mod tests;

use promql_parser::parser::{self, Expr};

pub(crate) use self::eval::Evaluator;
use super::{series::Labels, source::Source};

/// A sample of a series.
pub(crate) type Point = (f64, f64);

/// What an expression is at one time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Scalar(f64),
    Text(String),
    Vector(Vec<(Labels, f64)>),
    Matrix(Vec<(Labels, Vec<Point>)>),
}

impl Value {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Scalar(_) => "scalar",
            Self::Text(_) => "string",
            Self::Vector(_) => "vector",
            Self::Matrix(_) => "matrix",
        }
    }
}

/// Parses an expression; the error is for the user.
pub(crate) fn parse(query: &str) -> Result<Expr, String> {
    parser::parse(query).map_err(|error| format!("invalid parameter \"query\": {error}"))
}

/// The value of an expression at one time (seconds since 1970).
pub(crate) fn instant(source: &dyn Source, expr: &Expr, at: f64) -> Result<Value, String> {
    Evaluator::new(source, at, at).eval(expr, at)
}

/// The values of an expression at `start`, `start + step`, ... up to `end`.
pub(crate) fn range(source: &dyn Source, expr: &Expr, start: f64, end: f64, step: f64) -> Result<Vec<(Labels, Vec<Point>)>, String> {
    let evaluator = Evaluator::new(source, start, end);
    let mut all = std::collections::BTreeMap::<Labels, Vec<Point>>::new();
    let steps = ((end - start) / step + 1e-9).floor() as usize;
    for i in 0..=steps {
        let t = start + step * i as f64;
        match evaluator.eval(expr, t)? {
            Value::Scalar(value) => all.entry(Labels::default()).or_default().push((t, value)),
            Value::Vector(samples) => {
                for (labels, value) in samples {
                    all.entry(labels).or_default().push((t, value));
                }
            }
            other => {
                return Err(format!(
                    "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
                    other.kind()
                ));
            }
        }
    }
    Ok(all.into_iter().collect())
}
