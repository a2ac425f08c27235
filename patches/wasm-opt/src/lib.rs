//! The part of the crate `wasm-opt` that `substrate-wasm-builder` uses, over the system's `wasm-opt` command.
//!
//! The original compiles Binaryen from source: 23 of the 97 core-minutes of a cold build, for stripping debug sections and
//! for lowering sign extension, which has nothing to do on `wasm32v1-none`. The command comes from the package
//! `binaryen`; `WASM_OPT` names another one.
//!
//! # Errors
//! [`OptimizationOptions::run`] fails when the command is missing or refuses the blob; its message says what to install.

use std::{ffi::OsString, fmt, path::Path, process::Command};

/// The passes asked for by `substrate-wasm-builder`.
#[derive(Clone, Copy, Debug)]
pub enum Pass {
    /// Remove the DWARF sections.
    StripDwarf,
    /// Rewrite sign-extension instructions in terms of shifts.
    SignextLowering,
}

/// The options of one run.
#[derive(Clone, Debug)]
pub struct OptimizationOptions(Vec<&'static str>);

/// Why the command did not produce a blob.
#[derive(Debug)]
pub struct OptimizationError(String);

impl fmt::Display for OptimizationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OptimizationError {}

impl OptimizationOptions {
    /// No optimisation passes but those added.
    pub fn new_opt_level_0() -> Self {
        Self(vec!["-O0"])
    }

    /// Accept and emit WebAssembly 1.0 only.
    pub fn mvp_features_only(&mut self) -> &mut Self {
        self.0.push("--mvp-features");
        self
    }

    /// Keep the name section.
    pub fn debug_info(&mut self, keep: bool) -> &mut Self {
        if keep {
            self.0.push("--debuginfo");
        }
        self
    }

    /// Add one pass.
    ///
    /// Lowering is skipped: `wasm32v1-none` emits no sign extension, the wasm-opt of Debian 12 (108) does not know the pass,
    /// and with `--mvp-features` a blob that did contain some is refused rather than let through.
    pub fn add_pass(&mut self, pass: Pass) -> &mut Self {
        match pass {
            Pass::StripDwarf => self.0.push("--strip-dwarf"),
            Pass::SignextLowering => {}
        }
        self
    }

    /// Read the blob at `from`, write the result to `to`.
    pub fn run(
        &self,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
    ) -> Result<(), OptimizationError> {
        let command = std::env::var_os("WASM_OPT").unwrap_or_else(|| OsString::from("wasm-opt"));
        let status = Command::new(&command)
            .args(&self.0)
            .arg(from.as_ref())
            .arg("-o")
            .arg(to.as_ref())
            .status()
            .map_err(|e| {
                OptimizationError(format!(
                    "cannot run {command:?}: {e}; install the package binaryen, or run scripts/setup"
                ))
            })?;
        if status.success() {
            Ok(())
        } else {
            Err(OptimizationError(format!("{command:?} ended with {status}")))
        }
    }
}
