//! From YAML to rules that can be evaluated: every expression is compiled, every name is checked.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use paramedic_domain::{diagnosis::Category, evidence::Source};
use regex::Regex;

use super::{
    expression::{Condition, Functions, Text},
    remedy::Remedy,
    shipped, text,
};

/// What rules may look at one by one, and the names that their expressions may use.
pub const SUBJECTS: [(&str, &[&str]); 23] = [
    ("container", &["container", "pod", "workload"]),
    ("pod", &["pod", "workload", "disk"]),
    ("workload", &["workload"]),
    ("service", &["service", "workload", "logs"]),
    ("gateway", &["gateway"]),
    ("route", &["route", "logs"]),
    ("delivery", &["delivery"]),
    ("ingress", &["ingress", "logs"]),
    ("policy", &["policy", "logs"]),
    ("quota", &["quota"]),
    ("claim", &["claim", "logs"]),
    ("volume", &["volume"]),
    ("node", &["node", "machine"]),
    ("zone", &["zone"]),
    ("autoscaler", &["autoscaler", "workload"]),
    ("budget", &["budget"]),
    ("job", &["job"]),
    ("cron_job", &["cron_job"]),
    ("api_service", &["api_service"]),
    ("webhook", &["webhook"]),
    ("certificate", &["certificate", "logs"]),
    ("signing_request", &["signing_request"]),
    ("alert", &["alert", "cluster"]),
];

/// Every rule and remedy.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// Rules by name.
    pub rules: Vec<Rule>,
    /// Remedies by name.
    pub remedies: BTreeMap<String, text::Remedy>,
    /// The functions of all expressions.
    pub functions: Functions,
}

/// A rule that can be evaluated.
#[derive(Debug)]
pub struct Rule {
    /// See [`text::Rule::name`].
    pub name: String,
    /// See [`text::Rule::category`].
    pub category: Category,
    /// See [`text::Rule::each`].
    pub each: String,
    pub(super) when: Condition,
    pub(super) target: Target,
    pub(super) summary: Text,
    pub(super) chain: Vec<Text>,
    pub(super) reasons: Vec<Reason>,
    /// See [`text::Rule::wrong_if`].
    pub wrong_if: String,
    pub(super) remedies: Vec<Arc<Remedy>>,
    pub(super) of_alert: bool,
    /// The names that it asks for: a subject that lacks one, such as a pod without a workload, is none for it.
    pub(super) names: BTreeSet<&'static str>,
}

#[derive(Debug)]
pub(super) enum Target {
    Variable(String),
    Named {
        api_version: String,
        kind: String,
        namespace: Text,
        name: Text,
    },
}

#[derive(Debug)]
pub(super) struct Reason {
    pub(super) weight: f64,
    pub(super) condition: Option<Condition>,
    pub(super) says: Text,
    pub(super) cites: String,
    pub(super) matching: Option<Regex>,
    pub(super) needs: Option<Source>,
}

impl Target {
    fn names(&self, names: &[&'static str]) -> Vec<&'static str> {
        match self {
            Self::Variable(own) => names.iter().copied().filter(|name| name == own).collect(),
            Self::Named { namespace, name, .. } => [namespace, name].into_iter().flat_map(|text| text.names(names)).collect(),
        }
    }
}

impl Reason {
    fn names(&self, names: &[&'static str]) -> Vec<&'static str> {
        let cited = names.iter().copied().filter(|name| *name == self.cites);
        let condition = self.condition.iter().flat_map(|condition| condition.names(names));
        cited.chain(condition).chain(self.says.names(names)).collect()
    }
}

impl RuleSet {
    /// The rules that come with the product, and `more` files of the operator: name and text. A rule or remedy of the operator takes the
    /// place of a shipped one of the same name.
    ///
    /// # Errors
    /// Every file, rule and expression that cannot be used.
    pub fn load(more: &[(String, String)]) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let (mut rules, mut remedies): (BTreeMap<String, (String, text::Rule)>, BTreeMap<String, text::Remedy>) = Default::default();
        let shipped = shipped::RULES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        for (file, source) in shipped.chain(more.iter().cloned()) {
            let parsed: text::File = match read(&source) {
                Ok(parsed) => parsed,
                Err(error) => {
                    problems.push(format!("{file}: {error}"));
                    continue;
                }
            };
            let mut names = BTreeSet::new();
            for rule in parsed.rules {
                if !names.insert(rule.name.clone()) {
                    problems.push(format!("{file}: there are two rules named {}", rule.name));
                }
                rules.insert(rule.name.clone(), (file.clone(), rule));
            }
            remedies.extend(parsed.remedies);
        }
        let mut set = Self {
            remedies,
            ..Self::default()
        };
        let mut ready = Remedies::new();
        for (file, rule) in rules.into_values() {
            let name = rule.name.clone();
            match compiled(rule, &set.remedies, &mut ready) {
                Ok(rule) => set.rules.push(rule),
                Err(problem) => problems.push(format!("{file}: rule {name}: {problem}")),
            }
        }
        if problems.is_empty() { Ok(set) } else { Err(problems) }
    }
}

/// YAML through JSON: its maps with one key are our enumerations, without tags of YAML's own.
///
/// # Errors
/// What cannot be read, and where.
pub fn read<T: serde::de::DeserializeOwned>(source: &str) -> Result<T, String> {
    let value: serde_json::Value = serde_yaml_ng::from_str(source).map_err(|error| error.to_string())?;
    serde_path_to_error::deserialize(value).map_err(|error| error.to_string())
}

/// Compiled remedies by name and by what the rules look at that name them.
type Remedies = BTreeMap<(String, String), Arc<Remedy>>;

fn compiled(rule: text::Rule, remedies: &BTreeMap<String, text::Remedy>, ready: &mut Remedies) -> Result<Rule, String> {
    let names = SUBJECTS
        .iter()
        .find(|(name, _)| *name == rule.each)
        .map(|(_, names)| *names)
        .ok_or_else(|| {
            let known: Vec<&str> = SUBJECTS.iter().map(|(name, _)| *name).collect();
            format!("each: {:?} is none of {}", rule.each, known.join(", "))
        })?;
    let known = |what: &str, name: &str| match names.contains(&name) {
        true => Ok(()),
        false => Err(format!("{what}: {name:?} is none of {}", names.join(", "))),
    };
    let target = match rule.target {
        text::Target::Variable(name) => {
            known("target", &name)?;
            Target::Variable(name)
        }
        text::Target::Named {
            api_version,
            kind,
            namespace,
            name,
        } => Target::Named {
            api_version,
            kind,
            namespace: Text::new(&namespace, names)?,
            name: Text::new(&name, names)?,
        },
    };
    let reason = |reason: text::Reason| -> Result<Reason, String> {
        known("reasons: cites", &reason.cites)?;
        Ok(Reason {
            weight: reason.weight,
            condition: reason.condition.map(|source| Condition::new(&source, names)).transpose()?,
            says: Text::new(&reason.says, names)?,
            cites: reason.cites,
            needs: reason.needs,
            matching: reason
                .matching
                .map(|pattern| Regex::new(&pattern).map_err(|error| format!("matching: {error}")))
                .transpose()?,
        })
    };
    let mut chosen = Vec::new();
    for name in rule.remedies {
        let remedy = remedies.get(&name).ok_or_else(|| format!("remedies: there is none named {name}"))?;
        let place = (name, rule.each.clone());
        if !ready.contains_key(&place) {
            let compiled = Remedy::new(&place.0, remedy, names).map_err(|problem| format!("remedy {}: {problem}", place.0))?;
            ready.insert(place.clone(), Arc::new(compiled));
        }
        chosen.push(Arc::clone(&ready[&place]));
    }
    let when = Condition::new(&rule.when, names).map_err(|problem| format!("when: {problem}"))?;
    let summary = Text::new(&rule.summary, names)?;
    let chain: Vec<Text> = rule.chain.iter().map(|text| Text::new(text, names)).collect::<Result<_, _>>()?;
    let reasons: Vec<Reason> = rule.reasons.into_iter().map(reason).collect::<Result<_, _>>()?;
    let mut asked: BTreeSet<&'static str> = when.names(names).into_iter().chain(summary.names(names)).collect();
    asked.extend(chain.iter().flat_map(|text| text.names(names)));
    asked.extend(target.names(names));
    asked.extend(reasons.iter().flat_map(|reason| reason.names(names)));
    Ok(Rule {
        when,
        target,
        summary,
        chain,
        reasons,
        remedies: chosen,
        wrong_if: rule.wrong_if,
        name: rule.name,
        category: rule.category,
        each: rule.each,
        of_alert: rule.of_alert,
        names: asked,
    })
}
