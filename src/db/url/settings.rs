//! Values of parameters, each with its source. The URL has priority over the service, and the service over the
//! environment.

use std::collections::BTreeMap;

use super::invalid::InvalidUrl;
use super::parameters::{PARAMETERS, ParameterKind, known, nearest};

/// Source of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SettingSource {
    Url,
    Variable(&'static str),
    /// Line of a service file, such as "line 3 of `/etc/pg_service.conf`".
    Service(String),
}

/// Value of a parameter. It may be a password, so there is no `Debug`.
#[derive(Clone)]
pub(super) struct UrlSetting {
    pub(super) value: String,
    pub(super) source: SettingSource,
}

impl UrlSetting {
    /// Builds the error for an unusable value. The error does not contain the value.
    pub(super) fn refuse(&self, name: &str, what: &str, hint: impl Into<String>) -> InvalidUrl {
        self.source.refuse(&format!("the {name}"), what, hint)
    }
}

impl SettingSource {
    pub(super) fn refuse(&self, subject: &str, what: &str, hint: impl Into<String>) -> InvalidUrl {
        match self {
            Self::Url => InvalidUrl::new(format!("{subject} of the database URL {what}"), hint),
            Self::Variable(variable) => InvalidUrl::new(format!("{subject} {what}"), hint).of_variable(variable),
            Self::Service(place) => InvalidUrl::new(format!("{place}: {subject} {what}"), hint),
        }
    }
}

/// Values by parameter, and warnings about ignored parameters.
#[derive(Default)]
pub(super) struct UrlSettings {
    values: BTreeMap<&'static str, UrlSetting>,
    pub(super) warnings: Vec<String>,
}

impl UrlSettings {
    pub(super) fn take(&mut self, name: &str) -> Option<UrlSetting> {
        self.values.remove(name)
    }

    /// Sets a value and replaces an earlier one.
    pub(super) fn set(&mut self, name: &str, value: String, source: SettingSource) -> Result<(), InvalidUrl> {
        let Some(known) = known(name) else { return Err(unknown(name, &source)) };
        let setting = UrlSetting { value, source };
        match known.kind {
            ParameterKind::Applied => {
                let (name, setting) = canonical(known.name, setting)?;
                self.values.insert(name, setting);
            }
            ParameterKind::Only(accepted) => {
                if !accepted.contains(&setting.value.to_ascii_lowercase().as_str()) {
                    return Err(setting.refuse(known.name, "cannot be honoured", known.effect));
                }
            }
            ParameterKind::Ignored => self.warn(format!("`{}` of the database URL: {}", known.name, known.effect)),
            ParameterKind::Refused => {
                return Err(setting.refuse(known.name, "cannot be honoured", known.effect));
            }
        }
        Ok(())
    }

    /// Sets a value if the parameter has none.
    pub(super) fn complete(&mut self, name: &str, value: String, source: SettingSource) -> Result<(), InvalidUrl> {
        if self.values.contains_key(name) {
            return Ok(());
        }
        self.set(name, value, source)
    }

    pub(super) fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

/// Maps other spellings of `sslmode` to it.
fn canonical(name: &'static str, mut setting: UrlSetting) -> Result<(&'static str, UrlSetting), InvalidUrl> {
    match name {
        "ssl-mode" => Ok(("sslmode", setting)),
        "ssl" if setting.value == "true" => {
            "require".clone_into(&mut setting.value);
            Ok(("sslmode", setting))
        }
        "ssl" => Err(setting.refuse("ssl", "is not true", "write sslmode=require or sslmode=disable")),
        name => Ok((name, setting)),
    }
}

/// Builds the error for an unknown parameter. It contains the name only if it looks like one, and never the value.
fn unknown(name: &str, source: &SettingSource) -> InvalidUrl {
    let names: Vec<&str> =
        PARAMETERS.iter().filter(|known| known.kind == ParameterKind::Applied).map(|known| known.name).collect();
    let list = format!("known parameters: {}", names.join(", "));
    let hint = nearest(name).map_or(list.clone(), |near| format!("did you mean `{near}`? {list}"));
    let shown = if looks_like_a_name(name) { format!(" `{name}`") } else { String::new() };
    match source {
        SettingSource::Service(place) => InvalidUrl::new(format!("{place}: unknown parameter{shown}"), hint),
        SettingSource::Url | SettingSource::Variable(_) => {
            InvalidUrl::new(format!("the database URL has an unknown parameter{shown}"), hint)
        }
    }
}

fn looks_like_a_name(name: &str) -> bool {
    (1..=30).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'-')
}
