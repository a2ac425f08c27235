//! `DIR/localnet.json`: who is there, where, and whether it runs.

use super::{faults::Faults, namespaces::Bridge, process, Net};
use crate::error::UserError;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

/// The file's name.
const FILE: &str = "localnet.json";
/// Held while the file is changed.
const LOCK: &str = ".lock";

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Authors blocks.
    Validator,
    /// Keeps data.
    Provider,
}

/// Whether a node's process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It does.
    Running,
    /// It does not.
    Stopped,
}

impl State {
    /// As it is printed.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
        }
    }
}

/// An account with money in the genesis.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    /// Whose: `Alice`, `provider-1`.
    pub name: String,
    /// The secret, as `--key` takes it: `//Alice`.
    pub uri: String,
    /// Its SS58 address.
    pub address: String,
}

/// A node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    /// `validator-1`.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Its process, while it runs.
    pub pid: Option<u32>,
    /// Whether it does.
    pub state: State,
    /// The address of its account.
    pub account: String,
    /// `ws://127.0.0.1:…`
    pub rpc: String,
    /// Its multiaddress, with the peer id.
    pub p2p: String,
    /// Where Prometheus reads its metrics.
    pub metrics: String,
    /// Its chain's folder.
    pub base_path: PathBuf,
    /// Its shard store, of a provider.
    pub store: Option<PathBuf>,
    /// Its log file.
    pub log: PathBuf,
    /// What its process is started with, after the program's name.
    pub args: Vec<String>,
    /// Its network namespace, if it has one.
    #[serde(default)]
    pub netns: Option<String>,
    /// The file that holds the file system of its store, if it has one of its own.
    #[serde(default)]
    pub disk: Option<PathBuf>,
    /// What is broken at it.
    #[serde(default)]
    pub faults: Faults,
}

impl Node {
    /// The process, if it is there.
    pub fn running(&self) -> Option<u32> {
        self.pid.filter(|pid| process::is_node(*pid, self))
    }

    /// Notes that the process is gone.
    pub fn mark_stopped(&mut self) {
        self.pid = None;
        self.state = State::Stopped;
    }

    /// Notes a new process.
    pub fn mark_running(&mut self, pid: u32) {
        self.pid = Some(pid);
        self.state = State::Running;
    }
}

/// A network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Network {
    /// The first validator's RPC: the one to talk to.
    pub rpc: String,
    /// The chain specification's file.
    pub chain_spec: PathBuf,
    /// Accounts with money.
    pub accounts: Vec<Account>,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// How they reach each other.
    #[serde(default)]
    pub net: Net,
    /// What joins them, if each has a namespace.
    #[serde(default)]
    pub bridge: Option<Bridge>,
    /// Pairs of nodes between which nothing passes.
    #[serde(default)]
    pub cuts: Vec<[String; 2]>,
}

impl Network {
    /// Whether a network was made in the folder.
    pub fn exists(dir: &Path) -> bool {
        dir.join(FILE).is_file()
    }

    /// Reads it, with the processes' states as they are now.
    pub fn load(dir: &Path) -> Result<Self, UserError> {
        let path = dir.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(UserError::not_found(format!("there is no network in {}", dir.display()))
                    .hint(format!("start one: station localnet up --dir {}", dir.display())));
            }
            Err(error) => return Err(UserError::disk(format!("{}: {error}", path.display()))),
        };
        let mut network: Self = serde_json::from_str(&text)
            .map_err(|error| UserError::disk(format!("{} cannot be read: {error}", path.display())))?;
        for node in &mut network.nodes {
            match node.running() {
                Some(pid) => node.mark_running(pid),
                None => node.mark_stopped(),
            }
        }
        Ok(network)
    }

    /// Writes it: to another name, then renamed, so that readers see one whole version or the other.
    pub fn save(&self, dir: &Path) -> Result<(), UserError> {
        let partial = dir.join(format!("{FILE}.partial"));
        let mut file = File::create(&partial)?;
        writeln!(file, "{:#}", self.to_json())?;
        file.sync_all()?;
        fs::rename(&partial, dir.join(FILE))?;
        Ok(())
    }

    /// Reads it, has it changed, and writes it, while nobody else does.
    pub fn change<T>(dir: &Path, change: impl FnOnce(&mut Self) -> Result<T, UserError>) -> Result<T, UserError> {
        let _lock = lock(dir)?;
        let mut network = Self::load(dir)?;
        let result = change(&mut network);
        // What was done before it failed is to be seen, too.
        network.save(dir)?;
        result
    }

    /// As JSON.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("text, numbers and paths made of UTF-8 become JSON; qed")
    }

    /// The node of a name.
    pub fn node(&self, name: &str) -> Result<&Node, UserError> {
        self.nodes.iter().find(|node| node.name == name).ok_or_else(|| self.unknown(name))
    }

    /// The node of a name, to be changed.
    pub fn node_mut(&mut self, name: &str) -> Result<&mut Node, UserError> {
        let unknown = self.unknown(name);
        self.nodes.iter_mut().find(|node| node.name == name).ok_or(unknown)
    }

    /// The error for a name that no node has.
    pub fn unknown(&self, name: &str) -> UserError {
        let names: Vec<&str> = self.nodes.iter().map(|node| node.name.as_str()).collect();
        UserError::not_found(format!("no node is called {name}")).hint(format!("there are {}", names.join(", ")))
    }
}

/// Held while the network's file is changed; released when dropped.
pub fn lock(dir: &Path) -> Result<File, UserError> {
    let path = dir.join(LOCK);
    let file = File::create(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => UserError::not_found(format!("there is no network in {}", dir.display()))
            .hint(format!("start one: station localnet up --dir {}", dir.display())),
        _ => UserError::disk(format!("{}: {error}", path.display())),
    })?;
    file.lock().map_err(|error| UserError::disk(format!("{}: {error}", path.display())))?;
    Ok(file)
}
