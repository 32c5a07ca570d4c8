//! Maintenance windows.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use jiff::Timestamp;
use paramedic_domain::maintenance::{Day, Schedule, Window};
use paramedic_proto::v1::{self, add_window_request::End, maintenance_service_client::MaintenanceServiceClient};
use paramedic_runtime::grpc;
use paramedic_wire::Wire;
use serde_json::{Value, json};
use tonic::transport::Channel;

use crate::{
    cli::{AddWindow, Maintenance, Server, Until},
    client::Client,
    text,
};

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Runs one of the commands.
pub async fn maintenance(command: Maintenance) -> anyhow::Result<ExitCode> {
    match command {
        Maintenance::Add(window) => add(window).await?,
        Maintenance::List { server, cluster, json } => list(&server, cluster, json).await?,
        Maintenance::End { server, cluster, id, by } => {
            let (client, mut windows) = clients(&server)?;
            let request = client.request(v1::EndWindowRequest { cluster, id, by })?;
            let answer = windows.end_window(request).await.map_err(|status| client.explain(status))?;
            let window = domain(answer.into_inner().window)?;
            text::say(&text::clean(&format!(
                "{} is over; alerts that still fire count from now on",
                window.id
            )));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn clients(server: &Server) -> anyhow::Result<(Client, MaintenanceServiceClient<Channel>)> {
    let windows = MaintenanceServiceClient::new(grpc::channel(&server.server, TIMEOUT)?);
    Ok((Client::new(server)?, windows))
}

async fn add(wanted: AddWindow) -> anyhow::Result<()> {
    let (client, mut windows) = clients(&wanted.server)?;
    let request = client.request(v1::AddWindowRequest {
        cluster: wanted.cluster,
        matchers: wanted.matchers,
        from: wanted.from.map(|from| from.to_proto()),
        end: Some(match wanted.until {
            Until::At(until) => End::Until(until.to_proto()),
            Until::After(lasts) => End::Lasts(lasts.to_proto()),
        }),
        reason: wanted.reason,
        by: wanted.by,
    })?;
    let answer = windows.add_window(request).await.map_err(|status| client.explain(status))?;
    let window = domain(answer.into_inner().window)?;
    text::say(&text::clean(&format!(
        "{}: alerts of {} open nothing, {}",
        window.id,
        about(&window),
        when(&window.schedule)
    )));
    Ok(())
}

async fn list(server: &Server, cluster: String, json: bool) -> anyhow::Result<()> {
    let (client, mut windows) = clients(server)?;
    let request = client.request(v1::ListWindowsRequest { cluster })?;
    let answer = windows.list_windows(request).await.map_err(|status| client.explain(status))?;
    let listed = answer.into_inner().windows;
    let listed: Vec<(Window, v1::ListedWindow)> = listed
        .into_iter()
        .map(|listed| Ok((domain(listed.window.clone())?, listed)))
        .collect::<anyhow::Result<_>>()?;
    if json {
        let rows: Vec<Value> = listed.iter().map(|(window, listed)| as_json(window, listed)).collect();
        text::say(&serde_json::to_string_pretty(&rows)?);
    } else if listed.is_empty() {
        text::say("no maintenance windows");
    } else {
        let rows: Vec<Vec<String>> = listed.iter().map(|(window, listed)| row(window, listed)).collect();
        let head = ["WINDOW", "OPEN UNTIL", "NEXT CHANGE", "WHEN", "ALERTS", "BY", "WHY"];
        text::say(&text::clean(&text::table(&head, &rows)));
    }
    Ok(())
}

fn domain(window: Option<v1::Window>) -> anyhow::Result<Window> {
    let window = window.context("the answer names no window")?;
    Ok(Wire::from_proto(window)?)
}

fn moment(time: Option<<Timestamp as Wire>::Proto>) -> Option<Timestamp> {
    Timestamp::from_proto(time?).ok()
}

fn row(window: &Window, listed: &v1::ListedWindow) -> Vec<String> {
    let shown = |time| moment(time).map_or_else(|| "-".to_owned(), text::utc);
    vec![
        window.id.to_string(),
        shown(listed.open_until),
        shown(listed.next),
        when(&window.schedule),
        about(window),
        window.by.clone(),
        window.reason.clone(),
    ]
}

fn as_json(window: &Window, listed: &v1::ListedWindow) -> Value {
    json!({
        "id": window.id, "matchers": window.matchers, "schedule": window.schedule, "reason": window.reason, "by": window.by,
        "configured": listed.configured, "open_until": moment(listed.open_until), "next": moment(listed.next),
    })
}

fn about(window: &Window) -> String {
    window.matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn when(schedule: &Schedule) -> String {
    match schedule {
        Schedule::Once { from, until } => format!("from {} until {}", text::utc(*from), text::utc(*until)),
        Schedule::Weekly { days, from, until, zone } => {
            let days: Vec<String> = days.iter().map(|day: &Day| text::word(day)).collect();
            let clock = |time: &jiff::civil::Time| time.strftime("%H:%M").to_string();
            format!("{} {} to {} {zone}", days.join(","), clock(from), clock(until))
        }
    }
}
