//! Helm releases as Helm 3 keeps and changes them: records in Secrets, manifests, and the three-way merge of its upgrades.

mod manifest;
pub mod record;
mod three_way;

pub use manifest::{HANDLED, Part, parts};
pub use record::{NewRecord, Release, Rewrite};
pub use three_way::merged;

/// The present record of a release and the one to go back to: that of the revision, or the one before the present one.
///
/// # Errors
/// A sentence that says why there are none.
pub fn pair(records: &[Release], revision: Option<u64>) -> Result<(&Release, &Release), String> {
    let known: Vec<u64> = records.iter().map(Release::revision).collect();
    let Some(present) = records.iter().max_by_key(|record| record.revision()) else {
        return Err("there is no Helm release of that name".into());
    };
    if present.status().starts_with("pending") || present.status().starts_with("uninstall") {
        return Err(format!(
            "revision {} of the release is {}: wait until that has ended",
            present.revision(),
            present.status()
        ));
    }
    let wanted = revision
        .filter(|revision| *revision > 0)
        .unwrap_or_else(|| present.revision().saturating_sub(1));
    match records.iter().find(|record| record.revision() == wanted) {
        Some(target) if target.revision() == present.revision() => Err(format!("revision {wanted} is the present one")),
        Some(target) => Ok((present, target)),
        None => Err(format!("the release has no revision {wanted}; those that are kept are {known:?}")),
    }
}
