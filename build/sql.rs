//! SQL as tokens: enough of the lexical rules of PostgreSQL and SQLite to split a file into statements and to
//! tell what a statement is, without ever looking inside a string, a quoted name or a function body.
//!
//! Two things are derived from the tokens: the statements with the line each starts on, and the canonical text, in
//! which byte order mark, line ends, white space and comments make no difference. Checksums are taken of that.

/// One statement of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Line of the file (from 1) that the statement starts on.
    pub line: usize,
    /// The statement as written, without comments before it and without the closing semicolon.
    pub text: String,
    /// Its words and quoted parts, without white space and comments.
    pub tokens: Vec<Token>,
}

impl Statement {
    /// Whether the statement starts with these words, whatever their case.
    pub fn starts_with(&self, words: &[&str]) -> bool {
        self.tokens.len() >= words.len() && words.iter().zip(&self.tokens).all(|(word, token)| token.is_word(word))
    }

    /// Whether the word occurs outside strings, quoted names, bodies and comments.
    pub fn has_word(&self, word: &str) -> bool {
        self.tokens.iter().any(|token| token.is_word(word))
    }

    /// The statement without one word, wherever it occurs as a word.
    pub fn without_word(&self, word: &str) -> String {
        let mut text = self.text.clone();
        for token in self.tokens.iter().rev().filter(|token| token.is_word(word)) {
            let rest = text.split_off(token.start);
            text.push_str(rest[token.text.len()..].trim_start());
        }
        text
    }

    /// The statement with single spaces and no comments: equal for texts that mean the same.
    pub fn canonical(&self) -> String {
        let words: Vec<&str> = self.tokens.iter().map(|token| token.text.as_str()).collect();
        words.join(" ")
    }
}

/// A word, a quoted thing or a sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    quoted: bool,
    /// Byte offset in the statement's text.
    start: usize,
}

impl Token {
    fn is_word(&self, word: &str) -> bool {
        !self.quoted && self.text.eq_ignore_ascii_case(word)
    }
}

/// The text without byte order mark and with `\n` line ends.
pub fn normalise(text: &str) -> String {
    text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n")
}

/// Splits a normalised text into statements.
///
/// # Errors
/// The line and what is wrong there: something opened that is never closed, a psql command, or a last statement
/// without its semicolon.
pub fn split(text: &str) -> Result<Vec<Statement>, (usize, String)> {
    let mut statements = Vec::new();
    let mut open: Option<Open> = None;
    let mut at = 0;
    while at < text.len() {
        let piece = next_piece(text, at)?;
        let end = at + piece.len;
        match piece.kind {
            Kind::Blank => {}
            Kind::Sign if &text[at..end] == ";" && open.as_ref().is_none_or(|open| open.depth == 0) => {
                if let Some(open) = open.take() {
                    statements.push(open.close(text, at));
                }
            }
            Kind::Sign | Kind::Word | Kind::Quoted => {
                let open = open.get_or_insert_with(|| Open { start: at, depth: 0, tokens: Vec::new() });
                open.push(&text[at..end], piece.kind == Kind::Quoted, at);
            }
        }
        at = end;
    }
    match open {
        None => Ok(statements),
        Some(open) => Err((line_of(text, open.start), "the last statement does not end with `;`".to_owned())),
    }
}

/// A statement while it is read. `depth` counts `BEGIN … END` and `CASE … END` of a CREATE (a trigger of SQLite, a
/// function with a standard SQL body), inside which a semicolon does not end the statement.
struct Open {
    start: usize,
    depth: usize,
    tokens: Vec<Token>,
}

impl Open {
    fn push(&mut self, text: &str, quoted: bool, at: usize) {
        self.tokens.push(Token { text: text.to_owned(), quoted, start: at - self.start });
        if quoted || !self.tokens[0].is_word("CREATE") {
            return;
        }
        if text.eq_ignore_ascii_case("BEGIN") || text.eq_ignore_ascii_case("CASE") {
            self.depth += 1;
        } else if text.eq_ignore_ascii_case("END") {
            self.depth = self.depth.saturating_sub(1);
        }
    }

    fn close(self, text: &str, end: usize) -> Statement {
        Statement {
            line: line_of(text, self.start),
            text: text[self.start..end].trim_end().to_owned(),
            tokens: self.tokens,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// White space or a comment.
    Blank,
    Word,
    /// A string, a quoted name or a dollar-quoted body.
    Quoted,
    Sign,
}

struct Piece {
    kind: Kind,
    len: usize,
}

fn next_piece(text: &str, at: usize) -> Result<Piece, (usize, String)> {
    let rest = &text[at..];
    let mut chars = rest.chars();
    let (first, second) = (chars.next().unwrap_or(' '), chars.next());
    let unclosed = |what: &str| (line_of(text, at), format!("{what} is never closed"));
    let (kind, len) = match (first, second) {
        ('-', Some('-')) => (Kind::Blank, rest.find('\n').unwrap_or(rest.len())),
        ('/', Some('*')) => (Kind::Blank, block_comment(rest).ok_or_else(|| unclosed("a comment"))?),
        ('E' | 'e', Some('\'')) => {
            (Kind::Quoted, 1 + quoted(&rest[1..], '\'', true).ok_or_else(|| unclosed("a string"))?)
        }
        ('\'', _) => (Kind::Quoted, quoted(rest, '\'', false).ok_or_else(|| unclosed("a string"))?),
        ('"', _) => (Kind::Quoted, quoted(rest, '"', false).ok_or_else(|| unclosed("a quoted name"))?),
        ('$', _) => match dollar_tag(rest) {
            Some(tag) => (Kind::Quoted, dollar_body(rest, tag).ok_or_else(|| unclosed("a $-quoted body"))?),
            None => (Kind::Sign, 1),
        },
        ('\\', _) => return Err((line_of(text, at), "a psql command cannot be run by this program".to_owned())),
        (c, _) if c.is_whitespace() => (Kind::Blank, c.len_utf8()),
        (c, _) if is_word(c) => (Kind::Word, rest.find(|c| !is_word(c)).unwrap_or(rest.len())),
        (c, _) => (Kind::Sign, c.len_utf8()),
    };
    Ok(Piece { kind, len })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn block_comment(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
    None
}

/// Length of a quoted text, in which the doubled quote stands for itself.
fn quoted(rest: &str, quote: char, backslash: bool) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if backslash && c == '\\' {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return Some(at + 1);
        }
    }
    None
}

/// The opening `$tag$` of a dollar-quoted body.
fn dollar_tag(rest: &str) -> Option<&str> {
    let end = rest[1..].find('$')? + 1;
    let name = &rest[1..end];
    let starts_well = !name.starts_with(|c: char| c.is_ascii_digit());
    (starts_well && name.chars().all(is_word)).then(|| &rest[..=end])
}

fn dollar_body(rest: &str, tag: &str) -> Option<usize> {
    rest[tag.len()..].find(tag).map(|at| at + 2 * tag.len())
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}
