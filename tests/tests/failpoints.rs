//! A process killed at any point of any flow, and started again, finishes without help.

use serde_json::{json, Value};
use station_tests::{files, rpc, wait, Net, User};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    thread,
};
use tempfile::tempdir;

/// The points of a provider that a put passes, in the order in which it does.
const PROVIDER_ON_PUT: &[&str] = &[
    "accept_upload:expected",
    "accept_upload:piece",
    "accept_upload:complete",
    "seal:start",
    "seal:done",
    "commit:signed",
    "commit:submitted",
    "prove_seal:proven",
    "prove_seal:submitted",
];
/// Those that a provider passes by itself, within a proving period.
const PROVIDER_ALONE: &[&str] = &["heartbeat:signed", "heartbeat:submitted", "answer:proven", "answer:submitted"];
/// A period of the local preset, its answer window, and time to start in.
const PERIOD_SECONDS: u64 = 60 + 20 + 40;

fn put_of(work: &Path, name: &str) -> PathBuf {
    let path = work.join(name.replace(':', "-"));
    fs::write(&path, files::noise(name.len() as u64, 150_000)).expect("writable");
    path
}

fn deals(net: &Net) -> u64 {
    rpc::call(net.rpc(), "storage_summary", json!([]))["deals"].as_u64().expect("a count")
}

fn assert_healthy(user: &User, link: &str) -> Value {
    wait::until("every replica to be active", PERIOD_SECONDS, || {
        let status = user.status(link);
        if status["state"] == "healthy" {
            Ok(status)
        } else {
            Err(status.to_string())
        }
    })
}

#[test]
fn a_provider_killed_at_any_point_of_taking_a_replica_finishes_after_a_restart() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let alice = User::with_key(&net, "//Alice");
    let bob = User::without_key(&net);
    for point in PROVIDER_ON_PUT {
        net.arm("provider-1", point);
        let path = put_of(work.path(), point);
        let link = thread::scope(|scope| {
            // Four replicas on four providers: the one that dies has a part in it.
            let put = scope.spawn(|| alice.ok(&["put", path.to_str().unwrap(), "--replicas", "4", "--for", "1d"]));
            wait::until_true(&format!("provider-1 to die at {point}"), 90, || !net.runs("provider-1"));
            net.turn("start", "provider-1");
            let put = put.join().unwrap_or_else(|_| panic!("put failed after {point}"));
            put["link"].as_str().unwrap().to_owned()
        });
        let status = assert_healthy(&alice, &link);
        let holders = status["shards"][0]["replicas"].to_string();
        assert!(holders.contains(&net.node("provider-1").account), "{point}: somebody else took it: {holders}");
        let copy = path.with_extension("copy");
        bob.get(&link, &copy);
        assert!(fs::read(&copy).unwrap() == fs::read(&path).unwrap(), "{point}");
    }
}

#[test]
fn a_provider_killed_while_it_answers_or_serves_goes_on_after_a_restart() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let alice = User::with_key(&net, "//Alice");
    let path = put_of(work.path(), "kept");
    let put = alice.ok(&["put", path.to_str().unwrap(), "--replicas", "4", "--for", "1d"]);
    let link = put["link"].as_str().unwrap();
    let dead = |name: &str| !net.runs(name);
    for point in PROVIDER_ALONE {
        net.arm("provider-1", point);
        wait::until_true(&format!("provider-1 to die at {point}"), PERIOD_SECONDS, || dead("provider-1"));
        net.turn("start", "provider-1");
        assert_healthy(&alice, link);
    }
    // All four die while they serve: the first of each is lost, and the reader asks on until all are back.
    for n in 1..=4 {
        let name = format!("provider-{n}");
        net.arm(&name, "serve:read");
    }
    let bob = User::without_key(&net);
    let copy = work.path().join("copy");
    thread::scope(|scope| {
        let get = scope.spawn(|| {
            // One that gives up says so with exit 6, and is run again: what it has is kept.
            loop {
                let mut command = bob.command(&["get", link, "-o", copy.to_str().unwrap()]);
                command.arg("--json");
                let outcome = bob.finish(command);
                match outcome.code {
                    Some(0) => return,
                    Some(6) => {}
                    _ => panic!("{outcome}"),
                }
            }
        });
        wait::until_true("a provider to die at serve:read", 90, || (1..=4).any(|n| dead(&format!("provider-{n}"))));
        for n in 1..=4 {
            let name = format!("provider-{n}");
            if !dead(&name) {
                net.turn("stop", &name);
            }
            net.turn("start", &name);
        }
        get.join().unwrap();
    });
    assert!(fs::read(&copy).unwrap() == fs::read(&path).unwrap());
    assert_healthy(&alice, link);
}

#[test]
fn put_and_get_killed_at_any_point_finish_when_run_again() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let (put_points, get_points): (Vec<_>, Vec<_>) = points()
        .into_iter()
        .filter(|p| p.starts_with("put:") || p.starts_with("get:"))
        .partition(|p| p.starts_with("put:"));
    assert!(!put_points.is_empty() && !get_points.is_empty(), "no points to test");
    for point in &put_points {
        let alice = User::with_key(&net, "//Alice");
        let path = put_of(work.path(), point);
        let args = ["put", path.to_str().unwrap(), "--for", "1d", "--json"];
        let mut command = alice.command(&args);
        command.env("STATION_FAILPOINT", point);
        let before = deals(&net);
        let killed = alice.finish(command);
        assert!(killed.code.is_none() && killed.stdout.is_empty(), "not killed at {point}: {killed}");
        let link = alice.put(&path);
        assert_eq!(deals(&net), before + 1, "{point}: paid for twice");
        let copy = path.with_extension("copy");
        User::without_key(&net).get(&link, &copy);
        assert!(fs::read(&copy).unwrap() == fs::read(&path).unwrap(), "{point}");
    }
    let alice = User::with_key(&net, "//Alice");
    let path = put_of(work.path(), "to be read");
    let link = alice.put(&path);
    for point in &get_points {
        let bob = User::without_key(&net);
        let copy = path.with_extension(point.replace(':', "-"));
        let mut command = bob.command(&["get", &link, "-o", copy.to_str().unwrap(), "--json"]);
        command.env("STATION_FAILPOINT", point);
        let killed = bob.finish(command);
        assert!(killed.code.is_none() && killed.stdout.is_empty(), "not killed at {point}: {killed}");
        bob.get(&link, &copy);
        assert!(fs::read(&copy).unwrap() == fs::read(&path).unwrap(), "{point}");
    }
}

#[test]
fn every_point_in_the_sources_is_known_here() {
    let known: BTreeSet<_> = PROVIDER_ON_PUT.iter().chain(PROVIDER_ALONE).map(|p| (*p).to_owned()).collect();
    // Tested beside the store, and where a replica ends or a provider is new.
    let elsewhere = ["store:", "put:", "get:", "serve:", "retire:", "register:"];
    let unknown: Vec<_> = points()
        .into_iter()
        .filter(|p| !known.contains(p) && !elsewhere.iter().any(|prefix| p.starts_with(prefix)))
        .collect();
    assert!(unknown.is_empty(), "no test kills a process at {unknown:?}");
}

/// The names of all points in the sources.
fn points() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut stack = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../client"))];
    stack.push(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../node")));
    while let Some(path) = stack.pop() {
        if path.is_dir() {
            stack.extend(fs::read_dir(path).expect("readable").map(|e| e.expect("readable").path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(path).expect("text");
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<String>();
            for call in code.split("fail_point!(\"").skip(1) {
                found.insert(call.split('"').next().expect("split gives one at least").to_owned());
            }
        }
    }
    found
}
