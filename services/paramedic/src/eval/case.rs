//! The folder of a case.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::truth::Truth;

/// How long after the newest alert a world begins, where the truth does not say it: as long as Alertmanager usually waits for a group.
const GROUP_WAIT: SignedDuration = SignedDuration::from_secs(30);

/// What the gateway is told.
#[derive(Debug)]
pub enum Told {
    /// What Alertmanager posts, in this order.
    Alerts(Vec<Value>),
    /// What somebody asks for.
    Request(Value),
}

impl Told {
    fn load(folder: &Path) -> anyhow::Result<Self> {
        let (alerts, request) = (folder.join("alerts.json"), folder.join("request.json"));
        match (alerts.exists(), request.exists()) {
            (true, true) => bail!(
                "{} holds both alerts.json and request.json: a case begins with one",
                folder.display()
            ),
            (_, false) => Ok(match read(&alerts)? {
                Value::Array(posts) => Self::Alerts(posts),
                post => Self::Alerts(vec![post]),
            }),
            (false, true) => Ok(Self::Request(read(&request)?)),
        }
    }

    /// When the newest alert began.
    fn newest(&self) -> Option<Timestamp> {
        let Self::Alerts(posts) = self else { return None };
        let alerts = posts.iter().filter_map(|post| post["alerts"].as_array()).flatten();
        alerts.filter_map(|alert| alert["startsAt"].as_str()?.parse().ok()).max()
    }
}

fn read(file: &Path) -> anyhow::Result<Value> {
    let cannot = || format!("cannot read {}", file.display());
    let text = std::fs::read_to_string(file).with_context(cannot)?;
    serde_json::from_str(&text).with_context(cannot)
}

/// A case as it stands in its folder.
#[derive(Debug)]
pub struct Case {
    /// The folder.
    pub folder: PathBuf,
    /// What a good answer is.
    pub truth: Truth,
    /// What it begins with.
    pub told: Told,
    /// Where time stands when it begins.
    pub now: Timestamp,
}

impl Case {
    /// Reads the folder, except for its world.
    ///
    /// # Errors
    /// Names the file that cannot be used.
    pub fn load(folder: &Path) -> anyhow::Result<Self> {
        let truth = Truth::load(&folder.join("truth.yaml"))?;
        let told = Told::load(folder)?;
        let Some(now) = truth.now.or_else(|| told.newest()?.checked_add(GROUP_WAIT).ok()) else {
            bail!("no alert in {} has a startsAt: give `now` in truth.yaml", folder.display());
        };
        Ok(Self {
            folder: folder.to_owned(),
            truth,
            told,
            now,
        })
    }
}

/// Every case of these folders: the folder itself, or those in it, by name.
///
/// # Errors
/// When a folder holds none, or a case cannot be read, or `only` names one that is not there.
pub fn find(folders: &[PathBuf], only: &[String]) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for folder in folders {
        let found = inside(folder)?;
        if found.is_empty() {
            bail!("{} holds no truth.yaml, and no folder in it does: it is no case", folder.display());
        }
        for folder in found {
            cases.push(Case::load(&folder)?);
        }
    }
    let Some(missing) = only.iter().find(|id| !cases.iter().any(|case| case.truth.case == **id)) else {
        cases.retain(|case| only.is_empty() || only.contains(&case.truth.case));
        return Ok(cases);
    };
    let there: Vec<&str> = cases.iter().map(|case| case.truth.case.as_str()).collect();
    bail!("there is no case {missing:?}; there are {}", there.join(", "))
}

fn inside(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let is_case = |folder: &Path| folder.join("truth.yaml").is_file();
    if is_case(folder) {
        return Ok(vec![folder.to_owned()]);
    }
    let listed = || format!("cannot list {}", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(listed)? {
        found.push(entry.with_context(listed)?.path());
    }
    found.retain(|folder| is_case(folder));
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUTH: &str = "{case: NAME, title: x, expect: {category: [dns], target: [], outcome: [resolved]}, plan: {accept: [[]]}}";

    fn case(folder: &Path, name: &str, alerts: &str) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("truth.yaml"), TRUTH.replace("NAME", name)).unwrap();
        std::fs::write(folder.join("alerts.json"), alerts).unwrap();
    }

    #[test]
    fn cases_are_found_in_a_folder_of_folders_and_chosen_by_name() {
        let all = tempfile::tempdir().unwrap();
        let post = r#"{"alerts": [{"startsAt": "2026-03-02T14:00:00Z"}, {"startsAt": "2026-03-02T14:05:00Z"}]}"#;
        case(&all.path().join("b"), "B", post);
        case(&all.path().join("a"), "A", &format!("[{post}, {post}]"));
        std::fs::create_dir(all.path().join("none")).unwrap();
        let folders = [all.path().to_owned()];
        let found = find(&folders, &[]).unwrap();
        assert_eq!(
            found
                .iter()
                .map(|case| match &case.told {
                    Told::Alerts(posts) => (case.truth.case.as_str(), posts.len()),
                    Told::Request(_) => panic!("{} has alerts", case.truth.case),
                })
                .collect::<Vec<_>>(),
            [("A", 2), ("B", 1)]
        );
        assert_eq!(found[0].now.to_string(), "2026-03-02T14:05:30Z");
        assert_eq!(find(&folders, &["B".to_owned()]).unwrap().len(), 1);
        assert!(
            find(&folders, &["C".to_owned()])
                .unwrap_err()
                .to_string()
                .contains("there are A, B")
        );
        assert_eq!(find(&[all.path().join("a")], &[]).unwrap().len(), 1);
    }

    #[test]
    fn a_folder_without_a_case_and_alerts_without_a_time_are_refused() {
        let all = tempfile::tempdir().unwrap();
        assert!(
            find(&[all.path().to_owned()], &[])
                .unwrap_err()
                .to_string()
                .contains("holds no truth.yaml")
        );
        case(all.path(), "A", "{}");
        assert!(Case::load(all.path()).unwrap_err().to_string().contains("give `now`"));
        std::fs::write(all.path().join("request.json"), "{}").unwrap();
        assert!(
            Case::load(all.path())
                .unwrap_err()
                .to_string()
                .contains("both alerts.json and request.json")
        );
    }
}
