//! Records of Helm's releases. Their labels and times say enough: what is in them is never read, since values may be secret.

use serde_json::Value;

use super::{Applied, Delivery, Failure, Owner};
use crate::core::read::{each, text, time};

/// A revision that is being made, or whose making was broken off.
const PENDING: &str = "pending";

pub(super) fn read(owner: &Owner, list: &Value) -> Option<Delivery> {
    let label = |one: &Value, name: &str| text(one, &format!("/metadata/labels/{name}")).to_owned();
    let number = |one: &&Value| label(one, "version").parse::<u64>().unwrap_or(0);
    let mut records: Vec<&Value> = each(list, "/items").filter(|one| label(one, "owner") == "helm").collect();
    records.sort_by_key(|one| std::cmp::Reverse(number(one)));
    let newest = *records.first()?;
    let told = |one: &&Value| format!("release {}", number(one));
    let history = records.iter().filter_map(|one| {
        let status = label(one, "status");
        Some(Applied {
            at: time(one, "/metadata/creationTimestamp")?,
            revision: told(one),
            good: ["deployed", "superseded"].contains(&status.as_str()),
        })
    });
    let deployed = records.iter().find(|one| label(one, "status") == "deployed");
    let status = label(newest, "status");
    let failed = status == "failed" || status.starts_with(PENDING);
    Some(Delivery {
        tool: owner.tool,
        owner: owner.object.clone(),
        query: owner.path(),
        workloads: owner.workloads.clone(),
        health: String::new(),
        revision: deployed.map(told).unwrap_or_default(),
        failure: failed.then(|| Failure {
            at: time(newest, "/metadata/creationTimestamp"),
            message: match status.starts_with(PENDING) {
                true => format!("{} was begun and not ended: Helm refuses others until it is", told(&newest)),
                false => format!(
                    "{} could not be made whole; `helm history {}` says why",
                    told(&newest),
                    owner.object.name
                ),
            },
            reason: status.clone(),
            // Helm calls failed what it waited for in vain, too, and its record says which only in what is not read.
            symptom: status == "failed",
        }),
        sync: status,
        automatic: false,
        reverts: false,
        history: history.collect(),
        origin: Vec::new(),
    })
}

/// Where Helm keeps its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Records {
    /// They are not read.
    #[default]
    Off,
    /// In Secrets, as it does unless it is told otherwise.
    Secrets,
    /// In ConfigMaps (`HELM_DRIVER=configmap`).
    Configmaps,
}

impl Records {
    /// The kind's plural; `None`: they are not read.
    #[must_use]
    pub fn plural(self) -> Option<&'static str> {
        match self {
            Self::Off => None,
            Self::Secrets => Some("secrets"),
            Self::Configmaps => Some("configmaps"),
        }
    }
}
