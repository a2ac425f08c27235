//! `localnet up`: make the network, start its nodes, wait until blocks are final and the providers registered.

use super::{
    genesis,
    network::{self, Network, Node, Role, State},
    process, show, stop_all, Net, UpArgs,
};
use crate::{cli::Global, error::UserError};
use sc_network::config::{NodeKeyConfig, Secret};
use sp_core::crypto::Ss58Codec;
use station_client_rpc::client::Client;
use station_primitives::{AccountId, TKT};
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long a network may take to come up before that is called a failure. Three times what is promised, for machines
/// that are busy with something else.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often it is asked how far it is.
const POLL: Duration = Duration::from_millis(250);
/// Lines of a log that are shown when its node died.
const LAST_LINES: usize = 12;
/// What each provider locks: enough for its capacity in shards of any size.
const COLLATERAL_TKT: u128 = 10_000;

/// `up`.
pub fn run(args: &UpArgs, global: &Global) -> Result<(), UserError> {
    if args.net == Net::Namespaces {
        return Err(UserError::usage("--net namespaces is not available in this build")
            .hint("leave it out: all nodes then share 127.0.0.1, and no privileges are needed"));
    }
    fs::create_dir_all(&args.dir)
        .map_err(|error| UserError::disk(format!("{} cannot be made: {error}", args.dir.display())))?;
    let dir = fs::canonicalize(&args.dir)?;
    if dir.to_str().is_none() {
        return Err(UserError::usage("the folder's name must be UTF-8"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let started = Instant::now();

    let result = launch(args, &dir, global).and_then(|network| {
        runtime.block_on(async {
            tokio::select! {
                ready = ready(&dir, &network, global) => ready,
                () = interrupted() => Err(UserError::internal("interrupted")),
            }
        })
    });
    if let Err(error) = result {
        // What was started is not left behind; the first failure is the one to report.
        if error.code != crate::error::Code::Usage {
            let _ = stop_all(&dir);
        }
        return Err(error);
    }
    show(&Network::load(&dir)?, global);
    if !global.json {
        eprintln!("up after {:.1} s", started.elapsed().as_secs_f32());
    }
    if args.detach {
        return Ok(());
    }
    if !global.json {
        eprintln!("Ctrl-C stops all");
    }
    runtime.block_on(interrupted());
    stop_all(&dir)?;
    Ok(())
}

/// Completes on Ctrl-C, or when asked to end otherwise.
async fn interrupted() {
    use tokio::signal::unix::{signal, SignalKind};
    let (Ok(mut term), Ok(mut hangup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) else {
        // Without handlers the default applies: the signal ends the process.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {},
        _ = term.recv() => {},
        _ = hangup.recv() => {},
    }
}

/// Makes the network if there is none, and starts every node that does not run.
fn launch(args: &UpArgs, dir: &Path, global: &Global) -> Result<Network, UserError> {
    if !Network::exists(dir) {
        let _lock = network::lock(dir)?;
        make(args, dir)?.save(dir)?;
    }
    Network::change(dir, |network| {
        fits(network, args)?;
        if network.nodes.iter().any(|node| node.running().is_some()) {
            return Err(UserError::usage(format!("the network in {} is running already", dir.display()))
                .hint("stop it: station localnet down --dir DIR"));
        }
        // A process of ours is waited for, or it would stay behind as a zombie while this one runs.
        for node in &mut network.nodes {
            let mut child = process::spawn(node)?;
            node.mark_running(child.id());
            std::thread::spawn(move || child.wait());
        }
        if !global.json {
            eprintln!("{} nodes started in {}", network.nodes.len(), dir.display());
        }
        Ok(network.clone())
    })
}

/// Whether a network that is there already is the one asked for.
fn fits(network: &Network, args: &UpArgs) -> Result<(), UserError> {
    let count = |role| network.nodes.iter().filter(|node| node.role == role).count();
    let (validators, providers) = (count(Role::Validator), count(Role::Provider));
    if validators == usize::from(args.validators) && providers == usize::from(args.providers) {
        return Ok(());
    }
    Err(UserError::usage(format!("the folder holds a network of {validators} validators and {providers} providers"))
        .hint("ask for as many, or use another folder"))
}

/// Ports, keys, folders and the chain specification of a new network.
fn make(args: &UpArgs, dir: &Path) -> Result<Network, UserError> {
    let accounts = genesis::accounts(args.validators, args.providers)?;
    let chain_spec = dir.join("chain.json");
    genesis::write_spec(&chain_spec, args.validators, &accounts)?;
    fs::create_dir_all(dir.join("logs"))?;

    let members: Vec<(Role, u8)> = (1..=args.validators)
        .map(|n| (Role::Validator, n))
        .chain((1..=args.providers).map(|n| (Role::Provider, n)))
        .collect();
    let mut ports = free_ports(members.len() * 3)?.into_iter();
    let mut port = || ports.next().ok_or_else(|| UserError::internal("three ports a node were asked for; qed"));
    let mut nodes = Vec::new();
    for (role, number) in members {
        nodes.push(node(args, dir, role, number, [port()?, port()?, port()?])?);
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
    Ok(Network { rpc, chain_spec, accounts, nodes })
}

fn node(args: &UpArgs, dir: &Path, role: Role, number: u8, ports: [u16; 3]) -> Result<Node, UserError> {
    let [p2p, rpc, metrics] = ports;
    let name = genesis::name(role, number);
    let uri = genesis::uri(role, number);
    let base_path = dir.join(&name);
    fs::create_dir_all(&base_path)?;
    genesis::insert_keys(&base_path, role, &uri)?;
    let key_file = base_path.join("node-key");
    let peer = peer_id(key_file.clone())?;
    let listen = format!("/ip4/127.0.0.1/tcp/{p2p}");
    let store = (role == Role::Provider).then(|| base_path.join("store"));

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
    match &store {
        None => command.push("--validator".into()),
        Some(store) => command.extend([
            "--provider".into(),
            "--store".into(),
            path(store),
            "--capacity".into(),
            args.capacity.to_string(),
            "--price".into(),
            tkt(args.price),
            "--announce".into(),
            listen.clone(),
            "--collateral".into(),
            COLLATERAL_TKT.to_string(),
        ]),
    }
    Ok(Node {
        log: dir.join("logs").join(format!("{name}.log")),
        account: genesis::address(&uri)?,
        rpc: format!("ws://127.0.0.1:{rpc}"),
        p2p: format!("{listen}/p2p/{peer}"),
        metrics: format!("http://127.0.0.1:{metrics}/metrics"),
        args: command,
        name,
        role,
        pid: None,
        state: State::Stopped,
        base_path,
        store,
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

/// Ports that nobody uses now.
fn free_ports(count: usize) -> Result<Vec<u16>, UserError> {
    // All at once, so that none is given twice; another process can still take one before a node does.
    let held = (0..count).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect::<std::io::Result<Vec<_>>>();
    held.and_then(|listeners| {
        listeners.iter().map(|listener| listener.local_addr().map(|address| address.port())).collect()
    })
    .map_err(|error| UserError::internal(format!("no free ports on 127.0.0.1: {error}")))
}

/// Waits until a block after the genesis is final and every provider is registered.
async fn ready(dir: &Path, network: &Network, global: &Global) -> Result<(), UserError> {
    let until = Instant::now() + PATIENCE;
    let client = loop {
        match Client::connect(&network.rpc).await {
            Ok(client) => break client,
            Err(error) => pause(dir, until, &format!("the first validator does not answer: {error}")).await?,
        }
    };
    // A network that goes on has final blocks from before.
    let before = client.finalized().await.map_or(0, |block| block.number);
    while !client.finalized().await.is_ok_and(|block| block.number > before) {
        pause(dir, until, "no block became final").await?;
    }
    if !global.json {
        eprintln!("blocks are final");
    }
    for node in network.nodes.iter().filter(|node| node.role == Role::Provider) {
        let account =
            AccountId::from_ss58check(&node.account).map_err(|error| UserError::internal(format!("{error:?}")))?;
        let registered = || async {
            let info = client.provider(&account).await.ok().flatten()?;
            (info.collateral > 0).then_some(())
        };
        while registered().await.is_none() {
            pause(dir, until, &format!("{} did not register", node.name)).await?;
        }
    }
    if !global.json {
        eprintln!("all providers are registered");
    }
    Ok(())
}

/// Waits a moment; fails if a node died, or when patience is over.
async fn pause(dir: &Path, until: Instant, why: &str) -> Result<(), UserError> {
    let network = Network::load(dir)?;
    if let Some(dead) = network.nodes.iter().find(|node| node.running().is_none()) {
        let log = fs::read_to_string(&dead.log).unwrap_or_default();
        let mut lines: Vec<&str> = log.lines().rev().take(LAST_LINES).collect();
        lines.reverse();
        return Err(UserError::internal(format!("{} ended; its log ends with\n{}", dead.name, lines.join("\n")))
            .hint(format!("see {}", dead.log.display())));
    }
    if Instant::now() >= until {
        return Err(UserError::network(format!("the network did not come up in {} s: {why}", PATIENCE.as_secs()))
            .hint(format!("see the logs in {}", dir.join("logs").display())));
    }
    tokio::time::sleep(POLL).await;
    Ok(())
}

/// Waits until a node that was started answers on its port.
pub fn wait_for_rpc(node: &Node) -> Result<(), UserError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let until = Instant::now() + PATIENCE;
    runtime.block_on(async {
        loop {
            let Err(error) = Client::connect(&node.rpc).await else {
                return Ok(());
            };
            if node.running().is_none() {
                return Err(
                    UserError::internal(format!("{} ended", node.name)).hint(format!("see {}", node.log.display()))
                );
            }
            if Instant::now() >= until {
                return Err(UserError::network(format!("{} does not answer: {error}", node.name))
                    .hint(format!("see {}", node.log.display())));
            }
            tokio::time::sleep(POLL).await;
        }
    })
}
