//! SQL text that a server printed, in a form that does not depend on how it came there.
//!
//! A server prints an expression from its parse tree, and the tree changes when the print is parsed again: `varchar IN (…)`
//! is first printed with one cast of the whole array, after `pg_dump | psql` with one cast of each element. Servers of
//! different versions print redundant parentheses and quotes differently, too. Two texts with the same canonical form
//! differ only in casts, redundant parentheses, white space and needless quotes. Everything else is a difference: names,
//! constants, operators, their order and their grouping.

/// The canonical form: tokens, separated by one space.
pub fn canonical(text: &str) -> String {
    let tokens = tokens(text);
    let nodes = Parser { tokens: &tokens, at: 0 }.nodes();
    let mut words = Vec::new();
    print(&reduced(nodes), &mut words);
    words.join(" ")
}

/// A token, or what stands between parentheses or brackets.
#[derive(Debug)]
enum Node {
    Leaf(String),
    Group(&'static str, Vec<Node>),
}

struct Parser<'a> {
    tokens: &'a [String],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).map(String::as_str)
    }

    fn next(&mut self) -> Option<String> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// Up to the closing parenthesis, without casts.
    fn nodes(&mut self) -> Vec<Node> {
        let mut nodes = Vec::new();
        while let Some(token) = self.next() {
            match token.as_str() {
                "(" => nodes.push(Node::Group("(", self.nodes())),
                "[" => nodes.push(Node::Group("[", self.nodes())),
                ")" | "]" => return nodes,
                "::" => self.skip_type(),
                _ => nodes.push(Node::Leaf(token)),
            }
        }
        nodes
    }

    /// The name of a type: `text[]`, `character varying(20)`, `timestamp(3) with time zone`, `extensions.citext`.
    fn skip_type(&mut self) {
        let mut last = self.next().unwrap_or_default();
        while self.peek() == Some(".") {
            self.at += 1;
            last = self.next().unwrap_or_default();
        }
        loop {
            match (last.as_str(), self.peek()) {
                ("character" | "bit", Some("varying")) | ("double", Some("precision")) => {}
                ("time" | "timestamp", Some("with" | "without")) => {}
                ("with" | "without", Some("time")) | ("time", Some("zone")) => {}
                (_, Some("(")) if self.is_modifier() => {
                    while self.next().is_some_and(|token| token != ")") {}
                    continue;
                }
                (_, Some("[")) if self.tokens.get(self.at + 1).is_some_and(|token| token == "]") => {
                    self.at += 2;
                    continue;
                }
                _ => return,
            }
            last = self.next().unwrap_or_default();
        }
    }

    /// Whether the parentheses hold numbers only.
    fn is_modifier(&self) -> bool {
        let inside = self.tokens[self.at + 1..].iter().take_while(|token| *token != ")");
        inside.clone().count() > 0 && inside.clone().all(|token| token == "," || token.parse::<u32>().is_ok())
    }
}

/// Without parentheses around parentheses, and without those around a single operand.
fn reduced(nodes: Vec<Node>) -> Vec<Node> {
    let mut done: Vec<Node> = Vec::new();
    for node in nodes {
        let Node::Group(open, inside) = node else {
            done.push(node);
            continue;
        };
        let mut inside = reduced(inside);
        while let [Node::Group("(", _)] = inside.as_slice() {
            if let Some(Node::Group(_, deeper)) = inside.pop() {
                inside = deeper;
            }
        }
        let is_operand = !done.last().is_some_and(takes_arguments);
        if open == "(" && is_operand && is_single(&inside) {
            done.append(&mut inside);
        } else {
            done.push(Node::Group(open, inside));
        }
    }
    done
}

/// A name, a constant, a call, or an array.
fn is_single(nodes: &[Node]) -> bool {
    match nodes {
        [Node::Leaf(_)] => true,
        [name @ Node::Leaf(_), Node::Group(..)] => takes_arguments(name),
        _ => false,
    }
}

/// Whether parentheses after it belong to it: they do after a name, not after an operator or a word like AND.
fn takes_arguments(node: &Node) -> bool {
    let Node::Leaf(word) = node else { return false };
    let operators = ["AND", "OR", "NOT", "WHEN", "THEN", "ELSE", "CASE", "DEFAULT", "RETURN", "IS", "LIKE", "BETWEEN"];
    word.starts_with(|first: char| first.is_alphabetic() || first == '_' || first == '"')
        && !operators.iter().any(|operator| word.eq_ignore_ascii_case(operator))
}

fn print(nodes: &[Node], words: &mut Vec<String>) {
    for node in nodes {
        match node {
            Node::Leaf(word) => words.push(word.clone()),
            Node::Group(open, inside) => {
                words.push((*open).to_owned());
                print(inside, words);
                words.push(if *open == "(" { ")" } else { "]" }.to_owned());
            }
        }
    }
}

fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => quoted(rest, first),
            _ if rest.starts_with("::") => 2,
            _ if first.is_ascii_digit() => rest.find(|c| !(is_word(c) || c == '.')).unwrap_or(rest.len()),
            _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ if OPERATOR.contains(first) => rest.find(|c| !OPERATOR.contains(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(unquoted(token).to_owned());
        rest = after.trim_start();
    }
    tokens
}

const OPERATOR: &str = "+-*/<>=~!@#%^&|`?";

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// Length of a constant or quoted name, in which a doubled quote stands for one.
fn quoted(text: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(found) = text[at..].find(quote) {
        at += found + 1;
        if !text[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// A quoted name that needs no quotes, without them.
fn unquoted(token: &str) -> &str {
    let Some(name) = token.strip_prefix('"').and_then(|name| name.strip_suffix('"')) else { return token };
    let starts_well = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '$');
    if starts_well && is_plain { name } else { token }
}
