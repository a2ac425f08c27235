//! What can be broken in a local network on purpose, and how it is mended: `corrupt`, `partition`, `fill-disk`, `delay`,
//! `rate`, `heal`.

use super::{
    corrupt, disk,
    layout::free_ports,
    namespaces,
    network::{Network, Node},
    process::{self, Signal},
    up, Net, PATIENCE,
};
use crate::{cli::Global, error::UserError};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use station_primitives::ReplicaId;
use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

/// Who is meant by `rest`.
const REST: &str = "rest";
/// The longest delay: beyond it connections time out, and a partition says that better.
const MAX_DELAY_MS: u64 = 10_000;
/// The greatest rate that a token bucket is asked for, in kilobits a second: 10 Gbit/s.
const MAX_RATE_KBIT: u64 = 10_000_000;

/// What is broken at a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// Its peers' bytes are held back.
    pub delay: Option<Delay>,
    /// What its link lets through in each direction, in kilobits a second.
    pub rate_kbit: Option<u64>,
    /// Its disk was filled.
    pub full: bool,
}

/// A proxy that holds back what passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delay {
    /// How long.
    pub ms: u64,
    /// Where the node listens meanwhile.
    pub behind: SocketAddr,
    /// The proxy's process.
    pub pid: u32,
}

/// `corrupt`.
#[derive(Clone, Debug, Args)]
pub struct CorruptArgs {
    /// The provider: provider-2
    pub name: String,
    /// Which of its replicas [default: one drawn at random]
    #[arg(long, value_name = "ID")]
    pub replica: Option<ReplicaId>,
    /// Draw replica and places from this number: the same again for the same store
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// The network's folder.
    #[command(flatten)]
    pub dir: super::DirArgs,
}

/// `partition`.
#[derive(Clone, Debug, Args)]
pub struct PartitionArgs {
    /// Nodes on one side: provider-1,provider-2
    #[arg(value_name = "A")]
    pub one: String,
    /// Nodes on the other side; `rest` for all that are not on the first
    #[arg(value_name = "B", default_value = REST)]
    pub other: String,
    /// The network's folder.
    #[command(flatten)]
    pub dir: super::DirArgs,
}

/// `delay`.
#[derive(Clone, Debug, Args)]
pub struct DelayArgs {
    /// The node: validator-1, provider-2
    pub name: String,
    /// Milliseconds that every byte is held back, each way; 0 ends it
    #[arg(value_name = "MS", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(0..=MAX_DELAY_MS))]
    pub ms: u64,
    /// The network's folder.
    #[command(flatten)]
    pub dir: super::DirArgs,
}

/// `rate`.
#[derive(Clone, Debug, Args)]
pub struct RateArgs {
    /// The node: validator-1, provider-2
    pub name: String,
    /// Kilobits a second, each way; 0 lifts the bound
    #[arg(value_name = "KBIT", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(0..=MAX_RATE_KBIT))]
    pub kbit: u64,
    /// The network's folder.
    #[command(flatten)]
    pub dir: super::DirArgs,
}

/// Prints what was done: the object, or the sentence.
fn say(global: &Global, object: &Value, sentence: &str) {
    if global.json {
        println!("{object}");
    } else {
        eprintln!("{sentence}");
    }
}

/// `corrupt NAME`.
pub fn corrupt(args: &CorruptArgs, global: &Global) -> Result<(), UserError> {
    let network = Network::load(&args.dir.dir)?;
    let done = corrupt::corrupt(network.node(&args.name)?, args.replica, args.seed)?;
    let object = json!({
        "name": args.name, "replica": done.replica, "file": done.file, "flipped": done.flipped,
    });
    let places: Vec<String> = done.flipped.iter().map(u64::to_string).collect();
    let (count, file, places) = (places.len(), done.file.display(), places.join(", "));
    say(global, &object, &format!("{count} bits of replica {} flipped in {file}, at bytes {places}", done.replica));
    Ok(())
}

/// `partition A B`.
pub fn partition(args: &PartitionArgs, global: &Global) -> Result<(), UserError> {
    Network::change(&args.dir.dir, |network| {
        namespaces::require(network)?;
        let one = names(network, &args.one)?;
        let other = if args.other == REST {
            network.nodes.iter().map(|node| node.name.clone()).filter(|name| !one.contains(name)).collect()
        } else {
            names(network, &args.other)?
        };
        if let Some(both) = one.intersection(&other).next() {
            return Err(UserError::usage(format!("{both} is on both sides")).hint("name each node once"));
        }
        if other.is_empty() {
            return Err(
                UserError::usage("there is nobody on the other side").hint("leave a node out of the first list")
            );
        }
        for (a, b) in one.iter().flat_map(|a| other.iter().map(move |b| (a, b))) {
            namespaces::set_cut(network, a, b, true)?;
            let cut = [a.clone(), b.clone()];
            if !network.cuts.contains(&cut) {
                network.cuts.push(cut);
            }
        }
        let object = json!({ "one": one, "other": other, "cuts": network.cuts.len() });
        let list = |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        say(global, &object, &format!("no frame passes between {} and {}", list(&one), list(&other)));
        Ok(())
    })
}

/// The nodes of a list with commas.
fn names(network: &Network, list: &str) -> Result<BTreeSet<String>, UserError> {
    list.split(',').map(|name| network.node(name.trim()).map(|node| node.name.clone())).collect()
}

/// `fill-disk NAME`.
pub fn fill_disk(args: &super::NameArgs, global: &Global) -> Result<(), UserError> {
    Network::change(&args.dir.dir, |network| {
        let node = network.node_mut(&args.name)?;
        let bytes = disk::fill(node)?;
        node.faults.full = true;
        let object = json!({ "name": node.name, "store": node.store, "bytes": bytes });
        say(global, &object, &format!("the disk of {} is full: {bytes} bytes of ballast", node.name));
        Ok(())
    })
}

/// `rate NAME KBIT`.
pub fn rate(args: &RateArgs, global: &Global) -> Result<(), UserError> {
    Network::change(&args.dir.dir, |network| {
        namespaces::require(network)?;
        let kbit = (args.kbit > 0).then_some(args.kbit);
        namespaces::set_rate(network, &args.name, kbit)?;
        network.node_mut(&args.name)?.faults.rate_kbit = kbit;
        let sentence = match kbit {
            Some(kbit) => format!("{kbit} kbit/s pass the link of {}, each way", args.name),
            None => format!("the link of {} is as fast as the machine", args.name),
        };
        say(global, &json!({ "name": args.name, "kbit": kbit }), &sentence);
        Ok(())
    })
}

/// `delay NAME MS`.
pub fn delay(args: &DelayArgs, global: &Global) -> Result<(), UserError> {
    let dir = &args.dir.dir;
    let network = Network::change(dir, |network| {
        let net = network.net;
        let node = network.node_mut(&args.name)?;
        set_delay(node, net, (args.ms > 0).then_some(args.ms))?;
        Ok(network.clone())
    })?;
    let node = network.node(&args.name)?;
    if node.running().is_some() {
        up::wait_for_rpc(node)?;
    }
    let sentence = match &node.faults.delay {
        Some(delay) => format!("every byte between {} and its peers takes {} ms more, each way", node.name, delay.ms),
        None => format!("{} has its port for itself again", node.name),
    };
    let ms = node.faults.delay.as_ref().map(|delay| delay.ms);
    say(global, &json!({ "name": node.name, "ms": ms, "pid": node.pid }), &sentence);
    Ok(())
}

/// Puts the proxy before the node, changes it, or takes it away. A node that runs is started again: its port changes hands.
fn set_delay(node: &mut Node, net: Net, ms: Option<u64>) -> Result<(), UserError> {
    if node.faults.delay.is_none() && ms.is_none() {
        return Ok(());
    }
    let runs = node.running().is_some();
    if runs {
        process::signal(node, Signal::Term)?;
        process::wait_gone(node, PATIENCE)?;
        node.mark_stopped();
    }
    if let Some(delay) = node.faults.delay.take() {
        process::end_proxy(node, delay.pid)?;
    }
    if let Some(ms) = ms {
        let front = front(node)?;
        // In a namespace of its own nobody else reaches the node's loopback address; else a port that nobody is told.
        let port = match net {
            Net::Namespaces => front.port(),
            Net::Loopback => {
                free_ports(1)?.first().copied().ok_or_else(|| UserError::internal("one port was asked for; qed"))?
            }
        };
        let behind = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let pid = process::start_proxy(node, front, behind, ms)?;
        node.faults.delay = Some(Delay { ms, behind, pid });
    }
    if runs {
        let child = process::spawn(node)?;
        node.mark_running(child.id());
    }
    Ok(())
}

/// Where the node's peers connect: `/ip4/A/tcp/P/…`.
fn front(node: &Node) -> Result<SocketAddr, UserError> {
    let parts: Vec<&str> = node.p2p.split('/').collect();
    let address = match parts.as_slice() {
        ["", "ip4", host, "tcp", port, ..] => format!("{host}:{port}").parse().ok(),
        _ => None,
    };
    address.ok_or_else(|| UserError::internal(format!("{} is no address of a local node", node.p2p)))
}

/// `heal`.
pub fn heal(dir: &super::DirArgs, global: &Global) -> Result<(), UserError> {
    let (network, healed) = Network::change(&dir.dir, |network| {
        let cuts = network.cuts.len();
        let mut healed = Healed { cuts, ..Healed::default() };
        while let Some([a, b]) = network.cuts.last().cloned() {
            namespaces::set_cut(network, &a, &b, false)?;
            network.cuts.pop();
        }
        let slow: Vec<String> = named(network, |node| node.faults.rate_kbit.is_some());
        for name in slow {
            namespaces::set_rate(network, &name, None)?;
            network.node_mut(&name)?.faults.rate_kbit = None;
            healed.rates.push(name);
        }
        let net = network.net;
        for node in &mut network.nodes {
            if disk::free(node)? {
                healed.disks.push(node.name.clone());
            }
            node.faults.full = false;
            if node.faults.delay.is_some() {
                set_delay(node, net, None)?;
                healed.delays.push(node.name.clone());
            }
        }
        Ok((network.clone(), healed))
    })?;
    for name in &healed.delays {
        let node = network.node(name)?;
        if node.running().is_some() {
            up::wait_for_rpc(node)?;
        }
    }
    let object = serde_json::to_value(&healed).map_err(UserError::internal)?;
    say(global, &object, &healed.sentence());
    Ok(())
}

fn named(network: &Network, which: impl Fn(&Node) -> bool) -> Vec<String> {
    network.nodes.iter().filter(|node| which(node)).map(|node| node.name.clone()).collect()
}

/// What `heal` undid.
#[derive(Debug, Default, Serialize)]
struct Healed {
    /// Pairs of nodes that see each other again.
    cuts: usize,
    /// Nodes whose links are fast again.
    rates: Vec<String>,
    /// Nodes without a proxy again.
    delays: Vec<String>,
    /// Nodes with room on the disk again.
    disks: Vec<String>,
}

impl Healed {
    fn sentence(&self) -> String {
        let Self { cuts, rates, delays, disks } = self;
        if *cuts + rates.len() + delays.len() + disks.len() == 0 {
            return "nothing was broken; nodes that do not run are started by `start`".into();
        }
        let (rates, delays, disks) = (rates.len(), delays.len(), disks.len());
        format!("mended: {cuts} cuts, {rates} rates, {delays} delays, {disks} full disks")
    }
}

/// Takes away what the faults left on the machine: proxies, and the notes of what ends with the namespaces and mounts. For
/// `down`; the nodes have ended.
pub fn clear(network: &mut Network) -> Result<(), UserError> {
    for node in &mut network.nodes {
        // A network that goes on later finds its disks as full as nothing broke them.
        disk::free(node)?;
        if let Some(delay) = node.faults.delay.take() {
            process::end_proxy(node, delay.pid)?;
        }
        node.faults = Faults::default();
    }
    network.cuts.clear();
    Ok(())
}

/// What the node's process is started with, given its faults: one behind a proxy listens where the proxy connects, and is told
/// of nobody, so that it dials nobody past the proxy.
pub fn arguments(node: &Node) -> Vec<String> {
    let Some(delay) = &node.faults.delay else { return node.args.clone() };
    let listen = format!("/ip4/{}/tcp/{}", delay.behind.ip(), delay.behind.port());
    let mut args = Vec::new();
    let mut rest = node.args.iter().peekable();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--listen-addr" => {
                args.extend([arg.clone(), listen.clone()]);
                rest.next();
            }
            "--bootnodes" => while rest.next_if(|value| !value.starts_with("--")).is_some() {},
            // The address behind the proxy is nobody's to know.
            "--discover-local" => {}
            _ => args.push(arg.clone()),
        }
    }
    args.extend(["--out-peers".into(), "0".into()]);
    args
}

/// Where the log of a node's proxy is.
pub fn proxy_log(node: &Node) -> PathBuf {
    node.log.with_extension("proxy.log")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::localnet::network::{Role, State};

    fn node() -> Node {
        Node {
            name: "provider-1".into(),
            role: Role::Provider,
            pid: None,
            state: State::Stopped,
            account: String::new(),
            rpc: String::new(),
            p2p: "/ip4/127.0.0.1/tcp/4001/p2p/12D3".into(),
            metrics: String::new(),
            base_path: "/net/provider-1".into(),
            store: None,
            log: "/net/logs/provider-1.log".into(),
            args: [
                "node",
                "--listen-addr",
                "/ip4/127.0.0.1/tcp/4001",
                "--discover-local",
                "--bootnodes",
                "/a",
                "/b",
                "--x",
            ]
            .map(String::from)
            .to_vec(),
            netns: None,
            disk: None,
            faults: Faults::default(),
        }
    }

    #[test]
    fn a_delayed_node_listens_behind_its_proxy_and_is_told_of_nobody() {
        let mut node = node();
        assert_eq!(arguments(&node), node.args);
        let behind = SocketAddr::from(([127, 0, 0, 1], 5));
        node.faults.delay = Some(Delay { ms: 10, behind, pid: 1 });
        let expected = ["node", "--listen-addr", "/ip4/127.0.0.1/tcp/5", "--x", "--out-peers", "0"];
        assert_eq!(arguments(&node), expected);
        assert_eq!(front(&node).ok(), Some(SocketAddr::from(([127, 0, 0, 1], 4001))));
    }

    #[test]
    fn a_store_on_the_machines_own_disk_cannot_be_filled() {
        let mut node = node();
        assert_eq!(disk::fill(&node).map_err(|error| error.code.exit()), Err(2));
        node.store = Some("/net/provider-1/store".into());
        assert_eq!(disk::fill(&node).map_err(|error| error.code.exit()), Err(2));
    }
}
