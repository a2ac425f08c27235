//! The nodes' processes. A process id is used only if the process is the node's: ids are given anew.

use super::network::Node;
use crate::error::UserError;
use nix::{
    errno::Errno,
    sys::signal::{self as unix, Signal as UnixSignal},
    unistd::Pid,
};
use std::{
    fs::{self, OpenOptions},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How a node is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// It may finish what it does.
    Term,
    /// It may not.
    Kill,
}

/// How often a process is looked at while it ends.
const POLL: Duration = Duration::from_millis(50);
/// How long a killed process may take to be gone: the kernel writes out what it had mapped.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// Whether `pid` is a live process of the node: started with its base path, and no zombie.
pub fn is_node(pid: u32, node: &Node) -> bool {
    let Ok(command) = fs::read(format!("/proc/{pid}/cmdline")) else {
        return false;
    };
    let base_path = node.base_path.to_string_lossy();
    let its_own = command.split(|byte| *byte == 0).any(|arg| arg == base_path.as_bytes());
    // A zombie's command line is empty, so there is no need to ask for its state.
    its_own && node.args.iter().any(|arg| *arg == base_path)
}

/// Starts the node's process, detached from this one's terminal and group. Its output is appended to its log.
pub fn spawn(node: &Node) -> Result<Child, UserError> {
    let exe = std::env::current_exe()?;
    let log = OpenOptions::new().create(true).append(true).open(&node.log)?;
    let mut command = Command::new(exe);
    command
        .args(&node.args)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C on the terminal is for `up`, which stops the nodes in order.
        .process_group(0);
    // A failpoint of the caller is the node's; its RPC address is not.
    command.env_remove("STATION_RPC");
    command.spawn().map_err(|error| UserError::internal(format!("{} does not start: {error}", node.name)))
}

/// Sends a signal to the node's process. That it is gone already is no error.
pub fn signal(node: &Node, signal: Signal) -> Result<(), UserError> {
    let Some(pid) = node.running().and_then(|pid| i32::try_from(pid).ok()) else {
        return Ok(());
    };
    let signal = match signal {
        Signal::Term => UnixSignal::SIGTERM,
        Signal::Kill => UnixSignal::SIGKILL,
    };
    match unix::kill(Pid::from_raw(pid), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(UserError::internal(format!("{} (process {pid}) cannot be stopped: {error}", node.name))),
    }
}

/// Waits until the node's process is gone; kills it after `patience`.
pub fn wait_gone(node: &Node, patience: Duration) -> Result<(), UserError> {
    if gone(node, patience) {
        return Ok(());
    }
    signal(node, Signal::Kill)?;
    if gone(node, KILL_PATIENCE) {
        return Ok(());
    }
    Err(UserError::internal(format!("{} does not end, even killed", node.name)))
}

fn gone(node: &Node, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    while node.running().is_some() {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(POLL);
    }
    true
}
