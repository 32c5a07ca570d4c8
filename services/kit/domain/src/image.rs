//! Names of container images.

/// An image as a manifest names it, taken apart: `registry.example:5000/shop/cart:1.2@sha256:...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image<'a> {
    /// What stays when the version changes.
    pub repository: &'a str,
    /// Absent: `latest` is meant.
    pub tag: Option<&'a str>,
    /// The content itself.
    pub digest: Option<&'a str>,
}

/// A text that is no name of an image, or not of one image only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidImage(String);

/// Longest repository (the distribution specification).
const MAX_REPOSITORY: usize = 255;
/// Longest tag (likewise).
const MAX_TAG: usize = 128;

impl<'a> Image<'a> {
    /// Takes the name of an image apart.
    ///
    /// # Errors
    /// When no registry has an image of that name.
    pub fn parse(text: &'a str) -> Result<Self, InvalidImage> {
        let invalid = |why: String| Err(InvalidImage(format!("{text:?} is not the name of an image: {why}")));
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon before the last slash is the port of a registry.
        let name = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (repository, tag) = match rest[name..].find(':') {
            Some(colon) => (&rest[..name + colon], Some(&rest[name + colon + 1..])),
            None => (rest, None),
        };
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return invalid(format!("{tag:?} is no tag"));
        }
        if let Some(digest) = digest.filter(|digest| !is_digest(digest)) {
            return invalid(format!("{digest:?} is no digest, as in sha256:..."));
        }
        if repository.len() > MAX_REPOSITORY || !is_repository(repository) {
            return invalid(format!(
                "{repository:?} is no repository: lower-case letters, digits, '.', '_', '-' and '/'"
            ));
        }
        Ok(Self { repository, tag, digest })
    }

    /// As [`parse`](Self::parse), and it must mean the same image tomorrow as far as a name can promise that.
    ///
    /// # Errors
    /// When it is no name of an image, or has neither a digest nor a tag other than `latest`.
    pub fn exact(text: &'a str) -> Result<Self, InvalidImage> {
        let image = Self::parse(text)?;
        match (image.tag, image.digest) {
            (_, Some(_)) => Ok(image),
            (None, None) => Err(InvalidImage(format!("{text} has neither tag nor digest: name the exact version"))),
            (Some("latest"), None) => Err(InvalidImage(format!(
                "{text}: the tag latest means another image tomorrow; name the exact version"
            ))),
            (Some(_), None) => Ok(image),
        }
    }
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=MAX_TAG).contains(&tag.len()) && word(tag.as_bytes()[0]) && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

fn is_digest(digest: &str) -> bool {
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match digest.split_once(':') {
        Some(("sha256", text)) => text.len() == 64 && hex(text),
        Some(("sha512", text)) => text.len() == 128 && hex(text),
        _ => false,
    }
}

fn is_repository(repository: &str) -> bool {
    let (registry, path) = match repository.split_once('/') {
        Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), path),
        _ => (None, repository),
    };
    registry.is_none_or(is_registry) && path.split('/').all(is_component)
}

fn is_registry(registry: &str) -> bool {
    let (host, port) = match registry.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (registry, None),
    };
    let label = |label: &str| {
        let ends = !label.starts_with('-') && !label.ends_with('-');
        !label.is_empty() && ends && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.split('.').all(label) && port.is_none_or(|port| (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit()))
}

/// Words of letters and digits with `.`, `_`, `__` or any number of `-` between them.
fn is_component(component: &str) -> bool {
    let word = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let ends = bytes.first().is_some_and(word) && bytes.last().is_some_and(word);
    let separators = bytes.split(word).filter(|separator| !separator.is_empty());
    ends && separators
        .into_iter()
        .all(|separator| matches!(separator, b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_wherever_its_colons_are() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let whole = format!("registry.example:5000/shop/cart_api:1.2-rc.1@{digest}");
        let image = Image::parse(&whole).unwrap();
        assert_eq!(
            (image.repository, image.tag, image.digest),
            ("registry.example:5000/shop/cart_api", Some("1.2-rc.1"), Some(digest.as_str()))
        );
        let plain = Image::parse("localhost:5000/cart").unwrap();
        assert_eq!((plain.repository, plain.tag), ("localhost:5000/cart", None));
        assert_eq!(Image::parse("cart:v2").unwrap().repository, "cart");
    }

    #[test]
    fn what_no_registry_has_is_refused() {
        for bad in [
            "",
            ":1",
            "cart:",
            "cart:-1",
            "Cart:1",
            "cart :1",
            "cart:1 ",
            "a//b:1",
            "/a:1",
            "a/:1",
            "-a:1",
            "a..b:1",
            "a___b:1",
            "cart:1@sha256:00",
            "cart@md5:00",
            "host:port/cart:1",
            "-x.example/cart:1",
            "cart:1\n",
            "cart:1;rm",
        ] {
            assert!(Image::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Image::parse(&format!("{}:1", "a".repeat(256))).is_err());
    }

    #[test]
    fn exact_is_what_means_the_same_tomorrow() {
        let pinned = format!("cart:latest@sha256:{}", "00".repeat(32));
        assert!(Image::exact("cart:1.2").is_ok() && Image::exact(&pinned).is_ok());
        assert!(Image::exact("cart").unwrap_err().to_string().contains("neither tag nor digest"));
        assert!(
            Image::exact("cart:latest")
                .unwrap_err()
                .to_string()
                .contains("another image tomorrow")
        );
    }
}
