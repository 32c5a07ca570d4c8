//! Entries of `[[analysis.clouds]]`: the cloud accounts and projects that the cluster's machines and disks are in.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use paramedic_runtime::config::Invalid;
use serde::Deserialize;

use crate::core::clouds::{Place, is_project, is_region};

/// A provider's command-line tool and what it may be asked about.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cloud {
    /// What it is called among missing sources.
    pub name: String,
    /// Whose it is.
    pub kind: CloudKind,
    /// The tool or its path; empty: `aws` or `gcloud`.
    #[serde(default)]
    pub program: String,
    /// Folder whose files are environment variables of their names, as a mounted Secret is; read for each investigation. Give it credentials
    /// that can only read.
    #[serde(default)]
    pub secrets_folder: PathBuf,
    /// Of `aws`: the regions that it is asked about.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Of `gcp`: the projects that it is asked about.
    #[serde(default)]
    pub projects: Vec<String>,
}

/// A provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloudKind {
    /// Amazon Web Services.
    Aws,
    /// Google Cloud.
    Gcp,
}

/// Checks all entries together.
pub(super) fn validate(clouds: &[Cloud]) -> Result<(), Invalid> {
    let invalid = |key: &str, problem: String| Err(Invalid::new(format!("analysis.clouds.{key}"), problem));
    let (mut names, mut places) = (BTreeSet::new(), BTreeSet::new());
    for cloud in clouds {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if cloud.name.is_empty() || !cloud.name.bytes().all(plain) {
            return invalid("name", format!("{:?} is not made of a-z, 0-9 and hyphens", cloud.name));
        }
        if !names.insert(&cloud.name) {
            return invalid("name", format!("{} is given twice", cloud.name));
        }
        if cloud.program.starts_with('-') {
            return invalid("program", format!("{:?} of {} is not a program", cloud.program, cloud.name));
        }
        let (key, own, foreign, fits): (_, _, _, fn(&str) -> bool) = match cloud.kind {
            CloudKind::Aws => ("regions", &cloud.regions, &cloud.projects, is_region),
            CloudKind::Gcp => ("projects", &cloud.projects, &cloud.regions, is_project),
        };
        if own.is_empty() || !foreign.is_empty() {
            return invalid(key, format!("of {} must say, and nothing else, what it is asked about", cloud.name));
        }
        for place in own {
            if !fits(place) {
                return invalid(key, format!("{place:?} of {} is not a name of that kind", cloud.name));
            }
            if !places.insert((key, place)) {
                return invalid(key, format!("{place} is given twice: which credentials it belongs to is not clear"));
            }
        }
    }
    Ok(())
}

impl Cloud {
    /// Whether a machine or disk is one that it is asked about.
    #[must_use]
    pub(crate) fn serves(&self, place: &Place) -> bool {
        match self.kind {
            CloudKind::Aws => place.region().is_some_and(|region| self.regions.iter().any(|own| own == region)),
            CloudKind::Gcp => place
                .project()
                .is_some_and(|project| self.projects.iter().any(|own| own == project)),
        }
    }

    /// The tool.
    pub(crate) fn program(&self) -> &str {
        match self.kind {
            _ if !self.program.is_empty() => &self.program,
            CloudKind::Aws => "aws",
            CloudKind::Gcp => "gcloud",
        }
    }

    /// The folder of its credentials, if there is one.
    pub(crate) fn secrets_folder(&self) -> Option<&Path> {
        Some(self.secrets_folder.as_path()).filter(|path| !path.as_os_str().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refused(clouds: Value) -> String {
        let clouds: Vec<Cloud> = serde_json::from_value(clouds).unwrap();
        validate(&clouds).err().map_or_else(String::new, |invalid| invalid.to_string())
    }

    #[test]
    fn what_cannot_be_asked_is_refused_by_name() {
        let aws = json!({"name": "prod", "kind": "aws", "regions": ["eu-central-1", "us-gov-west-1"]});
        let gcp = json!({"name": "data", "kind": "gcp", "projects": ["shop-prod-4711", "example.com:shop-eu"]});
        assert_eq!(refused(json!([aws, gcp])), "");
        for (cloud, says) in [
            (
                json!({"name": "Prod", "kind": "aws", "regions": ["eu-central-1"]}),
                "analysis.clouds.name",
            ),
            (json!({"name": "a", "kind": "aws"}), "analysis.clouds.regions"),
            (
                json!({"name": "a", "kind": "aws", "regions": ["eu-central-1"], "projects": ["shop-prod"]}),
                "nothing else",
            ),
            (json!({"name": "a", "kind": "aws", "regions": ["--profile"]}), "\"--profile\""),
            (json!({"name": "a", "kind": "gcp", "projects": ["Shop"]}), "\"Shop\""),
            (
                json!({"name": "a", "kind": "gcp", "program": "-x", "projects": ["shop-prod"]}),
                "analysis.clouds.program",
            ),
        ] {
            let said = refused(json!([cloud]));
            assert!(said.contains(says), "{cloud}: {said}");
        }
        assert!(refused(json!([aws, aws])).contains("prod is given twice"));
        let other = json!({"name": "other", "kind": "aws", "regions": ["eu-central-1"]});
        assert!(refused(json!([aws, other])).contains("eu-central-1 is given twice"));
    }
}
