//! Tests of rules as their authors write them: a few objects, an alert, and what has to be said of them.

mod given;

use std::collections::BTreeMap;

use jiff::Timestamp;
use paramedic_domain::{diagnosis::Category, evidence::Source};
use serde::Deserialize;
use serde_json::Value;

pub(super) use self::given::facts;
use super::{
    contest::diagnose,
    engines::Knobs,
    read::text,
    rights::Review,
    rules::{candidates::candidates, parse},
};

/// One file of tests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Worlds by name that tests of all files may begin with.
    #[serde(default)]
    pub worlds: BTreeMap<String, Given>,
    /// Tests.
    #[serde(default)]
    pub tests: Vec<Test>,
}

/// A world that tests begin with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Another world that it begins with itself; left out: an empty one.
    #[serde(default)]
    pub world: Option<String>,
    /// The time; left out: that of the world it begins with.
    #[serde(default)]
    pub now: Option<Timestamp>,
    /// As [`Test::objects`].
    pub objects: Vec<Value>,
}

/// A test.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// What it shows.
    pub name: String,
    /// The world that it begins with; left out: an empty one.
    #[serde(default)]
    pub world: Option<String>,
    /// The time; left out: that of the world it begins with.
    #[serde(default)]
    pub now: Option<Timestamp>,
    /// Objects of that world that are not there, each as `Kind namespace/name` or `Kind name`.
    #[serde(default)]
    pub without: Vec<String>,
    /// Objects as `kubectl get -o yaml` shows them; of one that the world has, only the fields that differ (a JSON merge patch).
    #[serde(default)]
    pub objects: Vec<Value>,
    /// Labels of alerts.
    pub alerts: Vec<BTreeMap<String, String>>,
    /// Log lines.
    #[serde(default)]
    pub logs: Vec<Line>,
    /// What the API server answers to reviews of rights.
    #[serde(default)]
    pub reviews: Vec<Review>,
    /// Numbers, by the names that rules know.
    #[serde(default)]
    pub measures: Vec<Number>,
    /// What cloud providers answer.
    #[serde(default)]
    pub clouds: Vec<Answers>,
    /// Sources that do not answer.
    #[serde(default)]
    pub silent: Vec<Source>,
    /// What has to be said.
    pub expect: Expect,
}

/// A log line.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Kind of the workload or Job that wrote it.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The line.
    pub text: String,
    /// The tool of your own that said it, as `server/tool`; left out: it is a line of its logs.
    #[serde(default)]
    pub tool: Option<String>,
}

/// What the tool of a cloud provider answers about an object.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// The object, as `Kind name`.
    pub of: String,
    /// The answers in the order in which it is asked: what it prints; as text, its complaint that there is no such thing.
    pub answers: Vec<Value>,
}

/// A number.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// `throttled`, `volume_used`, ...
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Value.
    pub value: f64,
}

/// The diagnosis that has to be reached; empty: none is certain enough to be told.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Name of the rule.
    #[serde(default)]
    pub rule: Option<String>,
    /// Cause.
    #[serde(default)]
    pub category: Option<Category>,
    /// `Kind namespace/name`, or `Kind name`.
    #[serde(default)]
    pub target: Option<String>,
    /// Least confidence.
    #[serde(default)]
    pub at_least: Option<f64>,
    /// Most confidence.
    #[serde(default)]
    pub at_most: Option<f64>,
    /// Objects that no rule may suspect at all, each as `Kind namespace/name` or `Kind name`.
    #[serde(default)]
    pub innocent: Vec<String>,
}

/// A test with the name of its file.
#[derive(Debug, Clone)]
pub struct Named {
    /// Name of the file.
    pub file: String,
    /// The test, with the objects of the world that it begins with.
    pub test: Test,
}

/// Reads files of tests, each a name and a text: their worlds are those of all.
///
/// # Errors
/// The first file or test that cannot be used.
pub fn read<'f>(files: impl IntoIterator<Item = (&'f str, &'f str)>) -> Result<Vec<Named>, String> {
    let (mut worlds, mut tests) = (BTreeMap::new(), Vec::new());
    for (name, source) in files {
        let file: File = parse::read(source).map_err(|error| format!("{name}: {error}"))?;
        worlds.extend(file.worlds);
        tests.extend(file.tests.into_iter().map(|test| Named {
            file: name.to_owned(),
            test,
        }));
    }
    for Named { file, test } in &mut tests {
        begin(test, &worlds).map_err(|problem| format!("{file}: {}: {problem}", test.name))?;
    }
    Ok(tests)
}

/// Puts the objects of the world that a test begins with before its own.
fn begin(test: &mut Test, worlds: &BTreeMap<String, Given>) -> Result<(), String> {
    let Some(name) = &test.world else {
        return Ok(());
    };
    let (now, mut objects) = given(name, worlds, MOST_WORLDS)?;
    test.now = test.now.or(now);
    for gone in &test.without {
        let at = objects.iter().position(|object| place(object) == *gone);
        objects.remove(at.ok_or_else(|| format!("without: world {name} has no {gone}"))?);
    }
    test.objects = changed(objects, std::mem::take(&mut test.objects));
    Ok(())
}

/// Most worlds that begin with one another.
const MOST_WORLDS: usize = 4;

/// The time and objects of a world.
fn given(name: &str, worlds: &BTreeMap<String, Given>, left: usize) -> Result<(Option<Timestamp>, Vec<Value>), String> {
    let world = worlds.get(name).ok_or_else(|| format!("there is no world {name}"))?;
    let (now, objects) = match &world.world {
        None => (None, Vec::new()),
        Some(_) if left == 0 => return Err(format!("more than {MOST_WORLDS} worlds begin with one another, the last is {name}")),
        Some(other) => given(other, worlds, left - 1)?,
    };
    Ok((world.now.or(now), changed(objects, world.objects.clone())))
}

/// Objects with those that are added to them, or change them.
fn changed(mut objects: Vec<Value>, changes: Vec<Value>) -> Vec<Value> {
    for object in changes {
        let own = place(&object);
        match objects.iter_mut().find(|known| place(known) == own) {
            Some(known) => patch(known, &object),
            None => objects.push(object),
        }
    }
    objects
}

/// `Kind namespace/name` or `Kind name`.
fn place(object: &Value) -> String {
    let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
    let slash = if namespace.is_empty() { "" } else { "/" };
    format!("{} {namespace}{slash}{name}", text(object, "/kind"))
}

/// A JSON merge patch (RFC 7396).
fn patch(value: &mut Value, with: &Value) {
    let (Value::Object(known), Value::Object(fields)) = (&mut *value, with) else {
        *value = with.clone();
        return;
    };
    for (key, field) in fields {
        if field.is_null() {
            known.remove(key);
        } else {
            patch(known.entry(key.clone()).or_insert(Value::Null), field);
        }
    }
}

/// Runs a test.
///
/// # Errors
/// What was found instead.
pub fn run(knobs: &Knobs, test: &Test) -> Result<(), String> {
    let facts = facts(test)?;
    let (found, problems) = candidates(&knobs.rules, &facts.world, &facts.alerts);
    if !problems.is_empty() {
        return Err(problems.join("; "));
    }
    for innocent in &test.expect.innocent {
        if let Some(by) = found.iter().find(|candidate| candidate.target.to_string() == *innocent) {
            return Err(format!("rule {} suspects {innocent}", by.rule.name));
        }
    }
    let Expect {
        rule,
        category,
        target,
        at_least,
        at_most,
        ..
    } = &test.expect;
    let nothing = rule.is_none() && category.is_none() && target.is_none();
    match (diagnose(&facts, knobs), nothing) {
        (Err(_), true) => Ok(()),
        (Err(why), false) => Err(format!("nothing is told: {}", why.join("; "))),
        (Ok(told), _) => {
            let name = told.engine.trim_start_matches("rules/");
            let fits = !nothing
                && rule.as_ref().is_none_or(|rule| rule == name)
                && category.is_none_or(|category| category == told.category)
                && target.as_ref().is_none_or(|target| *target == told.target.to_string())
                && at_least.is_none_or(|least| told.confidence >= least)
                && at_most.is_none_or(|most| told.confidence <= most);
            let others = told
                .alternatives
                .iter()
                .map(|other| (other.category, &other.target, other.confidence));
            let all = std::iter::once((told.category, &told.target, told.confidence)).chain(others);
            let all: Vec<String> = all
                .map(|(category, target, confidence)| format!("{} of {target} with {confidence:.2}", word(category)))
                .collect();
            if fits {
                Ok(())
            } else {
                Err(format!("{name} finds {}", all.join("; then ")))
            }
        }
    }
}

fn word(category: Category) -> String {
    serde_json::to_value(category)
        .ok()
        .and_then(|value| value.as_str().map(ToOwned::to_owned))
        .unwrap_or_default()
}
