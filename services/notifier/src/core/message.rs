//! A message: what it says, independent of the channel that carries it.
//!
//! Every string in here is plain text, much of it from alerts, logs and clusters. Renderers escape all of it.

use jiff::Timestamp;
use paramedic_domain::{
    digest::Digest,
    drawing::Graph,
    event::Artifact,
    id::{ClusterId, GateId, IncidentId},
};
use serde::Serialize;

use super::mask;

/// How urgent it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// For information.
    Info,
    /// Somebody is asked to do something.
    Action,
    /// Good news.
    Good,
    /// Bad news.
    Bad,
}

/// A question that is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// Which.
    pub gate: GateId,
    /// How, in a sentence.
    pub outcome: String,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Message {
    /// Cluster of the incident.
    pub cluster: ClusterId,
    /// The incident: one thread.
    pub incident: IncidentId,
    /// Sequence of the event it is about.
    pub seq: u64,
    /// Kind of that event.
    pub kind: &'static str,
    /// The thread's subject: the same for every message of the incident, since mail programs group by it.
    pub subject: String,
    /// Headline of this message.
    pub title: String,
    /// How urgent.
    pub tone: Tone,
    /// Content, in reading order.
    pub blocks: Vec<Block>,
    /// Files that belong to it.
    pub attachments: Vec<Artifact>,
    /// The question that this message says the end of: where it was asked, nobody should answer any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settles: Option<Settled>,
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Block {
    /// Sentences.
    Paragraph {
        /// Text.
        text: String,
    },
    /// A heading for what follows.
    Heading {
        /// Text.
        text: String,
    },
    /// Names and values.
    Facts {
        /// Rows.
        rows: Vec<Fact>,
    },
    /// Bullets.
    List {
        /// Heading.
        title: String,
        /// Bullets.
        items: Vec<String>,
    },
    /// A table.
    Table {
        /// Heading.
        title: String,
        /// Column names.
        header: Vec<String>,
        /// Cells, as many per row as there are columns.
        rows: Vec<Vec<String>>,
    },
    /// The plan's dependency graph.
    Graph {
        /// Heading.
        title: String,
        /// The graph.
        graph: Graph,
    },
    /// How to answer a question.
    Answer {
        /// The gate.
        gate: GateId,
        /// The exact change that it asks about.
        digest: Digest,
        /// Command line that approves.
        approve: String,
        /// Command line that denies.
        deny: String,
        /// When the question ends.
        expires_at: Timestamp,
        /// Signed links of this recipient, where the channel carries them.
        links: Option<Links>,
    },
}

/// A name and a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

/// Signed links of one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Links {
    /// Leads to a page that approves.
    pub approve: String,
    /// Leads to a page that denies.
    pub deny: String,
}

impl Message {
    /// The gate that this message asks about, if it asks.
    #[must_use]
    pub fn asks(&self) -> Option<&GateId> {
        self.blocks.iter().find_map(|block| match block {
            Block::Answer { gate, .. } => Some(gate),
            Block::Paragraph { .. }
            | Block::Heading { .. }
            | Block::Facts { .. }
            | Block::List { .. }
            | Block::Table { .. }
            | Block::Graph { .. } => None,
        })
    }

    /// A question as it stands once it is decided: the outcome in place of the ways to answer.
    #[must_use]
    pub fn closed(mut self, outcome: &str) -> Self {
        self.blocks.retain(|block| !matches!(block, Block::Answer { .. }));
        self.blocks.insert(0, paragraph(mask::line(outcome)));
        self
    }

    /// The same message with one recipient's links.
    #[must_use]
    pub fn with_links(mut self, found: &Links) -> Self {
        for block in &mut self.blocks {
            if let Block::Answer { links, .. } = block {
                *links = Some(found.clone());
            }
        }
        self
    }

    /// Takes secrets, control characters and text-direction tricks out of every string.
    #[must_use]
    pub fn cleaned(mut self) -> Self {
        self.subject = mask::line(&self.subject);
        self.title = mask::line(&self.title);
        for block in &mut self.blocks {
            match block {
                Block::Paragraph { text } | Block::Heading { text } => *text = mask::text(text),
                Block::Facts { rows } => {
                    for row in rows {
                        row.value = mask::text(&row.value);
                    }
                }
                Block::List { items, .. } => items.iter_mut().for_each(|item| *item = mask::text(item)),
                Block::Table { rows, title, .. } => {
                    *title = mask::line(title);
                    rows.iter_mut().flatten().for_each(|cell| *cell = mask::text(cell));
                }
                // ids and words of ours
                Block::Graph { .. } | Block::Answer { .. } => {}
            }
        }
        self
    }
}

/// A paragraph.
#[must_use]
pub fn paragraph(text: impl Into<String>) -> Block {
    Block::Paragraph { text: text.into() }
}

/// Facts, without those that have no value.
#[must_use]
pub fn facts(rows: impl IntoIterator<Item = (&'static str, String)>) -> Block {
    Block::Facts {
        rows: rows
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| Fact { name: name.into(), value })
            .collect(),
    }
}

/// A list, if there is anything in it.
#[must_use]
pub fn list(title: &str, items: Vec<String>) -> Option<Block> {
    (!items.is_empty()).then(|| Block::List {
        title: title.into(),
        items,
    })
}
