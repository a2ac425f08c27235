//! Whole-network tests: real `station` processes, started, used, broken and stopped as a person would.
//!
//! - [`Net`]: a local network in a folder of its own, gone when it is dropped, also by a panic.
//! - [`User`]: somebody with a `STATION_HOME`, who types commands.
//! - [`rpc`]: JSON-RPC as a script would speak it.
//! - [`files`]: folders to store, to compare, and to search for what must not be there.
//! - [`chaos`]: a network under load and random faults, and every promise checked.
//! - [`wait`]: waiting for events instead of for time to pass.
//!
//! Networks run one after another, also those of other test processes: four providers on two cores leave no room for a
//! second one. The binary is `STATION_BIN`, or `bin/station` as `scripts/build` leaves it.

pub mod chaos;
pub mod files;
mod net;
pub mod rpc;
mod user;
pub mod wait;

pub use net::{Net, Node};
pub use user::{Failure, Outcome, User};

use std::{env, path::PathBuf, process::Command};

/// Whether this machine lets us make network namespaces, bridges and mounts: root, with the capabilities and `iproute2`.
pub fn namespaces() -> bool {
    let name = format!("station-probe-{}", std::process::id());
    let ip = |args: &[&str]| Command::new("ip").args(args).output().is_ok_and(|done| done.status.success());
    let made = ip(&["netns", "add", &name]) && ip(&["link", "add", "station-probe", "type", "bridge"]);
    ip(&["link", "delete", "station-probe"]);
    ip(&["netns", "delete", &name]);
    made
}

/// The repository. Cargo tells where it is when a test runs: a target directory that checkouts share may hold a test built in
/// another one.
pub fn root() -> PathBuf {
    let crate_dir = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    PathBuf::from(crate_dir).join("..")
}

/// The binary under test.
///
/// # Panics
/// When there is none, saying how to get it.
pub fn station() -> PathBuf {
    let path = env::var_os("STATION_BIN").map_or_else(|| root().join("bin/station"), PathBuf::from);
    path.canonicalize().unwrap_or_else(|e| panic!("no binary at {}: {e}; run scripts/build", path.display()))
}
