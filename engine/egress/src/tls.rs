//! The one TLS configuration, for HTTP and for streams.

use gangway_model::{PluginError, System, code};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::Arc;

/// PEM certificates trusted beside the public ones.
pub(crate) const TRUSTED: &str = "tls.trusted.certificates";
/// The client certificate chain, PEM.
pub(crate) const CLIENT_CERTIFICATE: &str = "ClientCertificate";
/// Its private key, PEM.
pub(crate) const CLIENT_KEY: &str = "ClientKey";

/// A client certificate chain with its key.
pub(crate) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The configuration for a system; `alpn` is for HTTP only.
pub(crate) fn configuration(
    system: &System,
    identity: Option<Identity>,
    alpn: &[&[u8]],
) -> Result<ClientConfig, PluginError> {
    let wrong = |property: &str, text: String| {
        PluginError::new(
            code::CONFIGURATION,
            format!("system \"{}\": the property {property} {text}", system.name),
        )
        .with("property", property)
    };
    // Given explicitly: a process-wide provider would be anyone's to change.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| PluginError::new(code::INTERNAL, format!("TLS cannot be set up: {error}")))?;
    let builder = if system.flag("TrustAll", false) {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(TrustAll(provider)))
    } else {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(pem) = system.property(TRUSTED) {
            for certificate in certificates(pem).map_err(|text| wrong(TRUSTED, text))? {
                roots.add(certificate).map_err(|error| {
                    wrong(TRUSTED, format!("holds a certificate that cannot be trusted: {error}"))
                })?;
            }
        }
        builder.with_root_certificates(roots)
    };
    let mut configuration = match identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|error| {
            wrong(CLIENT_KEY, format!("does not fit the property {CLIENT_CERTIFICATE}: {error}"))
        })?,
    };
    configuration.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(configuration)
}

/// The client certificate of a system.
pub(crate) fn identity(system: &System) -> Result<Identity, PluginError> {
    let pem = |property: &str| {
        system.property(property).filter(|text| !text.trim().is_empty()).ok_or_else(|| {
            PluginError::new(
                code::CONFIGURATION,
                format!(
                    "system \"{}\": Authentication is ClientCertificateAuthentication, but the property {property} \
                     is not set; give it the {} as PEM text, as a credential",
                    system.name,
                    if property == CLIENT_KEY { "private key" } else { "certificate chain" }
                ),
            )
            .with("property", property)
        })
    };
    let wrong = |property: &str, text: &str| {
        PluginError::new(
            code::CONFIGURATION,
            format!("system \"{}\": the property {property} {text}", system.name),
        )
        .with("property", property)
    };
    let chain = certificates(pem(CLIENT_CERTIFICATE)?).map_err(|text| wrong(CLIENT_CERTIFICATE, &text))?;
    // The parser's own error is not shown: it could quote the key.
    let key = PrivateKeyDer::from_pem_slice(unfold(pem(CLIENT_KEY)?).as_bytes()).map_err(|_| {
        wrong(
            CLIENT_KEY,
            "holds no readable private key; give it as unencrypted PEM (PKCS#8, PKCS#1 or SEC1)",
        )
    })?;
    Ok((chain, key))
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(unfold(pem).as_bytes())
        .map(|item| item.map(|c| c.into_owned()))
        .collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err("holds no certificate; give it as PEM text (-----BEGIN CERTIFICATE-----)".to_owned()),
        Err(error) => Err(format!("is no PEM text: {error:?}")),
    }
}

/// Properties set on a command line or in JSON often carry `\n` for the line breaks.
fn unfold(pem: &str) -> String {
    pem.replace("\\n", "\n")
}

/// What went wrong in a handshake, and what to do about it.
pub(crate) fn reason(error: &rustls::Error) -> String {
    let hint = match error {
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => {
            "the server's certificate is not signed by a trusted authority; if it is your own, give its \
              certificate as PEM in the property tls.trusted.certificates"
        }
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "the server's certificate has expired; renew it",
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the server's certificate is for another name; use that name in the URL",
        rustls::Error::InvalidMessage(_) => {
            "the server did not answer with TLS; check port and scheme of the URL"
        }
        rustls::Error::AlertReceived(_) => {
            "the server refused the handshake; it may ask for a client certificate (Authentication = \
             ClientCertificateAuthentication) or speak other TLS versions"
        }
        _ => "check the server's certificate and TLS versions",
    };
    format!("{error}: {hint}")
}

/// `TrustAll`: any certificate will do. The handshake's own signature is still checked, so the peer
/// holds the key of the certificate that it shows.
#[derive(Debug)]
struct TrustAll(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAll {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
