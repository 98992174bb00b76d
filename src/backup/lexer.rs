//! Finds where the statements of a plain dump begin and end, as `psql` does. It reads line by line. Text inside quotes,
//! dollar quotes, comments and function bodies never begins a statement.

/// State of the lexer between two bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum State {
    /// Outside of quotes and comments.
    #[default]
    Plain,
    /// In a string literal. `escapes` is true if a backslash escapes the next character.
    Text { escapes: bool },
    /// In a quoted identifier.
    Name,
    /// In a dollar-quoted text that ends with this tag, for example `$tag$`.
    Dollar(Vec<u8>),
    /// In block comments `/* */`, nested this deep.
    Comment(u32),
}

/// Lexer for the lines of a dump that are not rows.
#[derive(Debug, Default)]
pub(super) struct Lexer {
    state: State,
    /// First words of the current statement, in lower case.
    words: Vec<Vec<u8>>,
    /// True if any token of the current statement was read.
    begun: bool,
    parentheses: u32,
    /// Depth of `BEGIN ATOMIC … END` and `CASE` blocks in a function body.
    blocks: u32,
    /// True if the server that made the dump treats a backslash in every string as an escape.
    backslashes: bool,
}

/// Number of leading words that identify a statement, as in `CREATE OR REPLACE FUNCTION`.
const TELLING: usize = 4;

impl Lexer {
    /// Returns true if the next line begins a statement.
    pub(super) fn is_between(&self) -> bool {
        self.state == State::Plain && !self.begun
    }

    /// Returns true if the current statement is a COPY.
    pub(super) fn is_copy(&self) -> bool {
        self.words.first().is_some_and(|word| word == b"copy")
    }

    /// Treats a backslash in every later string as an escape, as `standard_conforming_strings = off` does.
    pub(super) fn escape_by_backslash(&mut self) {
        self.backslashes = true;
    }

    /// Reads a line without its line end. Returns true if the last statement in it is a COPY that ends in it.
    pub(super) fn line(&mut self, line: &[u8]) -> bool {
        // a command of psql
        if self.is_between() && line.starts_with(b"\\") {
            return false;
        }
        let mut ended_copy = false;
        let mut at = 0;
        while at < line.len() {
            let rest = &line[at..];
            at += match &mut self.state {
                State::Plain if rest.starts_with(b"--") => rest.len(),
                State::Plain if rest[0] == b';' && self.parentheses == 0 && self.blocks == 0 => {
                    ended_copy = self.is_copy();
                    self.end_statement();
                    1
                }
                State::Plain => {
                    ended_copy = false;
                    self.plain(line, at)
                }
                State::Text { escapes: true } if rest[0] == b'\\' => 2,
                State::Text { .. } => self.until(b'\'', rest),
                State::Name => self.until(b'"', rest),
                State::Dollar(tag) => match memchr::memmem::find(rest, tag) {
                    Some(found) => {
                        let end = found + tag.len();
                        self.state = State::Plain;
                        end
                    }
                    None => rest.len(),
                },
                State::Comment(depth) => {
                    let step = comment(rest, depth);
                    if *depth == 0 {
                        self.state = State::Plain;
                    }
                    step
                }
            };
        }
        ended_copy
    }

    fn end_statement(&mut self) {
        self.begun = false;
        self.words.clear();
    }

    /// Reads to the end of a string or name. A doubled quote is read as an end and a new beginning.
    fn until(&mut self, quote: u8, rest: &[u8]) -> usize {
        let escapes = self.state == State::Text { escapes: true };
        let end = |byte: &u8| *byte == quote || (escapes && *byte == b'\\');
        match rest.iter().position(end) {
            Some(found) if rest[found] == quote => {
                // E'it''s' continues with its escapes
                let doubled = rest.get(found + 1) == Some(&quote);
                if !doubled {
                    self.state = State::Plain;
                }
                found + if doubled { 2 } else { 1 }
            }
            Some(found) => found.max(1),
            None => rest.len(),
        }
    }

    /// Reads one token outside of quotes and returns its length in bytes.
    fn plain(&mut self, line: &[u8], at: usize) -> usize {
        let rest = &line[at..];
        if rest.starts_with(b"/*") {
            self.state = State::Comment(1);
            return 2;
        }
        if rest[0].is_ascii_whitespace() {
            return 1;
        }
        self.begun = true;
        match rest[0] {
            b'\'' => self.state = State::Text { escapes: self.backslashes },
            b'"' => self.state = State::Name,
            b'(' => self.parentheses += 1,
            b')' => self.parentheses = self.parentheses.saturating_sub(1),
            b'$' => {
                if let Some(tag) = dollar_tag(rest) {
                    self.state = State::Dollar(tag.to_vec());
                    return tag.len();
                }
            }
            first if is_word_start(first) => {
                let length = rest.iter().take_while(|byte| is_word(**byte)).count();
                let word = &rest[..length];
                if word.eq_ignore_ascii_case(b"e") && rest.get(1) == Some(&b'\'') {
                    self.state = State::Text { escapes: true };
                    return 2;
                }
                self.word(word);
                return length;
            }
            first if first.is_ascii_digit() => return rest.iter().take_while(|byte| is_word(**byte)).count(),
            _ => {}
        }
        1
    }

    /// Records a word of the current statement. Semicolons inside a function body do not end the statement.
    fn word(&mut self, word: &[u8]) {
        let word = word.to_ascii_lowercase();
        if self.words.len() < TELLING {
            self.words.push(word.clone());
        }
        if !self.makes_routine() {
            return;
        }
        match word.as_slice() {
            b"begin" => self.blocks += 1,
            b"case" if self.blocks > 0 => self.blocks += 1,
            b"end" => self.blocks = self.blocks.saturating_sub(1),
            _ => {}
        }
    }

    fn makes_routine(&self) -> bool {
        let words: Vec<&[u8]> = self.words.iter().map(Vec::as_slice).collect();
        matches!(
            words.as_slice(),
            [b"create", b"function" | b"procedure", ..] | [b"create", b"or", b"replace", b"function" | b"procedure"]
        )
    }
}

/// Reads one step inside a comment and returns the number of bytes read.
fn comment(rest: &[u8], depth: &mut u32) -> usize {
    match rest {
        [b'/', b'*', ..] => *depth += 1,
        [b'*', b'/', ..] => *depth -= 1,
        _ => return 1,
    }
    2
}

/// Dollar-quote tag at the start of the text: `$tag$` or `$$`.
fn dollar_tag(rest: &[u8]) -> Option<&[u8]> {
    let end = rest.iter().skip(1).position(|byte| *byte == b'$')? + 1;
    let tag = &rest[1..end];
    let is_tag = tag.first().is_none_or(|first| is_word_start(*first)) && tag.iter().all(|byte| is_word(*byte));
    is_tag.then_some(&rest[..=end])
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_word(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

#[cfg(test)]
mod tests {
    use super::Lexer;

    /// Returns the lines that start with X and at which a statement can begin.
    fn starts(text: &str) -> Vec<&str> {
        let mut lexer = Lexer::default();
        text.lines()
            .filter(|line| {
                let starts = lexer.is_between() && line.starts_with("X");
                lexer.line(line.as_bytes());
                starts
            })
            .collect()
    }

    #[test]
    fn what_is_quoted_begins_no_statement() {
        for (text, expected) in [
            ("X1;\nX2;", 2),
            ("X1 'a\nX2;\n';\nX3;", 2),
            ("X1 'it''s\nX2;\n';\nX3;", 2),
            ("X1 E'it\\'s\nX2;\n';\nX3;", 2),
            ("X1 e'a''\\'\nX2;\n';\nX3;", 2),
            ("X1 'a\\';\nX2;", 2),
            ("X1 \"a;\nX2\";\nX3;", 2),
            ("X1 $$\nX2; $a$\n$$;\nX3;", 2),
            ("X1 $a$\nX2; $$ $b$\n$a$;\nX3;", 2),
            ("X1 a$b$c;\nX2;", 2),
            ("X1 $1;\nX2;", 2),
            ("/* a\nX1; /* b */\nX2; */\nX3;", 1),
            ("X1 -- 'a\n;\nX2;", 2),
            ("X1 (a;\nX2; )\n;\nX3;", 2),
            (
                "CREATE FUNCTION f() RETURNS int\nBEGIN ATOMIC\nX1;\nSELECT CASE WHEN true THEN 1 END;\nX2;\nEND;\nX3;",
                1,
            ),
            ("CREATE OR REPLACE PROCEDURE f()\nBEGIN ATOMIC\nX1;\nEND;\nX3;", 1),
            ("CREATE TABLE begin (a);\nX3;", 1),
            ("\\restrict 'a\nX1;", 1),
            ("X1\nX2\n;\nX3;", 2),
        ] {
            assert_eq!(starts(text).len(), expected, "{text}: {:?}", starts(text));
        }
    }

    #[test]
    fn a_backslash_escapes_where_the_dump_says_so() {
        let mut lexer = Lexer::default();
        lexer.escape_by_backslash();
        lexer.line(b"SELECT 'a\\';");
        assert!(!lexer.is_between());
        lexer.line(b"';");
        assert!(lexer.is_between());
    }

    #[test]
    fn a_copy_is_known_though_its_columns_take_lines() {
        let mut lexer = Lexer::default();
        assert!(!lexer.line(b"COPY a (\"b"));
        assert!(lexer.line(b"c\") FROM stdin;"));
        assert!(!lexer.line(b"SELECT 1;"));
    }
}
