//! TLS: whom we believe, whom we do not, and what we show of ourselves.

use crate::server::{Reply, Server};
use crate::world::*;
use gangway_egress::EgressConfig;
use gangway_model::code;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A certificate authority and what it signed.
pub(crate) struct Ca {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pub(crate) pem: String,
}

pub(crate) struct Leaf {
    der: CertificateDer<'static>,
    key: KeyPair,
    pub(crate) pem: String,
}

impl Ca {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { der: certificate.der().clone(), pem: certificate.pem(), issuer: Issuer::new(params, key) }
    }

    pub(crate) fn leaf(&self, name: &str, expired: bool) -> Leaf {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            params.not_before = rcgen::date_time_ymd(2000, 1, 1);
            params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Leaf { der: certificate.der().clone(), pem: certificate.pem(), key }
    }

    /// A server's configuration; with `clients`, it insists on a certificate of this authority.
    pub(crate) fn server(&self, name: &str, expired: bool, clients: bool) -> ServerConfig {
        let leaf = self.leaf(name, expired);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if clients {
            let mut roots = RootCertStore::empty();
            roots.add(self.der.clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(leaf.key.serialize_der()).unwrap();
        builder.with_single_cert(vec![leaf.der], key).unwrap()
    }
}

/// `scim.example` and `other.example` are this machine.
pub(crate) fn named() -> EgressConfig {
    let mut config = config();
    config.lookup = Names::of(&[("scim.example", &["127.0.0.1"]), ("other.example", &["127.0.0.1"])]);
    config
}

#[tokio::test]
async fn only_a_trusted_certificate_for_the_name_will_do() {
    let ca = Ca::new();
    let good = Server::tls(ca.server("scim.example", false, false), |_, _| Reply::status(200)).await;
    let expired = Server::tls(ca.server("scim.example", true, false), |_, _| Reply::status(200)).await;
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stranger = Ca::new().pem;
    let plain_url = format!("https://scim.example:{}", plain.local_addr().unwrap().port());
    tokio::spawn(async move {
        let (mut socket, _) = plain.accept().await.unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let table = [
        (good.named("scim.example"), Some(&ca.pem), None),
        (good.named("scim.example"), None, Some("tls.trusted.certificates")),
        (good.named("scim.example"), Some(&stranger), Some("tls.trusted.certificates")),
        (good.named("other.example"), Some(&ca.pem), Some("another name")),
        (expired.named("scim.example"), Some(&ca.pem), Some("expired")),
        (plain_url, Some(&ca.pem), Some("did not answer with TLS")),
    ];
    for (row, (url, trusted, expected)) in table.into_iter().enumerate() {
        let mut system = system(&url, &[]);
        if let Some(pem) = trusted {
            // As it comes from a shell: with `\n` for line breaks.
            let pem = if row == 0 { pem.replace('\n', "\\n") } else { pem.clone() };
            system.properties.insert("tls.trusted.certificates".into(), gangway_model::Property::plain(pem));
        }
        let answer = open_with(named(), &system).send(get(url.clone())).await;
        match expected {
            None => assert_eq!(answer.unwrap().status, 200, "row {row}"),
            Some(reason) => {
                let error = answer.unwrap_err();
                assert_eq!(error.code, code::TLS, "row {row}: {error}");
                let host = url.trim_start_matches("https://");
                assert!(error.message.contains(host) && error.message.contains(reason), "row {row}: {error}");
            }
        }
    }
    assert_eq!(good.count(), 1);
    assert_eq!(expired.count(), 0);
}

#[tokio::test]
async fn trust_all_trusts_all() {
    let server = Server::tls(Ca::new().server("other.example", true, false), |_, _| Reply::status(200)).await;
    let url = server.named("scim.example");
    let trusting = system(&url, &[("TrustAll", "true")]);
    assert_eq!(open_with(named(), &trusting).send(get(url)).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_client_certificate_is_shown_with_credentials_only() {
    let ca = Ca::new();
    let client = ca.leaf("client", false);
    let key = client.key.serialize_pem();
    let server = Server::tls(ca.server("scim.example", false, true), |_, _| Reply::status(200)).await;
    let url = server.named("scim.example");
    let mut properties = vec![
        ("Authentication", "ClientCertificateAuthentication"),
        ("ClientCertificate", client.pem.as_str()),
        ("ClientKey", key.as_str()),
        ("tls.trusted.certificates", ca.pem.as_str()),
    ];
    let egress = open_with(named(), &system(&url, &properties));
    assert_eq!(egress.send(authenticated(url.clone())).await.unwrap().status, 200);
    assert!(server.seen()[0].certificate);
    let error = egress.send(get(url.clone())).await.unwrap_err();
    assert_eq!(error.code, code::TLS, "{error}");
    assert!(error.message.contains("client certificate"), "{error}");

    // With a token service: the certificate buys the token, the token goes along.
    let service = Server::tls(ca.server("other.example", false, true), |_, _| {
        Reply::body(r#"{"access_token":"token-of-certificate"}"#)
    })
    .await;
    let token_url = format!("{}/token", service.named("other.example"));
    properties.extend([("OAuth2TokenServiceURL", token_url.as_str()), ("client_id", "c-1")]);
    let egress = open_with(named(), &system(&url, &properties));
    assert_eq!(egress.send(authenticated(url.clone())).await.unwrap().status, 200);
    let asked = &service.seen()[0];
    assert!(asked.certificate);
    assert_eq!(asked.body, "grant_type=client_credentials&client_id=c-1");
    assert_eq!(server.seen()[1].header("authorization"), Some("Bearer token-of-certificate"));

    // A key that does not fit is said when credentials are asked for.
    let stranger = KeyPair::generate().unwrap().serialize_pem();
    properties[2] = ("ClientKey", &stranger);
    let refused = gangway_egress::Egress::new(named()).for_system(&system(&url, &properties), Arc::default());
    let error = refused.unwrap_err();
    assert_eq!(error.code, code::CONFIGURATION);
    assert!(error.message.contains("ClientKey") && !error.message.contains("PRIVATE"), "{error}");
}

/// A server that speaks HTTP/2 only, and the number of its connections.
pub(crate) async fn http2(ca: &Ca, name: &str, body: &'static str) -> (u16, Arc<AtomicUsize>) {
    let mut config = ca.server(name, false, false);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let socket = acceptor.accept(socket).await.unwrap();
                let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| async move {
                    assert_eq!(request.version(), hyper::Version::HTTP_2);
                    Ok::<_, Infallible>(hyper::Response::new(reqwest::Body::from(body)))
                });
                let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    });
    (port, connections)
}

#[tokio::test]
async fn http2_is_spoken_where_the_server_can() {
    let ca = Ca::new();
    let body: &str = Box::leak("x".repeat(100_000).into_boxed_str());
    let (port, connections) = http2(&ca, "scim.example", body).await;
    let url = format!("https://scim.example:{port}");
    let egress = open_with(named(), &system(&url, &[("tls.trusted.certificates", &ca.pem)]));
    egress.send(get(url.clone())).await.unwrap();
    for answer in egress.send_many(vec![get(url.clone()); 20]).await {
        assert_eq!(answer.unwrap().body.len(), 100_000);
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1, "one connection carries them all");
}
