//! Where browsers reach us, and which addresses lead nowhere else.

use url::Url;

/// Longest path to come back to, bytes: it travels in a cookie, next to three random values.
const MAX_RETURN: usize = 1_500;

/// Our address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    /// As browsers send it in `Origin`.
    origin: String,
    /// Path below which a proxy in front of us serves us; empty, or begins with a slash and ends without.
    prefix: String,
    /// Whether browsers come by TLS.
    secure: bool,
}

impl Site {
    /// Takes a public URL apart.
    pub(crate) fn parse(public_url: &str) -> Option<Self> {
        let url = Url::parse(public_url).ok()?;
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
        (plain && url.has_host() && matches!(url.scheme(), "http" | "https")).then(|| Self {
            origin: url.origin().ascii_serialization(),
            prefix: url.path().trim_end_matches('/').to_owned(),
            secure: url.scheme() == "https",
        })
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn secure(&self) -> bool {
        self.secure
    }

    /// The whole URL of one of our paths.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin, self.prefix)
    }

    /// One of our paths, as browsers must ask for it.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The path to come back to, if it is one of ours. What browsers may read as another host's address is not: `//evil`,
    /// `/\evil`, and anything with characters that browsers drop.
    pub(crate) fn local(&self, path: &str) -> Option<String> {
        let fits = path.len() <= MAX_RETURN && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let ours = path.starts_with('/') && !path.starts_with("//");
        let leads = Url::parse(&self.origin).ok()?.join(path).ok()?;
        (fits && ours && leads.origin().ascii_serialization() == self.origin).then(|| path.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site::parse("https://paramedic.example.com/ops/").unwrap()
    }

    #[test]
    fn an_address_is_taken_apart() {
        assert_eq!(site().origin(), "https://paramedic.example.com");
        assert_eq!(site().url("/login"), "https://paramedic.example.com/ops/login");
        assert_eq!(site().path("/login"), "/ops/login");
        let plain = Site::parse("http://127.0.0.1:8080").unwrap();
        assert_eq!((plain.path("/x").as_str(), plain.secure()), ("/x", false));
    }

    #[test]
    fn what_is_no_address_of_ours_is_refused() {
        for url in [
            "",
            "paramedic.example.com",
            "ftp://x",
            "https://x/?a",
            "https://x/#a",
            "https://u@x/",
            "mailto:a@b",
        ] {
            assert_eq!(Site::parse(url), None, "{url}");
        }
    }

    #[test]
    fn local_paths_are_returned_to() {
        for path in ["/", "/approvals/abc?x=1&y=%2F%2Fevil", "/a//b", "/%2F/evil", "/a:b@c"] {
            assert_eq!(site().local(path).as_deref(), Some(path));
        }
    }

    #[test]
    fn an_open_redirect_is_refused_in_every_form() {
        for path in [
            "",
            "approvals",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            "/ /evil.example",
            "https://evil.example",
            "HTTPS:evil.example",
            "https:/evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "@evil.example",
            ".evil.example",
            "/a\r\nSet-Cookie: x=y",
            "/caf\u{e9}",
            "/\u{ff0f}evil.example",
        ] {
            assert_eq!(site().local(path), None, "{path:?}");
        }
        assert_eq!(site().local(&format!("/{}", "a".repeat(2_000))), None);
    }
}
