//! The drill as a story on the terminal.

use jiff::Timestamp;
use paramedic_domain::{envelope::Envelope, event::Event, incident::Incident};

use super::message::Message;
use crate::{cli::Drill, range::Range, text};

/// Lines of a mail that are shown; what is decided is shown whole, before the question.
const MAIL_LINES: usize = 12;

/// Tells what happens, with the drill's time in front.
pub struct Narrator {
    origin: Timestamp,
    loud: bool,
}

impl Narrator {
    /// A narrator whose clock starts at `origin`; a quiet one says nothing.
    pub fn new(origin: Timestamp, loud: bool) -> Self {
        Self { origin, loud }
    }

    /// What was started.
    pub fn world(&self, range: &Range, arguments: &Drill) {
        let clock = format!("times are the drill's, {} times as fast as the wall's", arguments.speed);
        self.line(self.origin, "drill", &format!("{}: {clock}", arguments.scenario));
        self.line(
            self.origin,
            "cluster",
            &format!("simulated Kubernetes API at {}", range.simulator.url()),
        );
        self.line(
            self.origin,
            "roles",
            &format!("all in this process: http {}, grpc {}", range.http, range.grpc),
        );
    }

    /// One event.
    pub fn event(&mut self, incident: &Incident, envelope: Option<&Envelope>) {
        let Some(envelope) = envelope else { return };
        let label = match &envelope.event {
            Event::IncidentOpened { .. } => "incident",
            Event::AlertsCorrelated { .. }
            | Event::AlertsResolved { .. }
            | Event::StormDeclared { .. }
            | Event::AlertsSuppressed { .. }
            | Event::RootsRanked { .. }
            | Event::AlertsDetached { .. } => "alerts",
            Event::IncidentTriaged { .. } => "triage",
            Event::AnalysisStarted { .. } | Event::DiagnosisReached { .. } | Event::AnalysisInconclusive { .. } => "analysis",
            Event::PlanProposed { .. } | Event::PlanRefused { .. } | Event::PlanRevised { .. } => "plan",
            Event::ApprovalRequested { .. }
            | Event::ApprovalGranted { .. }
            | Event::ApprovalDenied { .. }
            | Event::ApprovalExpired { .. }
            | Event::ApprovalEscalated { .. }
            | Event::ApprovalReminded { .. }
            | Event::ApprovalAcknowledged { .. }
            | Event::ApprovalRefused { .. } => "approval",
            Event::StepStarted { .. }
            | Event::StepSucceeded { .. }
            | Event::StepFailed { .. }
            | Event::StepSkipped { .. }
            | Event::StepUndone { .. }
            | Event::StepProgressed { .. }
            | Event::ExpirySet { .. }
            | Event::StepExpired { .. }
            | Event::StepExpiryFailed { .. }
            | Event::WorkflowPaused { .. }
            | Event::WorkflowResumed { .. }
            | Event::WorkflowCancelled { .. }
            | Event::RollbackAsked { .. }
            | Event::RollbackDecided { .. }
            | Event::WorkflowFinished { .. } => "workflow",
            Event::VerificationPassed { .. } | Event::VerificationFailed { .. } | Event::VerificationInconclusive { .. } => "verify",
            Event::IncidentResolved { .. }
            | Event::IncidentEscalated { .. }
            | Event::IncidentCancelled { .. }
            | Event::IncidentMerged { .. } => "incident",
            Event::NotificationFailed { .. } => "notify",
            // The sinks show the messages themselves.
            Event::NotificationSent { .. } => return,
        };
        self.line(envelope.time, label, &text::event(&envelope.event));
        match &envelope.event {
            Event::DiagnosisReached { diagnosis, .. } => {
                for factor in &diagnosis.factors {
                    self.more(&format!("{:+.2}  {}", factor.weight, factor.text));
                }
            }
            Event::PlanProposed { .. } => {
                for line in incident.plan.iter().flat_map(|plan| plan.notes.clone()) {
                    self.more(&line);
                }
            }
            Event::VerificationPassed { verification, .. }
            | Event::VerificationFailed { verification, .. }
            | Event::VerificationInconclusive { verification, .. } => {
                for m in &verification.measurements {
                    // Shares and rates are small and are no whole numbers.
                    let number = |value: Option<f64>| match value {
                        None => "?".to_owned(),
                        Some(value) if value.fract() == 0.0 || value.abs() >= 10.0 => format!("{value:.0}"),
                        Some(value) => format!("{value:.3}"),
                    };
                    let mark = m.holds.map_or("?", |holds| if holds { "ok" } else { "NOT" });
                    self.more(&format!(
                        "{mark:<4}{}: {} -> {} {}",
                        m.criterion.description,
                        number(m.criterion.before),
                        number(m.after),
                        m.criterion.unit
                    ));
                }
            }
            _ => {}
        }
    }

    /// One message as a person receives it.
    pub fn message(&self, message: &Message, now: Timestamp) {
        // Mails of one thread share their subject; their first line says what is new.
        let title = if message.reply && message.channel == "email" {
            message.body.lines().next().unwrap_or(&message.title)
        } else {
            &message.title
        };
        self.line(
            now,
            message.channel,
            &format!(
                "{}to {}: {title}",
                if message.reply { "in thread, " } else { "" },
                message.recipient
            ),
        );
        if message.channel == "email" {
            let lines: Vec<&str> = message.body.lines().collect();
            for line in lines.iter().take(MAIL_LINES) {
                self.more(&format!("| {line}"));
            }
            if lines.len() > MAIL_LINES {
                self.more(&format!("| ({} more lines)", lines.len() - MAIL_LINES));
            }
            // The links are what a reader may want to use.
            for line in lines.iter().skip(MAIL_LINES).filter(|line| line.contains("/approvals/")) {
                self.more(&format!("| {line}"));
            }
        }
    }

    /// What a person is asked about.
    pub fn question(&self, lines: &[String]) {
        for line in lines {
            self.more(line);
        }
    }

    fn line(&self, at: Timestamp, label: &str, line: &str) {
        if self.loud {
            let seconds = at.duration_since(self.origin).as_secs().max(0);
            text::say(&format!(
                "{:>3}:{:02}  {label:<9} {}",
                seconds / 60,
                seconds % 60,
                text::clean(line)
            ));
        }
    }

    fn more(&self, line: &str) {
        if self.loud {
            text::say(&format!("{:>18}{}", "", text::clean(line)));
        }
    }
}
