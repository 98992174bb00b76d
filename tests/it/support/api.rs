//! Plain client of the API that shows every header to a test.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use super::program::assert_no_secret;

/// A request.
#[derive(Clone)]
pub(crate) struct Request {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn new(method: &'static str, path: &str) -> Self {
        Self { method, path: path.to_owned(), headers: Vec::new(), body: None }
    }

    pub(crate) fn post(path: &str, body: &Value) -> Self {
        Self::new("POST", path).json(body)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", &body.to_string())
    }

    pub(crate) fn body(mut self, kind: &str, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self.header("content-type", kind)
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends it; the answer comes within a minute.
    pub(crate) fn send(&self, to: SocketAddr) -> Answer {
        self.attempt(to).unwrap()
    }

    /// The same; `None` if no process listens any more, or the connection closed without an answer.
    pub(crate) fn attempt(&self, to: SocketAddr) -> Option<Answer> {
        let mut stream = TcpStream::connect(to).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut text = format!("{} {} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = self.body.clone().unwrap_or_default();
        text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        // a refused body is not read to its end
        let _ = stream.write_all(text.as_bytes());
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        assert_no_secret(&answer);
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    #[track_caller]
    pub(crate) fn status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    /// The code of a problem document.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:#?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:#?}");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        problem["code"].as_str().unwrap().to_owned()
    }

    /// It is a problem document with this code.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) {
        assert_eq!(self.problem(status), code, "{self:#?}");
    }

    /// The two tokens of a session.
    #[track_caller]
    pub(crate) fn tokens(&self) -> (String, String) {
        let session = self.json();
        let text = |name: &str| session[name].as_str().unwrap_or_else(|| panic!("no {name} in {self:#?}")).to_owned();
        (text("access_token"), text("refresh_token"))
    }
}

pub(crate) fn register(to: SocketAddr, name: &str) -> Answer {
    let body = json!({"email": format!("{name}@example.com"), "username": name, "password": "a long password"});
    Request::post("/auth/register", &body).send(to)
}

pub(crate) fn log_in(to: SocketAddr, email: &str, password: &str) -> Answer {
    Request::post("/auth/login", &json!({"email": email, "password": password})).send(to)
}

pub(crate) fn refresh(to: SocketAddr, token: &str) -> Answer {
    Request::post("/auth/refresh", &json!({"refresh_token": token})).send(to)
}

pub(crate) fn me(to: SocketAddr, token: &str) -> Answer {
    Request::new("GET", "/api/me").bearer(token).send(to)
}
