//! `station localnet`: a whole network of real processes on this machine, for demonstrations and tests.
//!
//! * [`network`]: what `DIR/localnet.json` says
//! * [`layout`]: the plan of a new one: addresses, folders, command lines
//! * [`genesis`]: the chain specification and the keystores
//! * [`process`]: starting, asking and stopping the nodes' processes
//! * [`up`]: making the network, and waiting until it is one
//! * [`namespaces`]: a network namespace a node, and the faults of links
//! * [`disk`]: a file system a store, and filling it
//! * [`faults`]: breaking things on purpose and mending them, with [`corrupt`] and the [`proxy`] of delays

mod corrupt;
mod disk;
mod faults;
mod genesis;
mod layout;
mod namespaces;
mod network;
mod process;
mod proxy;
mod system;
mod up;

use crate::{cli::Global, error::UserError};
use clap::{Args, Subcommand, ValueEnum};
use faults::{CorruptArgs, DelayArgs, PartitionArgs, RateArgs};
use network::{Network, Node};
use process::Signal;
use proxy::ProxyArgs;
use serde::{Deserialize, Serialize};
use station_primitives::Price;
use station_service::units;
use std::{
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// Examples of a network's life.
pub const EXAMPLES: &str = "\
Examples:
  station localnet up --dir /tmp/net --detach
  station localnet status --dir /tmp/net
  station --rpc $(jq -r .rpc /tmp/net/localnet.json) --key //Alice put photos
  station localnet logs provider-1 --dir /tmp/net -f
  station localnet kill provider-1 --dir /tmp/net
  station localnet start provider-1 --dir /tmp/net
  station localnet down --dir /tmp/net";

const FAULT_EXAMPLES: &str = "\
Examples (STATION_LOCALNET=/tmp/net stands for --dir /tmp/net):
  sudo station localnet up --dir /tmp/net --net namespaces --disk 1GiB --detach
  station localnet corrupt provider-1 --replica 7/0/2    bits flip in a file of its store
  sudo station localnet partition provider-1             from all others
  sudo station localnet partition validator-1,provider-1 validator-2,provider-2
  sudo station localnet fill-disk provider-2             its own disk, up to the last byte
  station localnet delay provider-3 150                  every byte takes 150 ms more, each way
  sudo station localnet rate provider-3 512              half a megabit a second, each way
  sudo station localnet heal                             undoes all of these but flipped bits";

/// `station localnet …`
#[derive(Debug, Subcommand)]
pub enum LocalnetCmd {
    /// Start a network; in the foreground Ctrl-C stops it
    #[command(after_help = EXAMPLES)]
    Up(UpArgs),
    /// Show the nodes
    #[command(after_help = EXAMPLES)]
    Status(DirArgs),
    /// Stop all nodes
    #[command(after_help = EXAMPLES)]
    Down(DirArgs),
    /// Print a node's log
    #[command(after_help = EXAMPLES)]
    Logs(LogsArgs),
    /// Kill a node (SIGKILL)
    #[command(after_help = EXAMPLES)]
    Kill(NameArgs),
    /// Stop a node (SIGTERM)
    #[command(after_help = EXAMPLES)]
    Stop(NameArgs),
    /// Start a stopped node
    #[command(after_help = EXAMPLES)]
    Start(NameArgs),
    /// Flip bits of a sealed replica on a provider's disk
    #[command(after_help = FAULT_EXAMPLES)]
    Corrupt(CorruptArgs),
    /// Cut the links between two groups of nodes (root, --net namespaces)
    #[command(after_help = FAULT_EXAMPLES)]
    Partition(PartitionArgs),
    /// Undo partitions, rates, delays and full disks
    #[command(after_help = FAULT_EXAMPLES)]
    Heal(DirArgs),
    /// Fill the disk under a provider's store (root, --disk)
    #[command(after_help = FAULT_EXAMPLES)]
    FillDisk(NameArgs),
    /// Hold back every byte between a node and its peers; starts the node again
    #[command(after_help = FAULT_EXAMPLES)]
    Delay(DelayArgs),
    /// Bound what passes a node's link (root, --net namespaces)
    #[command(after_help = FAULT_EXAMPLES)]
    Rate(RateArgs),
    /// The proxy of a delay
    #[command(hide = true, name = proxy::COMMAND)]
    DelayProxy(ProxyArgs),
}

/// Where the network is.
#[derive(Clone, Debug, Args)]
pub struct DirArgs {
    /// The network's folder
    #[arg(long, env = "STATION_LOCALNET")]
    pub dir: PathBuf,
}

/// A node of it.
#[derive(Clone, Debug, Args)]
pub struct NameArgs {
    /// The node: validator-1, provider-2
    pub name: String,
    /// The network's folder.
    #[command(flatten)]
    pub dir: DirArgs,
}

/// `logs`.
#[derive(Clone, Debug, Args)]
pub struct LogsArgs {
    /// The node: validator-1, provider-2
    pub name: String,
    /// The network's folder.
    #[command(flatten)]
    pub dir: DirArgs,
    /// Print what comes, too
    #[arg(long, short)]
    pub follow: bool,
    /// The last lines only
    #[arg(long, short = 'n', value_name = "LINES")]
    pub lines: Option<usize>,
}

/// How the nodes reach each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Net {
    /// All on 127.0.0.1: needs no privileges
    #[default]
    Loopback,
    /// Each in a network namespace of its own: needs root and iproute2; links can be broken
    Namespaces,
}

/// `up`.
#[derive(Clone, Debug, Args)]
pub struct UpArgs {
    /// The network's folder; a network that is there already goes on where it was
    #[arg(long, env = "STATION_LOCALNET")]
    pub dir: PathBuf,
    /// Validators
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub validators: u8,
    /// Providers
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(0..=32))]
    pub providers: u8,
    /// What each provider offers
    #[arg(long, value_name = "SIZE", default_value = "10GiB", value_parser = units::parse_bytes)]
    pub capacity: u64,
    /// Their price of a GiB·day, in TKT
    #[arg(long, value_name = "TKT", default_value = "0.01", value_parser = units::parse_price)]
    pub price: Price,
    /// How the nodes reach each other
    #[arg(long, value_enum, default_value_t = Net::Loopback)]
    pub net: Net,
    /// Give each store a disk of its own of this size, in a file, that can be filled (root)
    #[arg(long, value_name = "SIZE", value_parser = parse_disk)]
    pub disk: Option<u64>,
    /// A slot in milliseconds; longer where many nodes share few cores
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(500..=60_000))]
    pub slot: u64,
    /// Return when the network is up; `down` stops it
    #[arg(long)]
    pub detach: bool,
}

fn parse_disk(text: &str) -> Result<u64, String> {
    let bytes = units::parse_bytes(text)?;
    if bytes < disk::MIN_BYTES {
        return Err(format!("a store needs {} at least", units::Size(disk::MIN_BYTES)));
    }
    Ok(bytes)
}

impl LocalnetCmd {
    /// Run it.
    pub fn run(&self, global: &Global) -> Result<(), UserError> {
        match self {
            Self::Up(args) => up::run(args, global),
            Self::Status(args) => status(&args.dir, global),
            Self::Down(args) => down(&args.dir, global),
            Self::Logs(args) => logs(args),
            Self::Kill(args) => signal(args, Signal::Kill, global),
            Self::Stop(args) => signal(args, Signal::Term, global),
            Self::Start(args) => start(args, global),
            Self::Corrupt(args) => faults::corrupt(args, global),
            Self::Partition(args) => faults::partition(args, global),
            Self::Heal(args) => faults::heal(args, global),
            Self::FillDisk(args) => faults::fill_disk(args, global),
            Self::Delay(args) => faults::delay(args, global),
            Self::Rate(args) => faults::rate(args, global),
            Self::DelayProxy(args) => proxy::run(args),
        }
    }
}

/// How long a node may take to end by itself before it is killed.
const PATIENCE: Duration = Duration::from_secs(30);

fn status(dir: &Path, global: &Global) -> Result<(), UserError> {
    let network = Network::load(dir)?;
    show(&network, global);
    Ok(())
}

/// Prints the network.
fn show(network: &Network, global: &Global) {
    if global.json {
        println!("{}", network.to_json());
        return;
    }
    println!("{:<13} {:<8} {:>8}  {:<24} ACCOUNT", "NAME", "STATE", "PID", "RPC");
    for node in &network.nodes {
        let pid = node.pid.map_or_else(|| "-".to_string(), |pid| pid.to_string());
        println!("{:<13} {:<8} {:>8}  {:<24} {}", node.name, node.state.text(), pid, node.rpc, node.account);
    }
}

fn down(dir: &Path, global: &Global) -> Result<(), UserError> {
    let stopped = stop_all(dir)?;
    if global.json {
        println!("{}", serde_json::json!({ "stopped": stopped }));
    } else {
        eprintln!("{stopped} nodes stopped");
    }
    Ok(())
}

/// Stops every node; returns how many were running. No process, namespace or mount is left when this succeeds.
fn stop_all(dir: &Path) -> Result<usize, UserError> {
    Network::change(dir, |network| {
        let running: Vec<u32> = network.nodes.iter().filter_map(Node::running).collect();
        // All at once, so that the slowest decides.
        for node in network.nodes.iter().filter(|node| node.running().is_some()) {
            process::signal(node, Signal::Term)?;
        }
        for node in &mut network.nodes {
            process::wait_gone(node, PATIENCE)?;
            node.mark_stopped();
        }
        faults::clear(network)?;
        disk::unmount_all(network)?;
        namespaces::tear_down(network)?;
        Ok(running.len())
    })
}

fn signal(args: &NameArgs, signal: Signal, global: &Global) -> Result<(), UserError> {
    let dir = &args.dir.dir;
    let network = Network::change(dir, |network| {
        let node = network.node_mut(&args.name)?;
        if node.running().is_none() {
            return Err(UserError::not_found(format!("{} is not running", args.name)).hint(format!(
                "start it: station localnet start {} --dir {}",
                args.name,
                dir.display()
            )));
        }
        process::signal(node, signal)?;
        process::wait_gone(node, PATIENCE)?;
        node.mark_stopped();
        Ok(network.clone())
    })?;
    said(&network, &args.name, global)
}

fn start(args: &NameArgs, global: &Global) -> Result<(), UserError> {
    let dir = &args.dir.dir;
    let network =
        Network::change(dir, |network| {
            let node = network.node_mut(&args.name)?;
            if let Some(pid) = node.running() {
                return Err(UserError::usage(format!("{} is running already, as process {pid}", args.name))
                    .hint(format!("stop it first: station localnet stop {} --dir {}", args.name, dir.display())));
            }
            let child = process::spawn(node)?;
            node.mark_running(child.id());
            Ok(network.clone())
        })?;
    up::wait_for_rpc(network.node(&args.name)?)?;
    said(&network, &args.name, global)
}

/// Says what became of a node.
fn said(network: &Network, name: &str, global: &Global) -> Result<(), UserError> {
    let node = network.node(name)?;
    if global.json {
        println!("{}", serde_json::to_value(node).map_err(UserError::internal)?);
    } else {
        eprintln!("{name} is {}", node.state.text());
    }
    Ok(())
}

fn logs(args: &LogsArgs) -> Result<(), UserError> {
    let network = Network::load(&args.dir.dir)?;
    let node = network.node(&args.name)?;
    let mut file = std::fs::File::open(&node.log)?;
    let mut out = std::io::stdout().lock();
    if let Some(lines) = args.lines {
        let total = BufReader::new(&file).lines().count();
        file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        for index in 0..total {
            line.clear();
            reader.read_until(b'\n', &mut line)?;
            if index + lines >= total && out.write_all(&line).is_err() {
                return Ok(());
            }
        }
        file.seek(SeekFrom::End(0))?;
    }
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 if args.follow => std::thread::sleep(Duration::from_millis(200)),
            0 => return Ok(()),
            // A closed pipe, as with `| head`, is the reader's way to say that it has enough.
            read => match out.write_all(&buffer[..read]).and_then(|()| out.flush()) {
                Ok(()) => {}
                Err(_) => return Ok(()),
            },
        }
    }
}
