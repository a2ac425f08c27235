//! Somebody with a `STATION_HOME` who types commands.

use crate::{station, Net};
use serde_json::Value;
use std::{
    fmt,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// No command of the tests takes longer on a machine of two cores; one that does hangs.
const TIMEOUT: Duration = Duration::from_secs(600);

/// A user: a home folder of their own, a node to talk to, perhaps a key.
pub struct User {
    home: TempDir,
    rpc: String,
    key: Option<String>,
}

/// How a command ended.
pub struct Outcome {
    /// The command line, for messages.
    pub command: String,
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
    /// From start to end.
    pub took: Duration,
}

/// A command's error under `--json`.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: i32,
    /// The stable text code.
    pub code: String,
    /// What went wrong.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Everything else on stderr.
    pub stderr: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ended with {:?} after {:?}\nstdout: {}\nstderr: {}",
            self.command, self.code, self.took, self.stdout, self.stderr
        )
    }
}

impl User {
    /// Somebody without a key: can read, cannot pay.
    pub fn without_key(net: &Net) -> Self {
        Self::at(net.rpc(), None)
    }

    /// Somebody who pays with the account of a development URI such as `//Alice`.
    pub fn with_key(net: &Net, uri: &str) -> Self {
        Self::at(net.rpc(), Some(uri))
    }

    /// Somebody whose node is at `rpc`, whether there is one or not.
    pub fn at(rpc: &str, key: Option<&str>) -> Self {
        let home = TempDir::with_prefix("station-home-").expect("a temporary folder; qed");
        Self { home, rpc: rpc.to_owned(), key: key.map(str::to_owned) }
    }

    /// The `STATION_HOME`.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A command, ready to be given more environment and to be run with [`User::finish`] or spawned.
    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(station());
        command
            .args(args)
            .env("STATION_HOME", self.home())
            .env("STATION_RPC", &self.rpc)
            .env_remove("STATION_PASSPHRASE_FILE")
            .env_remove("STATION_FAILPOINT")
            .env_remove("STATION_MISBEHAVE")
            .stdin(Stdio::null());
        if let Some(key) = &self.key {
            command.args(["--key", key]);
        }
        command
    }

    /// Run a command to its end.
    ///
    /// # Panics
    /// When it does not end within ten minutes.
    pub fn finish(&self, mut command: Command) -> Outcome {
        let text = format!("{command:?}");
        let started = Instant::now();
        // Files rather than pipes: a child that a command leaves behind cannot keep the test waiting.
        let (out, err) = (self.home().join(".stdout"), self.home().join(".stderr"));
        let file = |path: &PathBuf| File::create(path).expect("a file in the home; qed");
        let mut child = command.stdout(file(&out)).stderr(file(&err)).spawn().unwrap_or_else(|e| panic!("{text}: {e}"));
        let code = wait(&mut child, started + TIMEOUT);
        let read = |path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
        let outcome = Outcome {
            command: text,
            code: code.flatten(),
            stdout: read(out),
            stderr: read(err),
            took: started.elapsed(),
        };
        assert!(code.is_some(), "timed out: {outcome}");
        outcome
    }

    /// Run a command with `--json` that is to succeed, and return the one object it prints.
    ///
    /// # Panics
    /// When it fails, or prints anything but one JSON value.
    pub fn ok<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> Value {
        let mut command = self.command(args);
        command.arg("--json");
        let outcome = self.finish(command);
        assert_eq!(outcome.code, Some(0), "{outcome}");
        outcome.value()
    }

    /// Run a command with `--json` that is to fail, and return its error.
    ///
    /// # Panics
    /// When it succeeds, dies of a signal, prints to stdout, or reports no error object.
    pub fn fails<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> Failure {
        let mut command = self.command(args);
        command.arg("--json");
        self.finish(command).failure()
    }

    /// `put` with `--json`, three replicas for a day: the link.
    pub fn put(&self, path: &Path) -> String {
        let put = self.ok(&["put", text(path), "--for", "1d"]);
        put["link"].as_str().unwrap_or_else(|| panic!("put without a link: {put}")).to_owned()
    }

    /// `get` into `to`.
    pub fn get(&self, link: &str, to: &Path) -> Value {
        self.ok(&["get", link, "-o", text(to)])
    }

    /// `status` of a link.
    pub fn status(&self, link: &str) -> Value {
        self.ok(&["status", link])
    }
}

impl Outcome {
    /// The one JSON value on stdout.
    ///
    /// # Panics
    /// When there is anything else.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("not one JSON value ({e}): {self}"))
    }

    /// The error object on stderr.
    ///
    /// # Panics
    /// When the command succeeded, died of a signal, or reported no error object.
    pub fn failure(self) -> Failure {
        let exit = self.code.unwrap_or_else(|| panic!("died of a signal: {self}"));
        assert_ne!(exit, 0, "succeeded: {self}");
        assert!(self.stdout.trim().is_empty(), "a failed command printed a result: {self}");
        let error = self
            .stderr
            .lines()
            .rev()
            .find_map(|line| serde_json::from_str::<Value>(line).ok())
            .and_then(|v| v.get("error").cloned())
            .unwrap_or_else(|| panic!("no error object on stderr: {self}"));
        let field = |name: &str| error[name].as_str().map(str::to_owned);
        Failure {
            exit,
            code: field("code").unwrap_or_else(|| panic!("no code: {self}")),
            message: field("message").unwrap_or_else(|| panic!("no message: {self}")),
            hint: field("hint"),
            stderr: self.stderr,
        }
    }
}

/// The child's exit code; outer `None` when it had to be killed at the deadline.
fn wait(child: &mut Child, deadline: Instant) -> Option<Option<i32>> {
    loop {
        if let Some(status) = child.try_wait().expect("our own child; qed") {
            return Some(status.code());
        }
        if Instant::now() > deadline {
            child.kill().expect("our own child; qed");
            child.wait().expect("our own child; qed");
            return None;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A path as an argument. The tests' own paths are UTF-8.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("paths of the tests are UTF-8; qed")
}
