//! Evaluation of expressions at one time.

use std::{cell::RefCell, collections::HashMap, rc::Rc, time::SystemTime};

use promql_parser::parser::{AtModifier, Call, Expr, MatrixSelector, Offset, SubqueryExpr, VectorSelector};

use super::{Point, Value, aggregate, binary, functions};
use crate::telemetry::{
    series::{Labels, Series},
    source::{Source, select},
};

/// Most samples a range holds before it is thinned.
const MOST_SAMPLES: f64 = 4_000.0;

/// Evaluates one expression at one or several times.
pub(crate) struct Evaluator<'a> {
    source: &'a dyn Source,
    start: f64,
    end: f64,
    /// Series by selector, so that a range query looks them up once. The key is the selector's text.
    selected: RefCell<HashMap<String, Rc<Vec<Series<'a>>>>>,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(source: &'a dyn Source, start: f64, end: f64) -> Self {
        Self {
            source,
            start,
            end,
            selected: RefCell::default(),
        }
    }

    pub(crate) fn eval(&self, expr: &Expr, t: f64) -> Result<Value, String> {
        match expr {
            Expr::NumberLiteral(number) => Ok(Value::Scalar(number.val)),
            Expr::StringLiteral(text) => Ok(Value::Text(text.val.clone())),
            Expr::Paren(paren) => self.eval(&paren.expr, t),
            Expr::Unary(unary) => Ok(match self.eval(&unary.expr, t)? {
                Value::Scalar(value) => Value::Scalar(-value),
                Value::Vector(all) => Value::Vector(all.into_iter().map(|(labels, v)| (labels.without_name(), -v)).collect()),
                other => other,
            }),
            Expr::VectorSelector(selector) => Ok(Value::Vector(self.instant(selector, t))),
            Expr::MatrixSelector(selector) => Ok(Value::Matrix(self.matrix(selector, t))),
            Expr::Subquery(subquery) => self.subquery(subquery, t),
            Expr::Binary(binary) => {
                let (left, right) = (self.eval(&binary.lhs, t)?, self.eval(&binary.rhs, t)?);
                binary::apply(binary, left, right)
            }
            Expr::Aggregate(aggregate) => {
                let param = aggregate.param.as_ref().map(|param| self.eval(param, t)).transpose()?;
                aggregate::apply(aggregate, self.vector(&aggregate.expr, t)?, param)
            }
            Expr::Call(call) => self.call(call, t),
            Expr::Extension(_) => Err("extensions of PromQL are not supported".to_owned()),
        }
    }

    fn call(&self, call: &Call, t: f64) -> Result<Value, String> {
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args.args {
            args.push(self.eval(arg, t)?);
        }
        let first = call.args.args.first().map(|arg| &**arg);
        functions::call(
            call.func.name,
            args,
            &functions::At {
                t,
                window: first.map_or(0.0, window_of),
                end: first.map_or(t, |arg| self.end_of(arg, t)),
                first,
            },
        )
    }

    fn vector(&self, expr: &Expr, t: f64) -> Result<Vec<(Labels, f64)>, String> {
        match self.eval(expr, t)? {
            Value::Vector(all) => Ok(all),
            other => Err(format!("expected type vector, got {}", other.kind())),
        }
    }

    fn instant(&self, selector: &VectorSelector, t: f64) -> Vec<(Labels, f64)> {
        let at = self.grid(self.shifted(t, selector.at.as_ref(), selector.offset.as_ref()));
        let series = self.select(selector);
        series
            .iter()
            .filter_map(|series| Some((series.labels.clone(), (series.sample)(at)?)))
            .collect()
    }

    fn matrix(&self, selector: &MatrixSelector, t: f64) -> Vec<(Labels, Vec<Point>)> {
        let end = self.shifted(t, selector.vs.at.as_ref(), selector.vs.offset.as_ref());
        let range = selector.range.as_secs_f64();
        let interval = self.source.interval();
        // A thinned grid stays on multiples of its own step, so that repeated queries see the same samples.
        let step = interval * (range / interval / MOST_SAMPLES).ceil().max(1.0);
        let first = ((end - range) / step).floor() as i64 + 1;
        let last = (end / step).floor() as i64;
        let mut out = Vec::new();
        for series in self.select(&selector.vs).iter() {
            let points: Vec<Point> = (first..=last)
                .map(|k| k as f64 * step)
                .filter_map(|at| Some((at, (series.sample)(at)?)))
                .collect();
            if !points.is_empty() {
                out.push((series.labels.clone(), points));
            }
        }
        out
    }

    fn subquery(&self, subquery: &SubqueryExpr, t: f64) -> Result<Value, String> {
        let end = self.shifted(t, subquery.at.as_ref(), subquery.offset.as_ref());
        let step = subquery
            .step
            .map_or_else(|| self.source.interval(), |step| step.as_secs_f64())
            .max(1e-3);
        let range = subquery.range.as_secs_f64();
        if range / step > 11_000.0 {
            return Err("a subquery may not have more than 11000 steps; use a longer step".to_owned());
        }
        let first = ((end - range) / step).floor() as i64 + 1;
        let last = (end / step).floor() as i64;
        let mut all = std::collections::BTreeMap::<Labels, Vec<Point>>::new();
        for k in first..=last {
            let at = k as f64 * step;
            match self.eval(&subquery.expr, at)? {
                Value::Vector(samples) => {
                    for (labels, value) in samples {
                        all.entry(labels).or_default().push((at, value));
                    }
                }
                Value::Scalar(value) => all.entry(Labels::default()).or_default().push((at, value)),
                other => return Err(format!("a subquery needs an instant vector, got {}", other.kind())),
            }
        }
        Ok(Value::Matrix(all.into_iter().collect()))
    }

    fn select(&self, selector: &VectorSelector) -> Rc<Vec<Series<'a>>> {
        // `offset` and `@` do not change which series match, but are part of the text; that costs a second look, no more.
        let key = selector.to_string();
        if let Some(found) = self.selected.borrow().get(&key) {
            return found.clone();
        }
        let found = Rc::new(select(self.source, selector.name.as_deref(), &selector.matchers));
        self.selected.borrow_mut().insert(key, found.clone());
        found
    }

    /// The newest scrape at or before `t`.
    fn grid(&self, t: f64) -> f64 {
        (t / self.source.interval()).floor() * self.source.interval()
    }

    fn shifted(&self, t: f64, at: Option<&AtModifier>, offset: Option<&Offset>) -> f64 {
        let t = match at {
            None => t,
            Some(AtModifier::Start) => self.start,
            Some(AtModifier::End) => self.end,
            Some(AtModifier::At(time)) => time.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64()),
        };
        match offset {
            None => t,
            Some(Offset::Pos(by)) => t - by.as_secs_f64(),
            Some(Offset::Neg(by)) => t + by.as_secs_f64(),
        }
    }

    /// Where the range of a range argument ends.
    fn end_of(&self, expr: &Expr, t: f64) -> f64 {
        match expr {
            Expr::MatrixSelector(selector) => self.shifted(t, selector.vs.at.as_ref(), selector.vs.offset.as_ref()),
            Expr::Subquery(subquery) => self.shifted(t, subquery.at.as_ref(), subquery.offset.as_ref()),
            Expr::Paren(paren) => self.end_of(&paren.expr, t),
            _ => t,
        }
    }
}

/// Length of a range argument, seconds.
fn window_of(expr: &Expr) -> f64 {
    match expr {
        Expr::MatrixSelector(selector) => selector.range.as_secs_f64(),
        Expr::Subquery(subquery) => subquery.range.as_secs_f64(),
        Expr::Paren(paren) => window_of(&paren.expr),
        _ => 0.0,
    }
}
