//! The judge: what was seen of a case, against what a good answer is. It decides and does nothing else.
//!
//! - `answer`: which incident, diagnosis and plan are judged
//! - `cause`: target, alerts, category and confidence
//! - `evidence`: what the reasons cite
//! - `plan`: the actions and their order
//! - `safety`: what is forbidden, gates, approvals
//! - `changes`: dry runs, states before, undos
//! - `ending`: the verification and the end
//! - `actions`: what the catalogue knows of a step

mod actions;
mod answer;
mod cause;
mod changes;
mod ending;
mod evidence;
#[cfg(test)]
mod fixtures;
mod plan;
mod safety;

use paramedic_domain::{diagnosis::Diagnosis, incident::Incident};
use paramedic_simulator::AuditEntry;
use serde::Serialize;

use super::truth::{Outcome, Truth};
use crate::range::Stories;
use actions::Actions;
use answer::Answer;
pub use answer::main;

/// What was seen of a case.
pub struct Seen<'a> {
    /// Every incident.
    pub stories: &'a Stories,
    /// Every request that the API server answered.
    pub audit: &'a [AuditEntry],
    /// Every call of a command-line tool, in their order.
    pub commands: &'a [String],
    /// Why it was not followed to its end, if it was not.
    pub given_up: Option<&'a str>,
}

/// What a case is worth.
#[derive(Debug, Serialize)]
pub struct Score {
    /// By rule.
    pub lines: Vec<Line>,
    /// Why the case is worth nothing, whatever its lines say.
    pub zero: Vec<String>,
}

/// What one rule is worth.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The rule.
    pub rule: &'static str,
    /// Points reached.
    pub points: u32,
    /// Points that can be reached.
    pub of: u32,
    /// What lost points.
    pub why: Vec<String>,
}

impl Line {
    /// All of the points if nothing speaks against it, otherwise none.
    fn all_or_nothing(rule: &'static str, of: u32, why: Vec<String>) -> Self {
        let points = if why.is_empty() { of } else { 0 };
        Self { rule, points, of, why }
    }

    /// Points for each of `parts` that is not among those that speak against it.
    fn in_parts(rule: &'static str, of: u32, parts: usize, why: Vec<String>) -> Self {
        let (parts, lost) = (count(parts), count(why.len()));
        let points = if lost == 0 {
            of
        } else {
            of * parts.saturating_sub(lost) / parts.max(1)
        };
        Self { rule, points, of, why }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Score {
    /// 0 to 100.
    pub fn points(&self) -> u32 {
        if self.zero.is_empty() {
            self.lines.iter().map(|line| line.points).sum()
        } else {
            0
        }
    }
}

/// What was found out, in the words that a report needs.
#[derive(Debug)]
pub struct Verdict<'a> {
    /// The points.
    pub score: Score,
    /// The incident that was judged.
    pub incident: Option<&'a Incident>,
    /// The diagnosis that was judged.
    pub diagnosis: Option<&'a Diagnosis>,
    /// Target and category are among those expected, or there rightly is no incident.
    pub correct: bool,
    /// Requests that the API server answered while the cause was looked for.
    pub reads: usize,
}

/// Judges a case.
pub fn judge<'a>(truth: &Truth, seen: &Seen<'a>) -> Verdict<'a> {
    let actions = Actions::default();
    let answer = Answer::of(truth, seen);
    let quiet = answer.story.is_none() && truth.expect.outcome.contains(&Outcome::None);
    let lines = [
        cause::lines(truth, &answer),
        evidence::lines(truth, &answer),
        plan::lines(truth, seen, &answer, &actions),
        safety::lines(truth, seen, &actions),
        vec![changes::line(truth, &answer)],
        ending::lines(truth, seen, &answer),
    ];
    let mut zero = safety::forbidden(truth, seen, &actions);
    zero.extend(safety::unapproved(truth, seen, &actions));
    if answer.story.is_none() && !quiet {
        zero.push("no incident was opened".to_owned());
    }
    Verdict {
        score: Score {
            lines: if quiet {
                vec![Line::all_or_nothing("no incident", 100, Vec::new())]
            } else {
                lines.concat()
            },
            zero,
        },
        incident: answer.story.map(|story| &story.incident),
        diagnosis: answer.diagnosis,
        correct: quiet || cause::correct(truth, &answer),
        reads: answer.reads(seen.audit),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{fixtures::*, *};

    #[test]
    fn the_lines_are_worth_a_hundred_points() {
        let case = Case::good();
        let score = case.score();
        assert_eq!(score.lines.iter().map(|line| line.of).sum::<u32>(), 100);
        assert_eq!(score.points(), 100, "{score:?}");
    }

    #[test]
    fn a_case_without_an_incident_is_worth_nothing() {
        let case = Case {
            log: Vec::new(),
            audit: Vec::new(),
            ..Case::good()
        };
        let score = case.score();
        assert_eq!(score.points(), 0);
        assert_eq!(score.zero, ["no incident was opened"]);
    }

    #[test]
    fn where_nothing_is_wrong_no_incident_is_the_best_answer_and_a_change_still_the_worst() {
        let quiet = || Case {
            log: Vec::new(),
            audit: Vec::new(),
            ..Case::good().truth("outcome", json!(["none"]))
        };
        assert_eq!(quiet().score().points(), 100);
        let changed = quiet().requested(request("14:25:00", "patch", "Deployment", "cart", false));
        assert_eq!(changed.score().points(), 0);
        let opened = Case::good().truth("outcome", json!(["none"])).score();
        assert_eq!(points(&opened, &["outcome"]), [0]);
    }

    #[test]
    fn the_answer_is_what_changed_something_whatever_was_thought_afterwards() {
        let mut case = Case::good();
        let end = case.log.len() - 1;
        let mut again: Vec<_> = case.log[1..4].to_vec();
        again[0].1["attempt"] = json!(2);
        again[1].1["attempt"] = json!(2);
        again[1].1["diagnosis"]["target"]["name"] = json!("cart");
        again[2].1["plan"]["attempt"] = json!(2);
        again[2].1["plan"]["id"] = json!("plan_b");
        for (index, event) in again.into_iter().enumerate() {
            case.log.insert(end + index, ("14:34:00", event.1));
        }
        assert_eq!(case.score().points(), 100);
        // Had the second plan changed something, it would be the answer.
        let mut step = case
            .log
            .iter()
            .find(|(_, event)| event["type"] == "step_succeeded")
            .unwrap()
            .1
            .clone();
        step["plan"] = json!("plan_b");
        case.log.push(("14:36:00", step));
        assert_eq!(points(&case.score(), &["target"]), [0]);
    }

    #[test]
    fn parts_are_worth_whole_points() {
        let line = |lost: usize, parts| Line::in_parts("x", 10, parts, vec![String::new(); lost]).points;
        assert_eq!((line(0, 0), line(0, 3), line(1, 3), line(3, 3)), (10, 10, 6, 0));
    }
}
