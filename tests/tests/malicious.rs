//! Peers that do not keep to the rules: each is caught for the right reason, and the honest ones lose nothing.
//!
//! The providers that misbehave are `station` processes with `STATION_MISBEHAVE` set.

use serde_json::{json, Value};
use station_tests::{files, rpc, wait, Net, User};
use std::{collections::BTreeMap, fs};
use tempfile::tempdir;

/// A period, the answer window and some blocks of the local preset: the longest until a dead provider's miss is seen.
const MISS_SECONDS: u64 = 60 + 20 + 40;
/// The grace, draws, fetching, sealing, the commitment and its check, three times: a candidate may be a bad one.
const REPAIR_SECONDS: u64 = 15 + 3 * (60 + 40);

fn replica(net: &Net, id: &str) -> Value {
    rpc::call(net.rpc(), "storage_replica", json!([id]))
}

fn shard(net: &Net, id: &str) -> Value {
    rpc::call(net.rpc(), "storage_shard", json!([id]))
}

fn provider(net: &Net, account: &str) -> Value {
    rpc::call(net.rpc(), "storage_provider", json!([account]))
}

fn plancks(value: &Value) -> u128 {
    value.as_str().and_then(|v| v.parse().ok()).unwrap_or_else(|| panic!("no amount: {value}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Stop a provider, and start it as one that does this.
fn misbehave(net: &Net, name: &str, what: &str) {
    net.turn("stop", name);
    let done = net.localnet(&["start", name], &[("STATION_MISBEHAVE", what)]);
    assert!(done.status.success(), "{name}, {what}: {}", String::from_utf8_lossy(&done.stderr));
    wait::until_true(&format!("{name} to run"), 30, || net.runs(name));
}

/// The accounts of a shard's holders, by slot.
fn holders(shard: &Value) -> Vec<String> {
    shard["replicas"].as_array().unwrap().iter().map(|replica| text(&replica["provider"])).collect()
}

/// The collateral of every provider.
fn collateral(net: &Net) -> BTreeMap<String, u128> {
    let accounts = net.nodes().into_iter().filter(|node| node.store.is_some()).map(|node| node.account);
    accounts.map(|account| (account.clone(), plancks(&provider(net, &account)["collateral"]))).collect()
}

/// Who runs a provider.
fn owner(net: &Net, account: &str) -> User {
    let name = net.provider(account).name;
    User::with_key(net, &format!("//P{}", &name[1..]))
}

/// What a provider has that no proof earned: what it was paid for serving, and what it began with.
fn beside_proofs(net: &Net, account: &str) -> i128 {
    let owner = owner(net, account);
    let amount = |value: u128| i128::try_from(value).expect("an amount; qed");
    wait::until(&format!("a moment without a proof of {account}"), 30, || {
        let before = plancks(&provider(net, account)["earned"]);
        let money = owner.ok(&["wallet", "balance"]);
        let after = plancks(&provider(net, account)["earned"]);
        let has = amount(plancks(&money["free"])) + amount(plancks(&money["collateral"]));
        if before == after {
            Ok(has - amount(after))
        } else {
            Err("one just came")
        }
    })
}

#[test]
fn altered_pieces_and_refused_service_are_passed_over_named_and_not_paid() {
    let net = Net::with(1, 5);
    let work = tempdir().unwrap();
    let path = work.path().join("file");
    // Eight pieces of a MiB: enough to ask every holder more than once.
    fs::write(&path, files::noise(21, 7_500_000)).unwrap();
    let alice = User::with_key(&net, "//Alice");
    let put = alice.ok(&["put", path.to_str().unwrap(), "--replicas", "4", "--for", "1d", "--shard-size", "8MiB"]);
    let link = text(&put["link"]);
    let status = alice.status(&link);
    assert_eq!(status["shards"].as_array().map(Vec::len), Some(1), "{status}");
    let shard_id = text(&status["shards"][0]["id"]);
    let before = holders(&shard(&net, &shard_id));
    let [alters, refuses, slow, dies] = &before[..] else { panic!("four holders: {before:?}") };
    let name = |account: &str| net.provider(account).name;
    // Serving repairs is to cost something.
    for account in [alters, refuses, slow] {
        owner(&net, account).ok(&["provider", "update", "--retrieval-price", "0.01"]);
    }
    misbehave(&net, &name(alters), "altered-pieces");
    misbehave(&net, &name(refuses), "refuse-service");
    // An honest one, and not fast: the others are asked again and again meanwhile.
    misbehave(&net, &name(slow), "slow-service");
    let collateral_before = collateral(&net);
    let unearned_before: Vec<_> = before.iter().map(|account| beside_proofs(&net, account)).collect();

    // A reader is served by the others, and told who lied.
    let bob = User::without_key(&net);
    let read = |to: &str| {
        let to = work.path().join(to);
        let mut command = bob.command(&["get", &link, "-o", to.to_str().unwrap()]);
        command.arg("--json");
        let got = bob.finish(command);
        assert_eq!(got.code, Some(0), "{got}");
        assert!(fs::read(&to).unwrap() == fs::read(&path).unwrap(), "other bytes: {got}");
        let sources: Vec<_> = got.value()["sources"].as_array().unwrap().iter().map(text).collect();
        assert!(!sources.contains(alters) && !sources.contains(refuses), "{got}");
        assert!(got.stderr.contains(alters.as_str()), "nobody was told who served something else: {got}");
        assert!(!got.stderr.contains(slow.as_str()), "an honest one was blamed: {got}");
    };
    read("copy");

    // A repair from the same four, one of which is gone.
    net.turn("kill", &name(dies));
    let repaired = wait::until("the shard to be whole again", MISS_SECONDS + REPAIR_SECONDS, || {
        let now = shard(&net, &shard_id);
        if now["live"] == 4 && !holders(&now).contains(dies) {
            Ok(now)
        } else {
            Err(now.to_string())
        }
    });
    let named: Vec<_> = repaired["history"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["event"] == "source_named")
        .map(|entry| text(&entry["provider"]))
        .collect();
    for bad in [alters, refuses] {
        assert!(named.contains(bad), "{bad} is not named in {repaired}");
    }
    assert!(!named.contains(slow), "an honest source is named in {repaired}");
    read("again");

    // Serving the repair is paid to whom it was served by. Their proofs were right, and are paid.
    let unearned: Vec<_> = before.iter().map(|account| beside_proofs(&net, account)).collect();
    assert_eq!(unearned[0], unearned_before[0], "{alters} was paid for altered pieces");
    assert_eq!(unearned[1], unearned_before[1], "{refuses} was paid for nothing");
    assert!(unearned[2] > unearned_before[2], "{slow} served and was not paid");
    for account in [alters, refuses, slow] {
        let slot = before.iter().position(|holder| holder == account).unwrap();
        assert_eq!(replica(&net, &format!("{shard_id}/{slot}"))["state"], "active", "{account}");
    }
    for (account, amount) in collateral(&net) {
        if account != *dies {
            assert_eq!(amount, collateral_before[&account], "collateral of {account}");
        }
    }
}
