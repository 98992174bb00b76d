//! A client of the public API that keeps cookies, as a browser does.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::program::assert_no_secret;

#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    address: SocketAddr,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// An answer. It holds no canary, whatever the request held.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    body: String,
}

impl Visitor {
    pub(crate) fn of(address: SocketAddr) -> Self {
        Self { address, cookies: BTreeMap::new() }
    }

    pub(crate) fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, "", None)
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, "Content-Type: application/json\r\n", Some(body.to_string()))
    }

    /// With an access token.
    pub(crate) fn get_as(&mut self, token: &str, path: &str) -> Reply {
        self.send("GET", path, &format!("Authorization: Bearer {token}\r\n"), None)
    }

    fn send(&mut self, method: &str, path: &str, headers: &str, body: Option<String>) -> Reply {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies =
            if cookies.is_empty() { String::new() } else { format!("Cookie: other=1; {}\r\n", cookies.join("; ")) };
        let body = body.unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nUser-Agent: visitor\r\nConnection: close\r\n{headers}{cookies}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_no_secret(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let reply = Reply { status, head: head.to_owned(), body: body.to_owned() };
        self.keep(&reply);
        reply
    }

    fn keep(&mut self, reply: &Reply) {
        let Some((pair, attributes)) = reply.header("set-cookie").and_then(|cookie| cookie.split_once(';')) else {
            return;
        };
        let (name, value) = pair.split_once('=').unwrap();
        if attributes.contains("Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// It is a problem document with this code.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) {
        let reply = self.is(status);
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        assert_eq!(reply.json()["code"], code, "{reply:?}");
    }
}
