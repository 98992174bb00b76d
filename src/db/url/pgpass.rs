//! libpq's password file. Each line is `host:port:database:user:password`, with `*` for any value, and `\` before `:`
//! and `\`.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use secrecy::SecretString;

use super::hosts::Host;
use super::service::quoted;

/// Lines of the file, each split into its five fields.
pub(super) struct PasswordFile(Vec<[String; 5]>);

impl PasswordFile {
    /// Reads the file as libpq does. A missing file is empty. A path that is no regular file, or that others can read,
    /// is skipped with a warning.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let skipped = |why: &str| format!("the password file {} is skipped: {why}", quoted(path));
        let found = match std::fs::metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self(Vec::new())),
            Err(error) => return Err(skipped(&error.to_string())),
        };
        if !found.is_file() {
            return Err(skipped("it is not a regular file"));
        }
        if found.permissions().mode() & 0o077 != 0 {
            return Err(skipped("its group or others may read it; run chmod 600"));
        }
        let text = std::fs::read_to_string(path).map_err(|error| skipped(&error.to_string()))?;
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(Self(lines.filter_map(fields).collect()))
    }

    /// Returns the password of the first matching line.
    pub(super) fn password(&self, host: &Host, database: &str, user: &str) -> Option<SecretString> {
        let port = host.port.to_string();
        let wanted = [host.password_file_name(), port.as_str(), database, user];
        let fits = |line: &&[String; 5]| {
            line.iter().zip(wanted).all(|(field, wanted)| field == "*" || unescaped(field) == wanted)
        };
        self.0.iter().find(fits).map(|line| SecretString::from(unescaped(&line[4])))
    }
}

/// Splits at colons without a backslash before them. The last field is the rest of the line.
fn fields(line: &str) -> Option<[String; 5]> {
    let mut fields = vec![String::new()];
    let mut characters = line.trim_end_matches('\r').chars();
    while let Some(character) = characters.next() {
        if character == ':' && fields.len() < 5 {
            fields.push(String::new());
            continue;
        }
        let field = fields.last_mut()?;
        field.push(character);
        if character == '\\' {
            field.extend(characters.next());
        }
    }
    fields.try_into().ok()
}

fn unescaped(field: &str) -> String {
    let mut text = String::new();
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        text.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
    }
    text
}
