//! Text from elsewhere, made harmless for a terminal and a log: names of files, columns and databases, metadata, messages of servers,
//! values of variables.
//!
//! Control characters (C0, DEL, C1, and so every escape sequence), line and paragraph separators and the characters that change the
//! direction of text are written as escapes. Whatever a command writes to stdout or stderr passes [`block`] in `cli/output.rs`, and
//! each line of the log passes [`log_line`]. A value that belongs into one line passes [`line()`] where it is put into the line.

/// What [`block`] does with the escape sequences of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Styles {
    /// They are the program's own.
    Kept,
    /// The program writes none, so they come from elsewhere.
    Escaped,
}

/// Whether a terminal could obey this character, or show what follows in another order.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// One line: also line breaks and tabs are escaped.
pub fn line(text: &str) -> String {
    escaped(text, |_| false)
}

/// Several lines: line breaks and tabs are kept.
pub fn block(text: &str, styles: Styles) -> String {
    let is_kept = |character: char| matches!(character, '\n' | '\t');
    match styles {
        Styles::Escaped => escaped(text, is_kept),
        Styles::Kept => with_styles(text, is_kept),
    }
}

/// One line of a log, which may end in a line break.
pub fn log_line(text: &str, styles: Styles) -> String {
    let (text, end) = text.strip_suffix('\n').map_or((text, ""), |text| (text, "\n"));
    let text = match styles {
        Styles::Escaped => line(text),
        Styles::Kept => with_styles(text, |_| false),
    };
    text + end
}

/// A JSON document with the same value: what JSON does not have to escape is escaped, too.
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

/// Keeps sequences such as `ESC [ 1 ; 31 m`, which change colours and nothing else.
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
