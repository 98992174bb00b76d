//! HTTP request to a running service, with a time limit. A container's health check uses it, because the container has
//! no `curl`.

use std::str::FromStr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::error::Error;

/// Largest accepted response body, in bytes. This service never sends a larger one.
const LARGEST: usize = 4 << 20;

/// Address of a service: `http://HOST[:PORT][/PATH]`. Without a path, the command's usual path is used.
#[derive(Debug, Clone)]
pub(super) struct ServiceUrl(Uri);

impl FromStr for ServiceUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
        match (uri.scheme_str(), uri.authority()) {
            (Some("http"), Some(authority)) if authority.as_str().contains('@') => Err("it names a user".to_owned()),
            // an invalid port would count as no port, which means port 80
            (Some("http"), Some(authority)) if authority.port().is_none() && authority.as_str() != authority.host() => {
                Err("its port is not a number up to 65535".to_owned())
            }
            (Some("http"), Some(_)) => Ok(Self(uri)),
            (Some("http"), None) => Err("it names no host".to_owned()),
            _ => Err("write http://HOST:PORT; for https, address the service itself, behind the TLS proxy".to_owned()),
        }
    }
}

/// Response of a service.
pub(super) struct ProbeResponse {
    /// URL that was requested.
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// Sends one request and waits for the response, at most until the deadline.
pub(super) async fn probe(url: &ServiceUrl, usual_path: &str, deadline: Duration) -> Result<ProbeResponse, Error> {
    let path = match url.0.path_and_query().map(|path| path.as_str()) {
        None | Some("" | "/") => usual_path,
        Some(path) => path,
    };
    let host = url.0.authority().map_or("", |authority| authority.as_str());
    let asked = format!("http://{host}{path}");
    let late = || Err(format!("no answer within {}", humantime::format_duration(deadline)).into());
    match tokio::time::timeout(deadline, exchange(url, host, path)).await.unwrap_or_else(|_| late()) {
        Ok((status, body)) => Ok(ProbeResponse { url: asked, status, body }),
        Err(error) => Err(Error::Service { url: asked, message: error.to_string() }),
    }
}

async fn exchange(
    url: &ServiceUrl,
    host: &str,
    path: &str,
) -> Result<(u16, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let name = url.0.host().unwrap_or_default().trim_matches(['[', ']']);
    let stream = TcpStream::connect((name, url.0.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request =
        Request::get(path).header("host", host).header("accept", "application/json").body(Empty::<Bytes>::new())?;
    let answered = async move {
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), LARGEST).collect().await?.to_bytes();
        Ok((status, body))
    };
    tokio::select! {
        answer = answered => answer,
        Err(error) = connection => Err(error.into()),
    }
}
