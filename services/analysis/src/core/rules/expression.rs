//! CEL conditions, and texts with expressions in them.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use cel::{Context, ExecutionError, Program, Value, extractors::This};
use regex::Regex;

use super::fields;
use crate::core::{
    quantity,
    subjects::{self, Variable, view::Shape},
};

/// Longest expression, bytes: the longest that anybody could read.
const MAX_LENGTH: usize = 4096;
/// Longest text that an expression puts into a sentence, characters: what objects say may be long.
const MAX_INSERTED: usize = 300;

/// What is found at every name.
static SHAPES: LazyLock<Vec<(&str, Shape)>> = LazyLock::new(subjects::shapes);

/// What every expression shares: the functions.
pub struct Functions(Context<'static, 'static>);

/// What the expressions of one subject see.
pub struct Scope<'f>(Context<'f, 'static>);

/// A compiled condition.
pub struct Condition(Program);

/// A compiled text.
pub struct Text(Vec<Part>);

enum Part {
    Plain(String),
    Inserted(Program),
}

impl Functions {
    /// CEL's own functions and: `text.matches(regex)`, `quantity(bytes)` as Kubernetes writes it in whole MiB, `round(number)` to a whole
    /// one, `larger(a, b)`, and `lower(text)`.
    #[must_use]
    pub fn new() -> Self {
        let mut context = Context::default();
        let known: Mutex<HashMap<String, Regex>> = Mutex::default();
        let matches = move |This(text): This<Arc<String>>, pattern: Arc<String>| -> Result<bool, ExecutionError> {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(regex) = known.get(pattern.as_str()) {
                return Ok(regex.is_match(&text));
            }
            let regex = Regex::new(&pattern).map_err(|error| ExecutionError::function_error("matches", error.to_string()))?;
            let found = regex.is_match(&text);
            known.insert(pattern.to_string(), regex);
            Ok(found)
        };
        context.add_function("matches", matches).ok();
        context
            .add_function("quantity", |bytes: f64| {
                let mib = 1_048_576.0;
                quantity::memory((bytes / mib).ceil() * mib)
            })
            .ok();
        context.add_function("round", |number: f64| number.round() as i64).ok();
        context.add_function("larger", |a: f64, b: f64| a.max(b)).ok();
        context
            .add_function("lower", |This(text): This<Arc<String>>| text.to_lowercase())
            .ok();
        Self(context)
    }

    /// A scope in which variables have their fields.
    #[must_use]
    pub fn scope<'f>(&'f self, variables: &[Variable]) -> Scope<'f> {
        let mut context = self.0.new_inner_scope();
        for variable in variables {
            context.add_variable_from_value(variable.name, of_json(&variable.fields));
        }
        Scope(context)
    }
}

impl Default for Functions {
    fn default() -> Self {
        Self::new()
    }
}

impl Scope<'_> {
    /// Adds one more name.
    pub fn add(&mut self, name: &str, value: &serde_json::Value) {
        self.0.add_variable_from_value(name.to_owned(), of_json(value));
    }
}

fn compile(source: &str, names: &[&str]) -> Result<Program, String> {
    if source.len() > MAX_LENGTH {
        return Err(format!("has more than {MAX_LENGTH} bytes"));
    }
    let program = Program::compile(source).map_err(|error| format!("{source:?} is no CEL expression: {error}"))?;
    let references = program.references();
    // A macro's own variable is its first argument: `list.exists(x, x == "a")`.
    let squeezed: String = source.split_whitespace().collect();
    let unknown = |name: &&str| !names.contains(name) && !squeezed.contains(&format!("({name},"));
    if let Some(name) = references.variables().into_iter().filter(unknown).min() {
        return Err(format!("{source:?} names {name}, which is none of {}", names.join(", ")));
    }
    drop(references);
    let known = SHAPES.iter().filter(|(name, _)| names.contains(name));
    fields::check(program.expression(), known.map(|(name, shape)| (*name, shape))).map_err(|problem| format!("{source:?}: {problem}"))?;
    Ok(program)
}

fn asked(program: &Program, names: &[&'static str]) -> Vec<&'static str> {
    let references = program.references();
    let asked = references.variables();
    names.iter().copied().filter(|name| asked.contains(name)).collect()
}

impl Condition {
    /// Compiles a condition that may name `names`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(source: &str, names: &[&str]) -> Result<Self, String> {
        compile(source, names).map(Self)
    }

    /// Whether it holds; what asks for something that is not there does not.
    ///
    /// # Errors
    /// Why it cannot be said.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, String> {
        match self.0.execute(&scope.0) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!("says {other:?}, neither true nor false")),
            Err(ExecutionError::NoSuchKey(_)) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The names among `names` that it asks for.
    pub fn names(&self, names: &[&'static str]) -> Vec<&'static str> {
        asked(&self.0, names)
    }

    /// Its value, where it is a number.
    #[must_use]
    pub fn number(&self, scope: &Scope<'_>) -> Option<f64> {
        number(&self.0.execute(&scope.0).ok()?)
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::UInt(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

impl Text {
    /// Compiles a text whose expressions stand between `open` and `close`.
    ///
    /// # Errors
    /// The expression that cannot be used.
    pub fn between(source: &str, (open, close): (&str, &str), names: &[&str]) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some(at) = rest.find(open) {
            let (plain, more) = rest.split_at(at);
            let more = &more[open.len()..];
            let end = more
                .find(close)
                .ok_or_else(|| format!("{source:?} opens an expression and does not close it"))?;
            if !plain.is_empty() {
                parts.push(Part::Plain(plain.to_owned()));
            }
            parts.push(Part::Inserted(compile(more[..end].trim(), names)?));
            rest = &more[end + close.len()..];
        }
        if !rest.is_empty() {
            parts.push(Part::Plain(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// Compiles a text with `{expressions}`.
    ///
    /// # Errors
    /// The expression that cannot be used.
    pub fn new(source: &str, names: &[&str]) -> Result<Self, String> {
        Self::between(source, ("{", "}"), names)
    }

    /// The names among `names` that its expressions ask for.
    pub fn names(&self, names: &[&'static str]) -> Vec<&'static str> {
        let programs = self.0.iter().filter_map(|part| match part {
            Part::Inserted(program) => Some(program),
            Part::Plain(_) => None,
        });
        programs.flat_map(|program| asked(program, names)).collect()
    }

    /// The text with the values of its expressions.
    ///
    /// # Errors
    /// The expression that has none.
    pub fn fill(&self, scope: &Scope<'_>) -> Result<String, String> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Plain(text) => out.push_str(text),
                Part::Inserted(program) => {
                    let value = program.execute(&scope.0).map_err(|error| error.to_string())?;
                    out.extend(plain(&value).chars().take(MAX_INSERTED));
                }
            }
        }
        Ok(out)
    }

    /// The value: of its type where the text is one expression, else the filled text.
    ///
    /// # Errors
    /// The expression that has none.
    pub fn value(&self, scope: &Scope<'_>) -> Result<serde_json::Value, String> {
        let [Part::Inserted(program)] = self.0.as_slice() else {
            return self.fill(scope).map(serde_json::Value::String);
        };
        let value = program.execute(&scope.0).map_err(|error| error.to_string())?;
        Ok(json(&value))
    }
}

/// JSON as CEL has it. Whole numbers are signed, as those in expressions are: CEL does not add signed and unsigned ones.
fn of_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(truth) => Value::Bool(*truth),
        serde_json::Value::Number(number) => number
            .as_i64()
            .map_or_else(|| Value::Float(number.as_f64().unwrap_or_default()), Value::Int),
        serde_json::Value::String(text) => Value::String(Arc::new(text.clone())),
        serde_json::Value::Array(items) => Value::List(Arc::new(items.iter().map(of_json).collect())),
        serde_json::Value::Object(map) => {
            let entries: HashMap<String, Value> = map.iter().map(|(key, value)| (key.clone(), of_json(value))).collect();
            Value::Map(entries.into())
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Float(number) if number.fract() == 0.0 || number.abs() >= 10.0 => format!("{number:.0}"),
        Value::Float(number) => format!("{number:.2}"),
        Value::Bool(truth) => truth.to_string(),
        Value::List(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => json(other).to_string(),
    }
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::String(text) => serde_json::Value::String(text.to_string()),
        Value::Int(number) => (*number).into(),
        Value::UInt(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Bool(truth) => (*truth).into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(map) => {
            let entries = map.map.iter().map(|(key, value)| (key.to_string(), json(value)));
            serde_json::Value::Object(entries.collect())
        }
        _ => serde_json::Value::Null,
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Functions")
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condition")
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} parts)", self.0.len())
    }
}
