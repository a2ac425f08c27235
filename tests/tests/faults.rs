//! Providers that fail: what status says, what is paid, what is slashed, and how they come back.

use serde_json::{json, Value};
use station_tests::{files, rpc, wait, Net, User};
use std::fs;
use tempfile::tempdir;

/// A period, the answer window and some blocks of the local preset: the longest until a dead provider's miss is seen.
const MISS_SECONDS: u64 = 60 + 20 + 40;

fn replica(net: &Net, id: &str) -> Value {
    rpc::call(net.rpc(), "storage_replica", json!([id]))
}

fn plancks(value: &Value) -> u128 {
    value.as_str().and_then(|v| v.parse().ok()).unwrap_or_else(|| panic!("no amount: {value}"))
}

fn until_state(net: &Net, id: &str, state: &str, seconds: u64) -> Value {
    wait::until(&format!("{id} to be {state}"), seconds, || {
        let now = replica(net, id);
        if now["state"] == state {
            Ok(now)
        } else {
            Err(now.to_string())
        }
    })
}

#[test]
fn a_provider_back_within_the_grace_window_recovers_and_beyond_it_that_replica_alone_is_slashed() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let path = work.path().join("file");
    fs::write(&path, files::noise(6, 300_000)).unwrap();
    let alice = User::with_key(&net, "//Alice");
    let link = alice.put(&path);
    let shard = alice.status(&link)["shards"][0]["id"].as_str().unwrap().to_owned();
    let id = format!("{shard}/0");
    let account = replica(&net, &id)["provider"].as_str().unwrap().to_owned();
    let name = net.provider(&account).name;

    // It stops, misses, is faulty; the shard says so.
    net.turn("stop", &name);
    let earned_before = plancks(&replica(&net, &id)["earned"]);
    let faulty = until_state(&net, &id, "faulty", MISS_SECONDS);
    let status = alice.status(&link);
    assert_eq!(status["state"], "degraded", "{status}");
    assert_eq!((&status["shards"][0]["live"], &status["shards"][0]["target"]), (&json!(2), &json!(3)));
    assert_eq!(plancks(&faulty["earned"]), earned_before, "paid for a period without a proof");

    // The file can be read all the while.
    let bob = User::without_key(&net);
    bob.get(&link, &work.path().join("copy"));
    assert!(fs::read(work.path().join("copy")).unwrap() == fs::read(&path).unwrap());

    // Back in time: active again, the missed period unpaid, nothing slashed.
    net.turn("start", &name);
    let back = until_state(&net, &id, "active", 40);
    assert_eq!(plancks(&back["earned"]), earned_before, "a late answer was paid");
    let history = alice.status(&link)["shards"][0]["history"].to_string();
    for event in ["missed", "missed_audit", "recovered"] {
        assert!(history.contains(event), "no {event} in {history}");
    }
    wait::until("the next period's pay", MISS_SECONDS, || {
        let now = plancks(&replica(&net, &id)["earned"]);
        if now > earned_before {
            Ok(())
        } else {
            Err(now)
        }
    });

    // Gone for good: exactly this replica's collateral, with a reason.
    let collateral = |account: &str| plancks(&rpc::call(net.rpc(), "storage_provider", json!([account]))["collateral"]);
    let stake = plancks(&replica(&net, &id)["collateral"]);
    assert!(stake > 0);
    let accounts: Vec<_> = net.nodes().into_iter().filter(|n| n.store.is_some()).map(|n| n.account).collect();
    let before: Vec<_> = accounts.iter().map(|a| collateral(a)).collect();
    net.turn("kill", &name);
    let slashed = wait::until(&format!("{id} to be slashed"), MISS_SECONDS + 40, || {
        let shard = rpc::call(net.rpc(), "storage_shard", json!([shard]));
        shard["history"]
            .as_array()
            .unwrap()
            .iter()
            .find(|h| h["event"] == "slashed" && h["replica"] == *id)
            .cloned()
            .ok_or_else(|| shard.to_string())
    });
    assert_eq!(slashed["reason"], "missed_audit");
    for (who, before) in accounts.iter().zip(before) {
        let expected = if *who == account { before - stake } else { before };
        assert_eq!(collateral(who), expected, "collateral of {who}");
    }
    assert_ne!(replica(&net, &id)["state"], "active");
}

#[test]
fn a_provider_killed_while_idle_resumes_with_what_it_holds() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let path = work.path().join("file");
    fs::write(&path, files::noise(7, 500_000)).unwrap();
    let alice = User::with_key(&net, "//Alice");
    let link = alice.put(&path);
    for node in net.nodes().into_iter().filter(|n| n.store.is_some()) {
        net.turn("kill", &node.name);
        net.turn("start", &node.name);
    }
    // A whole period later every replica has been proven again, by processes that did not seal it.
    let proven = |status: &Value| -> Vec<u64> {
        status["shards"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|s| s["replicas"].as_array().unwrap())
            .map(|r| r["last_proof"].as_u64().unwrap())
            .collect()
    };
    let before = proven(&alice.status(&link));
    wait::until("every replica to be proven again", MISS_SECONDS, || {
        let now = proven(&alice.status(&link));
        if now.iter().zip(&before).all(|(now, before)| now > before) {
            Ok(())
        } else {
            Err(format!("{now:?}"))
        }
    });
    assert_eq!(alice.status(&link)["state"], "healthy");
    User::without_key(&net).get(&link, &work.path().join("copy"));
    assert!(fs::read(work.path().join("copy")).unwrap() == fs::read(&path).unwrap());
}
