//! Parser of a `.env` file: one `NAME=value` per line. Nothing is substituted, so a `$` is a literal `$`.
//!
//! - Blank lines and lines that begin with `#` are skipped. `export` before a name and a byte order mark are ignored.
//! - A value without quotes ends at the line end or at a `#` after a blank. Blanks around it are dropped. `\` is literal.
//! - In single quotes every character is literal, including line ends.
//! - In double quotes `\n`, `\r`, `\t`, `\"`, `\\` and `\$` are escapes. Any other `\` is an error.
//! - After a closing quote only a comment may follow. If a name occurs twice, the last value counts.

use std::collections::BTreeMap;

/// Number of a line that cannot be parsed, from 1, and the reason. The text is not repeated, because it may hold a
/// secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidLine {
    pub(super) line: usize,
    pub(super) why: &'static str,
}

/// Parses the variables of a file.
///
/// # Errors
/// Returns an error for the first line that cannot be parsed.
pub(super) fn parse(bytes: &[u8]) -> Result<BTreeMap<String, String>, InvalidLine> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        InvalidLine { line: 1 + before.iter().filter(|byte| **byte == b'\n').count(), why: "is not UTF-8" }
    })?;
    let mut reader = Reader { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 };
    let mut variables = BTreeMap::new();
    while !reader.rest.is_empty() {
        if let Some((name, value)) = reader.entry()? {
            variables.insert(name, value);
        }
    }
    Ok(variables)
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl Reader<'_> {
    /// Parses the next entry, including further lines inside its quotes. `None` for a blank line or a comment.
    fn entry(&mut self) -> Result<Option<(String, String)>, InvalidLine> {
        let line = self.rest.split('\n').next().unwrap_or_default();
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            self.skip(line.len() + 1);
            return Ok(None);
        }
        let Some((before, after)) = line.split_once('=') else { return Err(self.invalid("has no `=`")) };
        let name = before.trim();
        let name = name.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(name).trim();
        if !is_name(name) {
            return Err(self.invalid("has no name of letters, digits and `_` before the `=`"));
        }
        let name = name.to_owned();
        let blanks = after.len() - after.trim_start_matches([' ', '\t']).len();
        self.skip(before.len() + 1 + blanks);
        let value = self.value()?;
        if value.contains('\0') {
            return Err(self.invalid("holds a NUL"));
        }
        Ok(Some((name, value)))
    }

    fn value(&mut self) -> Result<String, InvalidLine> {
        let value = match self.rest.chars().next() {
            Some('\'') => self.single_quoted()?,
            Some('"') => self.double_quoted()?,
            _ => return Ok(self.unquoted()),
        };
        let line = self.rest.split('\n').next().unwrap_or_default();
        if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
            return Err(self.invalid("has text after the closing quote"));
        }
        self.skip(line.len() + 1);
        Ok(value)
    }

    fn unquoted(&mut self) -> String {
        let line = self.rest.split('\n').next().unwrap_or_default();
        let comment = line.char_indices().find(|(at, character)| {
            *character == '#' && (*at == 0 || line.get(..*at).is_some_and(|before| before.ends_with([' ', '\t'])))
        });
        let value = line.get(..comment.map_or(line.len(), |(at, _)| at)).unwrap_or_default().trim().to_owned();
        self.skip(line.len() + 1);
        value
    }

    fn single_quoted(&mut self) -> Result<String, InvalidLine> {
        let Some(end) = self.rest.get(1..).and_then(|rest| rest.find('\'')) else {
            return Err(self.invalid("has a quote that is not closed"));
        };
        let value = self.rest.get(1..=end).unwrap_or_default().to_owned();
        self.skip(end + 2);
        Ok(value)
    }

    fn double_quoted(&mut self) -> Result<String, InvalidLine> {
        let mut value = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.skip(at + 1);
                    return Ok(value);
                }
                '\\' => value.push(match characters.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, 'r')) => '\r',
                    Some((_, 't')) => '\t',
                    Some((_, same @ ('"' | '\\' | '$'))) => same,
                    _ => return Err(self.invalid("has an unknown escape after a `\\` in double quotes")),
                }),
                other => value.push(other),
            }
        }
        Err(self.invalid("has a quote that is not closed"))
    }

    fn skip(&mut self, bytes: usize) {
        let (gone, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.line += gone.matches('\n').count();
        self.rest = rest;
    }

    fn invalid(&self, why: &'static str) -> InvalidLine {
        InvalidLine { line: self.line, why }
    }
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
