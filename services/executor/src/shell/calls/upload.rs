//! Files as trackers take them: `multipart/form-data` (RFC 7578).

use paramedic_domain::digest::Digest;
use reqwest::RequestBuilder;

/// A file to send.
pub(super) struct File {
    /// Its name: letters, digits, `.`, `-` and `_`, as our artifacts have.
    pub(super) name: String,
    pub(super) content: Vec<u8>,
}

/// The request with the file as the field `field`.
pub(super) fn multipart(request: RequestBuilder, field: &str, file: &File) -> RequestBuilder {
    // The digest of the content cannot be in the content.
    let boundary = format!("paramedic-{}", Digest::of(&file.content).short());
    let name: String = file
        .name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') {
                c
            } else {
                '_'
            }
        })
        .collect();
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    );
    let mut body = head.into_bytes();
    body.extend_from_slice(&file.content);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    request
        .header("Content-Type", format!("multipart/form-data; boundary={boundary}"))
        .body(body)
}
