//! Escapes untrusted text for terminals and logs.
//!
//! Untrusted text includes names of files, columns and databases, metadata, messages of servers, and values of
//! variables. Escaped are control characters (C0, DEL, C1, and thereby every escape sequence), line and paragraph
//! separators, and characters that change the direction of text. Everything that a command writes to stdout or stderr
//! passes [`block`] in `cli/output.rs`. Each line of the log passes [`log_line`]. A value inside a line passes
//! [`line()`] at the point where the line is built.

/// Policy for the escape sequences of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Styles {
    /// Colour sequences are kept, because the program wrote them.
    Kept,
    /// Colour sequences are escaped, because the program writes none.
    Escaped,
}

/// Returns true if a terminal could act on the character or display the text after it in another order.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Escapes a text for use within one line, including line breaks and tabs.
pub fn line(text: &str) -> String {
    escaped(text, |_| false)
}

/// Escapes a text of several lines. Line breaks and tabs are kept.
pub fn block(text: &str, styles: Styles) -> String {
    let is_kept = |character: char| matches!(character, '\n' | '\t');
    match styles {
        Styles::Escaped => escaped(text, is_kept),
        Styles::Kept => with_styles(text, is_kept),
    }
}

/// Escapes one line of a log. A line break at its end is kept.
pub fn log_line(text: &str, styles: Styles) -> String {
    let (text, end) = text.strip_suffix('\n').map_or((text, ""), |text| (text, "\n"));
    let text = match styles {
        Styles::Escaped => line(text),
        Styles::Kept => with_styles(text, |_| false),
    };
    text + end
}

/// Escapes the unsafe characters of a JSON document as `\uXXXX`. The value of the document does not change.
pub fn json(document: &str) -> String {
    let mut safe = String::with_capacity(document.len());
    for character in document.chars() {
        if is_unsafe(character) && character != '\n' {
            safe.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            safe.push(character);
        }
    }
    safe
}

fn escaped(text: &str, is_kept: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unsafe(character) && !is_kept(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Escapes a text, but keeps colour sequences such as `ESC [ 1 ; 31 m`.
fn with_styles(text: &str, is_kept: impl Fn(char) -> bool + Copy) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut safe = escaped(parts.next().unwrap_or_default(), is_kept);
    for part in parts {
        let digits = part.find(|character: char| !character.is_ascii_digit() && character != ';').unwrap_or(part.len());
        let is_style = part[digits..].starts_with('m');
        safe.push_str(if is_style { "\u{1b}[" } else { "\\u{1b}[" });
        safe.push_str(&escaped(part, is_kept));
    }
    safe
}
