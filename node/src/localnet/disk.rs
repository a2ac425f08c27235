//! `up --disk SIZE`: each store on a file system of its own, in a file, so that it can be filled without filling the machine's.

use super::{
    network::{Network, Node},
    system::{require_root, run},
};
use crate::error::UserError;
use nix::fcntl::{fallocate, FallocateFlags};
use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// What takes the room on a disk that was filled.
const BALLAST: &str = "ballast";
/// The least size: what a store leaves free for its index (64 MiB), the file system's own, and some shards.
pub const MIN_BYTES: u64 = 192 << 20;
/// How long a file system may stay busy after its node has ended.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes the disks that are not there yet and mounts all.
pub fn mount_all(network: &Network, bytes: Option<u64>) -> Result<(), UserError> {
    for node in &network.nodes {
        let (Some(disk), Some(store)) = (&node.disk, &node.store) else { continue };
        require_root("--disk")?;
        if !disk.exists() {
            make(disk, bytes.unwrap_or(MIN_BYTES))?;
        }
        fs::create_dir_all(store)?;
        if !mounted(store)? {
            run("mount", &["-o", "loop,noatime", text(disk)?, text(store)?])?;
        }
    }
    Ok(())
}

/// An ext4 file system in a sparse file: it takes of the machine's disk what is written to it.
fn make(disk: &Path, bytes: u64) -> Result<(), UserError> {
    if let Some(folder) = disk.parent() {
        fs::create_dir_all(folder)?;
    }
    let partial = disk.with_extension("partial");
    File::create(&partial)?.set_len(bytes)?;
    // No share for root: a node of a local network is often root's, and is to find the disk full.
    run("mkfs.ext4", &["-q", "-F", "-m", "0", text(&partial)?])?;
    fs::rename(&partial, disk)?;
    Ok(())
}

/// Unmounts all; the nodes have ended.
pub fn unmount_all(network: &Network) -> Result<(), UserError> {
    for node in &network.nodes {
        let (Some(_), Some(store)) = (&node.disk, &node.store) else { continue };
        let until = Instant::now() + PATIENCE;
        while mounted(store)? {
            match run("umount", &[text(store)?]) {
                Ok(_) => {}
                Err(error) if Instant::now() >= until => return Err(error),
                Err(_) => thread::sleep(Duration::from_millis(200)),
            }
        }
    }
    Ok(())
}

fn mounted(at: &Path) -> Result<bool, UserError> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    // Spaces are written as \040 there.
    let at = text(at)?.replace(' ', "\\040");
    Ok(mounts.lines().any(|line| line.split(' ').nth(1) == Some(&at)))
}

fn text(path: &Path) -> Result<&str, UserError> {
    path.to_str().ok_or_else(|| UserError::usage("the folder's name must be UTF-8"))
}

fn ballast(node: &Node) -> Result<PathBuf, UserError> {
    match (&node.disk, &node.store) {
        (Some(_), Some(store)) => Ok(store.join(BALLAST)),
        (None, Some(_)) => Err(UserError::usage(format!("the store of {} is on the machine's own disk", node.name))
            .hint(
                "start the network as root with --disk 1GiB: each store then has a disk of its own that can be filled",
            )),
        (_, None) => Err(UserError::usage(format!("{} has no store", node.name)).hint("name a provider")),
    }
}

/// Fills the disk under a node's store to the last byte; returns how many it took.
pub fn fill(node: &Node) -> Result<u64, UserError> {
    let path = ballast(node)?;
    let file = File::options().create(true).truncate(false).write(true).open(&path)?;
    let full = |error: &std::io::Error| matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    // Space in ever smaller parts, then bytes, until there is none: what other writers free meanwhile is taken, too.
    let mut step: i64 = 64 << 20;
    let mut end = i64::try_from(file.metadata()?.len()).map_err(UserError::internal)?;
    while step >= 4_096 {
        match fallocate(file.as_raw_fd(), FallocateFlags::empty(), end, step) {
            Ok(()) => end += step,
            Err(nix::errno::Errno::ENOSPC) => step /= 2,
            Err(error) => return Err(UserError::disk(format!("{}: {error}", path.display()))),
        }
    }
    let mut tail = File::options().append(true).open(&path)?;
    let written = loop {
        if let Err(error) = tail.write_all(&[0x5a; 512]).and_then(|()| tail.sync_data()) {
            break error;
        }
    };
    if !full(&written) {
        return Err(UserError::disk(format!("{}: {written}", path.display())));
    }
    Ok(file.metadata()?.len())
}

/// Takes the filling away; `true` if there was one.
pub fn free(node: &Node) -> Result<bool, UserError> {
    let Ok(path) = ballast(node) else { return Ok(false) };
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(UserError::disk(format!("{}: {error}", path.display()))),
    }
}
