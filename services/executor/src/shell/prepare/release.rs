//! The records of a Helm release and the objects that its manifests name.

use paramedic_catalogue::{
    helm::{HANDLED, Release, pair, parts},
    world::HelmRelease,
};

use super::{Cluster, Trouble, fetch::Fetched};

impl Fetched {
    pub(super) async fn release(
        &mut self,
        cluster: &Cluster,
        (namespace, name): (&str, &str),
        revision: Option<u64>,
    ) -> Result<(), Trouble> {
        let known = |known: &HelmRelease| known.namespace == namespace && known.name == name;
        if !self.world.releases.iter().any(known) {
            let records = match records(cluster, namespace, name).await? {
                Ok(records) => self.objects_of(cluster, namespace, &records, revision).await?.map(|()| records),
                Err(problem) => Err(problem),
            };
            self.world.releases.push(HelmRelease {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                records,
            });
        }
        Ok(())
    }

    /// Fetches what both manifests name, of the kinds that can be handled.
    async fn objects_of(
        &mut self,
        cluster: &Cluster,
        namespace: &str,
        records: &[Release],
        revision: Option<u64>,
    ) -> Result<Result<(), String>, Trouble> {
        // What is wrong with them is said by the draft.
        let Ok((present, target)) = pair(records, revision) else {
            return Ok(Ok(()));
        };
        for record in [present, target] {
            let Ok(named) = parts(record.manifest(), namespace) else {
                continue;
            };
            for part in named.iter().filter(|part| HANDLED.contains(&part.target.kind.as_str())) {
                match self.object(cluster, &part.target).await {
                    Ok(()) => {}
                    Err(trouble @ Trouble::Transient { .. }) => return Err(trouble),
                    Err(trouble) => return Ok(Err(trouble.to_string())),
                }
            }
        }
        Ok(Ok(()))
    }
}

async fn records(cluster: &Cluster, namespace: &str, name: &str) -> Result<Result<Vec<Release>, String>, Trouble> {
    let selector = format!("owner=helm,name={name}");
    match cluster.list("v1", "Secret", Some(namespace), &[("labelSelector", &selector)]).await {
        Ok(secrets) => Ok(secrets.iter().map(Release::read).collect()),
        Err(trouble @ Trouble::Transient { .. }) => Err(trouble),
        Err(trouble) => Ok(Err(format!(
            "its records are Secrets, which the executor may read only where its operator allows it (rbac.helmRollback of the chart): {trouble}"
        ))),
    }
}
