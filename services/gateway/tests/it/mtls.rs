//! A source that is known by its client certificate, on a listener with TLS whose files change.

use std::{fs, path::Path};

use paramedic_runtime::{
    config::HttpListener,
    tls::{Peer, TlsListener},
};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet};

use crate::harness::{FIRING, PATH, bus, routes};

/// An authority and its certificate in PEM.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// A certificate for a name and its key, in PEM.
    fn issue(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// Writes the server's files and says where they are.
fn files(folder: &Path, servers: &Authority, clients: &Authority) -> HttpListener {
    let (certificate, key) = servers.issue("localhost", ExtendedKeyUsagePurpose::ServerAuth);
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path
    };
    HttpListener {
        listen: "127.0.0.1:0".parse().unwrap(),
        certificate_file: write("certificate.pem", &certificate),
        key_file: write("key.pem", &key),
        client_ca_file: write("clients.pem", &clients.pem),
    }
}

/// The status of a webhook from somebody with this certificate; `None`: there was no connection.
async fn status(port: u16, servers: &Authority, identity: Option<&(String, String)>) -> Option<u16> {
    let root = reqwest::Certificate::from_pem(servers.pem.as_bytes()).unwrap();
    let mut client = reqwest::Client::builder().tls_certs_only([root]);
    if let Some((certificate, key)) = identity {
        client = client.identity(reqwest::Identity::from_pem(format!("{certificate}{key}").as_bytes()).unwrap());
    }
    let request = client.build().unwrap().post(format!("https://localhost:{port}{PATH}"));
    let answer = request.header("content-type", "application/json").body(FIRING).send().await;
    answer.ok().map(|answer| answer.status().as_u16())
}

#[tokio::test]
async fn a_source_is_known_by_its_certificate_and_certificates_change_without_a_restart() {
    let folder = TempDir::new().unwrap();
    let (servers, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let settings = "[gateway.sources.alertmanager]\nclient_names = ['alertmanager.monitoring.svc']";
    let bus = bus(&folder.path().join("bus")).await;
    let routes = routes(&bus, settings).await;
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = tcp.local_addr().unwrap().port();
    let listener = TlsListener::new(tcp, &files(folder.path(), &servers, &clients))
        .unwrap()
        .ok()
        .unwrap();
    let mut serving = JoinSet::new();
    let service = routes.into_make_service_with_connect_info::<Peer>();
    serving.spawn(async move { axum::serve(listener, service).await.unwrap() });

    let client = ExtendedKeyUsagePurpose::ClientAuth;
    let known = clients.issue("alertmanager.monitoring.svc", client.clone());
    let other = clients.issue("web.shop.svc", client.clone());
    let stranger = strangers.issue("alertmanager.monitoring.svc", client.clone());
    assert_eq!(status(port, &servers, Some(&known)).await, Some(200));
    assert_eq!(status(port, &servers, Some(&other)).await, Some(401));
    assert_eq!(status(port, &servers, None).await, Some(401));
    assert_eq!(status(port, &servers, Some(&stranger)).await, None, "of another authority");
    assert_eq!(
        status(port, &strangers, Some(&known)).await,
        None,
        "the client checks the server too"
    );

    // Another certificate of another authority: the next connection sees it.
    let next = Authority::new();
    files(folder.path(), &next, &clients);
    assert_eq!(status(port, &next, Some(&known)).await, Some(200));
    fs::write(folder.path().join("key.pem"), "no key").unwrap();
    assert_eq!(
        status(port, &next, Some(&known)).await,
        Some(200),
        "what cannot be used changes nothing"
    );
}
