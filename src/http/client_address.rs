//! Address of the client of a request.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

use super::forwarded;

/// Returns the address of the peer of the connection.
pub(super) fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_canonical())
}

/// Returns the client's address: the peer of the connection, or the address that a trusted proxy reports.
pub(super) fn address(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = peer(extensions)?;
    Some(if forwarded::is_trusted(peer, trusted) { forwarded::client(peer, headers, trusted) } else { peer })
}
