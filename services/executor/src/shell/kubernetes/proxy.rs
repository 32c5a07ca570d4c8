//! HTTP endpoints inside the cluster, through the API server.

use http::{Method, Request, header};
use kube::client::Body;
use serde_json::Value;

use super::{Cluster, REQUEST_TIMEOUT, Trouble, refused};
use http_body_util::BodyExt;

/// Largest part of an answer that is read: only the status counts.
const MOST: usize = 64 << 10;

impl Cluster {
    /// The status with which an endpoint answers a GET. What the API server itself says (no such service, no right to use
    /// the proxy, no connection) is trouble.
    ///
    /// # Errors
    /// See [`Trouble`]; an endpoint that cannot be connected to is `Transient`.
    pub async fn proxied(&self, path: &str, what: &str) -> Result<u16, Trouble> {
        let transient = |detail: String| Trouble::Transient {
            what: what.to_owned(),
            detail,
            sent: false,
        };
        let request = Request::builder()
            .method(Method::GET)
            .uri(path)
            .header(header::ACCEPT, "*/*")
            .body(Body::empty())
            .map_err(|error| transient(format!("not a request: {error}")))?;
        let exchange = async {
            let response = self.client.send(request).await.map_err(|error| transient(error.to_string()))?;
            let (parts, body) = response.into_parts();
            // A body that is too long or breaks off is still an answer.
            let bytes = match http_body_util::Limited::new(body, MOST).collect().await {
                Ok(body) => body.to_bytes(),
                Err(_) => bytes::Bytes::new(),
            };
            Ok((parts.status.as_u16(), bytes))
        };
        let (status, bytes) = tokio::time::timeout(REQUEST_TIMEOUT, exchange)
            .await
            .map_err(|_| transient(format!("no answer within {} s", REQUEST_TIMEOUT.as_secs())))??;
        let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let of_the_server = said["kind"] == "Status" && said["apiVersion"] == "v1";
        match refused(what, status, &bytes).filter(|_| of_the_server) {
            Some(trouble) => Err(trouble),
            None => Ok(status),
        }
    }
}
