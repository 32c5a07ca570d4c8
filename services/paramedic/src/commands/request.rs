//! A person asks for a change.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};

use super::source::post;
use crate::{
    cli::{Asker, Deploy, Request},
    text,
};

/// Posts the request and says which incident it became.
pub async fn request(request: &Request) -> anyhow::Result<ExitCode> {
    match request {
        Request::Deploy(deploy) => ask(&deploy.asker, "deploy", &release(deploy)?).await,
        Request::Apply(apply) => ask(&apply.asker, "apply", &json!({"apply_module": {"module": apply.module}})).await,
        Request::Costs(costs) => {
            let what = json!({"report_costs": {"account": costs.account, "month": costs.month}});
            ask(&costs.asker, "costs", &what).await
        }
    }
}

fn release(deploy: &Deploy) -> anyhow::Result<Value> {
    let (namespace, deployment) = deploy
        .target
        .split_once('/')
        .with_context(|| format!("{:?} is not NAMESPACE/DEPLOYMENT", deploy.target))?;
    let mut ask = json!({"namespace": namespace, "deployment": deployment, "image": deploy.image});
    if let Some(container) = &deploy.container {
        ask["container"] = json!(container);
    }
    Ok(json!({"set_image": ask}))
}

async fn ask(asker: &Asker, word: &str, what: &Value) -> anyhow::Result<ExitCode> {
    let id = asker.id.clone().unwrap_or_else(|| format!("{word}-{:016x}", rand::random::<u64>()));
    let body = json!({"id": id, "by": asker.by, "ask": what});
    text::note(&format!("request {id}; with --id {id} it is asked once, however often it is sent"));
    let said = post(&asker.url, asker.token.as_ref(), &body, "request").await?;
    let incident = said["incident"].as_str().context("the gateway named no incident")?;
    text::say(incident);
    text::note(&match said["repeated"] == true {
        true => format!("asked before; see what became of it with: paramedic show {incident}"),
        false => format!("asked; follow it with: paramedic show {incident}"),
    });
    Ok(ExitCode::SUCCESS)
}
