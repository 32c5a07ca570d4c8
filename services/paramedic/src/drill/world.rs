//! The range of a drill: a scenario that alerts by itself, with the sinks that the notifier writes to.

use paramedic_simulator::{AuditEntry, Options, Simulator, Webhook};
use tokio::sync::mpsc;

use super::{mail_sink, message::Message, slack_stand_in};
use crate::{
    cli::Drill,
    range::{Range, TOKEN, Wish},
    simulate,
};

/// Starts everything; alerts begin to fire when the scenario says so.
pub async fn start(arguments: &Drill, messages: mpsc::UnboundedSender<Message>) -> anyhow::Result<Range> {
    let simulator = Simulator::start(Options {
        speed: arguments.speed,
        ..Options::new(simulate::scenario(&arguments.scenario)?)
    })
    .await?;
    let smtp = mail_sink::start(messages.clone()).await?;
    let slack = slack_stand_in::start(messages, TOKEN).await?;
    let settings = [
        ("PARAMEDIC_NOTIFIER__EMAIL__URL", format!("smtp://{smtp}")),
        ("PARAMEDIC_NOTIFIER__EMAIL__FROM", "paramedic@drill.example".to_owned()),
        ("PARAMEDIC_NOTIFIER__EMAIL__TO", "oncall@drill.example".to_owned()),
        ("PARAMEDIC_NOTIFIER__SLACK__API_URL", slack),
        ("PARAMEDIC_NOTIFIER__SLACK__TOKEN", TOKEN.to_owned()),
        ("PARAMEDIC_NOTIFIER__SLACK__CHANNEL", "incidents".to_owned()),
    ];
    let wish = Wish {
        cluster: format!("drill-{}", std::process::id()),
        speed: arguments.speed,
        bus: arguments.bus.clone(),
        grpc: arguments.grpc,
        settings: settings.map(|(key, value)| (key.to_owned(), value)).into(),
        model_alone: false,
        modules: Vec::new(),
        accounts: Vec::new(),
        clouds: Vec::new(),
    };
    let range = Range::start(simulator, wish).await?;
    range.simulator.set_alert_webhook(Webhook {
        url: range.webhook(),
        bearer: Some(TOKEN.to_owned()),
    });
    Ok(range)
}

/// Requests that changed the simulated cluster: its own record of them.
pub fn mutations(range: &Range) -> Vec<AuditEntry> {
    range.simulator.audit().into_iter().filter(AuditEntry::is_mutation).collect()
}
