//! The Kubernetes client of a configured cluster.

use anyhow::Context;
use http::{HeaderValue, header::USER_AGENT};
use kube::config::{KubeConfigOptions, Kubeconfig};

use crate::config::Cluster;

/// Who the API server's audit says it was: deletions carry no field manager that would tell.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("paramedic/", env!("CARGO_PKG_VERSION")));

/// A client for the cluster: the given kubeconfig, else the default one, else the pod's service account.
///
/// # Errors
/// When none of them can be read; the cluster itself is not asked.
pub async fn client(cluster: &Cluster) -> anyhow::Result<kube::Client> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let options = KubeConfigOptions {
        context: (!cluster.context.is_empty()).then(|| cluster.context.clone()),
        ..KubeConfigOptions::default()
    };
    let mut config = if !cluster.kubeconfig.as_os_str().is_empty() {
        let kubeconfig = Kubeconfig::read_from(&cluster.kubeconfig)
            .with_context(|| format!("configuration key cluster.kubeconfig: cannot read {}", cluster.kubeconfig.display()))?;
        kube::Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .context("configuration key cluster.kubeconfig: cannot use it")?
    } else if options.context.is_some() {
        kube::Config::from_kubeconfig(&options)
            .await
            .context("configuration key cluster.context: cannot use it with the default kubeconfig")?
    } else {
        kube::Config::infer()
            .await
            .context("no kubeconfig and no service account: set cluster.kubeconfig")?
    };
    // A step decides itself what to try again, by the log's deadline; retries below it would hide drift and refusals.
    config.default_retry = false;
    config.headers.push((USER_AGENT, AGENT));
    kube::Client::try_from(config).context("cannot build a Kubernetes client from this kubeconfig")
}
