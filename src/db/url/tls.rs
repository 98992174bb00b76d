//! Encryption settings of a URL by libpq's rules: the mode, the trusted authorities, and the client's certificate.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::invalid::InvalidUrl;
use super::service::quoted;
use super::settings::{UrlSetting, UrlSettings};

/// Values of libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// `disable`: the connection never uses TLS.
    Disable,
    /// `allow`: the connection uses TLS only if the server requires it.
    Allow,
    /// `prefer`: the connection uses TLS if the server supports it.
    Prefer,
    /// `require`: the connection uses TLS without checking the certificate.
    Require,
    /// `verify-ca`: the connection uses TLS and checks the certificate against the authority.
    VerifyCa,
    /// `verify-full`: the connection uses TLS and checks the certificate and the host name.
    VerifyFull,
}

pub(super) const SSL_MODES: [(&str, SslMode); 6] = [
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

/// Start of the TLS handshake, from `sslnegotiation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslNegotiation {
    /// The handshake begins after PostgreSQL's request for TLS.
    Request,
    /// The handshake begins immediately.
    Direct,
}

/// Version of the TLS protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2, the oldest supported version.
    V12,
    /// TLS 1.3, the newest supported version.
    V13,
}

/// TLS settings other than the mode.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// PEM file of the only trusted authorities; `None` selects the system's authorities.
    pub root_cert: Option<PathBuf>,
    /// PEM files of the client's certificate and of its key.
    pub client: Option<(PathBuf, PathBuf)>,
    /// Start of the TLS handshake.
    pub negotiation: SslNegotiation,
    /// True if the handshake names the host.
    pub sends_host_name: bool,
    /// Oldest and newest version that is accepted.
    pub versions: (TlsVersion, TlsVersion),
}

/// Reads the mode and the other TLS settings.
pub(super) fn read(settings: &mut UrlSettings, home: Option<&Path>) -> Result<(SslMode, TlsSettings), InvalidUrl> {
    let given = settings.take("sslmode");
    let mode = given.as_ref().map(mode).transpose()?;
    let binding = settings.take("channel_binding");
    let needs_identity = match binding.as_ref().map(|setting| (setting, setting.value.as_str())) {
        None | Some((_, "disable" | "prefer")) => false,
        Some((_, "require")) => true,
        Some((setting, _)) => {
            return Err(setting.refuse("channel_binding", "is unknown", "use one of disable, prefer, require"));
        }
    };
    let root = settings.take("sslrootcert");
    let (root_cert, mode) = authorities(root.as_ref(), mode, given.as_ref(), home)?;
    let mode = if needs_identity { SslMode::VerifyFull } else { mode };
    let negotiation = negotiation(settings.take("sslnegotiation"), mode)?;
    let tls = TlsSettings {
        root_cert,
        client: client(settings, home)?,
        negotiation,
        sends_host_name: switch(settings.take("sslsni"), "sslsni")?.unwrap_or(true),
        versions: versions(settings)?,
    };
    Ok((mode, tls))
}

fn mode(setting: &UrlSetting) -> Result<SslMode, InvalidUrl> {
    SSL_MODES.iter().find(|(name, _)| *name == setting.value).map(|(_, mode)| *mode).ok_or_else(|| {
        let names = SSL_MODES.map(|(name, _)| name).join(", ");
        let hint = match setting.value.as_str() {
            "no-verify" => "write sslmode=require, which does not check the certificate either".to_owned(),
            "on" | "true" | "1" | "yes" => format!("write require for TLS; use one of {names}"),
            "off" | "false" | "0" | "no" => format!("write disable for no TLS; use one of {names}"),
            _ => format!("use one of {names}"),
        };
        setting.refuse("sslmode", "is unknown", hint)
    })
}

/// Reads the trusted authorities and the mode that results. With a file, `require` also checks the certificate.
fn authorities(
    root: Option<&UrlSetting>,
    mode: Option<SslMode>,
    given: Option<&UrlSetting>,
    home: Option<&Path>,
) -> Result<(Option<PathBuf>, SslMode), InvalidUrl> {
    if let Some(root) = root.filter(|root| root.value == "system") {
        return match mode {
            None | Some(SslMode::VerifyFull) => Ok((None, SslMode::VerifyFull)),
            Some(_) => Err(given.unwrap_or(root).refuse(
                "sslmode",
                "is too weak for sslrootcert=system: any certificate of a public authority would be accepted",
                "write sslmode=verify-full",
            )),
        };
    }
    let mode = mode.unwrap_or(SslMode::Prefer);
    let uses_tls = mode != SslMode::Disable;
    let standard =
        || home.filter(|_| uses_tls).map(|home| home.join(".postgresql/root.crt")).filter(|file| file.exists());
    let file = root.map(|root| PathBuf::from(&root.value)).or_else(standard);
    if let Some(file) = &file {
        readable_certificates(file)
            .map_err(|why| refuse(root, "sslrootcert", file, &why, "name a PEM file that this user can read"))?;
    }
    let mode = match mode {
        SslMode::Require if file.is_some() => SslMode::VerifyCa,
        SslMode::VerifyCa if file.is_none() => {
            return Err(InvalidUrl::new(
                "sslmode=verify-ca has no file of authorities, so any certificate of a public authority would be accepted",
                "name the file in sslrootcert, or write sslmode=verify-full",
            ));
        }
        mode => mode,
    };
    Ok((file, mode))
}

fn refuse(setting: Option<&UrlSetting>, name: &str, file: &Path, why: &str, hint: &str) -> InvalidUrl {
    let what = format!("{} {why}", quoted(file));
    match setting {
        Some(setting) => setting.refuse(name, &what, hint),
        None => InvalidUrl::new(format!("the default {name} {what}"), hint),
    }
}

fn negotiation(setting: Option<UrlSetting>, mode: SslMode) -> Result<SslNegotiation, InvalidUrl> {
    let Some(setting) = setting else { return Ok(SslNegotiation::Request) };
    match setting.value.as_str() {
        "postgres" => Ok(SslNegotiation::Request),
        "direct" if mode >= SslMode::Require => Ok(SslNegotiation::Direct),
        "direct" => {
            Err(setting.refuse("sslnegotiation", "needs a stronger sslmode", "write sslmode=require or stronger"))
        }
        _ => Err(setting.refuse("sslnegotiation", "is unknown", "use one of postgres, direct")),
    }
}

/// Reads the client's certificate and key. Returns both files, the default ones if both exist, or `None`.
fn client(settings: &mut UrlSettings, home: Option<&Path>) -> Result<Option<(PathBuf, PathBuf)>, InvalidUrl> {
    let (cert, key) = (settings.take("sslcert"), settings.take("sslkey"));
    match settings.take("sslcertmode") {
        Some(mode) if mode.value == "disable" => return Ok(None),
        Some(mode) if mode.value != "allow" => {
            return Err(mode.refuse("sslcertmode", "cannot be honoured", "use one of allow, disable"));
        }
        _ => {}
    }
    let standard = |name: &str| home.map(|home| home.join(".postgresql").join(name)).filter(|file| file.exists());
    let of = |setting: &Option<UrlSetting>, name: &str| {
        setting.as_ref().map(|setting| PathBuf::from(&setting.value)).or_else(|| standard(name))
    };
    let (certificate_file, key_file) = (of(&cert, "postgresql.crt"), of(&key, "postgresql.key"));
    let (certificate_file, key_file) = match (certificate_file, key_file) {
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(certificate), None) => {
            let why = "has no key beside it";
            return Err(refuse(cert.as_ref(), "sslcert", &certificate, why, "name the key in sslkey (PGSSLKEY)"));
        }
        (None, Some(file)) if key.is_some() => {
            let why = "has no certificate beside it";
            return Err(refuse(key.as_ref(), "sslkey", &file, why, "name the certificate in sslcert (PGSSLCERT)"));
        }
        (None, _) => return Ok(None),
    };
    let hint = "name a PEM file that this user can read";
    readable_certificates(&certificate_file)
        .map_err(|why| refuse(cert.as_ref(), "sslcert", &certificate_file, &why, hint))?;
    readable_key(&key_file).map_err(|why| {
        refuse(key.as_ref(), "sslkey", &key_file, &why, "name a PEM file that this user can read, not encrypted")
    })?;
    Ok(Some((certificate_file, key_file)))
}

/// Returns an error with the reason if the file contains no certificates.
fn readable_certificates(file: &Path) -> Result<(), String> {
    let bytes = regular_file(file)?;
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        certificate.map_err(|_| "contains a certificate that is not PEM".to_owned())?;
        found += 1;
    }
    if found == 0 { Err("contains no certificate in PEM".to_owned()) } else { Ok(()) }
}

fn readable_key(file: &Path) -> Result<(), String> {
    let bytes = regular_file(file)?;
    PrivateKeyDer::from_pem_slice(&bytes)
        .map(|_| ())
        .map_err(|_| "contains no unencrypted private key in PEM".to_owned())
}

fn regular_file(file: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    if !std::fs::metadata(file).map_err(unreadable)?.is_file() {
        return Err("cannot be read: it is not a regular file".to_owned());
    }
    std::fs::read(file).map_err(unreadable)
}

fn versions(settings: &mut UrlSettings) -> Result<(TlsVersion, TlsVersion), InvalidUrl> {
    const OLDEST: &str = "ssl_min_protocol_version";
    const NEWEST: &str = "ssl_max_protocol_version";
    let oldest = match settings.take(OLDEST) {
        // older versions are accepted as a lower bound, and never used
        Some(setting) if matches!(setting.value.as_str(), "TLSv1" | "TLSv1.1") => TlsVersion::V12,
        setting => version(setting.as_ref(), OLDEST)?.unwrap_or(TlsVersion::V12),
    };
    let newest = settings.take(NEWEST);
    let bound = version(newest.as_ref(), NEWEST)?.unwrap_or(TlsVersion::V13);
    match newest {
        Some(newest) if bound < oldest => {
            Err(newest.refuse(NEWEST, "is older than ssl_min_protocol_version", "exchange the two"))
        }
        _ => Ok((oldest, bound)),
    }
}

fn version(setting: Option<&UrlSetting>, name: &str) -> Result<Option<TlsVersion>, InvalidUrl> {
    match setting.map(|setting| (setting, setting.value.as_str())) {
        None => Ok(None),
        Some((_, "TLSv1.2")) => Ok(Some(TlsVersion::V12)),
        Some((_, "TLSv1.3")) => Ok(Some(TlsVersion::V13)),
        Some((setting, _)) => Err(setting.refuse(name, "is unknown or too old", "use one of TLSv1.2, TLSv1.3")),
    }
}

/// Parses libpq's switch of `0` and `1`.
pub(super) fn switch(setting: Option<UrlSetting>, name: &str) -> Result<Option<bool>, InvalidUrl> {
    let Some(setting) = setting else { return Ok(None) };
    match setting.value.as_str() {
        "1" => Ok(Some(true)),
        "0" => Ok(Some(false)),
        _ => Err(setting.refuse(name, "is unknown", "use 0 or 1")),
    }
}
