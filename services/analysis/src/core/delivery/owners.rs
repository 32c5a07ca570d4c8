//! Who delivers an object, by the labels and annotations that the tools put on what they own.

use paramedic_domain::{alert::Alert, object::ObjectRef};
use serde_json::Value;

use super::{Records, Tool};
use crate::core::{read::text, snapshot::reference, subjects::World};

/// Most owners that are asked in one investigation: the workloads of an incident are delivered by few.
const MOST: usize = 4;
/// API version, kind and plural of what delivers.
const APPLICATION: Kind = ("argoproj.io/v1alpha1", "Application", "applications");
const KUSTOMIZATION: Kind = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "kustomizations");
const HELM_RELEASE: Kind = ("helm.toolkit.fluxcd.io/v2", "HelmRelease", "helmreleases");
/// Helm has no objects of its own: only records, by the names of their releases.
const HELM: &str = "helm.sh/v3";

type Kind = (&'static str, &'static str, &'static str);

/// An object that delivers others.
#[derive(Debug, Clone, PartialEq)]
pub struct Owner {
    /// Its tool.
    pub tool: Tool,
    /// The object; of Helm, the release.
    pub object: ObjectRef,
    /// Whether only this tool marks objects so: the label of an instance is used by many.
    pub certain: bool,
    /// What it owns.
    pub workloads: Vec<ObjectRef>,
    plural: &'static str,
}

/// What is set about tools that deliver.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// Where Applications are that do not say where; empty: none is asked for.
    pub argo_namespace: &'a str,
    /// Where Helm keeps its records.
    pub helm: Records,
}

impl Owner {
    fn new(tool: Tool, (api, kind, plural): Kind, namespace: &str, name: &str, certain: bool) -> Option<Self> {
        (is_name(namespace) && is_name(name)).then(|| Self {
            tool,
            object: ObjectRef::new(api, kind, Some(namespace), name),
            certain,
            workloads: Vec::new(),
            plural,
        })
    }

    /// The path at which it is read.
    #[must_use]
    pub fn path(&self) -> String {
        let (object, plural) = (&self.object, self.plural);
        let namespace = object.namespace.as_deref().unwrap_or_default();
        match self.tool {
            Tool::Argo | Tool::Flux => format!("/apis/{}/namespaces/{namespace}/{plural}/{}", object.api_version, object.name),
            Tool::Helm => format!(
                "/api/v1/namespaces/{namespace}/{plural}?labelSelector=owner%3Dhelm%2Cname%3D{}",
                object.name
            ),
        }
    }
}

/// Who delivers an object, the nearest first.
fn owners(object: &Value, places: Places<'_>) -> Vec<Owner> {
    let metadata = &object["metadata"];
    let label = |key: &str| metadata["labels"][key].as_str().unwrap_or_default();
    let annotation = |key: &str| metadata["annotations"][key].as_str().unwrap_or_default();
    let release = annotation("meta.helm.sh/release-name");
    let argo = match annotation("argocd.argoproj.io/tracking-id").split_once(':') {
        _ if places.argo_namespace.is_empty() => None,
        // `namespace_name` where Applications may be in any namespace.
        Some((app, _)) => {
            let (namespace, name) = app.split_once('_').unwrap_or((places.argo_namespace, app));
            Owner::new(Tool::Argo, APPLICATION, namespace, name, true)
        }
        // Charts put their release's name there, too: those that Helm itself installed are nobody else's.
        None if release.is_empty() => {
            let name = label("app.kubernetes.io/instance");
            Owner::new(Tool::Argo, APPLICATION, places.argo_namespace, name, false)
        }
        None => None,
    };
    let flux = |kind: Kind| {
        let group = kind.0.split('/').next().unwrap_or_default();
        let key = |what: &str| label(&format!("{group}/{what}"));
        Owner::new(Tool::Flux, kind, key("namespace"), key("name"), true)
    };
    let mut all: Vec<Owner> = [flux(HELM_RELEASE), flux(KUSTOMIZATION), argo].into_iter().flatten().collect();
    if let (true, Some(plural)) = (all.is_empty(), places.helm.plural()) {
        let namespace = annotation("meta.helm.sh/release-namespace");
        all.extend(Owner::new(Tool::Helm, (HELM, "Release", plural), namespace, release, true));
    }
    // What Flux marks is not Argo CD's because a chart calls it an instance.
    let certain = all.iter().any(|owner| owner.certain);
    all.retain(|owner| owner.certain || !certain);
    all
}

/// The deliverer that an alert about deliveries names.
fn alerted(alert: &Alert) -> Option<Owner> {
    let first = |labels: [&str; 2]| labels.map(|label| alert.label(label)).into_iter().find(|value| !value.is_empty());
    let namespace = first(["exported_namespace", "namespace"])?;
    let name = alert.label("name");
    match first(["customresource_kind", "kind"]) {
        Some("Kustomization") => Owner::new(Tool::Flux, KUSTOMIZATION, namespace, name, true),
        Some("HelmRelease") => Owner::new(Tool::Flux, HELM_RELEASE, namespace, name, true),
        Some(_) => None,
        // What Argo CD's figure `argocd_app_info` has and others do not.
        None if !alert.label("dest_namespace").is_empty() => Owner::new(Tool::Argo, APPLICATION, namespace, name, true),
        None => None,
    }
}

/// Who is alerted about, and who delivers these workloads, each with what it owns of them.
#[must_use]
pub fn owned(world: &World, alerts: &[Alert], workloads: &[ObjectRef], places: Places<'_>) -> Vec<Owner> {
    let mut all: Vec<Owner> = Vec::new();
    for owner in alerts.iter().filter_map(alerted) {
        if !all.iter().any(|known| known.object == owner.object) {
            all.push(owner);
        }
    }
    for workload in workloads {
        let namespace = workload.namespace.as_deref().unwrap_or_default();
        let Some(object) = world.snapshot.named(&workload.kind, namespace, &workload.name) else {
            continue;
        };
        for mut owner in owners(object, places) {
            let own = reference(&workload.kind, object);
            match all.iter_mut().find(|known| known.object == owner.object) {
                Some(known) if known.workloads.contains(&own) => {}
                Some(known) => {
                    known.certain |= owner.certain;
                    known.workloads.push(own);
                }
                None => {
                    owner.workloads.push(own);
                    all.push(owner);
                }
            }
        }
    }
    all.truncate(MOST);
    all
}

/// Only what can be a name goes into a path: labels and annotations are anybody's text.
pub(super) fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    name.len() <= 253 && name.bytes().all(fits) && ends(name.bytes().next()) && ends(name.bytes().last())
}

/// What manages an object besides people: `helm`, `argo`, `flux`, or nothing.
#[must_use]
pub fn managed_by(object: &Value) -> &'static str {
    let has = |pointer: &str| !text(object, pointer).is_empty();
    if has("/metadata/annotations/argocd.argoproj.io~1tracking-id") {
        "argo"
    } else if has("/metadata/labels/kustomize.toolkit.fluxcd.io~1name") || has("/metadata/labels/helm.toolkit.fluxcd.io~1name") {
        "flux"
    } else if has("/metadata/annotations/meta.helm.sh~1release-name") {
        "helm"
    } else {
        ""
    }
}
