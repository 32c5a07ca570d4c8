//! The decision on one step.

use paramedic_domain::{
    policy::{Decision, Mode},
    risk::RiskLevel,
    terms::Terms,
};
use serde_json::Value;

use crate::{
    condition::Scope,
    facts::Question,
    file::{Policy, Rule, Then},
};

/// A decision, and what made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// Name of the rule, or of the limit: `observe-mode`, `freeze`, `ceiling`, `no-rule`.
    pub rule: String,
}

/// What limits and rules are asked with.
pub(crate) struct Case<'a> {
    pub(crate) mode: Mode,
    pub(crate) read_only: bool,
    pub(crate) mutates: bool,
    pub(crate) risk: RiskLevel,
    pub(crate) freeze: Option<&'a str>,
    pub(crate) facts: Value,
}

impl Policy {
    /// Decides on one step. What no rule decides asks.
    #[must_use]
    pub fn decide(&self, question: &Question<'_>) -> Verdict {
        let (mode, freeze) = self.limits(question.mode, &question.touched(), question.now);
        self.judge(&Case {
            mode,
            read_only: question.step.read_only,
            mutates: question.step.mutates,
            risk: question.step.risk.level,
            freeze,
            facts: question.facts(mode, &self.zone, &self.uses),
        })
    }

    /// Limits first, then the first rule that applies.
    pub(crate) fn judge(&self, case: &Case<'_>) -> Verdict {
        if case.mode == Mode::Observe && !case.read_only {
            return verdict("observe-mode", deny("observe mode: nothing is changed".into()));
        }
        if let Some(name) = case.freeze.filter(|_| case.mutates) {
            return verdict("freeze", deny(format!("nothing is changed during {name}")));
        }
        let scope = Scope::new(&case.facts);
        for rule in &self.rules {
            match (rule.when.holds(&scope), rule.then) {
                (Ok(false), _) | (Err(_), Then::Auto) => {}
                (Ok(true), _) => return self.applied(rule, &scope, case),
                // what was meant to be careful stays careful
                (Err(problem), Then::Ask | Then::Deny) => {
                    return verdict(&rule.name, ask(format!("rule {} cannot be evaluated: {problem}", rule.name)));
                }
            }
        }
        verdict("no-rule", ask("no rule of the policy decides this".into()))
    }

    fn applied(&self, rule: &Rule, scope: &Scope, case: &Case<'_>) -> Verdict {
        let reason = rule.reason.fill(scope);
        match rule.then {
            Then::Auto if case.mutates && case.risk > self.ceiling => verdict(
                "ceiling",
                ask(format!("{reason}, but its risk is above the ceiling of what runs without people")),
            ),
            Then::Auto => verdict(&rule.name, Decision::Auto { reason }),
            Then::Deny => verdict(&rule.name, deny(reason)),
            Then::Ask => verdict(
                &rule.name,
                Decision::Ask {
                    reason,
                    terms: rule.terms.clone(),
                },
            ),
        }
    }
}

fn verdict(rule: &str, decision: Decision) -> Verdict {
    Verdict {
        decision,
        rule: rule.to_owned(),
    }
}

fn deny(reason: String) -> Decision {
    Decision::Deny { reason }
}

fn ask(reason: String) -> Decision {
    Decision::Ask {
        reason,
        terms: Terms::default(),
    }
}
