//! A new network's plan: ports or addresses, keys, folders, the chain specification, each node's command line.

use super::{
    faults::Faults,
    genesis,
    namespaces::{self, Bridge},
    network::{Network, Node, Role, State},
    Net, UpArgs,
};
use crate::error::UserError;
use sc_network::config::{NodeKeyConfig, Secret};
use station_primitives::TKT;
use std::{
    fs,
    hash::{BuildHasher, RandomState},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
};

/// What each provider locks: enough for its capacity in shards of any size.
const COLLATERAL_TKT: u128 = 10_000;
/// Ports of a node that has an address of its own: peers, RPC, metrics.
const OWN_PORTS: [u16; 3] = [30_333, 9_944, 9_615];

/// Where a node listens.
#[derive(Clone, Copy)]
struct Place {
    host: Ipv4Addr,
    p2p: u16,
    rpc: u16,
    metrics: u16,
}

/// Makes the network's files, and says what it will be.
pub fn make(args: &UpArgs, dir: &Path) -> Result<Network, UserError> {
    let accounts = genesis::accounts(args.validators, args.providers)?;
    let chain_spec = dir.join("chain.json");
    genesis::write_spec(&chain_spec, args.validators, args.slot, &accounts)?;
    fs::create_dir_all(dir.join("logs"))?;

    let members: Vec<(Role, u8)> = (1..=args.validators)
        .map(|n| (Role::Validator, n))
        .chain((1..=args.providers).map(|n| (Role::Provider, n)))
        .collect();
    let (bridge, places) = match args.net {
        Net::Loopback => (None, loopback(members.len())?),
        Net::Namespaces => {
            let bridge = Bridge::for_folder(dir)?;
            let places = own_addresses(&bridge, members.len())?;
            (Some(bridge), places)
        }
    };
    let mut nodes = Vec::new();
    for ((role, number), place) in members.into_iter().zip(places) {
        nodes.push(node(args, dir, role, number, place, bridge.as_ref())?);
    }
    // Everybody knows everybody: nothing has to be discovered.
    let addresses: Vec<String> = nodes.iter().map(|node| node.p2p.clone()).collect();
    for node in &mut nodes {
        let others: Vec<String> = addresses.iter().filter(|address| **address != node.p2p).cloned().collect();
        if !others.is_empty() {
            node.args.push("--bootnodes".into());
            node.args.extend(others);
        }
    }
    let rpc = nodes.first().map(|node| node.rpc.clone()).unwrap_or_default();
    Ok(Network { rpc, chain_spec, accounts, nodes, net: args.net, bridge, cuts: Vec::new() })
}

/// A place on 127.0.0.1 for each node: three ports that nobody uses now.
fn loopback(nodes: usize) -> Result<Vec<Place>, UserError> {
    let ports = free_ports(nodes * 3)?;
    let place = |ports: &[u16]| match *ports {
        [p2p, rpc, metrics] => Some(Place { host: Ipv4Addr::LOCALHOST, p2p, rpc, metrics }),
        _ => None,
    };
    Ok(ports.chunks(3).filter_map(place).collect())
}

/// An address of its own for each node, with the usual ports.
fn own_addresses(bridge: &Bridge, nodes: usize) -> Result<Vec<Place>, UserError> {
    let [p2p, rpc, metrics] = OWN_PORTS;
    (0..nodes).map(|index| Ok(Place { host: bridge.address(index)?, p2p, rpc, metrics })).collect()
}

fn node(
    args: &UpArgs,
    dir: &Path,
    role: Role,
    number: u8,
    place: Place,
    bridge: Option<&Bridge>,
) -> Result<Node, UserError> {
    let Place { host, p2p, rpc, metrics } = place;
    let name = genesis::name(role, number);
    let uri = genesis::uri(role, number);
    let base_path = dir.join(&name);
    fs::create_dir_all(&base_path)?;
    genesis::insert_keys(&base_path, role, &uri)?;
    let key_file = base_path.join("node-key");
    let peer = peer_id(key_file.clone())?;
    let listen = format!("/ip4/{host}/tcp/{p2p}");
    let store = (role == Role::Provider).then(|| base_path.join("store"));
    let disk = store.as_ref().and(args.disk).map(|_| dir.join("disks").join(format!("{name}.ext4")));
    // Sealing keeps two copies for a moment: an offer of half the disk can be kept.
    let capacity = args.disk.map_or(args.capacity, |disk| args.capacity.min(disk / 2));

    let path = |path: &Path| path.to_string_lossy().into_owned();
    let mut command: Vec<String> = [
        "node",
        "--chain",
        &path(&dir.join("chain.json")),
        "--base-path",
        &path(&base_path),
        "--name",
        &name,
        "--node-key-file",
        &path(&key_file),
        "--listen-addr",
        &listen,
        "--public-addr",
        &listen,
        "--rpc-port",
        &rpc.to_string(),
        "--prometheus-port",
        &metrics.to_string(),
        "--no-mdns",
        "--no-telemetry",
        "--allow-private-ip",
        "--discover-local",
        "--disable-log-color",
        // A node of a dozen on one machine may not take what it would take alone.
        "--trie-cache-size",
        "33554432",
        "--db-cache",
        "32",
    ]
    .map(String::from)
    .to_vec();
    if bridge.is_some() {
        // Only this machine reaches the address: the bridge has no way out.
        command.extend(
            ["--unsafe-rpc-external", "--rpc-methods", "unsafe", "--rpc-cors", "all", "--prometheus-external"]
                .map(String::from),
        );
    }
    match &store {
        None => command.push("--validator".into()),
        Some(store) => command.extend([
            "--provider".into(),
            "--store".into(),
            path(store),
            "--capacity".into(),
            capacity.to_string(),
            "--price".into(),
            tkt(args.price),
            "--announce".into(),
            listen.clone(),
            "--collateral".into(),
            COLLATERAL_TKT.to_string(),
            // Whoever flips bits on purpose waits for them to be found.
            "--scrub-rate".into(),
            "16MiB".into(),
        ]),
    }
    Ok(Node {
        log: dir.join("logs").join(format!("{name}.log")),
        account: genesis::address(&uri)?,
        rpc: format!("ws://{host}:{rpc}"),
        p2p: format!("{listen}/p2p/{peer}"),
        metrics: format!("http://{host}:{metrics}/metrics"),
        args: command,
        netns: bridge.map(|bridge| namespaces::name(bridge, &name)),
        name,
        role,
        pid: None,
        state: State::Stopped,
        base_path,
        store,
        disk,
        faults: Faults::default(),
    })
}

/// Plancks as a decimal number of TKT.
fn tkt(plancks: u128) -> String {
    format!("{}.{:012}", plancks / TKT, plancks % TKT)
}

/// The peer id of the key in the file, which is made if it is not there.
fn peer_id(file: PathBuf) -> Result<String, UserError> {
    let key = NodeKeyConfig::Ed25519(Secret::File(file)).into_keypair()?;
    Ok(key.public().to_peer_id().to_string())
}

/// Below the ports that systems give to outgoing connections (from 32768 on Linux, from 49152 elsewhere): the port of a
/// node that is stopped for a while is not taken by a connection of another meanwhile.
const PORTS: std::ops::Range<u16> = 20_000..32_768;

/// Ports of 127.0.0.1 that nobody uses now.
pub fn free_ports(count: usize) -> Result<Vec<u16>, UserError> {
    // From a place that other networks hardly begin at, too. All are held until the last is found, so that none is given
    // twice; another process can still take one before a node does.
    let begin = RandomState::new().hash_one(count) % u64::from(PORTS.end - PORTS.start);
    let begin = PORTS.start + u16::try_from(begin).expect("less than the number of ports; qed");
    let held: Vec<TcpListener> = (begin..PORTS.end)
        .chain(PORTS.start..begin)
        .filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok())
        .take(count)
        .collect();
    if held.len() < count {
        return Err(UserError::internal(format!("no {count} ports of 127.0.0.1 are free between 20000 and 32767"))
            .hint("stop some of the programs that listen there"));
    }
    let ports: std::io::Result<_> =
        held.iter().map(|listener| listener.local_addr().map(|address| address.port())).collect();
    ports.map_err(UserError::internal)
}
