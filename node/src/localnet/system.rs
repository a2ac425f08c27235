//! Programs of the system that the fault tools run, and their errors in the user's words.

use crate::error::UserError;
use std::{
    fs,
    os::unix::fs::MetadataExt,
    process::{Command, Stdio},
};

/// Whether this process may make namespaces and mounts.
pub fn require_root(what: &str) -> Result<(), UserError> {
    // The owner of a process's own folder there is its effective user.
    if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
        return Ok(());
    }
    Err(UserError::usage(format!("{what} needs root")).hint("run it as root, or with sudo"))
}

/// Runs a program to its end; its output.
pub fn run(program: &str, args: &[&str]) -> Result<String, UserError> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().map_err(|error| {
        let package = match program {
            "ip" | "tc" => "iproute2",
            "mkfs.ext4" => "e2fsprogs",
            _ => "util-linux",
        };
        match error.kind() {
            std::io::ErrorKind::NotFound => UserError::usage(format!("this needs the program {program}"))
                .hint(format!("install it: apt-get install {package}")),
            _ => UserError::internal(format!("{program} does not start: {error}")),
        }
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let error = format!("{program} {}: {}", args.join(" "), said.trim());
    // Root without the capability, as in a container: as much a matter of where this runs as not being root.
    if said.contains("Operation not permitted") || said.contains("permission denied") {
        return Err(UserError::usage(error).hint("this machine does not allow it: the process lacks a capability"));
    }
    Err(UserError::internal(error))
}

/// Runs a program whose failure only says that there was nothing to undo.
pub fn undo(program: &str, args: &[&str]) {
    let _ = run(program, args);
}
