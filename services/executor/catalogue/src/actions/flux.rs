//! `flux_suspend`, `flux_resume`, `flux_reconcile`: Kustomizations and HelmReleases of Flux.

use std::time::Duration;

use paramedic_domain::{change::Wait, object::ObjectRef, plan::Lasts, risk::RiskLevel};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{BuiltIn, parse, refuse, schema_of, span};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused},
    patch::{Edit, Path},
    progress::gitops::RECONCILE,
    world::{Need, World, with_uid},
};

const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

pub(super) const SUSPEND: BuiltIn = BuiltIn {
    name: "flux_suspend",
    aliases: &["suspend_flux"],
    about: About {
        description: "keeps Flux from applying a Kustomization or HelmRelease, so that a change in the cluster stays",
        risk: "medium: changes in Git are not deployed while it lasts",
        undo: "Flux applies it again; with a duration the executor does that by itself",
        dry_run: "server-side dry run of the patch",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 60,
    typical_seconds: 2,
    schema: schema_of::<Suspend>,
    needs: needs_suspend,
    draft: suspend,
};

pub(super) const RESUME: BuiltIn = BuiltIn {
    name: "flux_resume",
    aliases: &["resume_flux"],
    about: About {
        description: "lets Flux apply a suspended Kustomization or HelmRelease again",
        risk: "medium: what Git says now is applied, whatever was changed in the cluster",
        undo: "it is suspended again; what was applied meanwhile stays",
        dry_run: "server-side dry run of the patch",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 60,
    typical_seconds: 2,
    schema: schema_of::<Target>,
    needs: needs_target,
    draft: resume,
};

pub(super) const RECONCILE_NOW: BuiltIn = BuiltIn {
    name: "flux_reconcile",
    aliases: &["reconcile_flux"],
    about: About {
        description: "lets Flux apply a Kustomization or HelmRelease now, and waits until it is ready",
        risk: "medium: what Git says now is applied",
        undo: "none: it makes the cluster what Git says",
        dry_run: "server-side dry run of the request; what Flux then applies is not tried",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 900,
    typical_seconds: 60,
    schema: schema_of::<Target>,
    needs: needs_target,
    draft: reconcile,
};

/// Exactly one of the two kinds.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Target {
    /// Namespace; left out: `flux-system`.
    namespace: Option<String>,
    /// Name of a Kustomization.
    kustomization: Option<String>,
    /// Name of a HelmRelease.
    #[serde(rename = "helmRelease", alias = "helm_release", alias = "helmrelease")]
    helm_release: Option<String>,
}

/// Exactly one of the two kinds, and for how long.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Suspend {
    /// Namespace; left out: `flux-system`.
    namespace: Option<String>,
    /// Name of a Kustomization.
    kustomization: Option<String>,
    /// Name of a HelmRelease.
    #[serde(rename = "helmRelease", alias = "helm_release", alias = "helmrelease")]
    helm_release: Option<String>,
    /// How long, at most `168h`; left out: until somebody takes it back.
    duration: Option<String>,
}

fn reference(namespace: Option<&String>, kustomization: Option<&String>, release: Option<&String>) -> Result<ObjectRef, Refused> {
    let namespace = Some(namespace.map_or("flux-system", String::as_str));
    match (kustomization, release) {
        (Some(name), None) => Ok(ObjectRef::new("kustomize.toolkit.fluxcd.io/v1", "Kustomization", namespace, name)),
        (None, Some(name)) => Ok(ObjectRef::new("helm.toolkit.fluxcd.io/v2", "HelmRelease", namespace, name)),
        _ => refuse("parameters: exactly one of kustomization and helmRelease must be given"),
    }
}

impl Target {
    fn reference(&self) -> Result<ObjectRef, Refused> {
        reference(self.namespace.as_ref(), self.kustomization.as_ref(), self.helm_release.as_ref())
    }
}

impl Suspend {
    fn reference(&self) -> Result<ObjectRef, Refused> {
        reference(self.namespace.as_ref(), self.kustomization.as_ref(), self.helm_release.as_ref())
    }
}

fn needs_target(params: &Params) -> Result<Vec<Need>, Refused> {
    Ok(vec![Need::Object(parse::<Target>(params)?.reference()?)])
}

fn needs_suspend(params: &Params) -> Result<Vec<Need>, Refused> {
    Ok(vec![Need::Object(parse::<Suspend>(params)?.reference()?)])
}

fn suspended(object: &Value) -> bool {
    object.pointer("/spec/suspend").and_then(Value::as_bool) == Some(true)
}

fn set(target: &ObjectRef, object: &Value, value: bool) -> Draft {
    let edit = Edit::set(Path::new(["spec", "suspend"]), value);
    ObjectEdit::plain(with_uid(target, object), vec![edit]).into()
}

fn suspend(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: Suspend = parse(params)?;
    let target = params.reference()?;
    let object = world.object(&target)?;
    if suspended(object) {
        return refuse(format!("{target} is suspended already"));
    }
    let draft = set(&target, object, true)
        .concern(
            RiskLevel::Medium,
            format!("changes in Git are not deployed by {target} while it is suspended"),
        )
        .note(format!(
            "when {target} is resumed, Flux applies what Git says then: propose the change to Git, too (update_git_manifests)"
        ));
    Ok(match &params.duration {
        Some(text) => draft.lasting(Lasts::For {
            duration: span::duration("duration", text, LONGEST)?,
        }),
        None => draft,
    })
}

fn resume(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let target = parse::<Target>(params)?.reference()?;
    let object = world.object(&target)?;
    if !suspended(object) {
        return refuse(format!("{target} is not suspended"));
    }
    Ok(set(&target, object, false).concern(
        RiskLevel::Medium,
        format!("Flux applies what Git says of {target}, whatever was changed in the cluster"),
    ))
}

fn reconcile(params: &Params, world: &World, moment: &Moment) -> Result<Draft, Refused> {
    let target = parse::<Target>(params)?.reference()?;
    let object = world.object(&target)?;
    if suspended(object) {
        return refuse(format!(
            "{target} is suspended: Flux would not look at it; resume it first (flux_resume)"
        ));
    }
    let edit = Edit::set(Path::new(["metadata", "annotations", RECONCILE]), moment.now.to_string());
    Ok(Draft::from(
        ObjectEdit::plain(with_uid(&target, object), vec![edit])
            .wait(Wait::Reconciled)
            .irreversible("it only asks Flux to look again"),
    )
    .concern(RiskLevel::Medium, format!("everything that Git says of {target} is applied")))
}
