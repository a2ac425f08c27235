//! The nodes' processes. A process id is used only if the process is the node's: ids are given anew.

use super::{faults, network::Node, proxy};
use crate::error::UserError;
use nix::{
    errno::Errno,
    sys::signal::{self as unix, Signal as UnixSignal},
    unistd::Pid,
};
use std::{
    fs::{self, OpenOptions},
    net::{SocketAddr, TcpStream},
    os::unix::process::CommandExt,
    path::Path,
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
    names(pid, node).is_some_and(|is_proxy| !is_proxy)
}

/// Whether `pid` is a live process that was started with the node's base path; if so, whether it is its proxy.
fn names(pid: u32, node: &Node) -> Option<bool> {
    // A process that ends loses its command line first, and the locks on its files last: until then it is there.
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    if command.is_empty() {
        return ends(pid).then_some(false);
    }
    let base_path = node.base_path.to_string_lossy();
    let has = |wanted: &[u8]| command.split(|byte| *byte == 0).any(|arg| arg == wanted);
    has(base_path.as_bytes()).then(|| has(proxy::COMMAND.as_bytes()))
}

/// Whether a process is about to end and still has something open: some thread of it is not a zombie yet.
fn ends(pid: u32) -> bool {
    // proc(5): the state comes first behind the name, the flags seventh; linux/sched.h: this flag marks who exits.
    const EXITING: u64 = 4;
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let mut fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
    let zombie = fields.next() == Some("Z");
    let exiting = fields.nth(5).and_then(|flags| flags.parse::<u64>().ok()).is_some_and(|flags| flags & EXITING != 0);
    let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    exiting && (!zombie || threads > 1)
}

/// Starts the node's process, detached from this one's terminal and group. Its output is appended to its log.
pub fn spawn(node: &Node) -> Result<Child, UserError> {
    detached(node, &faults::arguments(node), &node.log)
}

/// Starts the node's proxy, and waits until it listens.
pub fn start_proxy(node: &Node, front: SocketAddr, behind: SocketAddr, ms: u64) -> Result<u32, UserError> {
    let log = faults::proxy_log(node);
    let mut child = detached(node, &proxy::args(node, front, behind, ms), &log)?;
    let until = Instant::now() + KILL_PATIENCE;
    while TcpStream::connect_timeout(&front, POLL).is_err() {
        let ended = child.try_wait()?.is_some();
        if ended || Instant::now() >= until {
            let _ = child.kill();
            let _ = child.wait();
            let error = UserError::internal(format!("the proxy of {} does not listen at {front}", node.name));
            return Err(error.hint(format!("see {}", log.display())));
        }
        std::thread::sleep(POLL);
    }
    Ok(child.id())
}

/// Ends the node's proxy, and waits until it is gone.
pub fn end_proxy(node: &Node, pid: u32) -> Result<(), UserError> {
    let is_proxy = || names(pid, node) == Some(true);
    let Some(raw) = i32::try_from(pid).ok().filter(|_| is_proxy()) else { return Ok(()) };
    // It has nothing to finish.
    match unix::kill(Pid::from_raw(raw), UnixSignal::SIGKILL) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => return Err(UserError::internal(format!("the proxy of {} does not end: {error}", node.name))),
    }
    let until = Instant::now() + KILL_PATIENCE;
    while is_proxy() && Instant::now() < until {
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// Starts this program once more, where the node is.
fn detached(node: &Node, args: &[String], log: &Path) -> Result<Child, UserError> {
    let exe = std::env::current_exe()?;
    let log = OpenOptions::new().create(true).append(true).open(log)?;
    let mut command = match &node.netns {
        None => Command::new(exe),
        // Enters and becomes the program, without a process of its own. Of util-linux, since `ip netns exec` would give
        // the node mounts of its own, too.
        Some(netns) => {
            let mut command = Command::new("nsenter");
            command.arg(format!("--net=/run/netns/{netns}")).arg("--").arg(exe);
            command
        }
    };
    command
        .args(args)
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
