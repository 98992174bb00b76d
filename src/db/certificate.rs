//! Certificate checks that libpq makes and the TLS library does not: the issuer and the common name.

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::asn1::{PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::der::{Any, Decode as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// Returns true if the certificate names its own subject as its issuer.
pub(super) fn is_self_issued(certificate: &CertificateDer<'_>) -> bool {
    Certificate::from_der(certificate)
        .is_ok_and(|parsed| parsed.tbs_certificate.issuer == parsed.tbs_certificate.subject)
}

/// Returns true if the certificate has no alternative name and its common name matches the host. A leading `*.` matches
/// one label.
pub(super) fn has_common_name(certificate: &CertificateDer<'_>, host: &str) -> bool {
    let Ok(parsed) = Certificate::from_der(certificate) else { return false };
    let parsed = parsed.tbs_certificate;
    match parsed.get::<SubjectAltName>() {
        Ok(None) => {}
        Ok(Some((_, SubjectAltName(names)))) => {
            let is_host = |name: &GeneralName| matches!(name, GeneralName::DnsName(_) | GeneralName::IpAddress(_));
            if names.iter().any(is_host) {
                return false;
            }
        }
        Err(_) => return false,
    }
    let attributes = parsed.subject.0.iter().flat_map(|part| part.0.iter());
    let mut names = attributes.filter(|attribute| attribute.oid == COMMON_NAME);
    names.any(|attribute| text(&attribute.value).is_some_and(|name| matches(&name, host)))
}

fn text(value: &Any) -> Option<String> {
    let utf8 = value.decode_as::<Utf8StringRef<'_>>().map(|text| text.to_string());
    let printable = || value.decode_as::<PrintableStringRef<'_>>().map(|text| text.to_string());
    let teletex = || value.decode_as::<TeletexStringRef<'_>>().map(|text| text.to_string());
    utf8.or_else(|_| printable()).or_else(|_| teletex()).ok()
}

fn matches(name: &str, host: &str) -> bool {
    let is_same = |one: &str, other: &str| !one.is_empty() && one.eq_ignore_ascii_case(other);
    match (name.strip_prefix("*."), host.split_once('.')) {
        (Some(rest), Some((label, domain))) => !label.is_empty() && rest.contains('.') && is_same(rest, domain),
        (Some(_), None) => false,
        (None, _) => is_same(name, host),
    }
}
