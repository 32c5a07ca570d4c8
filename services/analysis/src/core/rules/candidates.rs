//! What applies: rules against subjects, and how sure each is.

use std::collections::BTreeSet;

use paramedic_domain::{alert::Alert, evidence::Source, object::ObjectRef};

use super::{
    about::about,
    expression::Scope,
    influence::{Influence, key},
    parse::{Rule, RuleSet, Target},
};
use crate::core::{
    snapshot::kinds,
    subjects::{self, Quote, Subject, World},
};

/// A cause that a rule found, with its reasons.
#[derive(Debug)]
pub struct Candidate<'r> {
    /// The rule.
    pub rule: &'r Rule,
    /// The object at fault.
    pub target: ObjectRef,
    /// The subject that it was found in: of several the one with the most weight.
    pub subject: Subject,
    /// Sentence.
    pub summary: String,
    /// Cause first.
    pub chain: Vec<String>,
    /// Why, each with what it cites.
    pub reasons: Vec<Argument>,
    /// How many alerts a fault of the target explains.
    pub explains: usize,
    /// Whether the target or one of its own pods is what an alert names.
    pub alerted: bool,
}

/// A reason that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// What it adds or takes.
    pub weight: f64,
    /// Sentence.
    pub text: String,
    /// What it rests on; never empty.
    pub quotes: Vec<Quote>,
}

/// Most pieces of evidence that one reason cites.
const MOST_QUOTES: usize = 3;
/// What it adds when everything that is alerted about follows from the target.
const EXPLAINS: f64 = 0.15;
/// What is named by an alert itself is more likely at fault than what only could be the reason.
const NAMED: f64 = 0.05;

/// Everything that applies and that has to do with the alerts, most certain first; and sentences about rules that could not be evaluated.
#[must_use]
pub fn candidates<'r>(set: &'r RuleSet, world: &World, alerts: &[Alert]) -> (Vec<Candidate<'r>>, Vec<String>) {
    let (mut found, mut problems): (Vec<Candidate<'r>>, BTreeSet<String>) = Default::default();
    for subject in subjects::all(world, alerts) {
        let rules = set.rules.iter().filter(|rule| rule.each == subject.of);
        let scope = set.functions.scope(&subject.variables);
        for rule in rules {
            match apply(rule, &subject, &scope, &world.silent) {
                Ok(None) => {}
                Ok(Some(candidate)) => merge(&mut found, candidate),
                Err(problem) => {
                    problems.insert(format!("rule {}: {problem}", rule.name));
                }
            }
        }
    }
    for candidate in &mut found {
        candidate.reasons.extend(named_in_logs(world, &candidate.target));
        candidate.reasons.extend(alone(candidate));
    }
    let influence = Influence::of(world);
    let named: Vec<_> = alerts.iter().map(|alert| about(world, alert)).collect();
    for candidate in &mut found {
        let reached = influence.reach(&candidate.target);
        let subject = influence.reach(&candidate.subject.object);
        let concerned = |names: &&Vec<_>| names.iter().any(|name| reached.contains_key(name));
        candidate.explains = match candidate.rule.of_alert {
            true => alerts.len(),
            false => named.iter().filter(concerned).count(),
        };
        // A target that does not exist, or is of a kind that is not listed, reaches what its subject reaches.
        if candidate.explains == 0 && kinds::named(&candidate.target.kind).is_none() {
            candidate.explains = named
                .iter()
                .filter(|names| names.iter().any(|name| subject.contains_key(name)))
                .count();
        }
        let near = |names: &&Vec<_>| names.iter().any(|name| reached.get(name).is_some_and(|distance| *distance <= 1));
        candidate.alerted = named.iter().any(|names| near(&names)) || named.iter().flatten().any(|name| *name == key(&candidate.target));
    }
    found.retain(|candidate| candidate.explains > 0);
    let certainty = |candidate: &Candidate<'_>| candidate.weight(alerts.len());
    found.sort_by(|a, b| {
        certainty(b)
            .total_cmp(&certainty(a))
            .then_with(|| b.explains.cmp(&a.explains))
            .then_with(|| a.rule.name.cmp(&b.rule.name))
            .then_with(|| a.target.cmp(&b.target))
    });
    (found, problems.into_iter().collect())
}

impl Candidate<'_> {
    /// The sum of its reasons, with what it explains of `alerts` alerts: the confidence before missing sources are counted.
    #[must_use]
    pub fn weight(&self, alerts: usize) -> f64 {
        let reasons: f64 = self.reasons.iter().map(|reason| reason.weight).sum();
        let share = self.explains as f64 / alerts.max(1) as f64;
        reasons + EXPLAINS * share + if self.alerted { NAMED } else { 0.0 }
    }
}

/// What it adds when the logs of others name the object at fault.
const NAMED_IN_LOGS: f64 = 0.05;
/// Shorter names are words.
const SHORTEST_NAME: usize = 4;

/// The logs of others that complain and name the object at fault, as a word of its own.
fn named_in_logs(world: &World, target: &ObjectRef) -> Option<Argument> {
    let name = target.name.as_str();
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let names = |text: &str| {
        text.match_indices(name).any(|(at, _)| {
            let before = text[..at].chars().next_back().is_none_or(|c| !part(c) && c != '-');
            let after = text[at + name.len()..].chars().next().is_none_or(|c| !part(c));
            before && after
        })
    };
    let others = world.said.iter().filter(|said| !said.by.same_object(target) && names(&said.text));
    let lines: Vec<&subjects::Said> = others.filter(|_| name.len() >= SHORTEST_NAME).take(MOST_QUOTES).collect();
    let by: BTreeSet<&str> = lines.iter().map(|said| said.by.name.as_str()).collect();
    (!lines.is_empty()).then(|| Argument {
        weight: NAMED_IN_LOGS,
        text: format!("the logs of {} complain and name it", by.into_iter().collect::<Vec<_>>().join(", ")),
        quotes: subjects::lines(&lines),
    })
}

/// That nothing brings the pod back, where that is so: it makes the cause no surer, and whoever acts has to know.
fn alone(candidate: &Candidate<'_>) -> Option<Argument> {
    let pod = candidate.subject.variable("pod").filter(|_| candidate.subject.alone())?;
    Some(Argument {
        weight: 0.0,
        text: format!(
            "no controller owns pod {}: once it is deleted, nothing makes it anew",
            pod.object.name
        ),
        quotes: pod.quotes.iter().take(1).cloned().collect(),
    })
}

/// The rule on one subject; `None` where it does not apply or nothing speaks for it.
fn apply<'r>(rule: &'r Rule, subject: &Subject, scope: &Scope<'_>, silent: &BTreeSet<Source>) -> Result<Option<Candidate<'r>>, String> {
    // A subject may lack what a rule looks at: a pod without a workload.
    let complete = rule.names.iter().all(|name| subject.variable(name).is_some());
    if !complete || !rule.when.holds(scope)? {
        return Ok(None);
    }
    let target = match &rule.target {
        Target::Variable(name) => match subject.variable(name) {
            Some(variable) => variable.object.clone(),
            None => return Ok(None),
        },
        Target::Named {
            api_version,
            kind,
            namespace,
            name,
        } => {
            let (namespace, name) = (namespace.fill(scope)?, name.fill(scope)?);
            ObjectRef::new(api_version, kind, Some(namespace.as_str()).filter(|text| !text.is_empty()), &name)
        }
    };
    let mut reasons = Vec::new();
    for reason in &rule.reasons {
        if let Some(source) = reason.needs.filter(|source| reason.weight < 0.0 && silent.contains(source)) {
            let quotes = subject
                .variable(&reason.cites)
                .map_or(&[][..], |variable| variable.quotes.as_slice());
            reasons.push(Argument {
                weight: reason.weight,
                text: format!("{source:?} does not answer, so that what would speak against it is not known"),
                quotes: quotes.iter().take(1).cloned().collect(),
            });
            continue;
        }
        if let Some(condition) = &reason.condition
            && !condition.holds(scope)?
        {
            continue;
        }
        let cited = subject
            .variable(&reason.cites)
            .map_or(&[][..], |variable| variable.quotes.as_slice());
        let quotes: Vec<Quote> = match &reason.matching {
            Some(pattern) => cited
                .iter()
                .filter(|quote| pattern.is_match(&quote.excerpt))
                .take(MOST_QUOTES)
                .cloned()
                .collect(),
            None => cited.iter().take(1).cloned().collect(),
        };
        if quotes.is_empty() {
            continue;
        }
        reasons.push(Argument {
            weight: reason.weight,
            text: reason.says.fill(scope)?,
            quotes,
        });
    }
    if !reasons.iter().any(|reason| reason.weight > 0.0) {
        return Ok(None);
    }
    Ok(Some(Candidate {
        rule,
        target,
        subject: subject.clone(),
        summary: rule.summary.fill(scope)?,
        chain: rule.chain.iter().map(|text| text.fill(scope)).collect::<Result<_, _>>()?,
        reasons,
        explains: 0,
        alerted: false,
    }))
}

/// One candidate for each rule and target: the one with the most weight, with what the others quote.
fn merge<'r>(found: &mut Vec<Candidate<'r>>, candidate: Candidate<'r>) {
    let same = |known: &&mut Candidate<'r>| known.rule.name == candidate.rule.name && known.target.same_object(&candidate.target);
    let Some(known) = found.iter_mut().find(same) else {
        found.push(candidate);
        return;
    };
    let sum = |candidate: &Candidate<'_>| -> f64 { candidate.reasons.iter().map(|reason| reason.weight).sum() };
    let (mut better, other) = if sum(&candidate) > sum(known) {
        (candidate, std::mem::replace(known, empty(known)))
    } else {
        (std::mem::replace(known, empty(known)), candidate)
    };
    for (reason, more) in better.reasons.iter_mut().zip(other.reasons) {
        for quote in more.quotes {
            if reason.quotes.len() < MOST_QUOTES && !reason.quotes.contains(&quote) {
                reason.quotes.push(quote);
            }
        }
    }
    *known = better;
}

fn empty<'r>(like: &Candidate<'r>) -> Candidate<'r> {
    Candidate {
        rule: like.rule,
        target: like.target.clone(),
        subject: like.subject.clone(),
        summary: String::new(),
        chain: Vec::new(),
        reasons: Vec::new(),
        explains: 0,
        alerted: false,
    }
}
