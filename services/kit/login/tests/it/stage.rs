//! A role with one page and one form, behind a proxy that ends TLS; a provider; a browser that keeps cookies and follows redirects.

use std::{collections::BTreeMap, time::Duration};

use axum::{Router, extract::FromRef, routing::get};
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use paramedic_login::{Config, FORM_TOKEN, Login, SecurityHeaders, SignedForm, SignedIn};
use paramedic_runtime::Clock;
use paramedic_testkit::oidc::{CLIENT_ID, CLIENT_SECRET, OidcProvider};
use serde::Deserialize;
use tokio::{net::TcpListener, task::JoinSet};
use url::{Url, form_urlencoded};

pub(crate) const PUBLIC_URL: &str = "https://paramedic.example.com";
pub(crate) const SECRET: &[u8] = b"a secret of the role, 32 bytes or more";
const START: &str = "2026-03-01T08:00:00Z";

#[derive(Clone, FromRef)]
struct Desk {
    login: Login,
}

#[derive(Deserialize)]
struct Decision {
    reason: String,
}

/// Everything that a story needs.
pub(crate) struct Stage {
    pub(crate) provider: OidcProvider,
    pub(crate) clock: Clock,
    address: String,
    public_url: String,
    _server: JoinSet<()>,
}

pub(crate) fn config(issuer: String) -> Config {
    Config {
        issuer,
        client_id: CLIENT_ID.into(),
        client_secret: CLIENT_SECRET.to_owned().into(),
        identity_claim: "email".into(),
        groups_claim: "groups".into(),
        scopes: vec!["openid".into(), "email".into(), "groups".into()],
        session_hours: 8,
    }
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(PUBLIC_URL, SECRET, |_| ()).await
    }

    pub(crate) async fn with(public_url: &str, secret: &[u8], change: impl FnOnce(&mut Config)) -> Self {
        let start: Timestamp = START.parse().unwrap();
        let provider = OidcProvider::start(start.as_second()).await.unwrap();
        let clock = Clock::manual(start);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let public_url = if public_url.is_empty() {
            address.clone()
        } else {
            public_url.to_owned()
        };
        provider.register(format!("{public_url}/login/callback"));
        let mut config = config(provider.issuer());
        change(&mut config);
        let login = Login::new(config, &public_url, secret, clock.clone()).unwrap();
        let pages = Router::new()
            .route("/gates", get(page).post(decide))
            .route("/gates/{id}", get(page));
        let routes = login.routes().merge(pages.with_state(Desk { login }));
        let routes = SecurityHeaders::new(&public_url).on(routes);
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self {
            provider,
            clock,
            address,
            public_url,
            _server: server,
        }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser {
            public_url: self.public_url.clone(),
            address: self.address.clone(),
            cookies: BTreeMap::new(),
            client: reqwest_client(),
        }
    }

    /// A browser that has signed in.
    pub(crate) async fn signed_in(&self) -> Browser {
        let mut browser = self.browser();
        let answer = browser.follow("/login?return=/gates").await;
        assert_eq!((answer.status, answer.path.as_str()), (StatusCode::OK, "/gates"), "{}", answer.body);
        browser
    }

    /// Lets time pass here and at the provider.
    pub(crate) fn pass(&self, span: Duration) {
        self.clock.advance(span);
        self.provider.set_time(self.clock.now().as_second());
    }
}

fn reqwest_client() -> reqwest::Client {
    paramedic_runtime::http::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

async fn page(who: SignedIn) -> String {
    let session = who.session;
    format!(
        "{} {} {} {}",
        session.identity,
        session.subject,
        session.groups.join("+"),
        who.form_token
    )
}

async fn decide(form: SignedForm<Decision>) -> String {
    format!("{} decided: {}", form.session.identity, form.fields.reason)
}

/// What a browser got at the end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// Path and query that answered.
    pub(crate) path: String,
}

impl Answer {
    pub(crate) fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |value| value.to_str().unwrap())
    }
}

/// A browser: one jar of cookies for the role, none for the provider.
pub(crate) struct Browser {
    public_url: String,
    address: String,
    pub(crate) cookies: BTreeMap<String, String>,
    client: reqwest::Client,
}

impl Browser {
    /// Opens a page.
    pub(crate) async fn get(&mut self, url: &str) -> Answer {
        self.fetch(url, "text/html,*/*;q=0.8").await
    }

    pub(crate) async fn fetch(&mut self, url: &str, accept: &str) -> Answer {
        let (ours, url) = self.resolve(url);
        let request = self.client.get(&url).header(header::ACCEPT, accept);
        self.send(request, &url, ours).await
    }

    /// As [`Browser::get`], and on through redirects.
    pub(crate) async fn follow(&mut self, url: &str) -> Answer {
        let mut answer = self.get(url).await;
        for _ in 0..10 {
            if !answer.status.is_redirection() {
                return answer;
            }
            let next = answer.location().to_owned();
            answer = self.get(&next).await;
        }
        panic!("redirected for ever: {answer:?}")
    }

    /// Begins a sign-in and lets the provider answer: the address of the callback, not yet visited.
    pub(crate) async fn until_callback(&mut self) -> String {
        let begun = self.get("/login?return=/gates").await;
        assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.body);
        let url = begun.location().to_owned();
        self.get(&url).await.location().to_owned()
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&'static str, &str)]) -> Answer {
        let (ours, url) = self.resolve(path);
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = self
            .client
            .post(&url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request, &url, ours).await
    }

    /// A form of our own page, as a browser sends it.
    pub(crate) async fn submit(&mut self, path: &str, token: &str) -> Answer {
        let fields = [(FORM_TOKEN, token), ("reason", "looks right & small")];
        self.post(path, &fields, &[("sec-fetch-site", "same-origin"), ("origin", "null")])
            .await
    }

    /// The token in the page's form.
    pub(crate) async fn form_token(&mut self) -> String {
        let page = self.get("/gates").await;
        assert_eq!(page.status, StatusCode::OK);
        page.body.rsplit(' ').next().unwrap().to_owned()
    }

    pub(crate) fn session_cookie(&mut self) -> &mut String {
        self.cookies.get_mut("__Host-paramedic").expect("signed in")
    }

    /// Whether the page opens.
    pub(crate) async fn is_signed_in(&mut self) -> bool {
        self.get("/gates").await.status == StatusCode::OK
    }

    fn resolve(&self, url: &str) -> (bool, String) {
        match url.strip_prefix(self.public_url.as_str()) {
            Some(path) => (true, format!("{}{path}", self.address)),
            None if url.starts_with('/') => (true, format!("{}{url}", self.address)),
            None => (false, url.to_owned()),
        }
    }

    async fn send(&mut self, mut request: reqwest::RequestBuilder, url: &str, ours: bool) -> Answer {
        if ours && !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        let answer = request.send().await.unwrap();
        let headers = answer.headers().clone();
        for set in headers.get_all(header::SET_COOKIE) {
            let (pair, attributes) = set.to_str().unwrap().split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let url = Url::parse(url).unwrap();
        Answer {
            status: answer.status(),
            path: url[url::Position::BeforePath..].to_owned(),
            body: answer.text().await.unwrap(),
            headers,
        }
    }
}
