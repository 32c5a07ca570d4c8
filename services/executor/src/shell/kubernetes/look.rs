//! Looking without seeing everything: names of objects, and what the server has.

use http::Method;
use serde_json::Value;

use super::{
    Cluster, PAGE, Trouble,
    path::{collection, query},
};

/// Metadata alone: the contents of Secrets are never asked for.
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

impl Cluster {
    /// The names of every object of a kind (in a namespace), without what is in them.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn names(&self, api_version: &str, kind: &str, namespace: Option<&str>) -> Result<Vec<String>, Trouble> {
        let base = collection(api_version, kind, namespace);
        let mut names = Vec::new();
        let mut next = String::new();
        loop {
            let mut pairs = vec![("limit", PAGE)];
            if !next.is_empty() {
                pairs.push(("continue", &next));
            }
            let page = self.looked(METADATA, &query(&base, &pairs), &format!("names of {kind}")).await?;
            // A server that answers with something else than a list has not said which names there are.
            let Some(items) = page.get("items").and_then(Value::as_array) else {
                return Err(Trouble::Missing(format!("a list of the names of {kind}")));
            };
            names.extend(
                items
                    .iter()
                    .filter_map(|item| item.pointer("/metadata/name")?.as_str())
                    .map(str::to_owned),
            );
            match page.pointer("/metadata/continue").and_then(Value::as_str) {
                Some(token) if !token.is_empty() => token.clone_into(&mut next),
                _ => return Ok(names),
            }
        }
    }

    /// Whether the server has that resource or subresource, by its own discovery.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn serves(&self, api_version: &str, resource: &str) -> Result<bool, Trouble> {
        let root = if api_version.contains('/') { "apis" } else { "api" };
        let what = format!("resources of {api_version}");
        match self.looked("application/json", &format!("/{root}/{api_version}"), &what).await {
            Ok(list) => {
                let resources = list.get("resources").and_then(Value::as_array);
                Ok(resources.is_some_and(|all| all.iter().any(|one| one.get("name").and_then(Value::as_str) == Some(resource))))
            }
            Err(Trouble::Missing(_)) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    async fn looked(&self, accept: &str, path: &str, what: &str) -> Result<Value, Trouble> {
        let (_, _, bytes) = self.send_accepting(accept, Method::GET, path, None, what).await?;
        serde_json::from_slice(&bytes).map_err(|error| Trouble::Transient {
            what: what.to_owned(),
            detail: format!("the answer is not JSON: {error}"),
            sent: false,
        })
    }
}
