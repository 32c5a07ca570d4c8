//! Sealed cookies: encrypted and authenticated with AES-256-GCM, so that browsers keep what we need not, and cannot read or change it.

use std::time::Duration;

use cookie::{Cookie, CookieJar, Key, SameSite};
use http::{HeaderMap, HeaderValue, header};
use serde::{Serialize, de::DeserializeOwned};

/// Longest `Set-Cookie` that every browser keeps, bytes (RFC 6265, section 6.1).
const MAX_COOKIE: usize = 4_096;

/// A cookie that browsers would drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// What a cookie is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Who is signed in.
    Session,
    /// A sign-in that has begun.
    Attempt,
}

/// Seals and opens cookies.
pub(crate) struct Cookies {
    key: Key,
    secure: bool,
}

impl Cookies {
    pub(crate) fn new(key: Key, secure: bool) -> Self {
        Self { key, secure }
    }

    /// By TLS browsers take the prefix `__Host-` only with `Secure`, for this host alone and without a domain: no neighbour below
    /// the same domain can set it.
    fn name(&self, purpose: Purpose) -> &'static str {
        match (purpose, self.secure) {
            (Purpose::Session, true) => "__Host-paramedic",
            (Purpose::Session, false) => "paramedic",
            (Purpose::Attempt, true) => "__Host-paramedic-login",
            (Purpose::Attempt, false) => "paramedic-login",
        }
    }

    fn blank(&self, purpose: Purpose, value: String, age: Duration) -> Cookie<'static> {
        let age = cookie::time::Duration::seconds(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        Cookie::build((self.name(purpose), value))
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .max_age(age)
            .build()
    }

    /// A `Set-Cookie` with the value sealed.
    pub(crate) fn seal(&self, purpose: Purpose, value: &impl Serialize, age: Duration) -> Result<HeaderValue, TooLarge> {
        let text = serde_json::to_string(value).map_err(|_| TooLarge)?;
        let mut jar = CookieJar::new();
        jar.private_mut(&self.key).add(self.blank(purpose, text, age));
        let sealed = jar.get(self.name(purpose)).map(ToString::to_string).ok_or(TooLarge)?;
        if sealed.len() > MAX_COOKIE {
            return Err(TooLarge);
        }
        HeaderValue::try_from(sealed).map_err(|_| TooLarge)
    }

    /// The value that we sealed, if the request brings it unchanged. The name is sealed too: one cookie is not taken for another.
    pub(crate) fn open<T: DeserializeOwned>(&self, purpose: Purpose, headers: &HeaderMap) -> Option<T> {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(Cookie::split_parse)
            .filter_map(Result::ok)
            .filter(|cookie| cookie.name() == self.name(purpose))
            .filter_map(|cookie| CookieJar::new().private(&self.key).decrypt(cookie.into_owned()))
            .find_map(|cookie| serde_json::from_str(cookie.value()).ok())
    }

    /// A `Set-Cookie` that makes browsers forget it.
    pub(crate) fn clear(&self, purpose: Purpose) -> HeaderValue {
        let blank = self.blank(purpose, String::new(), Duration::ZERO).to_string();
        HeaderValue::try_from(blank).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(secret: u8) -> Cookies {
        Cookies::new(Key::derive_from(&[secret; 32]), true)
    }

    fn sent(pair: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(pair).unwrap())])
    }

    fn sealed(purpose: Purpose) -> String {
        let set = cookies(1).seal(purpose, &"value", Duration::from_secs(60)).unwrap();
        set.to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    #[test]
    fn a_cookie_is_bound_to_this_host_and_hidden_from_scripts() {
        let set = cookies(1).seal(Purpose::Session, &"value", Duration::from_secs(60)).unwrap();
        let set = set.to_str().unwrap();
        let (pair, attributes) = set.split_once("; ").unwrap();
        assert!(pair.starts_with("__Host-paramedic=") && !pair.contains("value"), "{set}");
        let mut attributes: Vec<_> = attributes.split("; ").collect();
        attributes.sort_unstable();
        assert_eq!(attributes, ["HttpOnly", "Max-Age=60", "Path=/", "SameSite=Lax", "Secure"]);
    }

    #[test]
    fn without_tls_neither_prefix_nor_secure_are_set() {
        let plain = Cookies::new(Key::derive_from(&[1; 32]), false);
        let set = plain.seal(Purpose::Session, &"value", Duration::from_secs(60)).unwrap();
        let set = set.to_str().unwrap();
        assert!(set.starts_with("paramedic=") && !set.contains("Secure"), "{set}");
    }

    #[test]
    fn only_what_was_sealed_opens() {
        let open = |pair: &str| cookies(1).open::<String>(Purpose::Session, &sent(pair));
        let pair = sealed(Purpose::Session);
        assert_eq!(open(&pair).as_deref(), Some("value"));
        assert_eq!(open(&format!("a=b; {pair}; c=d")).as_deref(), Some("value"));
        assert_eq!(cookies(2).open::<String>(Purpose::Session, &sent(&pair)), None, "another key");
        for end in "__Host-paramedic=".len()..pair.len() {
            assert_eq!(open(&pair[..end]), None, "truncated to {end}");
        }
        assert_eq!(open("__Host-paramedic=\"value\""), None, "never sealed");
    }

    #[test]
    fn a_changed_cookie_does_not_open() {
        let pair = sealed(Purpose::Session);
        let value = "__Host-paramedic=".len();
        for at in value..pair.len() {
            let mut bytes = pair.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(cookies(1).open::<String>(Purpose::Session, &sent(&changed)), None, "byte {at}");
        }
    }

    #[test]
    fn a_cookie_of_another_purpose_does_not_open() {
        let (_, value) = sealed(Purpose::Attempt)
            .split_once('=')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        assert_eq!(
            cookies(1).open::<String>(Purpose::Session, &sent(&format!("__Host-paramedic={value}"))),
            None
        );
    }

    #[test]
    fn a_tossed_cookie_of_the_same_name_does_not_hide_ours() {
        let both = format!("__Host-paramedic=tossed; {}", sealed(Purpose::Session));
        assert_eq!(cookies(1).open::<String>(Purpose::Session, &sent(&both)).as_deref(), Some("value"));
    }

    #[test]
    fn what_browsers_would_drop_is_said() {
        assert_eq!(cookies(1).seal(Purpose::Session, &"x".repeat(4_000), Duration::ZERO), Err(TooLarge));
    }
}
