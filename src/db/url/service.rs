//! libpq's connection service file: sections of parameters that complete a URL.

use std::path::{Path, PathBuf};

use super::invalid::InvalidUrl;
use super::settings::{SettingSource, UrlSetting, UrlSettings};

/// Directories that are searched for service files.
#[derive(Clone, Default)]
pub(super) struct ServiceFiles {
    pub(super) home: Option<PathBuf>,
    pub(super) system: Option<PathBuf>,
}

/// Completes the settings with the section that `service` names. Without `service` it does nothing.
pub(super) fn apply(settings: &mut UrlSettings, places: &ServiceFiles) -> Result<(), InvalidUrl> {
    let Some(service) = settings.take("service") else { return Ok(()) };
    let named = settings.take("servicefile").map(|file| PathBuf::from(file.value));
    let standard = [
        places.home.as_ref().map(|home| home.join(".pg_service.conf")),
        places.system.as_ref().map(|system| system.join("pg_service.conf")),
    ];
    let files: Vec<PathBuf> = match named {
        Some(file) => vec![file],
        None => standard.into_iter().flatten().filter(|file| file.exists()).collect(),
    };
    for file in &files {
        let text = std::fs::read_to_string(file).map_err(|error| {
            service.refuse(
                "service file",
                &format!("{} cannot be read: {error}", quoted(file)),
                "correct PGSERVICEFILE",
            )
        })?;
        if section(&text, &service.value, file, settings)? {
            return Ok(());
        }
    }
    Err(missing(&service, &files))
}

fn missing(service: &UrlSetting, files: &[PathBuf]) -> InvalidUrl {
    let looked: Vec<String> = files.iter().map(|file| quoted(file)).collect();
    let place = if looked.is_empty() { "there is no service file".to_owned() } else { looked.join(" and ") };
    let what = format!("`{}` is not defined ({place})", service.value.escape_debug());
    service.refuse(
        "service",
        &what,
        "add a section of its name to ~/.pg_service.conf, or name the file in PGSERVICEFILE",
    )
}

/// Reads the settings of a section. Returns true if the section exists.
fn section(text: &str, name: &str, file: &Path, settings: &mut UrlSettings) -> Result<bool, InvalidUrl> {
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        let (line, place) = (line.trim(), format!("line {} of {}", index + 1, quoted(file)));
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            if inside {
                return Ok(true);
            }
            inside = header == name;
        } else if inside {
            let invalid = |what: &str| InvalidUrl::new(format!("{place}: {what}"), "write NAME=VALUE, one a line");
            let (name, value) = line.split_once('=').ok_or_else(|| invalid("the line has no `=`"))?;
            let name = name.trim_end();
            if matches!(name, "service" | "servicefile") {
                return Err(invalid("a service cannot name another one"));
            }
            settings.complete(name, value.trim_start().to_owned(), SettingSource::Service(place))?;
        }
    }
    Ok(inside)
}

/// Formats a path for a message.
pub(super) fn quoted(path: &Path) -> String {
    format!("`{}`", path.to_string_lossy().escape_debug())
}
