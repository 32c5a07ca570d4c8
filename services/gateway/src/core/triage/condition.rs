//! A rule's condition: a CEL expression over one alert and what is known about where it comes from.
//!
//! Labels and annotations are untrusted text: an expression compares them and can do nothing else. Its cost is bounded by its own
//! length, since nothing of an alert can be iterated over, and patterns are bounded too.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use cel::{
    Context, ExecutionError, Program, Value,
    common::{
        traits::{Container, Indexer},
        types::{CelString, MAP_TYPE, Type},
        value::{CowVal, Val},
    },
    extractors::This,
};
use paramedic_domain::alert::Alert;
use regex::{Regex, RegexBuilder};

use crate::core::problems::clipped;

/// Longest expression, bytes: the longest rule anybody could read.
const MAX_LENGTH: usize = 4096;
/// Longest pattern of `matches`, bytes.
const MAX_PATTERN: usize = 1024;
/// Largest compiled pattern, bytes; a pattern of a hundred alternatives takes a tenth.
const MAX_COMPILED: usize = 256 << 10;
/// Patterns kept compiled: rules have a few, and what came from a label instead must not fill the memory.
const MAX_PATTERNS: usize = 64;
/// What an expression may name.
const VARIABLES: [&str; 3] = ["alert", "environment", "team"];

/// What a condition is about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The alert.
    pub alert: &'a Alert,
    /// Namespace; `""`: none.
    pub namespace: &'a str,
    /// Its name; `""`: not known.
    pub workload: &'a str,
    /// Environment; `""`: not known.
    pub environment: &'a str,
    /// Team; `""`: not known.
    pub team: &'a str,
    /// `info`, `warning` or `critical`.
    pub severity: &'a str,
}

/// What every condition shares: the functions.
pub struct Functions(Context<'static, 'static>);

/// A compiled condition.
pub struct Condition(Program);

impl Functions {
    /// CEL's own functions, and `matches`.
    #[must_use]
    pub fn new() -> Self {
        let mut context = Context::default();
        let patterns = Patterns::default();
        let matches = move |This(text): This<Arc<String>>, pattern: Arc<String>| patterns.matches(&text, &pattern);
        // Where another crate turns the feature `regex` of `cel` on, it has a `matches` of its own, which does the same.
        context.add_function("matches", matches).ok();
        Self(context)
    }
}

impl Default for Functions {
    fn default() -> Self {
        Self::new()
    }
}

impl Condition {
    /// Compiles an expression and tries it on an alert without labels.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn new(source: &str, functions: &Functions) -> Result<Self, String> {
        if source.len() > MAX_LENGTH {
            return Err(format!("has more than {MAX_LENGTH} bytes"));
        }
        let program = Program::compile(source).map_err(|error| format!("is no CEL expression: {error}"))?;
        let names = program.references();
        // A macro's own variable is its first argument: `["a", "b"].exists(x, x == team)`.
        let squeezed: String = source.split_whitespace().collect();
        let unknown = |name: &&str| !VARIABLES.contains(name) && !squeezed.contains(&format!("({name},"));
        if let Some(name) = names.variables().into_iter().filter(unknown).min() {
            return Err(format!("names {name}, which is none of {}", VARIABLES.join(", ")));
        }
        let condition = Self(program);
        let nothing = Alert {
            fingerprint: String::new(),
            status: paramedic_domain::alert::AlertStatus::Firing,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            starts_at: jiff::Timestamp::UNIX_EPOCH,
            ends_at: None,
            generator_url: String::new(),
            group_key: String::new(),
        };
        let about = About {
            alert: &nothing,
            namespace: "",
            workload: "",
            environment: "",
            team: "",
            severity: "info",
        };
        condition.holds(about, functions)?;
        Ok(condition)
    }

    /// Whether it holds. What asks for a label that the alert does not have does not hold.
    ///
    /// # Errors
    /// Why it cannot be said.
    pub fn holds(&self, about: About<'_>, functions: &Functions) -> Result<bool, String> {
        let mut context = functions.0.new_inner_scope();
        let mut text = |name: &str, value| context.add_variable_as_val(name, Box::new(CelString::from(value)));
        text("environment", about.environment);
        text("team", about.team);
        text("alert.name", about.alert.name());
        text("alert.namespace", about.namespace);
        text("alert.workload", about.workload);
        text("alert.severity", about.severity);
        context.add_variable_as_val("alert.labels", Box::new(Texts(&about.alert.labels)));
        context.add_variable_as_val("alert.annotations", Box::new(Texts(&about.alert.annotations)));
        match self.0.execute(&context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(_) => Err("says neither true nor false".into()),
            Err(ExecutionError::NoSuchKey(_)) => Ok(false),
            Err(error) => Err(clipped(&error.to_string())),
        }
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Functions")
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.0.source_info().source).finish()
    }
}

/// Labels or annotations as a CEL map that can be looked into, and nothing else.
#[derive(Debug, Clone, Copy)]
struct Texts<'a>(&'a BTreeMap<String, String>);

impl<'a> Texts<'a> {
    fn find(&self, key: &dyn Val) -> Result<&'a str, ExecutionError> {
        let name = key.downcast_ref::<CelString<'_>>().map_or("", CelString::inner);
        let value = self.0.get(name).map(String::as_str);
        value.ok_or_else(|| ExecutionError::no_such_key(name))
    }
}

impl Val for Texts<'_> {
    fn get_type(&self) -> &Type {
        Self::cel_type()
    }
    fn cel_type() -> &'static Type {
        static MAP: Type = MAP_TYPE;
        &MAP
    }
    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }
    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(*self)
    }
}

impl Container for Texts<'_> {
    fn contains(&self, key: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(self.find(key).is_ok())
    }
}

impl Indexer for Texts<'_> {
    fn get<'b, 'v>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.find(key).map(|text| CowVal::owned(CelString::from(text)))
    }
    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.find(key).map(|text| Box::new(CelString::from(text)) as Box<dyn Val + 'v>)
    }
}

/// Compiled patterns: a memory of what is always the same.
#[derive(Default)]
struct Patterns(Mutex<HashMap<String, Regex>>);

impl Patterns {
    fn matches(&self, text: &str, pattern: &str) -> Result<bool, ExecutionError> {
        let refused = |problem: &str| ExecutionError::function_error("matches", problem);
        if pattern.len() > MAX_PATTERN {
            return Err(refused("the pattern is too long"));
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(regex) = known.get(pattern) {
            return Ok(regex.is_match(text));
        }
        let built = RegexBuilder::new(pattern).size_limit(MAX_COMPILED).build();
        let regex = built.map_err(|_| refused("the pattern is no regular expression, or too large"))?;
        let matches = regex.is_match(text);
        if known.len() < MAX_PATTERNS {
            known.insert(pattern.to_owned(), regex);
        }
        Ok(matches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::triage::tests::alert;

    fn holds(source: &str, labels: &[(&str, &str)]) -> Result<bool, String> {
        let functions = Functions::new();
        let alert = alert("a", labels);
        let about = About {
            alert: &alert,
            namespace: "shop",
            workload: "cart",
            environment: "production",
            team: "pay",
            severity: "critical",
        };
        Condition::new(source, &functions)?.holds(about, &functions)
    }

    #[test]
    fn conditions_see_the_alert_and_where_it_comes_from() {
        for (source, expected) in [
            (r#"alert.labels.team == "pay" && environment == "production""#, true),
            (r#"alert.labels["team"] == "shop""#, false),
            (r#"alert.name == "Slow""#, true),
            (r#"alert.name in ["Slow", "Down"] && alert.namespace.startsWith("sh")"#, true),
            (r#"has(alert.labels.team) && !has(alert.labels.tier)"#, true),
            (r#""team" in alert.labels && !("tier" in alert.labels)"#, true),
            (r#"alert.labels.team.matches("^p[a-z]y$")"#, true),
            (r#"alert.workload == "cart" || team == "x""#, true),
            (r#"["pay", "shop"].exists(name, name == team)"#, true),
            (r#"alert.severity == "critical" && has(alert.annotations.summary)"#, false),
        ] {
            assert_eq!(holds(source, &[("alertname", "Slow"), ("team", "pay")]), Ok(expected), "{source}");
        }
    }

    #[test]
    fn a_label_that_is_missing_makes_the_condition_not_hold() {
        assert_eq!(holds(r#"alert.labels.tier == "1""#, &[]), Ok(false));
        assert_eq!(holds(r#"alert.labels.tier != "1""#, &[]), Ok(false));
        assert_eq!(holds(r#"alert.labels.tier == "1" || environment == "production""#, &[]), Ok(true));
    }

    #[test]
    fn what_cannot_be_a_condition_is_refused_with_its_reason() {
        for (source, reason) in [
            ("", "is no CEL expression"),
            ("alert.labels.team ==", "is no CEL expression"),
            ("alert.lable.team == 'x'", "Undeclared"),
            ("enviroment == 'x'", "names enviroment"),
            ("environment", "neither true nor false"),
            ("alert.labels.all(x, true)", "iterable"),
            ("team.shout() == 'x'", "shout"),
        ] {
            let problem = holds(source, &[]).unwrap_err();
            assert!(problem.contains(reason), "{source}: {problem}");
        }
        assert!(holds(&format!("team == '{}'", "x".repeat(5000)), &[]).unwrap_err().contains("4096"));
    }

    #[test]
    fn a_label_is_never_an_expression_and_no_pattern_of_it_costs_much() {
        let label = |value: &str| holds("'x'.matches(alert.labels.pattern)", &[("pattern", value)]);
        assert_eq!(label("^x$"), Ok(true));
        assert!(label("(").is_err());
        let long = "a".repeat(2000);
        assert!(label(&long).is_err());
        assert!(label("((a{1,200}){1,200}){1,200}").is_err());
        assert_eq!(holds("alert.labels.team == 'pay'", &[("team", "pay' || true || 'x")]), Ok(false));
    }

    #[test]
    fn patterns_from_labels_do_not_fill_the_memory() {
        let patterns = Patterns::default();
        for number in 0..200 {
            assert!(!patterns.matches("x", &format!("y{number}")).unwrap());
        }
        assert_eq!(patterns.0.lock().unwrap().len(), MAX_PATTERNS);
    }
}
