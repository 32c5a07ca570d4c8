//! TLS of the HTTP listener: certificates that may change while we run, and who a client says it is with its own.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{extract::connect_info::Connected, serve::IncomingStream};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    config::{HttpListener, Invalid},
    serve::at_once,
};

/// How long a client may take for its part of the handshake.
const PATIENCE: Duration = Duration::from_secs(10);
/// Handshakes at once; clients beyond wait in the system's queue.
const MAX_HANDSHAKES: usize = 256;
/// Pause after the system could not accept (no descriptors left).
const PAUSE: Duration = Duration::from_millis(100);

/// Files in PEM.
#[derive(Debug, Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    /// Authority of client certificates.
    client_ca: Option<PathBuf>,
}

type Stamp = [Option<(SystemTime, u64)>; 3];

impl Files {
    /// What changes when one of the files does.
    fn stamp(&self) -> Stamp {
        let of = |path: &Path| fs::metadata(path).ok().and_then(|file| Some((file.modified().ok()?, file.len())));
        [of(&self.certificate), of(&self.key), self.client_ca.as_deref().and_then(of)]
    }

    fn acceptor(&self) -> Result<TlsAcceptor, Invalid> {
        rustls::crypto::ring::default_provider().install_default().ok();
        let problem =
            |key: &str, path: &Path, error: &dyn std::fmt::Display| Invalid::new(key, format!("cannot use {}: {error}", path.display()));
        let chain = |key: &str, path: &Path| {
            CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| problem(key, path, &error))
        };
        let builder = match &self.client_ca {
            None => ServerConfig::builder().with_no_client_auth(),
            Some(path) => {
                let key = "http.client_ca_file";
                let mut roots = RootCertStore::empty();
                for authority in chain(key, path)? {
                    roots.add(authority).map_err(|error| problem(key, path, &error))?;
                }
                // A certificate is asked for and not required: links in messages and probes come without one. Whoever must have one is
                // checked where it matters.
                let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).allow_unauthenticated().build();
                ServerConfig::builder().with_client_cert_verifier(verifier.map_err(|error| problem(key, path, &error))?)
            }
        };
        let certificates = chain("http.certificate_file", &self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| problem("http.key_file", &self.key, &error))?;
        let mut config = builder
            .with_single_cert(certificates, key)
            .map_err(|error| problem("http.certificate_file", &self.certificate, &error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Listens with TLS. Its files are read again when they change; ones that cannot be used are reported, and the old ones stay.
pub struct TlsListener {
    tcp: TcpListener,
    files: Files,
    stamp: Stamp,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl TlsListener {
    /// Encrypts a listener, where its settings name a certificate; otherwise gives it back.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn new(tcp: TcpListener, settings: &HttpListener) -> Result<Result<Self, TcpListener>, Invalid> {
        let some = |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| path.clone());
        let Some((certificate, key)) = some(&settings.certificate_file).zip(some(&settings.key_file)) else {
            return Ok(Err(tcp));
        };
        let files = Files {
            certificate,
            key,
            client_ca: some(&settings.client_ca_file),
        };
        Ok(Ok(Self {
            stamp: files.stamp(),
            acceptor: files.acceptor()?,
            files,
            tcp,
            handshakes: JoinSet::new(),
        }))
    }

    fn refresh(&mut self) {
        let now = self.files.stamp();
        if now == self.stamp {
            return;
        }
        self.stamp = now;
        match self.files.acceptor() {
            Ok(acceptor) => {
                tracing::info!("the certificates changed and were read again");
                self.acceptor = acceptor;
            }
            Err(error) => tracing::warn!(%error, "the certificates changed and cannot be used; the old ones stay"),
        }
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                Some(shaken) = self.handshakes.join_next() => {
                    if let Ok(Some(connection)) = shaken {
                        return connection;
                    }
                }
                accepted = self.tcp.accept(), if self.handshakes.len() < MAX_HANDSHAKES => match accepted {
                    Ok((stream, address)) => {
                        self.refresh();
                        at_once(&stream);
                        let handshake = self.acceptor.accept(stream);
                        self.handshakes.spawn(async move {
                            match tokio::time::timeout(PATIENCE, handshake).await {
                                Ok(Ok(stream)) => Some((stream, address)),
                                Ok(Err(error)) => {
                                    tracing::debug!(%address, %error, "no TLS connection");
                                    None
                                }
                                Err(_) => None,
                            }
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// Who is at the other end of a connection, as far as its certificate says so.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// Verified against the authority of client certificates.
    certificate: Option<CertificateDer<'static>>,
}

impl Peer {
    /// The first of these DNS names that its certificate was issued for.
    #[must_use]
    pub fn name_among<'a>(&self, names: &'a [String]) -> Option<&'a str> {
        let certificate = self
            .certificate
            .as_ref()
            .and_then(|der| webpki::EndEntityCert::try_from(der).ok())?;
        let fits = |name: &str| {
            let name = ServerName::try_from(name).ok();
            name.is_some_and(|name| certificate.verify_is_valid_for_subject_name(&name).is_ok())
        };
        names.iter().map(String::as_str).find(|name| fits(name))
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        let (_, session) = stream.io().get_ref();
        Self {
            certificate: session
                .peer_certificates()
                .and_then(<[_]>::first)
                .map(|der| der.clone().into_owned()),
        }
    }
}
