//! A team's own tool servers (Model Context Protocol, streamable HTTP) as a source of evidence.
//!
//! A connection lives as long as an investigation asks: tool servers are few, restart when they like, and their list of tools may change.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use paramedic_domain::evidence::Source;
use rmcp::{
    RoleClient, ServiceExt,
    model::CallToolRequestParams,
    service::RunningService,
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout};

use super::{kubernetes::chain, probes::Probes};
use crate::{
    config::{McpServer, McpTool},
    core::{
        facts::Facts,
        mcp::{Hints, Placeholders, cut, permitted},
        redact::redact,
        subjects::answers::{Answer, Answered},
    },
    metrics,
};

/// Largest answer that is read, bytes.
const MOST_BYTES: usize = 1024 * 1024;

/// A question of the configuration, filled in.
struct Question<'c> {
    tool: &'c McpTool,
    arguments: Map<String, Value>,
}

/// Asks every configured tool whose arguments are known, all servers at once. What does not answer is named in the facts.
pub(super) async fn answers(probes: &Probes, facts: &mut Facts) {
    let placeholders = Placeholders::of(facts);
    let limit = probes.config.probe_timeout();
    let asked = probes.config.mcp.iter().map(async |server| {
        let filled = |tool| {
            Some(Question {
                tool,
                arguments: placeholders.fill(&tool.arguments)?,
            })
        };
        let questions: Vec<Question<'_>> = server.tools.iter().filter_map(filled).collect();
        let began = Instant::now();
        let said = match questions.is_empty() {
            true => Ok(Vec::new()),
            false => conversation(server, questions, limit).await,
        };
        metrics::probed("mcp", said.is_ok(), began.elapsed().as_secs_f64());
        (server, said)
    });
    for (server, said) in join_all(asked).await {
        let said = said.unwrap_or_else(|problem| vec![(String::new(), Err(problem))]);
        for (question, text) in said {
            let tool = question.split(' ').next().unwrap_or_default().to_owned();
            match text {
                Err(problem) if tool.is_empty() => facts.missing.push(format!("mcp {}: {problem}", server.name)),
                Err(problem) => facts.missing.push(format!("mcp {tool}: {problem}")),
                Ok(text) => {
                    let text = redact(&cut(&text));
                    facts.cite(Source::Mcp, question.clone(), text.clone(), None);
                    facts.world.answers.push(Answered {
                        about: facts.workload.as_ref().map(|workload| workload.object.clone()),
                        query: question,
                        answer: Answer { tool, text },
                    });
                }
            }
        }
    }
}

/// One session: what is asked, as `server/tool {arguments}`, and what is said.
async fn conversation(
    server: &McpServer,
    questions: Vec<Question<'_>>,
    limit: Duration,
) -> Result<Vec<(String, Result<String, String>)>, String> {
    let late = || format!("did not answer within {} s", limit.as_secs());
    let session = timeout(limit, connect(server)).await.map_err(|_| late())??;
    let listed = timeout(limit, session.list_all_tools()).await.map_err(|_| late())?;
    let hints: BTreeMap<String, Hints> = listed
        .map_err(|error| chain(&error))?
        .into_iter()
        .map(|tool| {
            let read_only = tool.annotations.as_ref().and_then(|annotations| annotations.read_only_hint);
            (tool.name.into_owned(), Hints { read_only })
        })
        .collect();
    let mut said = Vec::new();
    for Question { tool, arguments } in questions {
        let asked = format!("{}/{} {}", server.name, tool.name, Value::Object(arguments.clone()));
        let answer = match permitted(hints.get(&tool.name).copied()) {
            Err(why) => Err(why.to_owned()),
            Ok(()) => match timeout(limit, call(&session, &tool.name, arguments)).await {
                Ok(answer) => answer,
                Err(_) => Err(late()),
            },
        };
        said.push((asked, answer));
    }
    // A session that cannot be ended ends when the server wants it to.
    let _ = timeout(limit, session.cancel()).await;
    Ok(said)
}

async fn connect(server: &McpServer) -> Result<RunningService<RoleClient, ()>, String> {
    let mut config = StreamableHttpClientTransportConfig::with_uri(server.url.as_str())
        .max_json_response_size(MOST_BYTES)
        .max_sse_event_size(MOST_BYTES);
    if let Some(path) = server.token_file() {
        let token = tokio::fs::read_to_string(path)
            .await
            .map_err(|error| format!("cannot read its token from {}: {error}", path.display()))?;
        config = config.auth_header(token.trim());
    }
    // The token goes to the address that was configured and to no other.
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| chain(&error))?;
    let transport = StreamableHttpClientTransport::with_client(http, config);
    ().serve(transport).await.map_err(|error| chain(&error))
}

/// The text of an answer.
async fn call(session: &RunningService<RoleClient, ()>, tool: &str, arguments: Map<String, Value>) -> Result<String, String> {
    let asked = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
    let answer = session.call_tool(asked).await.map_err(|error| chain(&error))?;
    let texts: Vec<&str> = answer
        .content
        .iter()
        .filter_map(|part| part.as_text().map(|text| text.text.as_str()))
        .collect();
    let text = match (texts.is_empty(), &answer.structured_content) {
        (true, Some(value)) => value.to_string(),
        _ => texts.join("\n"),
    };
    match answer.is_error {
        Some(true) => Err(format!("says that it failed: {}", redact(&cut(&text)))),
        _ => Ok(text),
    }
}
