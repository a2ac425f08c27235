//! `storage_*` as a script would call them.

use serde_json::{json, Value};
use station_tests::{files, rpc, Net, User};
use std::fs;
use tempfile::tempdir;

#[test]
fn the_storage_methods_answer_as_documented_and_refuse_with_stable_codes() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let path = work.path().join("file");
    fs::write(&path, files::noise(8, 100_000)).unwrap();
    let alice = User::with_key(&net, "//Alice");
    let put = alice.ok(&["put", path.to_str().unwrap(), "--for", "1d"]);
    let (url, deal) = (net.rpc(), put["deals"][0].clone());
    let client = net.json()["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|a| a["uri"] == "//Alice")
        .map(|a| a["address"].clone())
        .expect("localnet.json names //Alice");

    let summary = rpc::call(url, "storage_summary", json!([]));
    assert_eq!(summary["providers"], 4);
    assert!(summary["live_replicas"].as_u64().unwrap() >= 3, "{summary}");
    let info = rpc::call(url, "storage_deal", json!([deal]));
    assert_eq!((&info["id"], &info["client"], &info["replicas"]), (&deal, &client, &json!(3)));
    let mine = rpc::call(url, "storage_deals", json!([client, null, 10]));
    assert!(mine["items"].as_array().unwrap().contains(&info), "{mine}");
    let shard = rpc::call(url, "storage_shard", json!([format!("{deal}/0")]));
    assert_eq!(shard["live"], 3);
    let replica = rpc::call(url, "storage_replica", json!([format!("{deal}/0/0")]));
    assert_eq!(replica["state"], "active");
    let holder = replica["provider"].clone();
    let provider = rpc::call(url, "storage_provider", json!([holder]));
    assert!(provider["proven"].as_u64().unwrap() > 0 && provider["collateral_used"] != "0", "{provider}");
    let duties = rpc::call(url, "storage_duties", json!([holder]));
    assert!(!list(&duties).is_empty(), "{duties}");

    // Pages: three and one, and then there is no next.
    let first = rpc::call(url, "storage_providers", json!([null, 3]));
    assert_eq!(list(&first).len(), 3);
    let second = rpc::call(url, "storage_providers", json!([first["next"], 3]));
    assert_eq!((list(&second).len(), &second["next"]), (1, &Value::Null));

    // What is not there is null or a stable error; what is malformed is invalid params (-32602); all leave the node well.
    for (method, params) in [
        ("storage_deal", json!(["seven"])),
        ("storage_deal", json!([])),
        ("storage_shard", json!(["7"])),
        ("storage_replica", json!(["7/0/300"])),
        ("storage_provider", json!(["not an address"])),
        ("storage_providers", json!([null, 1_000_000])),
        ("storage_deals", json!([client, "x", 10])),
    ] {
        let error = rpc::fails(url, method, params.clone());
        assert_eq!(error["code"], -32602, "{method}{params}: {error}");
    }
    for junk in ["", "{", "[]", "null", "\"storage_deal\"", r#"{"jsonrpc":"2.0","id":1,"method":"storage_nothing"}"#] {
        let answer = rpc::raw(url, junk).unwrap_or(Value::Null);
        assert!(answer["result"].is_null(), "{junk}: {answer}");
    }
    for junk in ["0x", "0x00", "nonsense", &format!("0x{}", "ff".repeat(500))] {
        let error = rpc::fails(url, "storage_submitDeal", json!([junk]));
        assert!(error["code"].as_i64().is_some_and(|c| !(0..1_000).contains(&c)), "{junk}: {error}");
    }
    assert_eq!(rpc::call(url, "storage_summary", json!([]))["deals"], summary["deals"]);

    let described = rpc::call(url, "rpc.discover", json!([]));
    assert!(described["openrpc"].as_str().is_some_and(|v| v.starts_with("1.")), "{described}");
    let methods: Vec<_> =
        described["methods"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    for name in [
        "storage_summary",
        "storage_deal",
        "storage_deals",
        "storage_shard",
        "storage_replica",
        "storage_providers",
        "storage_provider",
        "storage_duties",
        "storage_submitDeal",
        "storage_subscribeDeal",
    ] {
        assert!(methods.contains(&name), "{name} is not described");
    }
}

/// The items of a page, or a plain list.
fn list(value: &Value) -> &Vec<Value> {
    value.get("items").unwrap_or(value).as_array().unwrap_or_else(|| panic!("no list: {value}"))
}
