//! Client of the API that keeps cookies, as a browser does.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;

use super::api::{Answer, Request};

#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    address: SocketAddr,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Visitor {
    pub(crate) fn of(address: SocketAddr) -> Self {
        Self { address, cookies: BTreeMap::new() }
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send(Request::new("GET", path))
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.send(Request::post(path, body))
    }

    fn send(&mut self, mut request: Request) -> Answer {
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", &format!("other=1; {}", cookies.join("; ")));
        }
        let answer = request.send(self.address);
        let set = answer.headers("set-cookie").filter_map(|cookie| cookie.split_once(';'));
        for (pair, attributes) in set {
            let (name, value) = pair.split_once('=').unwrap();
            match attributes.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }
}
