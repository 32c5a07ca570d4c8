//! The end of an incident: how it ended, how long each phase took, what happened when.

use paramedic_domain::phases::phases;

use super::Draft;
use crate::core::{
    message::{Block, Tone, facts, list, paragraph},
    story::Story,
    timeline, words,
};

/// Lines of the timeline that a message shows; the rest is behind `paramedic timeline`.
const SHOWN: usize = 40;

pub(super) fn ended(story: &Story<'_>, tone: Tone, title: &str, reason: &str) -> Draft {
    let incident = &story.incident;
    let lines = timeline::lines(story.log);
    let from = lines.len().saturating_sub(SHOWN);
    let rows = lines[from..]
        .iter()
        .map(|(time, sentence)| format!("{}  {}", words::time(*time), words::cut(sentence, 300)))
        .collect();
    let took = phases(incident, story.log)
        .into_iter()
        .filter_map(|phase| phase.took.map(|took| vec![phase.name.to_owned(), words::duration(took)]))
        .collect();
    let verification = incident.verification.as_ref();
    Draft::new(tone, format!("{title}: {}", incident.title))
        .with(paragraph(reason))
        .with(verification.map(|one| facts([("Verification", format!("{}: {}", words::verdict(one.verdict), one.summary))])))
        .with(verification.and_then(|one| list("What stays true", one.caveats.clone())))
        .with(Block::Table {
            title: "Phases".into(),
            header: ["Phase", "Took"].map(str::to_owned).into(),
            rows: took,
        })
        .with(list(&timeline_title(from, lines.len()), rows))
        .with(facts([("All of it", format!("paramedic show {}", incident.id))]))
}

fn timeline_title(left_out: usize, all: usize) -> String {
    if left_out == 0 {
        "Timeline".into()
    } else {
        format!("Timeline (the last {} of {all} lines)", all - left_out)
    }
}
