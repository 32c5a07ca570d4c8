//! `update_git_manifests`: a change of manifests, proposed where they are kept.

use std::collections::BTreeMap;

use paramedic_domain::{
    change::{Call, Commit, FileChange},
    digest::Digest,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use similar::TextDiff;

use super::{BuiltIn, parse, refuse, schema_of};
use crate::{
    action::{About, Draft, Kind, Moment, Params, Refused, Work},
    redact::redact,
    systems::{Forge, Repository},
    world::{Need, World},
    yaml,
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "update_git_manifests",
    aliases: &["update_git_manifest", "update_manifests", "create_pull_request"],
    about: About {
        description: "changes values of a YAML file on a branch of its own and asks to merge it; comments and order stay",
        risk: "low: nothing is pushed to the base branch or a protected one, people merge",
        undo: "the request to merge is closed and the branch deleted; refused when it was merged already",
        dry_run: "the change is computed on the file as it is now; the complete new file and its diff are in the plan",
        external: false,
    },
    kind: Kind::Outside,
    timeout_seconds: 300,
    typical_seconds: 15,
    schema: schema_of::<UpdateGitManifests>,
    needs,
    draft,
};

/// Lines around each change in the diff.
const CONTEXT: usize = 3;
/// Largest file that is put into a plan, in bytes: manifests are far smaller, and a plan must fit into a message.
const LARGEST: usize = 128 << 10;

/// Which values of which file of which repository.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UpdateGitManifests {
    /// Name of a configured repository.
    #[serde(alias = "repo")]
    repository: String,
    /// Path of a YAML file in it.
    #[serde(alias = "file")]
    path: String,
    /// New values by key of a ConfigMap's data, dotted path (`spec.replicas`, `containers[name=app].image`) or JSON pointer. Only values that
    /// are there are changed, and they keep their type.
    #[schemars(length(min = 1))]
    patch: BTreeMap<String, Value>,
    /// Whether a request to merge is opened; yes, if it is not said.
    #[serde(rename = "createPR", alias = "create_pr", alias = "createPr", default = "yes")]
    create_pr: bool,
    /// Name of the branch it is pushed to; left out: `paramedic/<plan>/<step>`. Never the base branch or a protected one.
    branch: Option<String>,
    /// First line of the commit and title of the request to merge.
    #[serde(alias = "title", alias = "commitMessage")]
    message: Option<String>,
}

fn yes() -> bool {
    true
}

impl UpdateGitManifests {
    fn check(&self) -> Result<(), Refused> {
        if self.patch.is_empty() {
            return refuse("parameters.patch: at least one value must be given");
        }
        let part =
            |part: &str| !part.is_empty() && !part.starts_with('.') && !part.chars().any(|c| c.is_control() || c == '\\' || c == ':');
        if !self.path.split('/').all(part) || self.path.starts_with('-') {
            return refuse(format!(
                "parameters.path: {:?} is not the path of a file in a repository",
                self.path
            ));
        }
        if ![".yaml", ".yml"].iter().any(|end| self.path.ends_with(end)) {
            return refuse(format!("parameters.path: {:?} is not a YAML file", self.path));
        }
        match &self.branch {
            Some(branch) if !is_branch(branch) => refuse(format!("parameters.branch: {branch:?} is not the name of a branch")),
            _ => Ok(()),
        }
    }
}

/// A part of what `git check-ref-format` allows, the part that people use.
fn is_branch(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && !part.ends_with('.')
            && !part.ends_with(".lock")
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    name.len() <= 200 && name.split('/').all(part) && !name.contains("..") && name != "HEAD" && !name.starts_with("refs/")
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: UpdateGitManifests = parse(params)?;
    params.check()?;
    Ok(vec![Need::File {
        repository: params.repository,
        path: params.path,
    }])
}

fn draft(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let params: UpdateGitManifests = parse(params)?;
    params.check()?;
    let repositories = &world.systems.repositories;
    let Some(repository) = repositories.iter().find(|repository| repository.name == params.repository) else {
        let known: Vec<&str> = repositories.iter().map(|repository| repository.name.as_str()).collect();
        return refuse(format!(
            "parameters.repository: {:?} is not configured ([[executor.repositories]]); there are {known:?}",
            params.repository
        ));
    };
    let branch = branch(&params, repository, moment)?;
    let file = world
        .files
        .iter()
        .find(|file| file.repository == params.repository && file.path == params.path);
    let (base_commit, content) = match file.map(|file| &file.seen) {
        Some(Ok(seen)) => seen,
        Some(Err(why)) => return refuse(why.clone()),
        None => return refuse(format!("{} of {} was not fetched", params.path, params.repository)),
    };
    if content.len() > LARGEST {
        return refuse(format!(
            "{} has {} bytes: more than the {LARGEST} that a plan can hold",
            params.path,
            content.len()
        ));
    }
    let changed = yaml::replace(content, &params.patch).map_err(|unfit| Refused::because(format!("{}: {unfit}", params.path)))?;
    if changed == *content {
        return refuse(format!("{} of {} already has these values", params.path, params.repository));
    }
    let pull_request = params.create_pr && repository.forge != Forge::None;
    let commit = Commit {
        repository: params.repository.clone(),
        base: repository.base.clone(),
        base_commit: base_commit.clone(),
        branch,
        message: message(&params, world, moment),
        files: vec![FileChange {
            before: Digest::of(content.as_bytes()),
            diff: diff(&params.path, content, &changed),
            path: params.path,
            content: changed,
        }],
        pull_request,
    };
    let draft = Draft::from(Work::Call(Call::Commit(commit)));
    Ok(if params.create_pr && !pull_request {
        draft.note(format!(
            "repository {:?} has no forge configured: the branch is pushed, and nobody is asked to merge it",
            params.repository
        ))
    } else {
        draft
    })
}

fn branch(params: &UpdateGitManifests, repository: &Repository, moment: &Moment) -> Result<String, Refused> {
    let branch = params.branch.clone().unwrap_or_else(|| format!("paramedic/{}", moment.marker));
    if repository.protects(&branch) {
        return refuse(format!(
            "parameters.branch: {branch} of {} is protected: nothing is pushed to it",
            repository.name
        ));
    }
    Ok(branch)
}

fn message(params: &UpdateGitManifests, world: &World, moment: &Moment) -> String {
    let keys: Vec<&str> = params.patch.keys().map(String::as_str).collect();
    let title = params
        .message
        .as_deref()
        .and_then(|text| text.lines().next())
        .map_or_else(|| format!("Update {} in {}", keys.join(", "), params.path), str::to_owned);
    let title: String = redact(&title).chars().take(200).collect();
    let why = world.incident.as_ref().map_or_else(String::new, |incident| {
        redact(&format!(
            "Incident {}: {}\n\n",
            incident.id,
            incident.title.replace(['\n', '\r'], " ")
        ))
    });
    format!("{title}\n\n{why}Paramedic-Step: {}\n", moment.marker)
}

fn diff(path: &str, before: &str, after: &str) -> String {
    TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(CONTEXT)
        .header(&format!("a/{path}"), &format!("b/{path}"))
        .to_string()
}
