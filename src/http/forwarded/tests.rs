//! Tests with headers of proxies, and of clients that forge them.

use proptest::prelude::*;

use super::*;

const PROXY: [u8; 4] = [10, 0, 0, 1];

fn trusted() -> Vec<IpNet> {
    ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()).to_vec()
}

fn headers(lines: &[(&'static str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, axum::http::HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

fn found(lines: &[(&'static str, &[u8])]) -> String {
    client(PROXY.into(), &headers(lines), &trusted()).to_string()
}

const XFF: &str = "x-forwarded-for";
const FWD: &str = "forwarded";

#[test]
fn x_forwarded_for_is_read_from_the_last_entry() {
    for (value, expected) in [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:51234", "203.0.113.7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:51234", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:80", "203.0.113.7"),
        (" 198.51.100.1 ,\t203.0.113.7 ", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7, 10.9.9.9", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7, [fd00::1]:80, 10.9.9.9:80", "203.0.113.7"),
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
        // an entry that cannot be parsed ends the search at the last proxy
        ("203.0.113.7, unknown", "10.0.0.1"),
        ("203.0.113.7, unknown, 10.9.9.9", "10.9.9.9"),
        ("203.0.113.7,", "10.0.0.1"),
        ("", "10.0.0.1"),
        ("203.0.113.7:", "10.0.0.1"),
        ("203.0.113.7:99999", "10.0.0.1"),
        ("[203.0.113.7]", "10.0.0.1"),
        ("[2001:db8::7", "10.0.0.1"),
        ("[2001:db8::7]80", "10.0.0.1"),
        ("[2001:db8::7]:+80", "10.0.0.1"),
        ("fe80::1%eth0", "10.0.0.1"),
        ("203.0.113.07", "10.0.0.1"),
        ("\"203.0.113.7\"", "10.0.0.1"),
    ] {
        assert_eq!(found(&[(XFF, value.as_bytes())]), expected, "{value}");
    }
    assert_eq!(found(&[(XFF, b"198.51.100.1"), (XFF, b"203.0.113.7")]), "203.0.113.7", "lines in their order");
    assert_eq!(
        found(&[(XFF, b"\xff\xfe, 203.0.113.7")]),
        "203.0.113.7",
        "a client cannot hide by bytes that are no text"
    );
    assert_eq!(found(&[(XFF, b"203.0.113.7"), (XFF, b"\xff")]), "10.0.0.1");
    assert_eq!(found(&[]), "10.0.0.1");
}

#[test]
fn forwarded_is_read_as_rfc_7239_says() {
    for (value, expected) in [
        ("for=203.0.113.7", "203.0.113.7"),
        ("For=203.0.113.7; proto=https; by=10.0.0.1", "203.0.113.7"),
        ("by=_gw;FOR=\"203.0.113.7:51234\"", "203.0.113.7"),
        ("for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
        ("for=\"[2001:db8:cafe::17]\"", "2001:db8:cafe::17"),
        ("for=203.0.113.7:51234", "203.0.113.7"),
        ("for=\"203.0.113\\.7\"", "203.0.113.7"),
        ("for=198.51.100.1, for=203.0.113.7", "203.0.113.7"),
        ("for=198.51.100.1,for=203.0.113.7;host=\"a,b;c\",for=10.9.9.9", "203.0.113.7"),
        (" for=203.0.113.7 ; proto=http ", "203.0.113.7"),
        (";for=203.0.113.7;", "203.0.113.7"),
        // this element has no address, and the elements before it do not count
        ("for=203.0.113.7, for=unknown", "10.0.0.1"),
        ("for=203.0.113.7, for=_hidden", "10.0.0.1"),
        ("for=203.0.113.7, for=\"_SEVKISEK:80\"", "10.0.0.1"),
        ("for=203.0.113.7, proto=http", "10.0.0.1"),
        ("for=203.0.113.7;for=203.0.113.8", "10.0.0.1"),
        ("for=203.0.113.7,", "10.0.0.1"),
        // malformed lines
        ("for", "10.0.0.1"),
        ("for=", "10.0.0.1"),
        ("for =203.0.113.7", "10.0.0.1"),
        ("for=\"203.0.113.7", "10.0.0.1"),
        ("for=\"203.0.113.7\\", "10.0.0.1"),
        ("=203.0.113.7", "10.0.0.1"),
        ("203.0.113.7", "10.0.0.1"),
        ("", "10.0.0.1"),
    ] {
        assert_eq!(found(&[(FWD, value.as_bytes())]), expected, "{value}");
    }
    assert_eq!(found(&[(FWD, b"for=198.51.100.1"), (FWD, b"for=203.0.113.7")]), "203.0.113.7");
    assert_eq!(found(&[(FWD, b"for=\""), (FWD, b"for=203.0.113.7")]), "203.0.113.7", "a line of the client alone");
}

#[test]
fn of_two_headers_that_disagree_none_is_believed() {
    assert_eq!(found(&[(XFF, b"203.0.113.7"), (FWD, b"for=203.0.113.7;proto=https")]), "203.0.113.7");
    assert_eq!(found(&[(XFF, b"203.0.113.7"), (FWD, b"for=198.51.100.1")]), "10.0.0.1");
    assert_eq!(found(&[(XFF, b"203.0.113.7"), (FWD, b"nonsense")]), "10.0.0.1");
}

/// Generates elements that a trusted proxy writes for the address of its peer.
fn element() -> impl Strategy<Value = String> {
    let host = "[ -~&&[^\"\\\\]]{0,20}";
    prop_oneof![
        Just("for=203.0.113.7".to_owned()),
        Just("for=\"203.0.113.7:4711\"".to_owned()),
        host.prop_map(|host| format!("for=203.0.113.7;host=\"{host}\";proto=https")),
        host.prop_map(|host| format!("by=\"[fd00::1]\";host=\"{host}\";for=\"203.0.113.7\"")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    /// A forged header never yields an address other than the client's or the proxy's.
    #[test]
    fn a_client_cannot_choose_its_address(forged in proptest::collection::vec("[ -~]{0,60}|(for=|\"|,|;|\\\\|[0-9.]{1,9}|host=){0,12}", 0..3), element in element(), joined in any::<bool>()) {
        let mut lines: Vec<(&'static str, Vec<u8>)> = forged.iter().map(|line| (FWD, line.clone().into_bytes())).collect();
        match lines.last_mut().filter(|_| joined) {
            Some((_, last)) => last.extend(format!(", {element}").bytes()),
            None => lines.push((FWD, element.clone().into_bytes())),
        }
        let lines: Vec<(&'static str, &[u8])> = lines.iter().map(|(name, line)| (*name, line.as_slice())).collect();
        let seen = found(&lines);
        prop_assert!(["203.0.113.7", "10.0.0.1"].contains(&seen.as_str()), "{seen}");
        let forged = forged.join(",");
        let seen = found(&[(XFF, format!("{forged}, 203.0.113.7").as_bytes())]);
        prop_assert_eq!(seen, "203.0.113.7");
    }

    #[test]
    fn any_bytes_are_read_without_panic(lines in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..80)), 0..4)) {
        let mut headers = HeaderMap::new();
        for (is_standard, line) in lines {
            if let Ok(value) = axum::http::HeaderValue::from_bytes(&line) {
                headers.append(if is_standard { FWD } else { XFF }, value);
            }
        }
        client(PROXY.into(), &headers, &trusted());
    }
}
