//! A rule's condition: a CEL expression over the facts of one step.
//!
//! Facts hold untrusted text (titles, labels, parameters): an expression compares it and can do nothing else.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, LazyLock},
};

use cel::{
    Context, ExecutionError, Program, Value,
    common::ast::{EntryExpr, Expr, IdedExpr},
};
use serde_json::Value as Json;

use crate::facts;

/// Longest expression, bytes: the longest that anybody could read.
const MAX_LENGTH: usize = 4096;

/// The facts as expressions see them.
static REFERENCE: LazyLock<Json> = LazyLock::new(facts::reference);

/// CEL's own functions: registering them costs more than a decision.
static FUNCTIONS: LazyLock<Context<'static, 'static>> = LazyLock::new(Context::default);

/// A compiled expression.
pub(crate) struct Expression {
    program: Program,
    /// Paths of facts that it names.
    uses: BTreeSet<String>,
}

/// What the expressions of one question see.
pub(crate) struct Scope(Context<'static, 'static>);

impl Scope {
    /// A scope with these facts.
    pub(crate) fn new(facts: &Json) -> Self {
        let mut context = FUNCTIONS.new_inner_scope();
        for (name, value) in facts.as_object().into_iter().flatten() {
            context.add_variable_from_value(name.clone(), of_json(value));
        }
        Self(context)
    }
}

impl Expression {
    /// Compiles an expression and checks every field that it names.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub(crate) fn new(source: &str) -> Result<Self, String> {
        if source.len() > MAX_LENGTH {
            return Err(format!("has more than {MAX_LENGTH} bytes"));
        }
        let program = Program::compile(source).map_err(|error| format!("{source:?} is no CEL expression: {error}"))?;
        let mut uses = BTreeSet::new();
        names(program.expression(), &BTreeSet::new(), &mut uses).map_err(|problem| format!("{source:?}: {problem}"))?;
        let expression = Self { program, uses };
        // a function that does not exist or takes something else shows when it is called
        match expression.program.execute(&Scope::new(&REFERENCE).0) {
            Ok(_) | Err(ExecutionError::NoSuchKey(_) | ExecutionError::IndexOutOfBounds(_)) => Ok(expression),
            Err(error) => Err(format!("{source:?}: {error}")),
        }
    }

    /// Paths of facts that it names, as `step.risk` or `production`.
    pub(crate) fn uses(&self) -> impl Iterator<Item = &str> {
        self.uses.iter().map(String::as_str)
    }

    /// Whether it holds. What asks for a label or parameter that is not there does not hold.
    ///
    /// # Errors
    /// Why it cannot be said.
    pub(crate) fn holds(&self, scope: &Scope) -> Result<bool, String> {
        match self.program.execute(&scope.0) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(_) => Err("says neither true nor false".into()),
            Err(ExecutionError::NoSuchKey(_)) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Its value in a sentence; empty where it has none.
    pub(crate) fn text(&self, scope: &Scope) -> String {
        match self.program.execute(&scope.0) {
            Ok(Value::String(text)) => text.to_string(),
            Ok(Value::Int(number)) => number.to_string(),
            Ok(Value::UInt(number)) => number.to_string(),
            Ok(Value::Float(number)) => number.to_string(),
            Ok(Value::Bool(truth)) => truth.to_string(),
            Ok(_) | Err(_) => String::new(),
        }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.program.source_info().source)
    }
}

/// Checks that every name and field is among the facts, and notes which; `own` are the variables of macros.
fn names(expression: &IdedExpr, own: &BTreeSet<String>, uses: &mut BTreeSet<String>) -> Result<(), String> {
    if let Some(path) = path(expression) {
        if own.contains(path[0]) {
            return Ok(());
        }
        uses.insert(path[..path.len().min(2)].join("."));
        return known(&path);
    }
    match &expression.expr {
        Expr::Select(select) => names(&select.operand, own, uses),
        Expr::Call(call) => {
            if let Some(target) = &call.target {
                names(target, own, uses)?;
            }
            call.args.iter().try_for_each(|one| names(one, own, uses))
        }
        Expr::Comprehension(over) => {
            names(&over.iter_range, own, uses)?;
            let mut inner = own.clone();
            inner.extend([over.iter_var.clone(), over.accu_var.clone()]);
            inner.extend(over.iter_var2.clone());
            [&over.accu_init, &over.loop_cond, &over.loop_step, &over.result]
                .into_iter()
                .try_for_each(|part| names(part, &inner, uses))
        }
        Expr::List(list) => list.elements.iter().try_for_each(|one| names(one, own, uses)),
        Expr::Map(map) => map.entries.iter().try_for_each(|entry| entries(&entry.expr, own, uses)),
        Expr::Struct(fields) => fields.entries.iter().try_for_each(|entry| entries(&entry.expr, own, uses)),
        Expr::Ident(_) | Expr::Unspecified | Expr::Literal(_) => Ok(()),
    }
}

fn entries(entry: &EntryExpr, own: &BTreeSet<String>, uses: &mut BTreeSet<String>) -> Result<(), String> {
    match entry {
        EntryExpr::StructField(field) => names(&field.value, own, uses),
        EntryExpr::MapEntry(entry) => {
            names(&entry.key, own, uses)?;
            names(&entry.value, own, uses)
        }
    }
}

/// `a.b.c` as its names.
fn path(expression: &IdedExpr) -> Option<Vec<&str>> {
    match &expression.expr {
        Expr::Ident(name) => Some(vec![name]),
        Expr::Select(select) => {
            let mut path = path(&select.operand)?;
            path.push(&select.field);
            Some(path)
        }
        _ => None,
    }
}

/// Whether there is a fact of that name. Empty maps among the reference facts are open: labels, parameters.
fn known(path: &[&str]) -> Result<(), String> {
    let mut at = &*REFERENCE;
    for (depth, name) in path.iter().enumerate() {
        let Some(fields) = at.as_object() else {
            return Err(format!("{} has no fields", path[..depth].join(".")));
        };
        if fields.is_empty() {
            return Ok(());
        }
        at = fields.get(*name).ok_or_else(|| {
            let known: Vec<&str> = fields.keys().map(String::as_str).collect();
            let of = if depth == 0 {
                String::new()
            } else {
                format!(" in {}", path[..depth].join("."))
            };
            format!("there is no {name}{of}; there are {}", known.join(", "))
        })?;
    }
    Ok(())
}

/// JSON as CEL has it. Whole numbers are signed, as those in expressions are.
fn of_json(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => number
            .as_i64()
            .map_or_else(|| Value::Float(number.as_f64().unwrap_or_default()), Value::Int),
        Json::String(text) => Value::String(Arc::new(text.clone())),
        Json::Array(items) => Value::List(Arc::new(items.iter().map(of_json).collect())),
        Json::Object(map) => {
            let entries: HashMap<String, Value> = map.iter().map(|(key, value)| (key.clone(), of_json(value))).collect();
            Value::Map(entries.into())
        }
    }
}
