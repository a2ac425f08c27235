//! People who put, get and remove files without a pause.

use super::{watch::Watched, Arena, Draws};
use crate::{files, user::text, Outcome, User};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// Files of one person: with fewer something is put, with more something is removed.
const FEW: usize = 4;
const MANY: usize = 14;
/// A command that meets a fault is run again, for so long.
const PATIENCE: Duration = Duration::from_secs(400);
/// Between two tries.
const AGAIN: Duration = Duration::from_secs(2);
/// Longer than any run.
const TERM: &str = "6h";

/// A file that was put and not removed.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its link.
    pub link: String,
    /// Its content, as [`files::noise`] makes it.
    pub content: (u64, usize),
    /// Its deals.
    pub deals: Vec<u64>,
}

/// What a person did.
#[derive(Default)]
pub struct Load {
    /// Files still there.
    pub kept: Vec<Kept>,
    /// Commands that were done: put, get, rm.
    pub done: [u64; 3],
    /// Bytes put, and bytes read back and compared.
    pub bytes: [u64; 2],
    /// Tries that met a fault and were made again.
    pub again: u64,
}

/// Puts, gets and removes until the run ends.
pub fn run(arena: &Arena, uri: &str, mut draws: Draws) -> Load {
    let owner = User::with_key(arena.net, uri);
    let reader = User::without_key(arena.net);
    let work = tempfile::tempdir().expect("a temporary folder; qed");
    let mut load = Load::default();
    while !arena.ending() {
        let kept = load.kept.len();
        match draws.within(0, 99) {
            _ if kept < FEW => put(arena, &owner, work.path(), &mut draws, &mut load),
            _ if kept > MANY => remove(arena, &owner, &mut draws, &mut load),
            0..=34 => put(arena, &owner, work.path(), &mut draws, &mut load),
            35..=79 => {
                if let Some(file) = draws.pick(&load.kept).cloned() {
                    read(arena, &reader, work.path(), &file, &mut load);
                }
            }
            _ => remove(arena, &owner, &mut draws, &mut load),
        }
        arena.sleep(Duration::from_millis(draws.within(0, 1_500)));
    }
    load
}

/// Reads all files once more; each by the link alone.
pub fn read_all(arena: &Arena, kept: &[Kept]) {
    let reader = User::without_key(arena.net);
    let work = tempfile::tempdir().expect("a temporary folder; qed");
    let mut load = Load::default();
    for file in kept {
        read(arena, &reader, work.path(), file, &mut load);
    }
}

/// Mostly small ones; now and then one of several MiB.
fn size(draws: &mut Draws) -> usize {
    let bytes = match draws.within(0, 19) {
        0..=13 => draws.within(1, 256 << 10),
        14..=18 => draws.within(256 << 10, 2 << 20),
        _ => draws.within(2 << 20, 9 << 20),
    };
    usize::try_from(bytes).expect("a few MiB; qed")
}

fn put(arena: &Arena, owner: &User, work: &Path, draws: &mut Draws, load: &mut Load) {
    let content = (draws.next(), size(draws));
    let path = work.join(format!("file-{:016x}", content.0));
    fs::write(&path, files::noise(content.0, content.1)).expect("a new file; qed");
    let args = ["put", text(&path), "--replicas", "3", "--for", TERM];
    if let Some(put) = persist(arena, owner, &args, load) {
        let deals: Vec<u64> = put["deals"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        let link = put["link"].as_str().unwrap_or_default().to_owned();
        Watched::add(arena, &deals);
        load.kept.push(Kept { link, content, deals });
        load.done[0] += 1;
        load.bytes[0] += u64::try_from(content.1).expect("a size; qed");
    }
    let _ = fs::remove_file(&path);
}

fn read(arena: &Arena, reader: &User, work: &Path, file: &Kept, load: &mut Load) {
    let copy: PathBuf = work.join(format!("copy-{:016x}", file.content.0));
    let args = ["get", &file.link, "-o", text(&copy)];
    if persist(arena, reader, &args, load).is_some() {
        let bytes = fs::read(&copy).unwrap_or_default();
        if bytes != files::noise(file.content.0, file.content.1) {
            arena.violation(format!("deals {:?}: read back {} bytes that were not put", file.deals, bytes.len()));
        }
        load.done[1] += 1;
        load.bytes[1] += u64::try_from(bytes.len()).expect("a size; qed");
    }
    let _ = fs::remove_file(&copy);
}

fn remove(arena: &Arena, owner: &User, draws: &mut Draws, load: &mut Load) {
    let Some(at) = draws.pick(&(0..load.kept.len()).collect::<Vec<_>>()).copied() else { return };
    let file = load.kept.swap_remove(at);
    // From here on its shards may do as they like.
    Watched::forget(arena, &file.deals);
    if persist(arena, owner, &["rm", &file.link], load).is_some() {
        load.done[2] += 1;
    }
}

/// Runs a command until it is done. A fault in its way may cost tries, as long as they end with the exit code of the network, or
/// of too few providers; anything else, or no success in time, breaks a promise.
fn persist(arena: &Arena, user: &User, args: &[&str], load: &mut Load) -> Option<Value> {
    let until = Instant::now() + PATIENCE;
    loop {
        let outcome = attempt(arena, user, args);
        if outcome.code == Some(0) {
            return Some(outcome.value());
        }
        // A node that comes back and is behind knows nothing of a new deal for a moment.
        let transient = matches!(outcome.code, Some(3 | 5 | 6));
        if arena.broken_promise() {
            return None;
        }
        if !transient || Instant::now() >= until {
            arena.violation(format!("{outcome}"));
            return None;
        }
        load.again += 1;
        thread::sleep(AGAIN);
    }
}

fn attempt(arena: &Arena, user: &User, args: &[&str]) -> Outcome {
    let mut command = user.command(args);
    // Whichever node is sound: people with a network have more than one to ask.
    command.arg("--json").env("STATION_RPC", arena.rpc());
    user.finish(command)
}
