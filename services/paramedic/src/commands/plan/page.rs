//! A plan on one page, for terminals of 80 columns and more.

use std::time::Duration;

use paramedic_domain::{
    drawing,
    plan::{Estimate, Gate, Lasts, Plan, PlanOption, Refusal, Rollback, Step},
};

use crate::text;

/// Widest line of text; an object's path may be longer where it cannot be broken.
const WIDTH: usize = 96;
/// Columns of the labels before what they are about.
const LABEL: usize = 14;

/// The whole plan.
pub fn page(plan: &Plan) -> String {
    let mut lines = vec![format!("{}  {}", plan.id, plan.summary), String::new()];
    lines.extend(
        drawing::draw(&drawing::of(plan))
            .lines()
            .map(|line| format!("  {line}").trim_end().to_owned()),
    );
    lines.push(String::new());
    let path: Vec<&str> = plan.critical_path.iter().map(paramedic_domain::id::StepId::as_str).collect();
    fact(&mut lines, 0, "longest chain", &path.join(" -> "));
    fact(
        &mut lines,
        0,
        "usual time",
        &plan.estimate.map_or_else(|| "unknown".to_owned(), usually),
    );
    fact(&mut lines, 0, "at most", &at_most(plan));
    fact(&mut lines, 0, "if it fails", rollback(plan.rollback));
    for gate in &plan.gates {
        lines.push(String::new());
        question(&mut lines, gate);
    }
    for level in &plan.levels {
        for step in level.iter().filter_map(|id| plan.step(id)) {
            lines.push(String::new());
            one(&mut lines, plan, step);
        }
    }
    if !plan.options.is_empty() {
        lines.extend([String::new(), "ways out".into()]);
        for (index, option) in plan.options.iter().enumerate() {
            way_out(&mut lines, index, option, usize::try_from(plan.chosen) == Ok(index));
        }
    }
    if !plan.notes.is_empty() {
        lines.extend([String::new(), "notes".into()]);
        for note in &plan.notes {
            wrapped(&mut lines, "  - ", "    ", note);
        }
    }
    lines.join("\n")
}

/// Why there is no plan.
pub fn refused(refusals: &[Refusal]) -> String {
    let mut lines = vec![format!(
        "refused: {} reason{}",
        refusals.len(),
        if refusals.len() == 1 { "" } else { "s" }
    )];
    for refusal in refusals {
        reason(&mut lines, "  - ", refusal);
    }
    lines.join("\n")
}

fn reason(lines: &mut Vec<String>, mark: &str, refusal: &Refusal) {
    let about = refusal.step.as_ref().map(|step| format!("{step}: ")).unwrap_or_default();
    let indent = " ".repeat(mark.chars().count());
    wrapped(lines, mark, &indent, &format!("{about}{}", refusal.reason));
}

fn at_most(plan: &Plan) -> String {
    let running = format!("{} for one attempt of each step", span(plan.longest));
    match plan.deadline {
        Some(deadline) => format!("{running}; stopped after {}, the waiting for people included", span(deadline)),
        None => running,
    }
}

fn rollback(rollback: Rollback) -> &'static str {
    match rollback {
        Rollback::Automatic => "what was done is undone, the last first",
        Rollback::Ask => "a person is asked whether what was done is undone or stays",
        Rollback::None => "what was done stays, and a person is told",
    }
}

fn question(lines: &mut Vec<String>, gate: &Gate) {
    let steps: Vec<&str> = gate.steps.iter().map(paramedic_domain::id::StepId::as_str).collect();
    lines.push(format!("{}  {} risk", gate.id, text::word(&gate.risk)));
    fact(lines, 2, "decides", &steps.join(", "));
    fact(lines, 2, "because", &gate.reason);
    let people = if gate.terms.quorum == 1 {
        "1 approval".to_owned()
    } else {
        format!("{} approvals", gate.terms.quorum)
    };
    fact(lines, 2, "needs", &format!("{people} within {}", span(gate.terms.expires_after)));
    fact(lines, 2, "digest", &gate.digest.to_string());
}

fn one(lines: &mut Vec<String>, plan: &Plan, step: &Step) {
    let after: Vec<&str> = step.depends_on.iter().map(paramedic_domain::id::StepId::as_str).collect();
    let order = if after.is_empty() {
        String::new()
    } else {
        format!("  after {}", after.join(", "))
    };
    wrapped(lines, &format!("{}  ", step.id), "    ", &format!("{}{order}", step.action));
    if !step.description.is_empty() {
        wrapped(lines, "  ", "  ", &step.description);
    }
    fact(
        lines,
        2,
        "risk",
        &format!("{}: {}", text::word(&step.risk.level), step.risk.reasons.join("; ")),
    );
    let gate = match &step.gate {
        Some(gate) if plan.gate(gate).is_some_and(|gate| gate.steps.first() == Some(&step.id)) => {
            format!("waits for {gate}: {}", step.policy)
        }
        Some(gate) => format!("decided by {gate}: {}", step.policy),
        None => format!("none: {}", step.policy),
    };
    fact(lines, 2, "gate", &gate);
    let told = step.change.explain();
    fact(lines, 2, "does", &told.effects.join("; "));
    for field in &told.diff {
        let (from, to) = (
            field.from.as_deref().unwrap_or("(none)"),
            field.to.as_deref().unwrap_or("(removed)"),
        );
        if from.contains('\n') || to.contains('\n') {
            fact(lines, 2, "changes", &format!("{}:", field.path));
            lines.extend(to.lines().map(|line| format!("{}{line}", " ".repeat(LABEL + 2))));
        } else {
            fact(lines, 2, "changes", &format!("{}: {from} -> {to}", field.path));
        }
    }
    for answer in &told.dry_run {
        fact(lines, 2, "dry run", answer);
    }
    for undo in &told.undo {
        fact(lines, 2, "undo", undo);
    }
    if step.change.mutates() {
        fact(lines, 2, "stays", &stays(step.lasts));
    }
    let usual = step.estimate.map_or_else(|| "unknown".to_owned(), usually);
    fact(
        lines,
        2,
        "usual time",
        &format!("{usual}; at most {} an attempt", span(step.timeout)),
    );
}

fn stays(lasts: Option<Lasts>) -> String {
    match lasts {
        None => "for good".into(),
        Some(Lasts::Workflow) => "until the workflow has ended".into(),
        Some(Lasts::Verified) => "until the verification has passed or the incident has ended".into(),
        Some(Lasts::For { duration }) => format!("{} after the step succeeded", span(duration)),
    }
}

fn way_out(lines: &mut Vec<String>, index: usize, option: &PlanOption, chosen: bool) {
    let head = format!(
        "{} {}: {} ({})",
        index + 1,
        text::word(&option.approach),
        option.title,
        option.tradeoff
    );
    wrapped(lines, "  ", "    ", &head);
    if chosen {
        lines.push("    this plan".into());
    }
    for refusal in &option.refusals {
        reason(lines, "    cannot be planned: ", refusal);
    }
}

fn usually(estimate: Estimate) -> String {
    let known = match estimate.samples {
        0 => "a guess, never measured here".to_owned(),
        1 => "measured once".to_owned(),
        runs => format!("median of {runs} runs"),
    };
    format!("{} ({known})", span(estimate.typical))
}

fn fact(lines: &mut Vec<String>, indent: usize, label: &str, value: &str) {
    let first = format!("{}{label:<width$}", " ".repeat(indent), width = LABEL);
    wrapped(lines, &first, &" ".repeat(indent + LABEL), value);
}

/// Breaks a text at blanks such that it fits, later lines indented. Blanks within a line stay: values are exact.
fn wrapped(lines: &mut Vec<String>, first: &str, later: &str, value: &str) {
    let mut line = first.to_owned();
    let mut empty = true;
    for word in value.split([' ', '\n']) {
        let blank = usize::from(!empty);
        if !empty && line.chars().count() + blank + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, later.to_owned()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line.trim_end().to_owned());
}

/// `45 s`, `2 min 30 s`, `1 h 15 min`.
fn span(duration: Duration) -> String {
    let (hours, minutes, seconds) = (duration.as_secs() / 3600, duration.as_secs() / 60 % 60, duration.as_secs() % 60);
    match (hours, minutes, seconds) {
        (0, 0, 0) if !duration.is_zero() => format!("{} ms", duration.as_millis()),
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
