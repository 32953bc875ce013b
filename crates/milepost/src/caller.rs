//! Where a request comes from: the other end of its connection or, behind proxies that are trusted, whom they name.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::IpNet;

use crate::app::App;
use crate::error::{Error, Result};

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The client's address.
    pub address: IpAddr,
    /// Whether it came by https as far as a trusted proxy.
    pub is_https: bool,
    /// Whether something on the way, trusted or not, says that it passes the request on.
    pub is_forwarded: bool,
}

impl Caller {
    /// Reads the forwarding headers if the connection's other end may be believed.
    pub(crate) fn find(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
        let peer = peer.to_canonical();
        let is_forwarded = ["x-forwarded-for", "forwarded"].iter().any(|name| headers.contains_key(*name));
        if !is_trusted(&peer) {
            return Self { address: peer, is_https: false, is_forwarded };
        }
        // From the right: each proxy appends whom it heard; the first that is not trusted is the client. What lies
        // further left the client may have made up.
        let named = headers.get_all("x-forwarded-for").iter().rev();
        let mut address = peer;
        for part in named.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b',')) {
            // What a client made up need not be text; what a proxy appended to it is.
            let Some(named) = std::str::from_utf8(part).ok().and_then(parse_address) else { break };
            address = named;
            if !is_trusted(&named) {
                break;
            }
        }
        let protocol = headers.get_all("x-forwarded-proto").iter().next_back().and_then(|value| value.to_str().ok());
        let nearest = protocol.and_then(|value| value.rsplit(',').next());
        let is_https = nearest.is_some_and(|protocol| protocol.trim().eq_ignore_ascii_case("https"));
        Self { address, is_https, is_forwarded }
    }
}

/// What counts as one address: of IPv6 the network, since everybody has all of theirs.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// An address, perhaps with a port behind it as some proxies write it.
fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = text.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

/// Finds out where a request comes from, for all that ask later.
pub(crate) fn find_caller(app: &App, request: &mut Request) {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        let caller = Caller::find(peer.ip(), request.headers(), &app.settings().trusted_proxies);
        request.extensions_mut().insert(caller);
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self> {
        parts.extensions.get().copied().ok_or_else(|| Error::internal("a request came from nowhere"))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const PROXY: &str = "10.0.0.9";
    const CLIENT: &str = "203.0.113.7";

    fn find(peer: &str, headers: &[(&'static str, &'static str)]) -> Caller {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Caller::find(peer.parse().unwrap(), &map, &["10.0.0.0/8".parse().unwrap()])
    }

    fn address(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        find(peer, headers).address.to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let headers = [("x-forwarded-for", CLIENT), ("x-forwarded-proto", "https")];
        assert_eq!(address(PROXY, &headers), CLIENT);
        assert!(find(PROXY, &headers).is_https);
        assert_eq!(address("198.51.100.1", &headers), "198.51.100.1");
        assert!(!find("198.51.100.1", &headers).is_https);
        assert_eq!(address("::ffff:10.0.0.9", &headers), CLIENT);
    }

    #[test]
    fn what_the_client_made_up_does_not_count() {
        assert_eq!(address(PROXY, &[("x-forwarded-for", "1.1.1.1, 203.0.113.7, 10.1.1.1")]), CLIENT);
        assert_eq!(address(PROXY, &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", CLIENT)]), CLIENT);
        assert_eq!(address(PROXY, &[("x-forwarded-for", "1.1.1.1, nonsense, 10.1.1.1")]), "10.1.1.1");
        assert!(!find(PROXY, &[("x-forwarded-proto", "https, http")]).is_https);
    }

    #[test]
    fn bytes_that_are_no_text_hide_nobody() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", HeaderValue::from_bytes(b"\xff, 203.0.113.7").unwrap());
        let caller = Caller::find(PROXY.parse().unwrap(), &headers, &["10.0.0.0/8".parse().unwrap()]);
        assert_eq!(caller.address.to_string(), CLIENT);
    }

    #[test]
    fn of_ipv6_a_network_is_one_address() {
        let network = |address: &str| network(address.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("203.0.113.7"), "203.0.113.7");
        assert_eq!(network("::ffff:203.0.113.7"), "203.0.113.7");
    }

    #[test]
    fn addresses_may_carry_ports() {
        assert_eq!(address(PROXY, &[("x-forwarded-for", "203.0.113.7:4711")]), CLIENT);
        assert_eq!(address(PROXY, &[("x-forwarded-for", "[2001:db8::1]:4711")]), "2001:db8::1");
        assert_eq!(address(PROXY, &[]), PROXY);
    }
}
