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
/// Those that a provider passes when one of its replicas rots.
const PROVIDER_ON_ROT: &[&str] = &[
    "scrub:found",
    "scrub:report-signed",
    "scrub:reported",
    "repair:start",
    "repair:salvaged",
    "repair:piece",
    "repair:complete",
];
/// A period of the local preset, its answer window, and time to start in.
const PERIOD_SECONDS: u64 = 60 + 20 + 40;
/// Until a provider has read its small store once more, reported, fetched, sealed and answered: a pause of the scrubber, and a
/// period until the next audit.
const ROT_SECONDS: u64 = 30 + PERIOD_SECONDS;
/// Accounts with money that nobody else uses, so that commands run side by side.
const PEOPLE: [&str; 6] = ["//Alice", "//Bob", "//Charlie", "//Dave", "//Eve", "//Ferdie"];

fn put_of(work: &Path, name: &str) -> PathBuf {
    let path = work.join(name.replace(':', "-"));
    fs::write(&path, files::noise(name.len() as u64, 150_000)).expect("writable");
    path
}

/// How many deals an account has.
fn deals(net: &Net, user: &User) -> usize {
    let account = user.ok(&["wallet", "balance"])["account"].clone();
    let list = rpc::call(net.rpc(), "storage_deals", json!([account, null, 100]));
    list["items"].as_array().unwrap().len()
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

/// Providers 1, 2, … each armed with a point of its own, at the same time.
fn arm<'a>(net: &Net, points: &[&'a str]) -> Vec<(String, &'a str)> {
    let armed: Vec<_> = (1..).zip(points).map(|(n, point)| (format!("provider-{n}"), *point)).collect();
    thread::scope(|scope| {
        for (name, point) in &armed {
            scope.spawn(|| net.arm(name, point));
        }
    });
    armed
}

/// Waits until each has died at its point, and starts it again at once.
fn die_and_come_back(net: &Net, armed: &[(String, &str)], seconds: u64) {
    thread::scope(|scope| {
        for (name, point) in armed {
            scope.spawn(move || {
                wait::until_true(&format!("{name} to die at {point}"), seconds, || !net.runs(name));
                net.turn("start", name);
            });
        }
    });
}

fn assert_reads_back(net: &Net, link: &str, path: &Path) {
    let copy = path.with_extension("copy");
    User::without_key(net).get(link, &copy);
    assert!(fs::read(&copy).unwrap() == fs::read(path).unwrap(), "{}", path.display());
}

/// One network for all that a provider does, since most of the time is spent waiting for blocks: three or four die at once, each at
/// a point of its own, which is harder than one at a time.
#[test]
fn providers_killed_at_any_point_of_any_flow_finish_after_a_restart() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let alice = User::with_key(&net, "//Alice");

    // Taking a replica.
    for points in PROVIDER_ON_PUT.chunks(3) {
        let path = put_of(work.path(), points[0]);
        let armed = arm(&net, points);
        let link = thread::scope(|scope| {
            // Four replicas on four providers: those that die have a part in it.
            let put = scope.spawn(|| alice.ok(&["put", path.to_str().unwrap(), "--replicas", "4", "--for", "1d"]));
            die_and_come_back(&net, &armed, 90);
            let put = put.join().unwrap_or_else(|_| panic!("put failed after {points:?}"));
            put["link"].as_str().unwrap().to_owned()
        });
        let holders = assert_healthy(&alice, &link)["shards"][0]["replicas"].to_string();
        for (name, point) in &armed {
            assert!(holders.contains(&net.node(name).account), "{point}: somebody else took it: {holders}");
        }
        assert_reads_back(&net, &link, &path);
    }

    // Rot: a file for each, so that one replica of each is corrupt, and three are left to fetch from.
    for points in PROVIDER_ON_ROT.chunks(4) {
        let files: Vec<_> = points
            .iter()
            .map(|point| {
                let path = put_of(work.path(), point);
                let put = alice.ok(&["put", path.to_str().unwrap(), "--replicas", "4", "--for", "1d"]);
                (put["link"].as_str().unwrap().to_owned(), path)
            })
            .collect();
        let armed = arm(&net, points);
        let mut corrupted = Vec::new();
        for ((name, _), (link, _)) in armed.iter().zip(&files) {
            let status = alice.status(link);
            let account = net.node(name).account;
            let replicas = status["shards"][0]["replicas"].as_array().unwrap();
            let replica =
                replicas.iter().find(|r| r["provider"] == json!(account)).expect("four replicas, four providers");
            let id = replica["id"].as_str().unwrap().to_owned();
            let store = net.node(name).store.expect("a provider has a store");
            let file = store.join("sealed").join(format!("{}.shard", id.replace('/', "-")));
            let sealed = fs::read(&file).unwrap();
            net.fault(&["corrupt", name, "--replica", &id]);
            assert!(fs::read(&file).unwrap() != sealed, "nothing was corrupted");
            corrupted.push((id, file, sealed));
        }
        die_and_come_back(&net, &armed, ROT_SECONDS);
        for (((id, file, sealed), (link, path)), (name, point)) in corrupted.iter().zip(&files).zip(&armed) {
            let account = json!(net.node(name).account);
            wait::until(&format!("{id} to be whole again after {point}"), ROT_SECONDS, || {
                let shard = alice.status(link)["shards"][0].clone();
                let history = shard["history"].as_array().unwrap();
                let of_it = |event: &str| history.iter().rposition(|h| h["event"] == event && h["replica"] == **id);
                // One that was killed before it could report may have healed before there is anything to report.
                let told = of_it("reported").is_none_or(|reported| of_it("recovered") > Some(reported));
                // While it is made anew there may be no file.
                let whole = fs::read(file).is_ok_and(|now| now == *sealed);
                if told && whole && shard["live"] == 4 {
                    Ok(())
                } else {
                    Err(format!("whole: {whole}, {shard}"))
                }
            });
            assert_eq!(rpc::call(net.rpc(), "storage_replica", json!([id]))["provider"], account, "{point}");
            assert_reads_back(&net, link, path);
        }
    }

    // What it does alone.
    let path = put_of(work.path(), "kept");
    let put = alice.ok(&["put", path.to_str().unwrap(), "--replicas", "4", "--for", "1d"]);
    let link = put["link"].as_str().unwrap();
    let armed = arm(&net, PROVIDER_ALONE);
    die_and_come_back(&net, &armed, PERIOD_SECONDS);
    assert_healthy(&alice, link);

    // All four die while they serve: the first of each is lost, and the reader asks on until all are back.
    let serving = arm(&net, &["serve:read"; 4]);
    let bob = User::without_key(&net);
    let copy = work.path().join("copy");
    let dead = |name: &str| !net.runs(name);
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
        wait::until_true("a provider to die at serve:read", 90, || serving.iter().any(|(name, _)| dead(name)));
        for (name, _) in &serving {
            if !dead(name) {
                net.turn("stop", name);
            }
            net.turn("start", name);
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
    // Each person takes every sixth point: puts wait for blocks most of the time, and nobody waits for another's.
    let link_and_path = thread::scope(|scope| {
        let people: Vec<_> = PEOPLE
            .iter()
            .enumerate()
            .map(|(turn, uri)| {
                let points: Vec<_> = put_points.iter().skip(turn).step_by(PEOPLE.len()).collect();
                let (net, work) = (&net, work.path());
                scope.spawn(move || {
                    let mut last = None;
                    for point in points {
                        last = Some(put_killed_at(net, work, uri, point));
                    }
                    last
                })
            })
            .collect();
        people.into_iter().filter_map(|person| person.join().expect("its put finished")).last()
    });
    let (link, path) = link_and_path.expect("there are points");
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

/// Somebody's put, killed at a point and run again: done, paid for once, and to be read.
fn put_killed_at(net: &Net, work: &Path, uri: &str, point: &str) -> (String, PathBuf) {
    let user = User::with_key(net, uri);
    let path = put_of(work, point);
    let args = ["put", path.to_str().unwrap(), "--for", "1d", "--json"];
    let mut command = user.command(&args);
    command.env("STATION_FAILPOINT", point);
    let before = deals(net, &user);
    let killed = user.finish(command);
    assert!(killed.code.is_none() && killed.stdout.is_empty(), "not killed at {point}: {killed}");
    let link = user.put(&path);
    assert_eq!(deals(net, &user), before + 1, "{point}: paid for twice");
    assert_reads_back(net, &link, &path);
    (link, path)
}

#[test]
fn every_point_in_the_sources_is_known_here() {
    let known: BTreeSet<_> =
        PROVIDER_ON_PUT.iter().chain(PROVIDER_ALONE).chain(PROVIDER_ON_ROT).map(|p| (*p).to_owned()).collect();
    // Tested beside the store and the worker, and where a replica ends or a provider is new.
    let elsewhere = [
        "store:",
        "put:",
        "get:",
        "serve:",
        "retire:",
        "register:",
        "repair:committed",
        "repair:dropped",
        "repair:name-signed",
        "repair:named",
    ];
    let unknown: Vec<_> = points()
        .into_iter()
        .filter(|p| !known.contains(p) && !elsewhere.iter().any(|prefix| p.starts_with(prefix)))
        .collect();
    assert!(unknown.is_empty(), "no test kills a process at {unknown:?}");
}

/// The names of all points in the sources.
fn points() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut stack = vec![station_tests::root().join("client"), station_tests::root().join("node")];
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
