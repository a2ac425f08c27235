//! `station localnet`: quick to come up, plain about what runs, gone without a trace.

use nix::{
    sys::signal::{kill, Signal},
    unistd::Pid,
};
use serde_json::json;
use station_tests::{files, namespaces, rpc, wait, Net, User};
use std::{
    fs,
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

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

/// How a fault that is refused ends: its exit code, and the code in its error object.
fn refused(net: &Net, args: &[&str]) -> (i32, String) {
    let done = net.localnet(&[args, &["--json"]].concat(), &[]);
    assert!(done.stdout.is_empty(), "{args:?} printed {}", String::from_utf8_lossy(&done.stdout));
    let error: serde_json::Value = serde_json::from_slice(&done.stderr).expect("one error object");
    (done.status.code().expect("no signal"), error["error"]["code"].as_str().expect("a code").to_owned())
}

#[test]
fn on_loopback_bits_flip_and_bytes_are_delayed_and_what_needs_more_says_so() {
    let net = Net::with(1, 3);
    let usage = (2, "usage".to_owned());
    for args in [
        &["partition", "provider-1"][..],
        &["rate", "provider-1", "100"],
        &["fill-disk", "provider-1"],
        &["delay", "provider-1", "99999"],
    ] {
        assert_eq!(refused(&net, args), usage, "{args:?}");
    }
    assert_eq!(refused(&net, &["corrupt", "nobody"]), (3, "not_found".to_owned()));
    assert_eq!(refused(&net, &["corrupt", "provider-1"]), (3, "not_found".to_owned()), "nothing is sealed yet");

    // A node behind a proxy: what it says itself takes its time, and the chain goes on.
    let p2p = |name: &str| {
        let nodes = net.json()["nodes"].clone();
        let node = nodes.as_array().unwrap().iter().find(|node| node["name"] == name).unwrap().clone();
        let parts: Vec<String> = node["p2p"].as_str().unwrap().split('/').map(str::to_owned).collect();
        format!("{}:{}", parts[2], parts[4]).parse::<SocketAddr>().unwrap()
    };
    let hello = || {
        let mut stream = TcpStream::connect(p2p("provider-2")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let started = Instant::now();
        // The listener's first word in libp2p's negotiation, which it says to whoever says it first.
        std::io::Write::write_all(&mut stream, b"\x13/multistream/1.0.0\n").unwrap();
        let mut answer = [0; 20];
        std::io::Read::read_exact(&mut stream, &mut answer).unwrap();
        assert_eq!(&answer, b"\x13/multistream/1.0.0\n");
        started.elapsed()
    };
    let delay = Duration::from_millis(300);
    assert!(hello() < delay);
    let done = net.fault(&["delay", "provider-2", "300"]);
    assert_eq!((&done["name"], &done["ms"]), (&json!("provider-2"), &json!(300)));
    assert!(hello() >= delay * 2, "there and back");
    // It has peers, through the proxy alone, and follows the chain.
    let rpc_of = net.node("provider-2").rpc;
    let height = |url: &str| {
        let header = rpc::ask(url, "chain_getHeader", json!([]))?;
        u64::from_str_radix(header["number"].as_str()?.trim_start_matches("0x"), 16).ok()
    };
    let goal = height(net.rpc()).expect("a header") + 5;
    wait::until("the delayed node to follow", 60, || match height(&rpc_of) {
        Some(height) if height >= goal => Ok(()),
        other => Err(format!("{other:?}, wanted {goal}")),
    });
    // A file can be put on it meanwhile, and read back.
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join("file");
    fs::write(&path, files::noise(3, 300_000)).unwrap();
    let link = User::with_key(&net, "//Alice").put(&path);
    User::without_key(&net).get(&link, &work.path().join("copy"));
    assert!(fs::read(work.path().join("copy")).unwrap() == fs::read(&path).unwrap());

    let healed = net.fault(&["heal"]);
    assert_eq!(healed["delays"], json!(["provider-2"]));
    assert!(hello() < delay);

    // The same number draws the same bits: flipped twice they are as they were.
    let flip = || net.fault(&["corrupt", "provider-1", "--seed", "5"]);
    let first = flip();
    assert_eq!((&first["flipped"], first["flipped"].as_array().map(Vec::len)), (&flip()["flipped"], Some(8)));
    net.down();
    assert_eq!(net.processes(), Vec::<i32>::new(), "processes are left, perhaps a proxy");
}

#[test]
fn in_namespaces_links_are_cut_and_slowed_and_disks_are_full_and_nothing_is_left_behind() {
    if !namespaces() {
        eprintln!("not tested: this process may not make network namespaces");
        // What can be tested then: that it is said, with exit code 2, and nothing is made.
        let dir = tempfile::tempdir().unwrap();
        let (user, path) = (User::at("ws://127.0.0.1:1", None), dir.path().join("net"));
        let up = ["localnet", "up", "--net", "namespaces", "--dir", path.to_str().unwrap()];
        assert_eq!(user.finish(user.command(&up)).code, Some(2));
        return;
    }
    let net = Net::with_options(2, 3, &["--net", "namespaces", "--disk", "256MiB"]);
    let height = |name: &str| {
        let header = rpc::call(&net.node(name).rpc, "chain_getHeader", json!([]));
        u64::from_str_radix(header["number"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    };
    let follows = |name: &str, goal: u64| {
        wait::until(&format!("{name} to reach block {goal}"), 60, || {
            let height = height(name);
            if height >= goal {
                Ok(())
            } else {
                Err(height)
            }
        });
    };
    let alice = User::with_key(&net, "//Alice");
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join("file");
    fs::write(&path, files::noise(4, 1_000_000)).unwrap();
    let link = alice.put(&path);

    // Cut off, a provider stands still; healed, it catches up. This machine reaches it all the while.
    net.fault(&["partition", "provider-1"]);
    let (stands, goes_on) = (height("provider-1"), height("validator-1"));
    follows("validator-1", goes_on + 8);
    assert!(height("provider-1") <= stands + 2, "it went on from {stands} to {}", height("provider-1"));
    assert_eq!(net.json()["cuts"].as_array().map(Vec::len), Some(4), "one provider, four others");
    assert_eq!(net.fault(&["heal"])["cuts"], 4);
    follows("provider-1", height("validator-1"));

    // Groups: nobody of the one sees anybody of the other, and each goes on by itself.
    net.fault(&["partition", "validator-1,provider-1", "validator-2,provider-2"]);
    let final_before = rpc::call(net.rpc(), "chain_getFinalizedHead", json!([]));
    let (one, other) = (height("validator-1"), height("validator-2"));
    follows("validator-1", one + 5);
    follows("validator-2", other + 5);
    net.fault(&["heal"]);
    wait::until_true("blocks to become final again", 90, || {
        rpc::call(net.rpc(), "chain_getFinalizedHead", json!([])) != final_before
    });

    // A slow link serves slowly: a piece of a MiB takes four seconds at two megabits, three sources or one.
    for name in ["provider-1", "provider-2", "provider-3"] {
        assert_eq!(net.fault(&["rate", name, "2000"])["kbit"], 2000);
    }
    let bob = User::without_key(&net);
    let started = Instant::now();
    bob.get(&link, &work.path().join("slow"));
    assert!(started.elapsed() > Duration::from_secs(3), "at 2 Mbit/s in {:?}", started.elapsed());
    assert_eq!(net.fault(&["heal"])["rates"].as_array().map(Vec::len), Some(3));
    assert!(fs::read(work.path().join("slow")).unwrap() == fs::read(&path).unwrap());

    // A full disk takes nothing, and is as before when it is healed. Whoever is full, files go elsewhere or wait.
    let done = net.fault(&["fill-disk", "provider-3"]);
    assert!(done["bytes"].as_u64() > Some(100 << 20), "{done}");
    let store = net.node("provider-3").store.unwrap();
    let full = fs::write(store.join("more"), vec![1; 64 << 10]).expect_err("there is room");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    let _ = fs::remove_file(store.join("more"));
    assert_eq!(net.fault(&["heal"])["disks"], json!(["provider-3"]));
    alice.put(&path);

    // Stopped and started, the network goes on in its old place.
    let about = net.json();
    net.down();
    let trace = |command: &str, args: &[&str]| {
        let output = Command::new(command).args(args).stdin(Stdio::null()).output().expect("a program");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let bridge = about["bridge"]["name"].as_str().unwrap().to_owned();
    let nothing_is_left = || {
        assert_eq!(net.processes(), Vec::<i32>::new(), "processes are left");
        assert!(!trace("ip", &["netns", "list"]).contains(&bridge[2..]), "namespaces are left");
        assert!(!trace("ip", &["-o", "link"]).contains(&bridge), "links are left");
        assert!(
            !fs::read_to_string("/proc/self/mounts").unwrap().contains(net.dir().to_str().unwrap()),
            "mounts are left"
        );
    };
    nothing_is_left();
    let up = ["up", "--validators", "2", "--providers", "3", "--net", "namespaces", "--detach"];
    assert!(net.localnet(&up, &[]).status.success());
    bob.get(&link, &work.path().join("copy"));
    assert!(fs::read(work.path().join("copy")).unwrap() == fs::read(&path).unwrap());
    net.down();
    nothing_is_left();
}
