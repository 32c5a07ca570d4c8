//! ID tokens and the keys that sign them.

use anyhow::{Context as _, Result, anyhow};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair, PublicKeyComponents},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::{Value, json};

/// An ID token before it is signed.
#[derive(Debug, Clone)]
pub struct IdToken {
    /// The JOSE header.
    pub header: Value,
    /// The claims.
    pub claims: Value,
    /// What signs it.
    pub signer: Signer,
}

/// What signs an ID token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// An RSA key: `first`, `second`, or `stranger`, which is never published.
    Rsa(&'static str),
    /// HMAC with these bytes.
    Hmac(Vec<u8>),
    /// Nothing: the signature is empty.
    Nothing,
}

impl IdToken {
    /// Its compact form.
    pub(super) fn sign(&self) -> Result<String> {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&self.header), part(&self.claims));
        let signature = match &self.signer {
            Signer::Rsa(name) => {
                let key = key(name)?;
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
                    .map_err(|_| anyhow!("cannot sign with the key {name}"))?;
                signature
            }
            Signer::Hmac(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes())
                .as_ref()
                .to_vec(),
            Signer::Nothing => Vec::new(),
        };
        Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// A key, published.
pub(super) fn jwk(name: &'static str) -> Result<Value> {
    let (modulus, exponent) = public(name)?;
    let number = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    Ok(json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": name, "n": number(&modulus), "e": number(&exponent)}))
}

impl Signer {
    /// HMAC with what everybody can read of a published key: the modulus, as its JWK has it.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn hmac_with_public_key(name: &'static str) -> Result<Self> {
        let (modulus, _) = public(name)?;
        Ok(Self::Hmac(BASE64_URL_SAFE_NO_PAD.encode(modulus).into_bytes()))
    }
}

fn public(name: &str) -> Result<(Vec<u8>, Vec<u8>)> {
    let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(key(name)?.public_key());
    Ok((n, e))
}

/// These keys are published with this program and sign tests' tokens, nothing else.
fn key(name: &str) -> Result<KeyPair> {
    let pem = match name {
        "first" => include_str!("keys/first.pem"),
        "second" => include_str!("keys/second.pem"),
        "stranger" => include_str!("keys/stranger.pem"),
        _ => anyhow::bail!("there is no key {name}"),
    };
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).context("a key is no PEM")?;
    KeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|rejected| anyhow!("the key {name}: {rejected}"))
}
