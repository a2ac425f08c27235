//! Leaving the list of providers, as the operator of a node types it.

use serde_json::{json, Value};
use station_tests::{rpc, wait, Net, User};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A few blocks: long enough for a node to enter its account again, if it were to.
const BLOCKS: u64 = 8;

fn block(net: &Net) -> u64 {
    let header = rpc::call(net.rpc(), "chain_getHeader", json!([]));
    let number = header["number"].as_str().and_then(|number| number.strip_prefix("0x")).unwrap_or("0");
    u64::from_str_radix(number, 16).unwrap()
}

fn listed(net: &Net, account: &str) -> bool {
    let providers = rpc::call(net.rpc(), "storage_providers", json!([null, 100]));
    providers["items"].as_array().unwrap().iter().any(|provider| provider["account"] == account)
}

fn after_some_blocks(net: &Net) {
    let until = block(net) + BLOCKS;
    wait::until_true("a few blocks", 60, || block(net) >= until);
}

/// The key of the provider's account, where its node keeps it.
fn key_file(base_path: &Path) -> PathBuf {
    let chain = fs::read_dir(base_path.join("chains")).unwrap().next().unwrap().unwrap().path();
    let files = fs::read_dir(chain.join("keystore")).unwrap().map(|entry| entry.unwrap().path());
    let is_provider_s = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(&hex("stat"));
    files.into_iter().find(is_provider_s).unwrap()
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_provider_that_keeps_nothing_leaves_for_good_with_the_key_of_its_node() {
    let net = Net::up();
    let node =
        net.json()["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "provider-4").cloned().unwrap();
    let account = node["account"].as_str().unwrap();
    let key = key_file(Path::new(node["base_path"].as_str().unwrap()));
    let operator = User::at(net.rpc(), key.to_str());
    assert!(listed(&net, account));

    let balance = operator.ok(&["wallet", "balance"]);
    assert_eq!(balance["account"], account);
    assert_ne!(balance["collateral"], "0");
    let left = operator.ok(&["provider", "leave"]);
    assert_eq!((&left["account"], &left["replicas"]), (&Value::from(account), &Value::from(0)), "{left}");
    assert!(!listed(&net, account));
    assert_eq!(operator.ok(&["wallet", "balance"])["collateral"], "0");

    // Its node still runs, and does not enter it again; not even when it is started anew.
    after_some_blocks(&net);
    assert!(!listed(&net, account), "it came back by itself");
    net.turn("stop", "provider-4");
    net.turn("start", "provider-4");
    after_some_blocks(&net);
    assert!(!listed(&net, account), "it came back after a restart");
    assert_eq!(operator.fails(&["provider", "leave"]).exit, 3);
}
