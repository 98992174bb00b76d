//! TLS to PostgreSQL with libpq's meaning of `sslmode`, for options that the driver does not support.
//!
//! A mode that does not verify accepts any certificate, including one of X.509 version 1, whose signature proves
//! nothing without an authority. A mode that verifies trusts only the authorities of `sslrootcert`, because with
//! `verify-ca` any certificate of a public authority would be accepted. `verify-full` without a file trusts the
//! system's authorities.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::certificate;
use super::error::{DbErrorKind, Error};
use super::url::{PostgresTarget, SslMode, SslNegotiation, TlsVersion};

/// Builds the TLS configuration of a target.
///
/// # Errors
/// Returns an error if a file can no longer be read that was readable when the URL was parsed.
pub(super) fn client_config(target: &PostgresTarget) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (oldest, newest) = target.tls.versions;
    let versions = [(TlsVersion::V12, &rustls::version::TLS12), (TlsVersion::V13, &rustls::version::TLS13)];
    let versions: Vec<_> = versions
        .into_iter()
        .filter(|(version, _)| (oldest..=newest).contains(version))
        .map(|(_, known)| known)
        .collect();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&versions);
    let builder = builder.map_err(failed)?.dangerous().with_custom_certificate_verifier(verifier(target, provider)?);
    let mut config = match &target.tls.client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
            builder.with_client_auth_cert(certificates(certificate)?, key).map_err(failed)?
        }
    };
    config.enable_sni = target.tls.sends_host_name;
    if target.tls.negotiation == SslNegotiation::Direct {
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(config)
}

fn failed(error: rustls::Error) -> Error {
    Error::new(DbErrorKind::Tls, format!("TLS failed: {error}"))
}

fn unreadable(file: &Path) -> impl Fn(rustls::pki_types::pem::Error) -> Error {
    let file = file.display().to_string();
    move |error| Error::new(DbErrorKind::Tls, format!("`{}` cannot be read: {error}", file.escape_debug()))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found = CertificateDer::pem_file_iter(file).map_err(unreadable(file))?;
    found.collect::<Result<_, _>>().map_err(unreadable(file))
}

fn verifier(target: &PostgresTarget, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    let mut trusted = match &target.tls.root_cert {
        Some(file) => certificates(file)?,
        None if target.ssl_mode < SslMode::VerifyCa => return Ok(Arc::new(AnyCertificate)),
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut links = Vec::new();
    if let Some(file) = &target.tls.root_cert {
        // as in libpq, a chain ends at a self-signed certificate; other certificates of the file are intermediate ones
        (trusted, links) = trusted.into_iter().partition(certificate::is_self_issued);
        if trusted.is_empty() {
            let text = format!(
                "TLS failed: `{}` contains no root certificate, only intermediate certificates",
                file.display()
            );
            return Err(Error::new(DbErrorKind::Tls, text));
        }
    }
    let (_, unusable) = roots.add_parsable_certificates(trusted.iter().cloned());
    if unusable > 0 {
        tracing::debug!(unusable, "certificates of authorities cannot be used");
    }
    let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let chain = chain.map_err(|error| Error::new(DbErrorKind::Tls, format!("TLS failed: {error}")))?;
    let names = if target.ssl_mode == SslMode::VerifyFull { HostName::Checked } else { HostName::Ignored };
    // none of the system's authorities is the server itself
    let trusted = if target.tls.root_cert.is_some() { trusted } else { Vec::new() };
    Ok(Arc::new(TrustedCertificate { chain, trusted, links, names }))
}

/// Verifier that accepts every certificate and every signature.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED25519,
            SignatureScheme::ED448,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
            SignatureScheme::RSA_PKCS1_SHA1,
            SignatureScheme::ECDSA_SHA1_Legacy,
        ]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HostName {
    Checked,
    Ignored,
}

/// Verifier that accepts certificates of the trusted authorities, and a server's own certificate that is listed among
/// them.
#[derive(Debug)]
struct TrustedCertificate {
    chain: Arc<WebPkiServerVerifier>,
    trusted: Vec<CertificateDer<'static>>,
    links: Vec<CertificateDer<'static>>,
    names: HostName,
}

impl TrustedCertificate {
    /// Checks that a certificate is for this host. Like libpq, it uses the common name if there are no alternative
    /// names.
    fn is_for(&self, certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), rustls::Error> {
        if self.names == HostName::Ignored || certificate::has_common_name(certificate, &name.to_str()) {
            return Ok(());
        }
        verify_server_name(&ParsedCertificate::try_from(certificate)?, name)
    }
}

impl ServerCertVerifier for TrustedCertificate {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let links: Vec<_> = intermediates.iter().chain(&self.links).cloned().collect();
        let verified = self.chain.verify_server_cert(end_entity, &links, server_name, ocsp_response, now);
        let is_known = match &verified {
            Ok(_) => true,
            Err(error) if is_about_name(error) => true,
            // a certificate that is its own authority; its dates were checked before
            Err(error) => is_about_authority(error) && self.trusted.contains(end_entity),
        };
        match verified {
            Err(_) if is_known => {
                self.is_for(end_entity, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

fn is_about_name(error: &rustls::Error) -> bool {
    use CertificateError::{NotValidForName, NotValidForNameContext};
    matches!(error, rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }))
}

fn is_about_authority(error: &rustls::Error) -> bool {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            other.to_string().contains("CaUsedAsEndEntity")
        }
        _ => false,
    }
}
