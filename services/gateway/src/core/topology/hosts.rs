//! Host names in configuration, and which Service of the cluster each may be. Text is untrusted: it is compared, never interpreted.

use std::collections::BTreeSet;

/// Most of one text that is read, bytes: a ConfigMap holds a megabyte, and one that names its Services behind a quarter of that is data.
const MOST_TEXT: usize = 256 * 1024;
/// Most names that one text yields: more is a list of the whole estate, not of what somebody needs.
const MOST_HOSTS: usize = 256;

/// Words of a key whose value is an address, although it is a bare word.
const ADDRESSES: [&str; 26] = [
    "host",
    "hosts",
    "hostname",
    "addr",
    "addrs",
    "address",
    "addresses",
    "url",
    "urls",
    "uri",
    "uris",
    "endpoint",
    "endpoints",
    "server",
    "servers",
    "service",
    "svc",
    "broker",
    "brokers",
    "bootstrap",
    "upstream",
    "backend",
    "target",
    "dsn",
    "peer",
    "proxy",
];
/// Last words of a key whose value is something else of that address: `DB_HOST_NAME` is one, `SERVICE_NAME` is mostly one's own name.
const OTHERS: [&str; 14] = [
    "name",
    "user",
    "username",
    "password",
    "account",
    "port",
    "type",
    "mode",
    "class",
    "database",
    "db",
    "topic",
    "namespace",
    "level",
];

/// Names in `text` (the value of `key`) that stand where an address stands: in a URL, before a port, as the value of a key like
/// `DB_HOST`, or in full (`cart.shop.svc`).
#[must_use]
pub fn hosts(key: &str, text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let text = beginning(text);
    // What is scraped is measured, not needed.
    if text.contains("scrape_configs:") {
        return found;
    }
    let tokens: Vec<Token<'_>> = tokens(text);
    let is_list = tokens.iter().all(|token| token.host().is_some())
        && text
            .bytes()
            .all(|b| is_word(b) || b.is_ascii_whitespace() || matches!(b, b',' | b';'));
    let named_by_key = is_list && (is_address(key) || tokens.len() == 1 && text.contains('.'));
    let mut before_was_host = false;
    for (index, token) in tokens.iter().enumerate() {
        let before = &text[index.checked_sub(1).map_or(0, |i| tokens[i].end)..token.start];
        let next = tokens.get(index + 1);
        let after = &text[token.end..next.map_or(text.len(), |next| next.start)];
        let is_host = token.host().is_some_and(|host| {
            named_by_key
                || is_full(host)
                || after == ":" && next.is_some_and(|next| is_port(next.text))
                || before.ends_with("://") && !is_user(&text[token.start..])
                || before.ends_with('@') && !after.starts_with('(')
                || before == "," && before_was_host
                || is_assigned(before) && !after.starts_with("://") && index > 0 && is_address(tokens[index - 1].text)
        });
        // A port stands between two hosts of a list.
        before_was_host = is_host || before_was_host && before == ":" && is_port(token.text);
        if is_host && found.len() < MOST_HOSTS {
            found.extend(token.host().map(ToOwned::to_owned));
        }
    }
    found
}

/// Name and namespace of the Services that a host name may stand for in a namespace, the likeliest first: `cart`, `cart.shop`,
/// `cart.shop.svc.cluster.local`, and `cart-0.cart.shop.svc` of a pod behind a headless one.
#[must_use]
pub fn services<'a>(host: &'a str, own: &'a str) -> Vec<(&'a str, &'a str)> {
    let labels: Vec<&str> = host.split('.').collect();
    if let Some(at) = full_at(&labels) {
        return vec![(labels[at - 2], labels[at - 1])];
    }
    match labels[..] {
        [name] => vec![(name, own)],
        [name, namespace] => vec![(name, namespace), (namespace, own)],
        [_, name, namespace] => vec![(name, namespace)],
        _ => Vec::new(),
    }
}

struct Token<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

impl Token<'_> {
    /// It as a host name; addresses in numbers name nothing.
    fn host(&self) -> Option<&str> {
        let host = self.text.trim_end_matches('.');
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let named = host.bytes().any(|b| b.is_ascii_lowercase());
        (host.len() <= 253 && named && host.split('.').all(is_label)).then_some(host)
    }
}

fn is_word(b: u8) -> bool {
    // Letters beyond ASCII are of no host name, but of the word they stand in.
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_') || !b.is_ascii()
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, b) in text.bytes().chain([b' ']).enumerate() {
        match (is_word(b), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                found.push(Token {
                    text: &text[from..at],
                    start: from,
                    end: at,
                });
                start = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    found
}

fn beginning(text: &str) -> &str {
    let mut end = text.len().min(MOST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Whether what follows `://` is `user:password@` and not a host.
fn is_user(rest: &str) -> bool {
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '`'));
    rest[..end.unwrap_or(rest.len())].contains('@')
}

/// Whether between two words stands only that the second is the value of the first.
fn is_assigned(between: &str) -> bool {
    let bare = |c: char| matches!(c, ' ' | '\t' | '"' | '\'');
    matches!(between.trim_matches(bare), ":" | "=")
}

fn is_full(host: &str) -> bool {
    full_at(&host.split('.').collect::<Vec<_>>()).is_some()
}

/// Where `svc` stands in a full name.
fn full_at(labels: &[&str]) -> Option<usize> {
    labels.iter().position(|label| *label == "svc").filter(|at| *at >= 2)
}

/// Whether a key's value is an address: `DB_HOST`, `redis.addr`, `upstreamUrl`, `--server`.
fn is_address(key: &str) -> bool {
    let mut words: Vec<String> = Vec::new();
    let mut lower = false;
    for c in key.chars() {
        if !c.is_ascii_alphanumeric() {
            lower = false;
            words.push(String::new());
            continue;
        }
        if words.is_empty() || lower && c.is_ascii_uppercase() {
            words.push(String::new());
        }
        lower = c.is_ascii_lowercase();
        if let Some(word) = words.last_mut() {
            word.push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words.iter().any(|word| ADDRESSES.contains(&word.as_str())) && words.last().is_none_or(|last| !OTHERS.contains(&last.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_addresses_stand() {
        let table: [(&str, &str, &[&str]); 22] = [
            ("DB_HOST", "postgres", &["postgres"]),
            ("REDIS_ADDR", "redis-cluster.infrastructure:6379", &["redis-cluster.infrastructure"]),
            ("CART", "http://cart.shop.svc:80/x?y=z", &["cart.shop.svc"]),
            ("X", "cart.shop", &["cart.shop"]),
            ("X", "cart", &[]),
            ("DSN", "postgres://user:secret@db:5432/orders?sslmode=disable", &["db"]),
            ("DSN", "user:secret@tcp(mysql:3306)/orders", &["mysql"]),
            ("Q", "amqp://guest:guest@rabbit/", &["rabbit"]),
            ("M", "mongodb://m-0.m,m-1.m/db", &["m-0.m", "m-1.m"]),
            ("K", "kafka-0:9092,kafka-1:9092", &["kafka-0", "kafka-1"]),
            ("KAFKA_BROKERS", "kafka-0,kafka-1", &["kafka-0", "kafka-1"]),
            ("DB_NAME", "orders", &[]),
            ("OTEL_SERVICE_NAME", "cart", &[]),
            ("app.yaml", "redis:\n  host: redis\n  db: cache\nname: shop\n", &["redis"]),
            ("app.json", r#"{"upstreamUrl": "cart", "port": 80}"#, &["cart"]),
            (
                "nginx.conf",
                "upstream a { server web:8080; }\nproxy_pass http://api/v1;",
                &["web", "api"],
            ),
            ("X", "10.0.0.7:80", &[]),
            ("X", "2026-01-01T10:30:00Z", &[]),
            ("prometheus.yml", "scrape_configs:\n- targets: ['cart:80']", &[]),
            (
                "ARGS",
                "--log=info --backend=api.shop.svc.cluster.local.",
                &["api.shop.svc.cluster.local"],
            ),
            ("X", "mailto: ops@example.com", &["example.com"]),
            ("X", "größe http://straße http://cart", &["cart"]),
        ];
        for (key, text, expected) in table {
            let expected: BTreeSet<String> = expected.iter().map(|host| (*host).to_owned()).collect();
            assert_eq!(hosts(key, text), expected, "{key}={text}");
        }
    }

    #[test]
    fn a_host_name_may_stand_for_these_services() {
        assert_eq!(services("cart", "shop"), [("cart", "shop")]);
        assert_eq!(services("cart.shop", "web"), [("cart", "shop"), ("shop", "web")]);
        assert_eq!(services("cart.shop.svc.cluster.local", "web"), [("cart", "shop")]);
        assert_eq!(services("cart-0.cart.shop.svc", "web"), [("cart", "shop")]);
        assert_eq!(services("cart-0.cart.shop", "web"), [("cart", "shop")]);
        assert_eq!(services("a.b.example.com", "web"), []);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_and_every_name_stands_in_it(key in ".{0,20}", text in "(?s).{0,200}|([a-z]{1,3}(://|:|@|,|=|\\.| |8)){0,40}") {
            for host in hosts(&key, &text) {
                proptest::prop_assert!(text.contains(&host));
                proptest::prop_assert!(services(&host, "shop").len() <= 2);
            }
        }
    }
}
