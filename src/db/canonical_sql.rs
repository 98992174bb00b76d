//! Canonical form of SQL text that a server printed, for comparing definitions.
//!
//! A server prints an expression from its parse tree, and the tree changes when the printed text is parsed again. For
//! example, `varchar IN (…)` is first printed with one cast of the whole array. After `pg_dump | psql` it is printed
//! with one cast for each element. Server versions also differ in redundant parentheses and quotes. Two texts with the
//! same canonical form differ only in casts, redundant parentheses, white space and needless quotes. Every other
//! difference remains: names, constants, operators, their order and their grouping.

/// Returns the canonical form: tokens separated by one space.
pub fn canonical(text: &str) -> String {
    let tokens = tokens(text);
    let nodes = Parser { tokens: &tokens, at: 0 }.nodes();
    let mut words = Vec::new();
    print(&reduced(nodes), &mut words);
    words.join(" ")
}

/// Token, or the nodes inside parentheses or brackets.
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

    /// Parses nodes up to the closing parenthesis and drops casts.
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

    /// Skips the name of a type: `text[]`, `character varying(20)`, `timestamp(3) with time zone`, `extensions.citext`.
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

    /// Returns true if the parentheses hold only numbers.
    fn is_modifier(&self) -> bool {
        let inside = self.tokens[self.at + 1..].iter().take_while(|token| *token != ")");
        inside.clone().count() > 0 && inside.clone().all(|token| token == "," || token.parse::<u32>().is_ok())
    }
}

/// Removes parentheses around parentheses and around a single operand.
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

/// Returns true for one name, constant, call or array.
fn is_single(nodes: &[Node]) -> bool {
    match nodes {
        [Node::Leaf(_)] => true,
        [name @ Node::Leaf(_), Node::Group(..)] => takes_arguments(name),
        _ => false,
    }
}

/// Returns true if the node is a name that takes arguments in parentheses, not an operator or a keyword like AND.
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

/// Returns the length of a quoted constant or name, in which a doubled quote stands for one quote.
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

/// Removes the quotes of a name that does not need them.
fn unquoted(token: &str) -> &str {
    let Some(name) = token.strip_prefix('"').and_then(|name| name.strip_suffix('"')) else { return token };
    let starts_well = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '$');
    if starts_well && is_plain { name } else { token }
}
