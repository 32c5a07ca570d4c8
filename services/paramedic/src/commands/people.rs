//! Who may do what: a people file checked and asked.

use std::{fs, path::Path, process::ExitCode};

use anyhow::{Context, bail};
use jiff::Timestamp;
use paramedic_domain::{id::ClusterId, people::Role};
use paramedic_people::{Directory, Place, token_hash};

use crate::{cli::People, text};

/// Checks, makes tokens, or says what somebody may do.
pub fn people(command: &People, now: Timestamp) -> anyhow::Result<ExitCode> {
    match command {
        People::Check { file } => {
            let people = read(file)?;
            let (people, digest) = (people.len(), people.digest());
            text::say(&format!("{}: {people} people, digest {}", file.display(), digest.short()));
        }
        People::Token => {
            let token = base64_of(rand::random());
            text::say(&format!("token, for its owner alone:     {token}"));
            text::say(&format!("hash, for the people file:      {}", token_hash(&token)));
        }
        People::May {
            file,
            name,
            namespace,
            cluster,
        } => may(&read(file)?, name, namespace, &cluster.parse()?, now)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> anyhow::Result<Directory> {
    let written = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    match Directory::parse(&written) {
        Ok(people) => Ok(people),
        Err(problems) => bail!("{} cannot be used:\n  {}", file.display(), text::clean(&problems.join("\n  "))),
    }
}

fn may(people: &Directory, name: &str, namespace: &str, cluster: &ClusterId, now: Timestamp) -> anyhow::Result<()> {
    let who = people.by_email(name, now)?;
    let place = Place::namespace(cluster, namespace);
    let roles = [Role::Admin, Role::Approver, Role::Responder, Role::Viewer];
    match roles.into_iter().find(|role| who.has(*role, &place)) {
        Some(role) => {
            let rights = who.capacities(role, &place).map(|capacity| capacity.right(role, &place));
            text::say(&text::clean(&format!("{}: {}", who.id, rights.collect::<Vec<_>>().join("; "))));
        }
        None => text::say(&text::clean(&format!("{} may do nothing in {namespace}", who.id))),
    }
    Ok(())
}

/// 256 random bits as 43 characters that need no quotes in a shell.
fn base64_of(bits: [u8; 32]) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(bits)
}
