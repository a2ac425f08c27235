//! Which of the node's addresses to declare on-chain.

use sc_network::{multiaddr::Protocol, service::traits::NetworkService, Multiaddr};
use std::net::IpAddr;

/// How well an address reaches others; more is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// This machine only.
    Loopback,
    /// The same site.
    Private,
    /// Everybody.
    Global,
}

/// The address to declare: the operator's own if there is one, else the one of the network's that reaches farthest. With
/// the peer id at its end.
pub fn declared(network: &dyn NetworkService, fixed: Option<&str>) -> Option<String> {
    let peer = network.local_peer_id().to_string();
    if let Some(fixed) = fixed {
        return Some(with_peer(fixed, &peer));
    }
    // What others have seen of us comes first among equals; the order of the lists is not stable, so text decides.
    let external = network.external_addresses();
    let listening = network.listen_addresses();
    choose(&external).max(choose(&listening)).map(|(_, address)| with_peer(&address, &peer))
}

/// The farthest-reaching TCP address, the first in text among equals.
fn choose(addresses: &[Multiaddr]) -> Option<(Reach, String)> {
    let mut known: Vec<(Reach, String)> =
        addresses.iter().filter_map(|address| Some((reach(address)?, address.to_string()))).collect();
    known.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    known.into_iter().next()
}

fn with_peer(address: &str, peer: &str) -> String {
    match address.split_once("/p2p/") {
        Some(_) => address.to_owned(),
        None => format!("{}/p2p/{peer}", address.trim_end_matches('/')),
    }
}

/// None for what cannot be dialled by everybody's transport: only plain TCP is.
fn reach(address: &Multiaddr) -> Option<Reach> {
    let mut reach = None;
    let mut tcp = false;
    for part in address.iter() {
        match part {
            Protocol::Ip4(ip) => reach = of_ip(ip.into()),
            Protocol::Ip6(ip) => reach = of_ip(ip.into()),
            Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) => reach = Some(Reach::Global),
            Protocol::Tcp(_) => tcp = true,
            Protocol::P2p(_) => {}
            _ => return None,
        }
    }
    reach.filter(|_| tcp)
}

fn of_ip(ip: IpAddr) -> Option<Reach> {
    if ip.is_unspecified() || ip.is_multicast() {
        return None;
    }
    if ip.is_loopback() {
        return Some(Reach::Loopback);
    }
    let private = match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_documentation(),
        IpAddr::V6(ip) => (ip.segments()[0] & 0xfe00) == 0xfc00 || (ip.segments()[0] & 0xffc0) == 0xfe80,
    };
    Some(if private { Reach::Private } else { Reach::Global })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(addresses: &[&str]) -> Vec<Multiaddr> {
        addresses.iter().map(|address| address.parse().expect("an address")).collect()
    }

    #[test]
    fn the_farthest_reaching_tcp_address_is_chosen() {
        let all = list(&["/ip4/127.0.0.1/tcp/1", "/ip4/192.168.1.2/tcp/1", "/ip4/8.8.8.8/tcp/1", "/ip4/8.8.8.8/udp/1"]);
        assert_eq!(choose(&all).map(|a| a.1).as_deref(), Some("/ip4/8.8.8.8/tcp/1"));
        assert_eq!(choose(&all[..2]).map(|a| a.1).as_deref(), Some("/ip4/192.168.1.2/tcp/1"));
        assert_eq!(choose(&all[..1]).map(|a| a.1).as_deref(), Some("/ip4/127.0.0.1/tcp/1"));
    }

    #[test]
    fn what_nobody_can_dial_is_not_declared() {
        assert_eq!(choose(&list(&["/ip4/0.0.0.0/tcp/1", "/ip4/1.2.3.4/udp/1/quic-v1", "/ip4/1.2.3.4/tcp/1/ws"])), None);
    }

    #[test]
    fn the_choice_does_not_depend_on_the_order() {
        let forth = list(&["/ip4/1.1.1.1/tcp/1", "/ip4/2.2.2.2/tcp/1"]);
        let back: Vec<_> = forth.iter().rev().cloned().collect();
        assert_eq!(choose(&forth), choose(&back));
    }

    #[test]
    fn the_peer_id_is_added_once() {
        assert_eq!(with_peer("/ip4/1.1.1.1/tcp/1", "P"), "/ip4/1.1.1.1/tcp/1/p2p/P");
        assert_eq!(with_peer("/ip4/1.1.1.1/tcp/1/p2p/Q", "P"), "/ip4/1.1.1.1/tcp/1/p2p/Q");
    }
}
