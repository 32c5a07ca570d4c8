//! The confirmation page of a signed link, as a string of HTML. Everything in it is escaped by the template engine.

use std::sync::LazyLock;

use minijinja::{Environment, value::Serde};
use paramedic_domain::{
    approval::Answer,
    change::{Change, FieldChange},
    incident::Incident,
    plan::{Gate, Plan, Step},
    risk::RiskLevel,
};
use serde::Serialize;

use super::link::Claims;

/// The template of every page.
pub const TEMPLATE: &str = include_str!("../../templates/page.html");

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages
        .add_template("page.html", TEMPLATE)
        .expect("the template is part of the program and parses");
    pages
});

#[derive(Serialize)]
struct Page<'a> {
    heading: &'a str,
    message: Option<&'a str>,
    question: Option<Question<'a>>,
}

#[derive(Serialize)]
struct Question<'a> {
    incident: &'a str,
    incident_title: &'a str,
    cluster: &'a str,
    summary: &'a str,
    reason: &'a str,
    risk: &'static str,
    recipient: &'a str,
    expires_at: String,
    digest: String,
    answer: &'static str,
    button: String,
    steps: Vec<StepView<'a>>,
}

#[derive(Serialize)]
struct StepView<'a> {
    id: &'a str,
    description: &'a str,
    effect: String,
    diff: Vec<Row>,
    dry_run: String,
    undo: Vec<String>,
    risks: &'a [String],
}

#[derive(Serialize)]
struct Row {
    path: String,
    from: String,
    to: String,
}

/// The page that asks for confirmation: the exact change that the link's digest stands for, and one button.
/// `None` when the gate or its digest is not the link's; the caller then shows the refusal.
#[must_use]
pub fn confirm(incident: &Incident, claims: &Claims) -> Option<String> {
    let plan = incident.plan.as_ref()?;
    let gate = plan.gate(&claims.gate).filter(|gate| gate.digest == claims.digest)?;
    let (heading, word, button) = match claims.answer {
        Answer::Approve => ("Approve this change?", "approve", "Approve exactly this change"),
        Answer::Deny => ("Deny this change?", "deny", "Deny it: nothing will be changed"),
    };
    Some(render(&Page {
        heading,
        message: None,
        question: Some(Question {
            incident: incident.id.as_str(),
            incident_title: &incident.title,
            cluster: incident.cluster.as_str(),
            summary: &plan.summary,
            reason: &gate.reason,
            risk: risk_word(gate.risk),
            recipient: &claims.recipient,
            expires_at: claims.expires_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            digest: gate.digest.to_string(),
            answer: word,
            button: button.to_owned(),
            steps: held(plan, gate).map(|step| step_view(plan, step)).collect(),
        }),
    }))
}

/// A page with one heading and one sentence: done, too late, refused.
#[must_use]
pub fn notice(heading: &str, message: &str) -> String {
    render(&Page {
        heading,
        message: Some(message),
        question: None,
    })
}

fn render(page: &Page<'_>) -> String {
    PAGES
        .get_template("page.html")
        .and_then(|template| template.render(Serde(page)))
        .expect("the template only uses the fields it is given")
}

fn held<'a>(plan: &'a Plan, gate: &'a Gate) -> impl Iterator<Item = &'a Step> {
    gate.steps.iter().filter_map(|id| plan.step(id))
}

fn step_view<'a>(plan: &Plan, step: &'a Step) -> StepView<'a> {
    let told = step.change.explain();
    let mut effect = told.effects.join("; ");
    if let Some(carrier) = carrier_of(plan, step) {
        effect = format!("{effect} ({carrier})");
    }
    let sentence = |text: &str| {
        let mut letters = text.chars();
        letters
            .next()
            .map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
            .unwrap_or_default()
    };
    let dry_run = if told.dry_run.is_empty() {
        String::new()
    } else {
        format!("Dry run: {}.", told.dry_run.join("; "))
    };
    StepView {
        id: step.id.as_str(),
        description: &step.description,
        effect: sentence(&effect),
        diff: told.diff.iter().map(row).collect(),
        dry_run,
        undo: told.undo.iter().map(|undo| sentence(undo)).collect(),
        risks: &step.risk.reasons,
    }
}

/// What the step does whose patch holds this step's change.
fn carrier_of<'a>(plan: &'a Plan, step: &Step) -> Option<&'a str> {
    match &step.change {
        Change::Carried { by, .. } => plan.step(by).map(|step| step.description.as_str()),
        _ => None,
    }
}

fn row(field: &FieldChange) -> Row {
    let shown = |value: &Option<String>, absent: &str| match value {
        None => absent.to_owned(),
        Some(value) if is_secret(&field.path) => format!("*** ({} characters, hidden)", value.chars().count()),
        Some(value) => value.clone(),
    };
    Row {
        path: field.path.clone(),
        from: shown(&field.from, "(not set)"),
        to: shown(&field.to, "(removed)"),
    }
}

/// Whether a field holds a secret, by its name; references to secrets (`secretName`, `secretKeyRef`) are no secrets.
fn is_secret(path: &str) -> bool {
    let path = path.to_lowercase();
    let words = [
        "password",
        "passwd",
        "secret",
        "token",
        "apikey",
        "api_key",
        "api-key",
        "private_key",
        "credential",
    ];
    let references = [
        "secretname",
        "secretref",
        "secretkeyref",
        "imagepullsecret",
        "automountserviceaccounttoken",
    ];
    words.iter().any(|word| path.contains(word)) && !references.iter().any(|word| path.contains(word))
}

fn risk_word(level: RiskLevel) -> &'static str {
    match level {
        RiskLevel::None => "none",
        RiskLevel::Low => "low",
        RiskLevel::Medium => "medium",
        RiskLevel::High => "high",
        RiskLevel::Critical => "critical",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        fixture::{Log, at, gate_id},
        link,
    };

    fn claims(log: &Log) -> Claims {
        let gate = gate_id(&log.incident.plan.as_ref().unwrap().id, 0);
        let links = link::pair(b"secret", &log.incident, &gate, "ann@example.com").unwrap();
        link::verify(b"secret", &links.approve, at(1)).unwrap()
    }

    #[test]
    fn the_page_shows_the_exact_change_and_its_digest() {
        let log = Log::waiting(1);
        let claims = claims(&log);
        let page = confirm(&log.incident, &claims).unwrap();
        for wanted in [
            "spec.template.spec.containers[app].resources.limits.memory",
            "2Gi",
            "3Gi",
            &claims.digest.to_string(),
            "Dry run: accepted.",
            "method=\"post\"",
        ] {
            assert!(page.contains(wanted), "{wanted} is missing in {page}");
        }
    }

    #[test]
    fn text_from_alerts_cannot_become_markup() {
        let mut log = Log::waiting(1);
        log.incident.title = "<script>alert(1)</script>\" onload=\"x".into();
        let page = confirm(&log.incident, &claims(&log)).unwrap();
        assert!(!page.contains("<script>"), "{page}");
        assert!(page.contains("&lt;script&gt;"));
        assert!(!notice("Refused", "<img src=x>").contains("<img"));
    }

    #[test]
    fn a_secret_value_is_not_on_the_page() {
        let secret = row(&FieldChange {
            path: "spec.template.spec.containers[app].env[DB_PASSWORD].value".into(),
            from: Some("hunter22".into()),
            to: None,
        });
        assert_eq!(
            (secret.from.as_str(), secret.to.as_str()),
            ("*** (8 characters, hidden)", "(removed)")
        );
        assert!(!is_secret("spec.template.spec.volumes[0].secret.secretName"));
    }

    #[test]
    fn a_link_about_another_digest_shows_no_page() {
        let log = Log::waiting(1);
        let mut other = claims(&log);
        other.digest = paramedic_domain::digest::Digest::of(b"other");
        assert!(confirm(&log.incident, &other).is_none());
    }
}
