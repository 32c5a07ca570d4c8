//! The results of an evaluation, for people and for programs.

use std::time::Duration;

use paramedic_domain::{envelope::Recorded, incident::Incident};
use serde_json::{Value, json};

use super::{
    case::Case,
    judge::{Score, Seen, judge},
    play::{Asked, Played},
};
use crate::{range::Story, text};

/// What came of a case, or of a variant of it.
pub struct Result {
    name: String,
    score: Score,
    target: Option<String>,
    category: Option<String>,
    confidence: Option<f64>,
    /// Target and category are right.
    correct: bool,
    outcome: String,
    reads: usize,
    wall: Duration,
    given_up: Option<String>,
    json: Value,
}

impl Result {
    /// Judges what was seen.
    pub fn of(case: &Case, variant: Option<&str>, played: &Played, wall: Duration) -> Self {
        let seen = Seen {
            stories: &played.stories,
            audit: &played.audit,
            commands: &played.commands,
            given_up: played.given_up.as_deref(),
        };
        let verdict = judge(&case.truth, &seen);
        let diagnosis = verdict.diagnosis;
        let outcome = verdict
            .incident
            .map_or_else(|| "no incident".to_owned(), |incident| text::word(&incident.status()));
        let json = json!({
            "case": case.truth.case,
            "variant": variant,
            "title": case.truth.title,
            "points": verdict.score.points(),
            "zero": verdict.score.zero,
            "lines": verdict.score.lines,
            "correct": verdict.correct,
            "diagnosis": diagnosis.map(|d| json!({"category": d.category, "target": d.target.to_string(), "confidence": d.confidence, "summary": d.summary, "engine": d.engine})),
            "outcome": outcome,
            "reason": verdict.incident.and_then(|incident| incident.end.as_ref()).map(|end| &end.reason),
            "given_up": played.given_up,
            "reads": verdict.reads,
            "incidents": played.stories.all().count(),
            "plan": verdict.incident.map(steps),
            "asked": played.asked.iter().collect::<Vec<&Asked>>(),
            "changes": played.audit.iter().filter(|entry| entry.is_mutation()).map(|entry| json!({"time": entry.time, "verb": entry.verb, "path": entry.path})).collect::<Vec<_>>(),
            "timeline": verdict.incident.and_then(|incident| played.stories.of(&incident.id)).map(timeline),
            "wall_ms": u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
        });
        Self {
            name: variant.map_or_else(|| case.truth.case.clone(), |variant| format!("{} {variant}", case.truth.case)),
            target: diagnosis.map(|d| d.target.to_string()),
            category: diagnosis.map(|d| text::word(&d.category)),
            confidence: diagnosis.map(|d| d.confidence),
            correct: verdict.correct,
            score: verdict.score,
            outcome,
            reads: verdict.reads,
            wall,
            given_up: played.given_up.clone(),
            json,
        }
    }

    /// A remark while the others are played.
    pub fn line(&self) -> String {
        format!("{}: {} points in {:.0} s", self.name, self.score.points(), self.wall.as_secs_f64())
    }

    fn row(&self) -> Vec<String> {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.name.clone(),
            self.score.points().to_string(),
            text::clean(&or_none(&self.target)),
            or_none(&self.category),
            self.confidence
                .map_or_else(|| "-".to_owned(), |confidence| format!("{confidence:.2}")),
            self.outcome.clone(),
            self.reads.to_string(),
            format!("{:.0}", self.wall.as_secs_f64()),
        ]
    }

    /// What lost points, one line each.
    fn lost(&self) -> Vec<String> {
        let given_up = self.given_up.iter().map(|why| format!("  given up: {why}"));
        let zero = self.score.zero.iter().map(|why| format!("  0 points: {why}"));
        let lines = self.score.lines.iter().filter(|line| line.points < line.of).flat_map(|line| {
            line.why
                .iter()
                .map(move |why| format!("  {} of {:>2}  {}: {why}", line.points, line.of, line.rule))
        });
        given_up
            .chain(zero)
            .chain(lines)
            .map(|line| text::clean(&line).replace('\n', " "))
            .collect()
    }

    /// The square of how wrong its confidence was; nothing found is no confidence at all, and right only where nothing is to be found.
    fn brier(&self) -> f64 {
        let truth = if self.correct && self.confidence.is_some() { 1.0 } else { 0.0 };
        (self.confidence.unwrap_or(0.0) - truth).powi(2)
    }
}

fn steps(incident: &Incident) -> Vec<Value> {
    let plan = incident.plan.iter().flat_map(|plan| &plan.steps);
    plan.map(|step| {
        json!({"id": step.id, "action": step.action, "parameters": step.parameters, "depends_on": step.depends_on, "gate": step.gate,
            "state": incident.step_state(&step.id)})
    })
    .collect()
}

fn timeline(story: &Story) -> Vec<String> {
    let line = |recorded: &Recorded| format!("{} {}", text::utc(recorded.envelope.time), text::event(&recorded.envelope.event));
    story.log.iter().map(line).collect()
}

/// All results.
pub struct Report {
    results: Vec<Result>,
    at_least: u32,
}

impl Report {
    /// A report in which every case needs so many points.
    pub fn new(at_least: u32) -> Self {
        Self {
            results: Vec::new(),
            at_least,
        }
    }

    /// Takes a result.
    pub fn add(&mut self, result: Result) {
        self.results.push(result);
    }

    /// Whether every case has the points that it needs.
    pub fn passed(&self) -> bool {
        self.least() >= self.at_least
    }

    fn least(&self) -> u32 {
        self.results.iter().map(|result| result.score.points()).min().unwrap_or(0)
    }

    fn mean(&self, of: impl Fn(&Result) -> f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "there are few cases")]
        let count = self.results.len().max(1) as f64;
        self.results.iter().map(of).sum::<f64>() / count
    }

    fn points(&self) -> f64 {
        self.mean(|result| f64::from(result.score.points()))
    }

    /// A table, what lost points under it, and the figures over all.
    pub fn page(&self) -> String {
        const HEADS: [&str; 8] = ["CASE", "POINTS", "TARGET", "CATEGORY", "CONFIDENCE", "OUTCOME", "READS", "SECONDS"];
        let rows: Vec<_> = self.results.iter().map(Result::row).collect();
        let mut lines = vec![text::table(&HEADS, &rows), String::new()];
        for result in &self.results {
            let lost = result.lost();
            if !lost.is_empty() {
                lines.push(result.name.clone());
                lines.extend(lost);
            }
        }
        let correct = self.results.iter().filter(|result| result.correct).count();
        lines.push(format!(
            "{} played, cause right in {correct}, mean {:.1}, least {}, Brier score {:.3}",
            self.results.len(),
            self.points(),
            self.least(),
            self.mean(Result::brier)
        ));
        lines.join("\n")
    }

    /// Everything.
    pub fn json(&self) -> Value {
        json!({
            "cases": self.results.iter().map(|result| &result.json).collect::<Vec<_>>(),
            "mean": self.points(),
            "least": self.least(),
            "brier": self.mean(Result::brier),
            "at_least": self.at_least,
            "passed": self.passed(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(points: u32, confidence: Option<f64>, correct: bool) -> Result {
        let line = super::super::judge::Line {
            rule: "target",
            points,
            of: 100,
            why: vec!["Deployment a/b\u{1b} instead of\nDeployment a/c".to_owned()],
        };
        Result {
            name: "X".to_owned(),
            score: Score {
                lines: vec![line],
                zero: Vec::new(),
            },
            target: None,
            category: None,
            confidence,
            correct,
            outcome: "resolved".to_owned(),
            reads: 3,
            wall: Duration::from_secs(1),
            given_up: None,
            json: Value::Null,
        }
    }

    #[test]
    fn every_case_needs_the_points_and_the_mean_does_not_help() {
        let mut report = Report::new(90);
        assert!(!report.passed());
        report.add(result(100, Some(0.9), true));
        assert!(report.passed());
        report.add(result(89, Some(0.9), true));
        assert!(!report.passed());
        assert_eq!(
            (report.json()["least"].as_u64(), report.json()["mean"].as_f64()),
            (Some(89), Some(94.5))
        );
    }

    #[test]
    fn the_brier_score_counts_nothing_found_as_no_confidence() {
        let brier = |confidence, correct| result(0, confidence, correct).brier();
        assert!((brier(Some(0.8), true) - 0.04).abs() < 1e-9 && (brier(Some(0.8), false) - 0.64).abs() < 1e-9);
        assert!(brier(None, false).abs() < 1e-9);
    }

    #[test]
    fn what_lost_points_is_on_the_page_in_one_line_that_drives_no_terminal() {
        let mut report = Report::new(90);
        report.add(result(40, None, false));
        let page = report.page();
        assert!(
            page.contains("40 of 100  target: Deployment a/b\u{fffd} instead of Deployment a/c"),
            "{page}"
        );
    }
}
