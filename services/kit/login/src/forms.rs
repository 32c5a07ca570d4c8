//! Whether a form was sent by a person who saw our page, and not by another site in their name.

use hmac::Mac as _;
use http::{HeaderMap, header};

use crate::{keys, session::Session, site::Site};

/// Why a form does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Forged {
    /// Another site sent it, or nothing says that ours did.
    #[error("the form was not sent from a page of this site")]
    Elsewhere,
    /// The page's token is missing or of another session.
    #[error("the form has no token of this session")]
    Token,
}

/// The token of a session's forms.
pub(crate) fn token(key: &[u8], session: &Session) -> String {
    hex::encode(keys::mac(key, &[session.id.as_bytes()]))
}

/// Compares in constant time.
pub(crate) fn check_token(key: &[u8], session: &Session, token: &str) -> Result<(), Forged> {
    let given = hex::decode(token).map_err(|_| Forged::Token)?;
    keys::hmac(key, &[session.id.as_bytes()])
        .verify_slice(&given)
        .map_err(|_| Forged::Token)
}

/// Browsers say where a request comes from. `Sec-Fetch-Site` is the answer where there is one; `Origin` may then be `null`, which a
/// page with `Referrer-Policy: no-referrer` makes it. Without TLS browsers send neither, and the token has to do.
pub(crate) fn check_origin(site: &Site, headers: &HeaderMap) -> Result<(), Forged> {
    let text = |name| {
        headers
            .get(name)
            .map(|value: &http::HeaderValue| value.to_str().unwrap_or("unreadable"))
    };
    let origin = text(header::ORIGIN.as_str()).filter(|origin| *origin != "null");
    let ours = match (text("sec-fetch-site"), origin) {
        (Some("same-origin"), None) => true,
        (Some("same-origin") | None, Some(origin)) => origin == site.origin(),
        (Some(_), _) => false,
        (None, None) => !site.secure(),
    };
    if ours { Ok(()) } else { Err(Forged::Elsewhere) }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use jiff::Timestamp;

    use super::*;

    fn session(id: &str) -> Session {
        Session {
            id: id.into(),
            identity: "ann@example.com".into(),
            subject: "1".into(),
            groups: vec![],
            issued_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::MAX,
        }
    }

    #[test]
    fn a_token_is_good_for_its_session_and_key_alone() {
        let good = token(b"key", &session("one"));
        assert_eq!(check_token(b"key", &session("one"), &good), Ok(()));
        let last = if good.ends_with('0') { '1' } else { '0' };
        let changed = format!("{}{last}", &good[..good.len() - 1]);
        for (key, id, token) in [
            (b"key", "two", good.as_str()),
            (b"kex", "one", &good),
            (b"key", "one", ""),
            (b"key", "one", &good[..32]),
            (b"key", "one", &changed),
            (b"key", "one", "no hex"),
        ] {
            assert_eq!(check_token(key, &session(id), token), Err(Forged::Token), "{id} {token}");
        }
    }

    #[test]
    fn only_our_own_pages_send_forms() {
        const OURS: &str = "https://paramedic.example.com";
        let cases = [
            (OURS, Some("same-origin"), Some(OURS), true),
            (OURS, Some("same-origin"), Some("null"), true),
            (OURS, Some("same-origin"), None, true),
            (OURS, None, Some(OURS), true),
            (OURS, None, None, false),
            (OURS, None, Some("null"), false),
            (OURS, Some("cross-site"), Some("https://evil.example"), false),
            (OURS, Some("cross-site"), Some("null"), false),
            (OURS, Some("cross-site"), Some(OURS), false),
            (OURS, Some("same-site"), Some("https://other.example.com"), false),
            (OURS, Some("none"), None, false),
            (OURS, Some("same-origin"), Some("https://evil.example"), false),
            (OURS, None, Some("http://paramedic.example.com"), false),
            (OURS, None, Some("https://paramedic.example.com:8443"), false),
            (OURS, None, Some("https://paramedic.example.com.evil.example"), false),
            ("http://paramedic.lan", None, Some("null"), true),
            ("http://paramedic.lan", None, Some("http://evil.example"), false),
            ("http://paramedic.lan", Some("cross-site"), None, false),
        ];
        for (url, fetch_site, origin, counts) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in [("sec-fetch-site", fetch_site), ("origin", origin)] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            let site = Site::parse(url).unwrap();
            assert_eq!(check_origin(&site, &headers).is_ok(), counts, "{url} {fetch_site:?} {origin:?}");
        }
    }
}
