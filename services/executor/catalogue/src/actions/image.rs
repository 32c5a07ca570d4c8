//! `set_image`: another image of one container.

use paramedic_domain::{change::Confirm, object::ObjectRef, risk::RiskLevel};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    BuiltIn, parse, refuse, schema_of,
    workload::{container, surroundings, workload},
};
use crate::{
    action::{About, Draft, Kind, Moment, ObjectEdit, Params, Refused},
    patch::Edit,
    world::{Need, World, with_uid},
};

pub(super) const ACTION: BuiltIn = BuiltIn {
    name: "set_image",
    aliases: &["update_image", "deploy_image", "deploy"],
    about: About {
        description: "runs one container of a workload from another image; every pod is replaced",
        risk: "medium: every pod is replaced; high with a single replica, a budget that allows no disruption, or another repository",
        undo: "the old image is put back, which replaces the pods again",
        dry_run: "server-side dry run of the patch; whether the image can be pulled is seen only when the first pod starts",
        external: false,
    },
    kind: Kind::Cluster,
    timeout_seconds: 900,
    typical_seconds: 120,
    schema: schema_of::<SetImage>,
    needs,
    draft,
};

/// Which container runs from which image.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetImage {
    /// Namespace.
    namespace: String,
    /// Name of a Deployment.
    deployment: Option<String>,
    /// Name of a StatefulSet.
    statefulset: Option<String>,
    /// Name of a DaemonSet.
    daemonset: Option<String>,
    /// Container; may be left out if there is only one, or one named like the workload.
    container: Option<String>,
    /// The image with its tag or digest.
    image: String,
    /// Whether an image without a tag, or with the tag `latest`, is meant; otherwise it is refused.
    #[serde(rename = "allowLatest", alias = "allow_latest", default)]
    allow_latest: bool,
}

impl SetImage {
    fn target(&self) -> Result<ObjectRef, Refused> {
        workload(
            &self.namespace,
            self.deployment.as_ref(),
            self.statefulset.as_ref(),
            self.daemonset.as_ref(),
        )
    }
}

fn needs(params: &Params) -> Result<Vec<Need>, Refused> {
    let params: SetImage = parse(params)?;
    let mut needs = surroundings(&params.namespace);
    needs.push(Need::Object(params.target()?));
    Ok(needs)
}

fn draft(params: &Params, world: &World, _moment: &Moment) -> Result<Draft, Refused> {
    let params: SetImage = parse(params)?;
    exact(&params.image, params.allow_latest)?;
    let target = params.target()?;
    let object = world.object(&target)?;
    let (base, name) = container(object, &target, params.container.as_ref())?;
    let path = base.join(["image"]);
    let present = path.read(object).and_then(Value::as_str).unwrap_or_default();
    if present == params.image {
        return refuse(format!("container {name} of {target} already runs {present}"));
    }
    let edits = vec![Edit::set(path, params.image.as_str())];
    let mut draft = Draft::from(ObjectEdit::template(with_uid(&target, object), edits, Confirm::RolledOut));
    let (old, new) = (repository(present), repository(&params.image));
    if old != new {
        draft = draft.concern(
            RiskLevel::High,
            format!("container {name} of {target} runs {old} now: {new} is another program"),
        );
    }
    Ok(draft)
}

/// Refuses an image that means something else tomorrow.
pub(super) fn exact(image: &str, allow_latest: bool) -> Result<(), Refused> {
    let odd = image.is_empty() || image.chars().any(|c| c.is_whitespace() || c.is_control());
    if odd || repository(image).is_empty() {
        return Err(Refused::parameter("/image", format!("{image:?} is not the name of an image")));
    }
    if image.contains("@sha256:") {
        return Ok(());
    }
    let tag = image[repository(image).len()..].strip_prefix(':');
    match tag {
        _ if allow_latest => Ok(()),
        None | Some("") => Err(Refused::parameter(
            "/image",
            format!("{image} has no tag: name the exact version, or say allowLatest"),
        )),
        Some("latest") => Err(Refused::parameter(
            "/image",
            format!("{image}: the tag latest means another image tomorrow; name the exact version, or say allowLatest"),
        )),
        Some(_) => Ok(()),
    }
}

/// The image without tag and digest. A colon before the last slash is the port of a registry.
pub(super) fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    let name = image.rfind('/').map_or(0, |slash| slash + 1);
    match image[name..].find(':') {
        Some(colon) => &image[..name + colon],
        None => image,
    }
}
