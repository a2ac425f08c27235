//! A provider's address: a multiaddress that ends with the peer's identity.

use super::Error;
use litep2p::{
    types::multiaddr::{Multiaddr, Protocol},
    PeerId,
};
use std::fmt;

/// Where a provider is, and who it must prove to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    peer: PeerId,
    multiaddr: Multiaddr,
}

impl Address {
    /// Reads the text that the chain has, like `/ip4/192.0.2.1/tcp/30333/p2p/12D3Koo…`.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let bad = || Error::BadAddress(String::from_utf8_lossy(text).into_owned());
        let multiaddr: Multiaddr = std::str::from_utf8(text).map_err(|_| bad())?.trim().parse().map_err(|_| bad())?;
        let Some(Protocol::P2p(identity)) = multiaddr.iter().last() else { return Err(bad()) };
        let peer = PeerId::from_multihash(identity).map_err(|_| bad())?;
        Ok(Self { peer, multiaddr })
    }

    /// The identity that the connection is checked against.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// The whole address.
    pub fn multiaddr(&self) -> &Multiaddr {
        &self.multiaddr
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.multiaddr.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_peer() {
        let peer = PeerId::random();
        for base in ["/ip4/127.0.0.1/tcp/30333", "/dns/station.example/tcp/30333"] {
            let text = format!("{base}/p2p/{peer}");
            let address = Address::parse(text.as_bytes()).unwrap();
            assert_eq!(address.peer(), peer);
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in ["", "127.0.0.1:30333", "/ip4/127.0.0.1/tcp/30333", "/p2p/nobody", "\u{0}"] {
            assert!(matches!(Address::parse(bad.as_bytes()), Err(Error::BadAddress(_))), "{bad}");
        }
        assert!(Address::parse(&[0xff, 0xfe]).is_err());
    }
}
