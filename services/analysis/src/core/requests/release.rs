//! A release: another image of one container, and the way back.
//!
//! Weights: the container is there and runs another image 0.55, it is the one that is meant 0.15 (named) or 0.10 (inferred), every replica
//! serves now 0.20 (otherwise nobody could tell what the release breaks), a budget or an autoscaler is known 0.05.

use paramedic_domain::{diagnosis::Factor, image::Image};
use serde_json::Value;

use super::Found;
use crate::core::{
    facts::{Facts, Workload},
    read::{count, each, text},
    recommend::requested,
};

/// The release.
pub(super) fn forward(facts: &Facts, object: &Value, workload: &Workload, wanted: Option<&str>, image: &str) -> Result<Found, String> {
    let target = &workload.object;
    if object.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return Err(format!(
            "the rollout of {target} is paused: a new image would not reach its pods; resume it, then ask again"
        ));
    }
    let (container, inferred) = container(object, workload, wanted, image)?;
    let present = text(container, "/image");
    let name = text(container, "/name");
    if present == image {
        return Err(format!(
            "container {name} of {target} already runs {present}: there is nothing to change"
        ));
    }
    let evidence = || vec![workload.evidence.clone()];
    let mut factors = vec![
        Factor {
            text: format!("container {name} of {target} runs {present}, and {image} is asked for"),
            weight: 0.55,
            evidence: evidence(),
        },
        Factor {
            text: inferred
                .clone()
                .unwrap_or_else(|| format!("the request names container {name}, and there is one")),
            weight: if inferred.is_some() { 0.10 } else { 0.15 },
            evidence: evidence(),
        },
        standing(object, workload),
    ];
    factors.extend(facts.budget.as_ref().map(|budget| Factor {
        text: format!("{} lets {} pods go now", budget.name, budget.allowed),
        weight: if budget.allowed > 0 { 0.05 } else { 0.0 },
        evidence: vec![budget.evidence.clone()],
    }));
    factors.extend(facts.hpa.as_ref().map(|hpa| Factor {
        text: format!(
            "{} scales it between {} and {} replicas while it is rolled out",
            hpa.name, hpa.min, hpa.max
        ),
        weight: if facts.budget.is_none() { 0.05 } else { 0.0 },
        evidence: vec![hpa.evidence.clone()],
    }));
    factors.extend(facts.revisions.first().map(|revision| Factor {
        text: format!(
            "the way back is revision {}, which {} of {} replicas run",
            revision.number, revision.ready, revision.replicas
        ),
        weight: 0.0,
        evidence: vec![revision.evidence.clone()],
    }));
    Ok(Found {
        summary: format!("container {name} of {target} is to run {image} instead of {present}"),
        chain: vec![
            format!("{image} is asked for"),
            format!("container {name} of {target} runs {present}"),
        ],
        remedy: requested::release(
            facts,
            workload,
            &requested::Release {
                container: name,
                present,
                image,
            },
            deadline(object),
        ),
        factors,
        wrong_if: "the pods of the new image do not become ready, or fail more requests than those of the old one".into(),
    })
}

/// Back to the revision before the release, which did not prove itself.
pub(super) fn back(facts: &Facts, object: &Value, workload: &Workload, image: &str) -> Result<Found, String> {
    let target = &workload.object;
    if !containers(object).any(|container| text(container, "/image") == image) {
        return Err(format!(
            "the release did not prove itself, and no container of {target} runs {image} any more"
        ));
    }
    let [newest, previous, ..] = facts.revisions.as_slice() else {
        return Err(format!(
            "the release did not prove itself, and {target} has no revision to go back to"
        ));
    };
    Ok(Found {
        summary: format!("{image} did not prove itself: {target} goes back to revision {}", previous.number),
        chain: vec![
            format!("revision {} was rolled out as asked for", newest.number),
            "what was measured after it says that it does not work".into(),
        ],
        factors: vec![Factor {
            text: format!(
                "revision {} runs {image}, which did not pass its verification; revision {} served before it",
                newest.number, previous.number
            ),
            weight: 0.90,
            evidence: vec![newest.evidence.clone(), workload.evidence.clone()],
        }],
        remedy: requested::back(facts, workload, previous),
        wrong_if: "what was measured does not get better with the old revision: then it was not the release".into(),
    })
}

/// The container that is meant, and the sentence why if it is not named.
fn container<'o>(object: &'o Value, workload: &Workload, wanted: Option<&str>, image: &str) -> Result<(&'o Value, Option<String>), String> {
    let target = &workload.object;
    let all: Vec<&Value> = containers(object).collect();
    let names: Vec<&str> = all.iter().map(|container| text(container, "/name")).collect();
    if let Some(wanted) = wanted {
        let named = all.iter().find(|container| text(container, "/name") == wanted);
        return match named {
            Some(container) => Ok((container, None)),
            None => Err(format!("{target} has no container {wanted}; it has {}", names.join(", "))),
        };
    }
    let repository = |image| Image::parse(image).ok().map(|image| image.repository);
    let same: Vec<&&Value> = all
        .iter()
        .filter(|container| repository(text(container, "/image")) == repository(image) && repository(image).is_some())
        .collect();
    match (same.as_slice(), all.as_slice()) {
        ([one], _) => Ok((
            one,
            Some(format!(
                "{} is the only container whose image has that repository",
                text(one, "/name")
            )),
        )),
        ([], [only]) => Ok((only, Some(format!("{} is its only container", text(only, "/name"))))),
        ([], _) => Err(format!(
            "none of the containers {} of {target} runs an image of that repository: say which one is meant",
            names.join(", ")
        )),
        (several, _) => {
            let names: Vec<&str> = several.iter().map(|container| text(container, "/name")).collect();
            Err(format!(
                "the containers {} of {target} run images of that repository: say which one is meant",
                names.join(" and ")
            ))
        }
    }
}

fn containers(object: &Value) -> impl Iterator<Item = &Value> {
    each(object, "/spec/template/spec/containers")
}

/// Whether what runs now serves.
fn standing(object: &Value, workload: &Workload) -> Factor {
    let updated = count(object, "/status/updatedReplicas").unwrap_or(0);
    let (desired, ready) = (workload.desired, workload.ready);
    let evidence = vec![workload.evidence.clone()];
    if ready >= desired && updated >= desired {
        return Factor {
            text: format!("all of {desired} replicas are ready and of the present template: no rollout is under way"),
            weight: 0.20,
            evidence,
        };
    }
    Factor {
        text: format!(
            "{ready} of {desired} replicas are ready and {updated} of the present template: what the release changes is hard to tell"
        ),
        weight: 0.0,
        evidence,
    }
}

/// Seconds that a rollout may make no progress.
fn deadline(object: &Value) -> u32 {
    /// Kubernetes' default.
    const USUAL: u32 = 600;
    count(object, "/spec/progressDeadlineSeconds").unwrap_or(USUAL)
}
