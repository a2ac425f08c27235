//! A node's address as people write it.

use super::ClientError;

/// Check that `url` is `ws://` or `wss://` with a host and, if one is given, a port.
pub(super) fn check(url: &str) -> Result<(), ClientError> {
    let wrong = |reason: &str| Err(ClientError::Url { url: url.to_owned(), reason: reason.to_owned() });
    let Some((scheme, rest)) = url.split_once("://") else {
        return wrong("it does not begin with ws:// or wss://");
    };
    if !["ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return wrong(&format!("a node is asked over ws:// or wss://, not {scheme}://"));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // What stands before an @ is a user's name and password.
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    // The colons of an IPv6 address are inside of its brackets.
    let (host, port) = match address.rfind(']') {
        Some(end) => (&address[..=end], address[end + 1..].strip_prefix(':')),
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return wrong("it names no host");
    }
    match port {
        Some(port) if port.parse::<u16>().is_err() => wrong(&format!("'{port}' is no port")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_nodes_are_told_from_what_is_none() {
        for good in [
            "ws://127.0.0.1:9944",
            "wss://node.example.org",
            "WS://[::1]:9944/",
            "ws://user:word@host:1/path?query",
            "wss://node.example.org/rpc",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", "does not begin"),
            ("garbage", "does not begin"),
            ("127.0.0.1:9944", "does not begin"),
            ("http://127.0.0.1:9944", "not http://"),
            ("ws://", "no host"),
            ("ws://:9944", "no host"),
            ("ws://a b", "no host"),
            ("ws://host:99999", "no port"),
            ("ws://host:port", "no port"),
        ] {
            let error = check(bad).unwrap_err();
            assert!(matches!(error, ClientError::Url { .. }) && error.to_string().contains(why), "{bad}: {error}");
        }
    }
}
