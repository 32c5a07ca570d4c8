//! Many storms, on every core.

use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde::Serialize;

use crate::{
    eval::{Cell, Score, cells, evaluate},
    format::{FormatError, Storm},
    generate::{Spec, generate},
    group::Contender,
    intake::Refused,
};

/// Where a storm comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It is generated, and not kept.
    Spec(Spec),
    /// It is read from its folder.
    Folder(PathBuf),
}

/// What a contender reached.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Its name.
    pub contender: &'static str,
    /// By kind of storm.
    pub cells: Vec<Cell>,
}

/// Why a campaign cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A storm cannot be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A storm is not what the gateway takes.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Evaluates every contender on every storm; the order of the sources decides the result, not that of the threads.
///
/// # Errors
/// When a storm cannot be read, or the gateway would refuse one of its posts.
pub fn run(sources: &[Source], contenders: &[Contender]) -> Result<Vec<Outcome>, Error> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(source) = sources.get(index) else { break };
                    let scores = one(source, contenders);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, scores));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    let scores: Vec<Vec<Score>> = done.into_iter().map(|(_, scores)| scores).collect::<Result<_, Error>>()?;
    let of = |index: usize| scores.iter().map(|scores| scores[index].clone()).collect::<Vec<Score>>();
    let result = |(index, contender): (usize, &Contender)| Outcome {
        contender: contender.name,
        cells: cells(&of(index)),
    };
    Ok(contenders.iter().enumerate().map(result).collect())
}

fn one(source: &Source, contenders: &[Contender]) -> Result<Vec<Score>, Error> {
    let storm = match source {
        Source::Spec(spec) => generate(*spec),
        Source::Folder(folder) => Storm::read(folder)?,
    };
    contenders.iter().map(|contender| Ok(evaluate(&storm, contender)?)).collect()
}

/// The most memory that this process has had, in bytes, where the system tells.
#[must_use]
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
