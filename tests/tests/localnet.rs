//! `station localnet`: quick to come up, plain about what runs, gone without a trace.

use nix::{
    sys::signal::{kill, Signal},
    unistd::Pid,
};
use serde_json::json;
use station_tests::{rpc, wait, Net};
use std::{fs, time::Instant};

#[test]
fn a_network_comes_up_says_what_it_is_and_leaves_no_process() {
    let started = Instant::now();
    let net = Net::up();
    // 30 s are promised; the tests' machine may be busy with other things.
    assert!(started.elapsed().as_secs() < 60, "took {:?}", started.elapsed());
    let about = net.json();
    assert!(about["chain_spec"].as_str().is_some_and(|p| fs::exists(p).unwrap()), "{about}");
    assert!(about["accounts"].as_array().is_some_and(|a| {
        !a.is_empty() && a.iter().all(|a| a["name"].is_string() && a["uri"].is_string() && a["address"].is_string())
    }));
    let nodes = net.nodes();
    let names: Vec<_> = nodes.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["validator-1", "provider-1", "provider-2", "provider-3", "provider-4"]);
    for node in &nodes {
        assert!(node.pid.is_some() && node.log.exists() && node.base_path.exists(), "{node:?}");
        assert_eq!(node.store.is_some(), node.name.starts_with("provider"), "{node:?}");
        let health = rpc::call(&node.rpc, "system_health", json!([]));
        assert_eq!(health["isSyncing"], false, "{}: {health}", node.name);
    }
    // Final blocks, and all providers registered: that is what `up` waits for.
    let head = rpc::call(net.rpc(), "chain_getFinalizedHead", json!([]));
    let header = rpc::call(net.rpc(), "chain_getHeader", json!([head]));
    assert_ne!(header["number"], "0x0", "{header}");
    let providers = rpc::call(net.rpc(), "storage_providers", json!([null, 100]));
    let registered: Vec<_> = providers["items"].as_array().unwrap().iter().map(|p| p["account"].clone()).collect();
    for node in nodes.iter().filter(|n| n.store.is_some()) {
        assert!(registered.contains(&json!(node.account)), "{} is not registered: {providers}", node.name);
    }

    net.turn("kill", "provider-2");
    assert!(!net.runs("provider-2"));
    net.turn("start", "provider-2");
    net.turn("stop", "provider-3");

    net.down();
    assert_eq!(net.processes(), Vec::<i32>::new(), "processes are left");
    for node in &nodes {
        assert!(rpc::raw(&node.rpc, "{}").is_err(), "{} still answers", node.name);
    }
}

#[test]
fn ctrl_c_in_the_foreground_takes_everything_down() {
    // The turn, and a place: the network of the harness is replaced by one in the foreground.
    let net = Net::with(1, 1);
    net.down();
    let dir = net.dir().join("foreground");
    let mut up = std::process::Command::new(station_tests::station())
        .args(["localnet", "up", "--validators", "1", "--providers", "1", "--dir"])
        .arg(&dir)
        .stdin(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let pid = i32::try_from(up.id()).unwrap();
    wait::until_true("localnet.json", 90, || {
        assert!(up.try_wait().unwrap().is_none(), "it ended by itself");
        fs::read(dir.join("localnet.json"))
            .ok()
            .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
            .and_then(|about| rpc::raw(about["rpc"].as_str()?, "{}").ok())
            .is_some()
    });
    kill(Pid::from_raw(pid), Signal::SIGINT).unwrap();
    wait::until_true("the network to end", 60, || up.try_wait().unwrap().is_some());
    assert_eq!(net.processes(), Vec::<i32>::new(), "processes are left");
}

#[test]
fn one_process_is_validator_and_provider() {
    let net = Net::with(1, 3);
    let about = net.json();
    let validator = about["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "validator-1").unwrap();
    net.turn("stop", "validator-1");
    let words = validator["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
    let mut both = std::process::Command::new(station_tests::station())
        .args(words)
        .args(["--provider", "--capacity", "1GiB", "--price", "0.01", "--store"])
        .arg(net.dir().join("store"))
        .stdin(std::process::Stdio::null())
        .stderr(fs::File::create(net.dir().join("both.log")).unwrap())
        .spawn()
        .unwrap();
    // Its key is new and its account empty; it says so, and registers as soon as there is something on it.
    let log = || fs::read_to_string(net.dir().join("both.log")).unwrap_or_default();
    let account = wait::until("its account in its log", 60, || {
        let log = log();
        let line = log.lines().find(|line| line.contains("not registered yet")).ok_or("no such line")?;
        let from = line.find("account=").ok_or("no account in the line")? + "account=".len();
        Ok::<_, &str>(line[from..].split_whitespace().next().unwrap_or_default().to_owned())
    });
    let alice = station_tests::User::with_key(&net, "//Alice");
    alice.ok(&["wallet", "transfer", &account, "1000"]);
    wait::until("it to register", 60, || {
        let providers = rpc::call(net.rpc(), "storage_providers", json!([null, 100]));
        let items = providers["items"].as_array().unwrap();
        if items.iter().any(|p| p["account"] == json!(account)) {
            Ok(())
        } else {
            Err(providers.to_string())
        }
    });
    let path = net.dir().join("file");
    fs::write(&path, station_tests::files::noise(91, 200_000)).unwrap();
    // Four of four: it must be among them, and blocks go on meanwhile, since nobody else makes any.
    let put = alice.ok(&["put", path.to_str().unwrap(), "--for", "1d", "--replicas", "4"]);
    let status = alice.status(put["link"].as_str().unwrap());
    let holders: Vec<_> =
        status["shards"][0]["replicas"].as_array().unwrap().iter().map(|r| r["provider"].clone()).collect();
    assert!(holders.contains(&json!(account)), "{status}");
    assert_eq!(status["state"], "healthy", "{status}");
    kill(Pid::from_raw(i32::try_from(both.id()).unwrap()), Signal::SIGTERM).unwrap();
    both.wait().unwrap();
}

#[test]
fn an_unknown_kind_of_network_is_a_usage_error_and_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let user = station_tests::User::at("ws://127.0.0.1:1", None);
    let path = dir.path().join("net");
    let up = ["localnet", "up", "--net", "nonsense", "--dir", path.to_str().unwrap()];
    let outcome = user.finish(user.command(&up));
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(!path.exists(), "a folder was made");
}
