//! `--net namespaces`: one network namespace a node, a bridge between them, and the faults of links.
//!
//! ```text
//!  this machine ── bridge st3fa2bc (10.x.y.254) ──┬── veth ── eth0 of station-3fa2bc-validator-1 (10.x.y.1)
//!                                                 ├── veth ── eth0 of station-3fa2bc-provider-1  (10.x.y.2)
//!                                                 └── …
//! ```
//! * A *cut* between two nodes is a fixed, wrong entry in both nodes' neighbour tables: frames leave and nobody takes them,
//!   as when a cable is pulled. Connections hang instead of being refused, and nodes outside the cut reach both.
//! * A *rate* is a token bucket at both ends of the node's link.
//!
//! The users' own machine (this one) is at the bridge: no cut concerns it.

use super::{
    network::Network,
    system::{require_root, run, undo},
};
use crate::error::UserError;
use serde::{Deserialize, Serialize};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::Ipv4Addr,
    path::Path,
};

/// The machine's own address on the bridge; nodes count up from 1.
const HOST: u8 = 254;
/// A hardware address that no interface has: locally administered, and the kernel's own are drawn at random.
const NOBODY: &str = "02:00:00:00:de:ad";
/// Networks that are tried before giving up: as many as one second byte of `10.x` has.
const TRIES: u64 = 64;
/// What a token bucket lets through at once, at least: a few full frames.
const MIN_BURST_BYTES: u64 = 10_000;
/// Ticks of the token bucket in a second, at worst: a bucket holds what passes in one.
const TICKS: u64 = 100;

/// The bridge of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bridge {
    /// The interface's name.
    pub name: String,
    /// Its first three bytes of every address.
    pub network: [u8; 3],
    /// What tells this network's names from another's.
    pub id: String,
}

impl Bridge {
    /// A bridge for the network in a folder: the same folder gets the same names, so that what a killed process left can be
    /// found again.
    pub fn for_folder(dir: &Path) -> Result<Self, UserError> {
        require_root("--net namespaces")?;
        let mut hasher = DefaultHasher::new();
        dir.hash(&mut hasher);
        let hash = hasher.finish();
        let id = format!("{:06x}", hash & 0xff_ffff);
        let taken = run("ip", &["-4", "-o", "address", "show"])?;
        let free = |network: &[u8; 3]| {
            let [a, b, c] = network;
            !taken.contains(&format!("{a}.{b}.{c}."))
        };
        // Private addresses that few networks use: 10.64 to 10.127.
        let network = (0..TRIES).map(|n| {
            let [low, middle, ..] = hash.wrapping_add(n).to_le_bytes();
            [10, 64 + middle % 64, low]
        });
        let network = network.into_iter().find(free).ok_or_else(|| UserError::internal("no free network in 10/8"))?;
        Ok(Self { name: format!("st{id}"), network, id })
    }

    /// The address of the `index`-th node.
    pub fn address(&self, index: usize) -> Result<Ipv4Addr, UserError> {
        let last = u8::try_from(index + 1).ok().filter(|last| *last < HOST);
        Ok(self.ip(last.ok_or_else(|| UserError::usage("a network of namespaces has at most 253 nodes"))?))
    }

    fn ip(&self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.network;
        Ipv4Addr::new(a, b, c, last)
    }
}

/// The name of a node's namespace.
pub fn name(bridge: &Bridge, node: &str) -> String {
    format!("station-{}-{node}", bridge.id)
}

/// Makes bridge, namespaces and links. What is left of an earlier time is taken away first.
pub fn set_up(network: &Network) -> Result<(), UserError> {
    let Some(bridge) = &network.bridge else { return Ok(()) };
    require_root("--net namespaces")?;
    tear_down(network)?;
    run("ip", &["link", "add", &bridge.name, "type", "bridge"])?;
    run("ip", &["address", "add", &format!("{}/24", bridge.ip(HOST)), "dev", &bridge.name])?;
    run("ip", &["link", "set", &bridge.name, "up"])?;
    for (index, node) in network.nodes.iter().enumerate() {
        let Some(netns) = &node.netns else { continue };
        let address = bridge.address(index)?;
        let (outer, inner) = (outer(bridge, index), format!("{}n{index}", bridge.name));
        run("ip", &["netns", "add", netns])?;
        run("ip", &["link", "add", &outer, "type", "veth", "peer", "name", &inner])?;
        run("ip", &["link", "set", &outer, "master", &bridge.name, "up"])?;
        run("ip", &["link", "set", &inner, "netns", netns, "name", "eth0"])?;
        run("ip", &["-n", netns, "link", "set", "lo", "up"])?;
        run("ip", &["-n", netns, "address", "add", &format!("{address}/24"), "dev", "eth0"])?;
        run("ip", &["-n", netns, "link", "set", "eth0", "up"])?;
    }
    Ok(())
}

/// Takes all of it away; what is not there is no error, what cannot be taken away is.
pub fn tear_down(network: &Network) -> Result<(), UserError> {
    let Some(bridge) = &network.bridge else { return Ok(()) };
    let namespaces = run("ip", &["netns", "list"])?;
    let there = |netns: &str| namespaces.lines().any(|line| line.split_whitespace().next() == Some(netns));
    for (index, node) in network.nodes.iter().enumerate() {
        let Some(netns) = node.netns.as_deref().filter(|netns| there(netns)) else { continue };
        // The link goes with it, but not at once; by name it is gone when this returns.
        undo("ip", &["link", "delete", &outer(bridge, index)]);
        run("ip", &["netns", "delete", netns])?;
    }
    if run("ip", &["-o", "link", "show", "type", "bridge"])?.contains(&format!("{}:", bridge.name)) {
        run("ip", &["link", "delete", &bridge.name])?;
    }
    Ok(())
}

/// The end of a node's link that is at the bridge.
fn outer(bridge: &Bridge, index: usize) -> String {
    format!("{}h{index}", bridge.name)
}

/// The bridge, the node's number, and its namespace.
fn place<'a>(network: &'a Network, name: &str) -> Result<(&'a Bridge, usize, &'a str), UserError> {
    let index = network.nodes.iter().position(|node| node.name == name).ok_or_else(|| network.unknown(name))?;
    let netns = network.nodes.get(index).and_then(|node| node.netns.as_deref());
    network.bridge.as_ref().zip(netns).map(|(bridge, netns)| (bridge, index, netns)).ok_or_else(|| {
        UserError::usage("links can be broken in a network of namespaces only")
            .hint("start one as root: station localnet up --net namespaces --dir DIR")
    })
}

/// Whether links of this network can be broken.
pub fn require(network: &Network) -> Result<(), UserError> {
    let first = network.nodes.first().map_or("", |node| node.name.as_str());
    place(network, first)?;
    require_root("breaking links")
}

/// Cuts the link between two nodes, or joins it again.
pub fn set_cut(network: &Network, a: &str, b: &str, cut: bool) -> Result<(), UserError> {
    for (from, to) in [(a, b), (b, a)] {
        let (.., netns) = place(network, from)?;
        let (bridge, index, ..) = place(network, to)?;
        let address = bridge.address(index)?.to_string();
        if cut {
            let entry = ["-n", netns, "neighbour", "replace", &address, "lladdr", NOBODY, "dev", "eth0"];
            run("ip", &[&entry[..], &["nud", "permanent"]].concat())?;
        } else {
            undo("ip", &["-n", netns, "neighbour", "delete", &address, "dev", "eth0"]);
        }
    }
    Ok(())
}

/// Bounds what passes a node's link in each direction, in kilobits a second; `None` lifts the bound.
pub fn set_rate(network: &Network, name: &str, kbit: Option<u64>) -> Result<(), UserError> {
    let (bridge, index, netns) = place(network, name)?;
    let outer = outer(bridge, index);
    // In the node's namespace for what it sends, at the bridge for what it gets.
    for end in [["-n", netns, "eth0"].as_slice(), [outer.as_str()].as_slice()] {
        let (scope, device) = end.split_at(end.len() - 1);
        let command = |verb| [scope, &["qdisc", verb, "dev"], device, &["root"]].concat();
        match kbit {
            Some(kbit) => {
                let burst = (kbit * 1_000 / 8 / TICKS).max(MIN_BURST_BYTES).to_string();
                let rate = format!("{kbit}kbit");
                let bucket = ["tbf", "rate", &rate, "burst", &burst, "latency", "500ms"];
                run("tc", &[&command("replace")[..], &bucket].concat())?;
            }
            None => undo("tc", &command("delete")),
        }
    }
    Ok(())
}
