//! The sections of cloud accounts.

use std::path::PathBuf;

use paramedic_runtime::config::Invalid;
use serde::{Deserialize, Serialize};

/// One `[[executor.accounts]]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Its id, 12 digits.
    pub id: String,
    /// Region of its instances.
    pub region: String,
    /// `aws`, or its path.
    #[serde(default = "aws")]
    pub program: String,
    /// Folder whose files are environment variables of their names (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_WEB_IDENTITY_TOKEN_FILE`,
    /// `AWS_ROLE_ARN`), as a mounted Secret is; read each time. Give it credentials that can only read.
    #[serde(default)]
    pub secrets_folder: PathBuf,
}

fn aws() -> String {
    "aws".into()
}

impl Account {
    pub(super) fn validate(&self, key: &str) -> Result<(), Invalid> {
        if self.id.len() != 12 || !self.id.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Invalid::new(format!("{key}.id"), format!("{:?} is not 12 digits", self.id)));
        }
        let region = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if self.region.is_empty() || self.region.starts_with('-') || !self.region.bytes().all(region) {
            return Err(Invalid::new(format!("{key}.region"), format!("{:?} is not a region", self.region)));
        }
        if self.program.is_empty() || self.program.starts_with('-') {
            return Err(Invalid::new(
                format!("{key}.program"),
                format!("{:?} is not a program: aws, or its path", self.program),
            ));
        }
        Ok(())
    }
}
