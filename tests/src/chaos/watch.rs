//! The promise about live replicas, the histories, the deals' states, and the chain's invariants.

use super::{load::Kept, lock, Arena};
use crate::rpc;
use serde_json::{json, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::{Duration, Instant},
};

/// Between two looks at all shards.
const LOOK: Duration = Duration::from_millis(1_200);
/// Between two checks of the invariants: they walk through all ledgers.
const INVARIANTS: Duration = Duration::from_secs(15);
/// Below this many live replicas a shard never falls, while at most one provider fails.
const MINIMUM: u64 = 2;

/// A shard whose promise is checked: its deal's `put` was done.
#[derive(Clone, Debug)]
pub struct Watched {
    deal: u64,
    shard: String,
}

/// An entry of a shard's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub block: u64,
    /// What.
    pub event: String,
    /// Whose.
    pub replica: String,
    /// Why.
    pub reason: String,
}

/// The events of each shard, in their order. The chain keeps the last few, so they are collected as they happen.
pub type Histories = Vec<(String, Vec<Event>)>;

impl Watched {
    /// From now on the deals' shards are to be healthy.
    pub fn add(arena: &Arena, deals: &[u64]) {
        for deal in deals {
            let shards = rpc::ask(arena.rpc(), "storage_deal", json!([deal])).and_then(|info| info["shards"].as_u64());
            let all = (0..shards.unwrap_or(1)).map(|index| Self { deal: *deal, shard: format!("{deal}/{index}") });
            lock(&arena.watched).extend(all);
        }
    }

    /// The deals are over.
    pub fn forget(arena: &Arena, deals: &[u64]) {
        lock(&arena.watched).retain(|watched| !deals.contains(&watched.deal));
    }
}

/// All watched shards as the chain has them.
pub fn shards(arena: &Arena) -> Vec<Value> {
    let ids: Vec<String> = lock(&arena.watched).iter().map(|watched| watched.shard.clone()).collect();
    ids.iter().filter_map(|id| rpc::ask(arena.rpc(), "storage_shard", json!([id]))).collect()
}

/// Looks until the run is over.
pub fn run(arena: &Arena) -> Histories {
    let mut histories: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    // A node a block behind the one that a put asked may not have seen the last replica become active.
    let mut whole: BTreeSet<String> = BTreeSet::new();
    let mut next_invariants = Instant::now();
    while !arena.over() {
        // Who is failing is read first: a fault that begins after this look does not excuse what it saw.
        let excused = lock(&arena.failing).len() > 1;
        for shard in shards(arena) {
            collect(&mut histories, &shard);
            let id = shard["id"].as_str().unwrap_or_default();
            if shard["state"] == "healthy" {
                whole.insert(id.to_owned());
            } else if !excused && whole.contains(id) {
                check(arena, &shard);
            }
        }
        if Instant::now() >= next_invariants {
            next_invariants = Instant::now() + INVARIANTS;
            if let Some(broken) = rpc::try_state(arena.rpc()) {
                arena.violation(format!("an invariant of the chain is broken: {broken}"));
            }
        }
        thread::sleep(LOOK);
    }
    histories.into_iter().collect()
}

/// The promise: a shard that a put has completed has two live replicas.
fn check(arena: &Arena, shard: &Value) {
    let live = shard["live"].as_u64().unwrap_or(0);
    if live >= MINIMUM && shard["state"] != "lost" {
        return;
    }
    let id = shard["id"].as_str().unwrap_or_default();
    // Removed, or a second provider failing, since it was asked for.
    let still = lock(&arena.watched).iter().any(|watched| watched.shard == id) && lock(&arena.failing).len() <= 1;
    if still {
        let failing: Vec<String> = lock(&arena.failing).iter().cloned().collect();
        arena.violation(format!("shard {id} has {live} live replicas while {failing:?} is failing: {shard}"));
    }
}

fn collect(histories: &mut BTreeMap<String, Vec<Event>>, shard: &Value) {
    let string = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let seen = histories.entry(string(&shard["id"])).or_default();
    for entry in shard["history"].as_array().into_iter().flatten() {
        let event = Event {
            block: entry["block"].as_u64().unwrap_or(0),
            event: string(&entry["event"]),
            replica: string(&entry["replica"]),
            reason: string(&entry["reason"]),
        };
        if !seen.contains(&event) {
            seen.push(event);
        }
    }
}

/// At the end: every deal that was kept is healthy, its state is its shards', and each replica has a provider of its own whose
/// disk holds it.
pub fn check_deals(arena: &Arena, kept: &[Kept]) {
    let stores: BTreeMap<&str, _> =
        arena.nodes.iter().filter_map(|node| Some((node.account.as_str(), node.store.as_ref()?))).collect();
    for deal in kept.iter().flat_map(|file| &file.deals) {
        let Some(info) = rpc::ask(arena.rpc(), "storage_deal", json!([deal])) else {
            arena.violation(format!("deal {deal} is gone, and nobody removed it"));
            continue;
        };
        if info["state"] != "healthy" {
            arena.violation(format!("deal {deal} is not healthy at the end: {info}"));
        }
        for index in 0..info["shards"].as_u64().unwrap_or(0) {
            let Some(shard) = rpc::ask(arena.rpc(), "storage_shard", json!([format!("{deal}/{index}")])) else {
                arena.violation(format!("shard {deal}/{index} is gone, and nobody removed it"));
                continue;
            };
            let replicas = shard["replicas"].as_array().cloned().unwrap_or_default();
            let holders: BTreeSet<&str> = replicas.iter().filter_map(|replica| replica["provider"].as_str()).collect();
            let active = replicas.iter().all(|replica| replica["state"] == "active");
            let target = shard["target"].as_u64();
            let right = shard["state"] == "healthy" && shard["live"] == shard["target"] && active;
            if !right || u64::try_from(holders.len()).ok() != target {
                arena.violation(format!("shard {deal}/{index} is not as it should be at the end: {shard}"));
            }
            for replica in &replicas {
                let name = replica["id"].as_str().unwrap_or_default().replace('/', "-");
                let store = replica["provider"].as_str().and_then(|account| stores.get(account));
                let there = store.is_some_and(|store| store.join("sealed").join(format!("{name}.shard")).exists());
                if !there {
                    arena.violation(format!("replica {} is active, and not on its provider's disk", replica["id"]));
                }
            }
        }
    }
}
