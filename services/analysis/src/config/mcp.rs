//! Entries of `[[analysis.mcp]]`: a team's own tool servers.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use paramedic_runtime::config::Invalid;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::core::mcp::unknown_placeholder;

/// Most tools that one investigation asks, over all servers.
const MOST_TOOLS: usize = 16;

/// A server that speaks the Model Context Protocol over streamable HTTP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpServer {
    /// What it is called in evidence and rules.
    pub name: String,
    /// Its endpoint.
    pub url: String,
    /// File with a bearer token, read for each investigation; empty: none is sent.
    #[serde(default)]
    pub token_file: PathBuf,
    /// The tools that may be called; no other one ever is.
    pub tools: Vec<McpTool>,
}

/// A tool that is asked in every investigation that has what its arguments name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpTool {
    /// Its name at the server.
    pub name: String,
    /// What it is given; texts may hold placeholders.
    #[serde(default)]
    pub arguments: Map<String, Value>,
}

/// Checks all entries together.
pub(super) fn validate(servers: &[McpServer]) -> Result<(), Invalid> {
    let invalid = |key: &str, problem: String| Err(Invalid::new(format!("analysis.mcp.{key}"), problem));
    let mut names = BTreeSet::new();
    for server in servers {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if server.name.is_empty() || !server.name.bytes().all(plain) {
            return invalid("name", format!("{:?} is not made of a-z, 0-9 and hyphens", server.name));
        }
        if !names.insert(&server.name) {
            return invalid("name", format!("{} is given twice", server.name));
        }
        if !(server.url.starts_with("http://") || server.url.starts_with("https://")) {
            return invalid("url", format!("{:?} of {} is not an http(s) URL", server.url, server.name));
        }
        if server.tools.is_empty() {
            return invalid("tools", format!("of {} is empty: name the tools that may be asked", server.name));
        }
        for tool in &server.tools {
            if let Some(text) = unknown_placeholder(&tool.arguments) {
                return invalid(
                    "tools.arguments",
                    format!("{text} of {}/{} is no placeholder", server.name, tool.name),
                );
            }
        }
    }
    let tools: usize = servers.iter().map(|server| server.tools.len()).sum();
    if tools > MOST_TOOLS {
        return invalid("tools", format!("are {tools} in all; at most {MOST_TOOLS} are asked"));
    }
    Ok(())
}

impl McpServer {
    /// The token's file, if there is one.
    pub(crate) fn token_file(&self) -> Option<&Path> {
        Some(self.token_file.as_path()).filter(|path| !path.as_os_str().is_empty())
    }
}
