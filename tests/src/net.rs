//! A local network in a folder of its own.

use crate::{rpc, station, user::text, wait};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
    sys::signal::{kill, Signal},
    unistd::Pid,
};
use serde_json::Value;
use std::{
    env, fs,
    fs::File,
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        atomic::{AtomicBool, Ordering},
        Mutex, PoisonError,
    },
};
use tempfile::TempDir;

/// Networks that run at once: three wait for their blocks as well as one does, and two cores are enough for them.
const NETWORKS: u32 = 3;
/// The longest wait for a turn: what all other tests together take.
const TURN_SECONDS: u64 = 5_400;
/// Starting is what takes most of a processor, and free ports are free for one network only.
static STARTING: Mutex<()> = Mutex::new(());
/// Lines of each log shown when a test fails.
const LOG_TAIL: usize = 25;

/// A running network. Dropping it takes it down and removes its folder; after a failure the folder stays, and the ends of
/// the logs are shown.
pub struct Net {
    dir: Option<TempDir>,
    path: PathBuf,
    rpc: String,
    // Held as long as the network runs. Its text is the folder of the network, for whoever finds a dead owner's.
    turn: Flock<File>,
    kept: AtomicBool,
}

/// A node of `localnet.json`.
#[derive(Clone, Debug)]
pub struct Node {
    /// `validator-1`, `provider-3`, …
    pub name: String,
    /// `validator` or `provider`.
    pub role: String,
    /// Its process, if it runs.
    pub pid: Option<i32>,
    /// What `localnet` says it does.
    pub state: String,
    /// The SS58 address of its account.
    pub account: String,
    /// Its own JSON-RPC address.
    pub rpc: String,
    /// Where the chain's database and keystore are.
    pub base_path: PathBuf,
    /// A provider's shard store.
    pub store: Option<PathBuf>,
    /// Its log file.
    pub log: PathBuf,
}

impl Net {
    /// One validator and four providers, as most tests need them.
    pub fn up() -> Self {
        Self::with(1, 4)
    }

    /// A network of so many validators and providers, ready: blocks are final, providers registered.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn with(validators: u32, providers: u32) -> Self {
        Self::with_options(validators, providers, &[])
    }

    /// A network with more options of `localnet up`: `--net`, `--disk`, `--slot`.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn with_options(validators: u32, providers: u32, options: &[&str]) -> Self {
        let mut turn = take_turn();
        let dir = TempDir::with_prefix("station-net-").expect("a temporary folder; qed");
        let path = dir.path().to_owned();
        turn.set_len(0).and_then(|()| turn.write_all(text(&path).as_bytes())).expect("a lock file; qed");
        let mut net = Self { dir: Some(dir), path, rpc: String::new(), turn, kept: AtomicBool::new(false) };
        let (validators, providers) = (validators.to_string(), providers.to_string());
        let args = ["up", "--validators", &validators, "--providers", &providers, "--detach"];
        let starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let up = net.localnet(&[&args[..], options].concat(), &[]);
        assert!(up.status.success(), "localnet up: {}", String::from_utf8_lossy(&up.stderr));
        drop(starting);
        net.rpc = net.json()["rpc"].as_str().expect("localnet.json names rpc").to_owned();
        net
    }

    /// The network's folder.
    pub fn dir(&self) -> &Path {
        &self.path
    }

    /// The address that users talk to.
    pub fn rpc(&self) -> &str {
        &self.rpc
    }

    /// `localnet.json`.
    ///
    /// # Panics
    /// When it is not there, or no JSON.
    pub fn json(&self) -> Value {
        let path = self.path.join("localnet.json");
        let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// All nodes, as `localnet.json` says now.
    pub fn nodes(&self) -> Vec<Node> {
        nodes(&self.json())
    }

    /// One node by its name.
    pub fn node(&self, name: &str) -> Node {
        self.nodes().into_iter().find(|n| n.name == name).unwrap_or_else(|| panic!("no node {name}"))
    }

    /// The provider with this account.
    pub fn provider(&self, account: &str) -> Node {
        self.nodes()
            .into_iter()
            .find(|n| n.account == account)
            .unwrap_or_else(|| panic!("no node has the account {account}"))
    }

    /// `station localnet ARGS --dir DIR`, with more environment.
    pub fn localnet(&self, args: &[&str], envs: &[(&str, &str)]) -> Output {
        let mut command = Command::new(station());
        command
            .arg("localnet")
            .args(args)
            .args(["--dir", text(&self.path)])
            .env("STATION_HOME", self.path.join("home"))
            .env_remove("STATION_RPC")
            .env_remove("STATION_FAILPOINT")
            .env_remove("STATION_MISBEHAVE")
            .envs(envs.iter().copied())
            .stdin(Stdio::null());
        command.output().expect("the binary was found; qed")
    }

    /// `localnet ARGS --json`: a fault, or mending it. The object that it prints.
    ///
    /// # Panics
    /// When the command fails, or prints no JSON.
    pub fn fault(&self, args: &[&str]) -> Value {
        let done = self.localnet(&[args, &["--json"]].concat(), &[]);
        assert!(done.status.success(), "localnet {}: {}", args.join(" "), String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).unwrap_or_else(|e| panic!("localnet {}: {e}", args.join(" ")))
    }

    /// `localnet kill|stop|start NAME`, and wait until it is so.
    ///
    /// # Panics
    /// When the command fails, or nothing comes of it.
    pub fn turn(&self, what: &str, name: &str) {
        let before = self.node(name).pid;
        let done = self.localnet(&[what, name], &[]);
        assert!(done.status.success(), "localnet {what} {name}: {}", String::from_utf8_lossy(&done.stderr));
        if what == "start" {
            wait::until_true(&format!("{name} to run"), 30, || self.runs(name));
        } else if let Some(pid) = before {
            wait::until_true(&format!("{name} to end"), 60, || !alive(pid));
        }
    }

    /// Stop a node and start it with a failpoint. It may be dead before this returns: that is what it is for.
    pub fn arm(&self, name: &str, point: &str) {
        self.turn("stop", name);
        self.localnet(&["start", name], &[("STATION_FAILPOINT", point)]);
    }

    /// Whether a node's process is there.
    pub fn runs(&self, name: &str) -> bool {
        self.node(name).pid.is_some_and(alive)
    }

    /// Take it down with `localnet down`, as a user would.
    ///
    /// # Panics
    /// When the command fails.
    pub fn down(&self) {
        let down = self.localnet(&["down"], &[]);
        assert!(down.status.success(), "localnet down: {}", String::from_utf8_lossy(&down.stderr));
    }

    /// Processes that name the network's folder on their command line.
    pub fn processes(&self) -> Vec<i32> {
        processes_of(&self.path)
    }

    /// Keep the folder and show the ends of the logs when this is dropped, as after a panic.
    pub fn keep(&self) {
        self.kept.store(true, Ordering::SeqCst);
    }

    fn show_logs(&self) {
        eprintln!("the network's folder is kept: {}", self.path.display());
        let Ok(bytes) = fs::read(self.path.join("localnet.json")) else { return };
        let Ok(json) = serde_json::from_slice::<Value>(&bytes) else { return };
        for node in nodes(&json) {
            let log = fs::read_to_string(&node.log).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            eprintln!("--- {} ({})", node.name, node.log.display());
            for line in &lines[lines.len().saturating_sub(LOG_TAIL)..] {
                eprintln!("{line}");
            }
        }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // Whatever a test did, the ledgers must agree afterwards. A network that is down already cannot be asked.
        let state = rpc::try_state(&self.rpc);
        let _ = self.localnet(&["down"], &[]);
        end(&self.path);
        let failed = std::thread::panicking() || self.kept.load(Ordering::SeqCst);
        if failed {
            self.show_logs();
            if let Some(dir) = self.dir.take() {
                let _kept = dir.keep();
            }
        }
        let _ = self.turn.set_len(0);
        if let Some(broken) = state.filter(|_| !failed) {
            panic!("an invariant of the chain is broken: {broken}");
        }
    }
}

fn nodes(json: &Value) -> Vec<Node> {
    let string = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    json["nodes"]
        .as_array()
        .map(|nodes| {
            nodes
                .iter()
                .map(|n| Node {
                    name: string(&n["name"]),
                    role: string(&n["role"]),
                    pid: n["pid"].as_i64().and_then(|p| i32::try_from(p).ok()).filter(|p| *p > 0),
                    state: string(&n["state"]),
                    account: string(&n["account"]),
                    rpc: string(&n["rpc"]),
                    base_path: PathBuf::from(string(&n["base_path"])),
                    store: n["store"].as_str().map(PathBuf::from),
                    log: PathBuf::from(string(&n["log"])),
                })
                .collect()
        })
        .unwrap_or_default()
}

/// Wait until fewer than [`NETWORKS`] others run, whichever process they belong to, and take away one that a dead test process left
/// behind.
fn take_turn() -> Flock<File> {
    let mut turn =
        wait::until("a turn to run a network", TURN_SECONDS, || (0..NETWORKS).find_map(try_turn).ok_or("others run"));
    let mut left = String::new();
    turn.read_to_string(&mut left).expect("a lock file; qed");
    turn.rewind().expect("a lock file; qed");
    if !left.is_empty() {
        end(Path::new(&left));
        // Namespaces and mounts outlive processes.
        if Path::new(&left).join("localnet.json").exists() {
            let _ = Command::new(station()).args(["localnet", "down", "--dir", &left]).output();
        }
    }
    turn
}

fn try_turn(number: u32) -> Option<Flock<File>> {
    let path = env::temp_dir().join(format!("station-tests-{number}.lock"));
    let file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(turn) => Some(turn),
        Err((_, Errno::EWOULDBLOCK)) => None,
        Err((_, e)) => panic!("{}: {e}", path.display()),
    }
}

/// SIGKILL for whatever still names the folder.
fn end(dir: &Path) {
    for pid in processes_of(dir) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

fn processes_of(dir: &Path) -> Vec<i32> {
    let own = i32::try_from(std::process::id()).expect("process ids are small; qed");
    let needle = text(dir).as_bytes();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|e| e.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| *pid != own && alive(*pid))
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.windows(needle.len()).any(|w| w == needle))
        })
        .collect()
}

/// Whether a process runs; one that has ended and waits for its parent does not. One of whose threads some are left still has
/// its files locked.
pub(crate) fn alive(pid: i32) -> bool {
    let threads = || fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z') || threads() > 1))
}
