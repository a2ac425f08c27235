//! Doing a fault, mending it, and waiting until the chain has repaired what it broke.

use super::{
    lock,
    schedule::{Fault, Kind, Schedule},
    watch, Arena, Draws,
};
use crate::{net::alive, rpc};
use serde_json::{json, Value};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(700);
/// The longest that repairing one fault may take, in blocks: a period until the miss is seen, the windows, a draw, the commitment's
/// deadline, twice over for a candidate that fails, too.
const REPAIR_BLOCKS: u64 = 60 + 20 + 15 + 2 * (60 + 30) + 60;
/// Files that are stored before the first fault.
const FILES_FIRST: usize = 4;

/// What was done, by kind.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Faults.
    pub faults: BTreeMap<Kind, u64>,
    /// Of them, on validators.
    pub on_validators: u64,
    /// Faults that had nothing to strike: a provider without a replica to corrupt.
    pub idle: u64,
}

/// Faults until the time is over or a promise is broken; everything mended at the end.
pub fn run(arena: &Arena) -> Counts {
    let mut counts = Counts::default();
    while lock(&arena.watched).len() < FILES_FIRST && !arena.ending() {
        thread::sleep(LOOK);
    }
    let until = Instant::now() + Duration::from_secs(arena.plan.minutes * 60);
    for fault in Schedule::of(arena.plan) {
        if arena.ending() || Instant::now() >= until {
            break;
        }
        strike(arena, &fault, &mut counts);
    }
    arena.net.fault(&["heal"]);
    counts
}

fn strike(arena: &Arena, fault: &Fault, counts: &mut Counts) {
    let seconds = fault.lasts.as_secs();
    arena.say(&format!("{} of {} for {seconds} s", fault.kind, fault.victims.join(", ")));
    {
        // Before it happens, so that nobody sees its effect on a network called sound.
        let mut broken = lock(&arena.broken);
        let mut failing = lock(&arena.failing);
        for victim in &fault.victims {
            broken.insert(victim.clone());
            if victim.starts_with("provider") {
                failing.insert(victim.clone());
            }
        }
    }
    let struck = match fault.kind {
        Kind::Corrupt => corrupt(arena, fault),
        Kind::Gone => gone(arena, fault),
        _ => {
            begin(arena, fault);
            thread::sleep(fault.lasts);
            end(arena, fault);
            true
        }
    };
    if struck {
        *counts.faults.entry(fault.kind).or_default() += 1;
        counts.on_validators += u64::from(fault.victims.iter().all(|victim| victim.starts_with("validator")));
    } else {
        counts.idle += 1;
    }
    settle(arena, fault);
}

fn begin(arena: &Arena, fault: &Fault) {
    let mut draws = Draws::of(fault.number, 0);
    let net = arena.net;
    let names = fault.victims.join(",");
    match fault.kind {
        Kind::Kill | Kind::Two => fault.victims.iter().for_each(|victim| net.turn("kill", victim)),
        Kind::Restart => fault.victims.iter().for_each(|victim| net.turn("stop", victim)),
        Kind::Partition | Kind::Split => drop(net.fault(&["partition", &names])),
        Kind::FullDisk => drop(net.fault(&["fill-disk", &names])),
        Kind::Rate => drop(net.fault(&["rate", &names, &draws.within(4_000, 16_000).to_string()])),
        Kind::Delay => drop(net.fault(&["delay", &names, &draws.within(20, 300).to_string()])),
        Kind::Corrupt | Kind::Gone => {}
    }
}

fn end(arena: &Arena, fault: &Fault) {
    match fault.kind {
        Kind::Kill | Kind::Two | Kind::Restart => {
            fault.victims.iter().for_each(|victim| arena.net.turn("start", victim));
        }
        _ => drop(arena.net.fault(&["heal"])),
    }
}

/// Flips bits, and waits until the replica was made anew, or is gone.
fn corrupt(arena: &Arena, fault: &Fault) -> bool {
    let Some(victim) = fault.victims.first() else { return false };
    let number = (fault.number >> 1).to_string();
    // A store may be empty; and a replica may be given up between the look and the flip.
    let done = arena.net.localnet(&["corrupt", victim, "--seed", &number, "--json"], &[]);
    let Ok(done) = serde_json::from_slice::<Value>(&done.stdout) else {
        arena.say(&format!("{victim} has nothing to corrupt"));
        return false;
    };
    let file = PathBuf::from(done["file"].as_str().unwrap_or_default());
    arena.say(&format!("replica {} of {victim} is corrupt", done["replica"]));
    // Sealed anew it is another file, maybe under the same inode, but born later; given up, none.
    let made = |file: &PathBuf| fs::metadata(file).map(|about| (about.ino(), about.created().ok())).ok();
    let before = made(&file);
    let until = deadline(arena);
    while made(&file) == before {
        if Instant::now() >= until {
            arena.violation(format!("replica {} of {victim}: flipped bits were not found", done["replica"]));
            return true;
        }
        if arena.broken_promise() {
            return true;
        }
        thread::sleep(LOOK);
    }
    true
}

/// Kills a provider for good; it comes back only when the chain has made all of its replicas elsewhere.
fn gone(arena: &Arena, fault: &Fault) -> bool {
    let Some(victim) = fault.victims.first() else { return false };
    arena.net.turn("kill", victim);
    let account = json!(arena.node(victim).account);
    let until = deadline(arena);
    loop {
        let holds = watch::shards(arena).into_iter().filter(|shard| {
            shard["replicas"].as_array().is_some_and(|replicas| {
                replicas.iter().any(|replica| replica["provider"] == account && replica["state"] != "assigned")
            })
        });
        let left: Vec<Value> = holds.map(|shard| shard["id"].clone()).collect();
        if left.is_empty() || arena.broken_promise() {
            break;
        }
        if Instant::now() >= until {
            arena.violation(format!("{victim} is gone, and its replicas were not made elsewhere: {left:?}"));
            break;
        }
        thread::sleep(LOOK);
    }
    arena.net.turn("start", victim);
    true
}

fn deadline(arena: &Arena) -> Instant {
    Instant::now() + Duration::from_millis(REPAIR_BLOCKS * arena.plan.slot_ms)
}

/// Waits until the victims are back and every shard is as healthy as it was. Failing to get there in time breaks a promise.
fn settle(arena: &Arena, fault: &Fault) {
    let until = deadline(arena);
    loop {
        let waits_for = unsettled(arena, fault);
        let Some(what) = waits_for else { break };
        if arena.broken_promise() {
            return;
        }
        if Instant::now() >= until {
            arena.violation(format!("after {} of {}: {what}", fault.kind, fault.victims.join(", ")));
            return;
        }
        thread::sleep(LOOK);
    }
    let (mut broken, mut failing) = (lock(&arena.broken), lock(&arena.failing));
    broken.clear();
    failing.clear();
}

/// What is not yet as it was.
fn unsettled(arena: &Arena, fault: &Fault) -> Option<String> {
    let height = |url: &str| {
        let header = rpc::ask(url, "chain_getHeader", json!([]))?;
        u64::from_str_radix(header["number"].as_str()?.trim_start_matches("0x"), 16).ok()
    };
    let best = arena.nodes.iter().filter(|node| node.role == "validator").filter_map(|node| height(&node.rpc)).max()?;
    for victim in &fault.victims {
        if !arena.net.node(victim).pid.is_some_and(alive) {
            // A node may end by itself on a full disk, as services do; its supervisor starts it again.
            arena.say(&format!("{victim} ended; starting it again"));
            arena.net.turn("start", victim);
        }
        match height(&arena.node(victim).rpc) {
            None => return Some(format!("{victim} does not answer")),
            Some(height) if height + 3 < best => return Some(format!("{victim} is at block {height} of {best}")),
            Some(_) => {}
        }
    }
    watch::shards(arena).iter().find_map(|shard| {
        let orders = shard["orders"].as_array().is_some_and(|orders| !orders.is_empty());
        let whole = shard["state"] == "healthy" && shard["live"] == shard["target"] && !orders;
        (!whole).then(|| format!("not repaired: {shard}"))
    })
}
