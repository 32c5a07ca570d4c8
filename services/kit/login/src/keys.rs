//! Keys of cookies and forms, made from the one secret that a role keeps.

use cookie::Key;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::Config;

/// Fewest bytes of the secret: what an HMAC with SHA-256 has as strength.
const MIN_SECRET: usize = 32;

/// A secret that is too short to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret of sign-in has {0} bytes and needs {MIN_SECRET}")]
pub struct ShortSecret(usize);

/// One key for each use. They change with the provider and the client: whoever signed in at another one signs in again.
pub(crate) struct Keys {
    pub(crate) cookies: Key,
    pub(crate) forms: [u8; 32],
}

impl Keys {
    pub(crate) fn derive(secret: &[u8], config: &Config) -> Result<Self, ShortSecret> {
        if secret.len() < MIN_SECRET {
            return Err(ShortSecret(secret.len()));
        }
        let provider = [config.issuer.as_bytes(), config.client_id.as_bytes()];
        Ok(Self {
            cookies: Key::derive_from(&mac(secret, &[b"paramedic sign-in: cookies", provider[0], provider[1]])),
            forms: mac(secret, &[b"paramedic sign-in: forms", provider[0], provider[1]]),
        })
    }
}

/// HMAC-SHA-256 of the parts, each preceded by its length so that they cannot run into each other.
pub(crate) fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    hmac(key, parts).finalize().into_bytes().into()
}

/// As [`mac`], to be compared in constant time.
pub(crate) fn hmac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::example;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    #[test]
    fn every_use_provider_and_secret_has_its_own_key() {
        let mut seen = std::collections::HashSet::new();
        let mut other = example();
        other.client_id = "another".into();
        for (secret, config) in [
            (SECRET, example()),
            (SECRET, other),
            (b"another secret, which is long enough!".as_slice(), example()),
        ] {
            let keys = Keys::derive(secret, &config).unwrap();
            assert!(seen.insert(keys.forms.to_vec()));
            assert!(seen.insert(keys.cookies.encryption().to_vec()));
        }
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert_eq!(Keys::derive(&SECRET[1..], &example()).err(), Some(ShortSecret(31)));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(mac(SECRET, &[b"ab", b"c"]), mac(SECRET, &[b"a", b"bc"]));
    }
}
