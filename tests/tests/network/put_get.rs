//! The main job: what is put comes back, for whoever has the link.

use serde_json::Value;
use station_tests::{files, Net, User};
use std::{collections::HashSet, fs};
use tempfile::tempdir;

/// The folder of the ordinary run, and the one of `STATION_TEST_LARGE=1`.
fn folder_size() -> (usize, u64) {
    if std::env::var_os("STATION_TEST_LARGE").is_some() {
        (300 << 20, 500)
    } else {
        (20 << 20, 60)
    }
}

#[test]
fn a_folder_comes_back_identical_under_another_home_by_the_link_alone() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let (original, copy) = (work.path().join("original"), work.path().join("copy"));
    let (large, small) = folder_size();
    files::mixed_folder(&original, large, small);

    let alice = User::with_key(&net, "//Alice");
    let put = alice.ok(&["put", original.to_str().unwrap(), "--replicas", "3", "--for", "1d"]);
    assert!(put["link"].as_str().is_some_and(|l| l.starts_with("station:")), "{put}");
    assert_eq!(put["replicas"], 3, "{put}");
    assert!(put["bytes"].as_u64().is_some_and(|b| b >= large as u64), "{put}");
    assert!(put["shards"].as_u64().is_some_and(|s| s >= 1), "{put}");
    assert!(!put["deals"].as_array().unwrap().is_empty(), "{put}");
    assert!(put["cost"].as_str().unwrap().parse::<u128>().unwrap() > 0, "{put}");
    for phase in ["encrypt", "upload", "seal", "prove"] {
        assert!(put["seconds"][phase].as_f64().is_some(), "no seconds of {phase}: {put}");
    }
    let link = put["link"].as_str().unwrap();

    let bob = User::without_key(&net);
    let got = bob.get(link, &copy);
    files::assert_same(&original, &copy);
    let sources = got["sources"].as_array().unwrap();
    assert!(!sources.is_empty(), "{got}");
    for source in sources {
        net.provider(source.as_str().unwrap());
    }
    // Again, with everything there already, is no error; over something else it is, and that stays as it was.
    bob.get(link, &copy);
    fs::write(copy.join("empty"), "mine").unwrap();
    let refused = bob.fails(&["get", link, "-o", copy.to_str().unwrap()]);
    assert!([2, 7].contains(&refused.exit), "{refused:?}");
    assert_eq!(fs::read(copy.join("empty")).unwrap(), b"mine");
}

#[test]
fn single_files_of_every_awkward_size_come_back_identical() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let alice = User::with_key(&net, "//Alice");
    let bob = User::without_key(&net);
    for len in [0, 1, 63, 64, 65_536, (1 << 20) + 1] {
        let (path, copy) = (work.path().join(format!("a file of {len}")), work.path().join(format!("copy of {len}")));
        fs::write(&path, files::noise(len as u64, len)).unwrap();
        let link = alice.put(&path);
        let got = bob.get(&link, &copy);
        assert_eq!(got["bytes"], len, "{got}");
        assert!(fs::read(&path).unwrap() == fs::read(&copy).unwrap(), "{len} bytes differ");
    }
}

#[test]
fn status_shows_every_replica_active_and_proven_on_a_provider_of_its_own() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let path = work.path().join("minutes.txt");
    fs::write(&path, files::noise(3, 200_000)).unwrap();
    let alice = User::with_key(&net, "//Alice");
    let link = alice.put(&path);

    let status = alice.status(&link);
    assert_eq!(status["state"], "healthy", "{status}");
    assert!(status["expires"].as_u64().is_some_and(|b| b > 0), "{status}");
    assert!(!status["deals"].as_array().unwrap().is_empty(), "{status}");
    let shards = status["shards"].as_array().unwrap();
    assert!(!shards.is_empty(), "{status}");
    for shard in shards {
        assert!(shard["size"].as_u64().is_some_and(u64::is_power_of_two), "{shard}");
        assert_eq!((&shard["state"], &shard["live"], &shard["target"]), (&"healthy".into(), &3.into(), &3.into()));
        assert_eq!(shard["repairing_since"], Value::Null);
        let replicas = shard["replicas"].as_array().unwrap();
        let mut providers = HashSet::new();
        for (slot, replica) in replicas.iter().enumerate() {
            assert_eq!(replica["id"], format!("{}/{slot}", shard["id"].as_str().unwrap()));
            assert_eq!(replica["state"], "active", "{replica}");
            assert!(replica["last_proof"].as_u64().is_some_and(|b| b > 0), "{replica}");
            assert!(replica["earned"].as_str().is_some_and(|e| e.parse::<u128>().is_ok()), "{replica}");
            let provider = replica["provider"].as_str().unwrap();
            net.provider(provider);
            assert!(providers.insert(provider), "two replicas with {provider}: {shard}");
        }
        assert_eq!(replicas.len(), 3);
        let history = shard["history"].as_array().unwrap();
        let count = |event: &str| history.iter().filter(|h| h["event"] == event).count();
        // The ring holds eight; the activations are the newest.
        assert_eq!(count("activated"), 3, "{history:?}");
        for entry in history {
            assert!(entry["block"].as_u64().is_some() && entry["replica"].is_string() && entry["reason"].is_string());
        }
    }

    let list = alice.ok(&["ls"]);
    let entry = list.as_array().unwrap().iter().find(|e| e["link"] == *link).expect("ls shows the link");
    assert_eq!(entry["name"], "minutes.txt");
    assert_eq!(entry["bytes"], 200_000);
    assert_eq!(entry["state"], "healthy");
    assert!(User::without_key(&net).ok(&["ls"]).as_array().unwrap().is_empty(), "somebody else's list is empty");
}

#[test]
fn what_is_removed_is_gone_and_what_is_extended_stays_longer() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let alice = User::with_key(&net, "//Alice");
    let put = |name: &str, seed| {
        let path = work.path().join(name);
        fs::write(&path, files::noise(seed, 90_000)).unwrap();
        alice.put(&path)
    };
    let (kept, removed) = (put("kept", 1), put("removed", 2));
    let before = alice.status(&kept)["expires"].as_u64().unwrap();
    alice.ok(&["extend", &kept, "--for", "2d"]);
    let after = alice.status(&kept)["expires"].as_u64().unwrap();
    // A slot of one second: two days are 172,800 blocks, rounded to periods of 60.
    assert!((172_800..172_860).contains(&(after - before)), "from {before} to {after}");

    alice.ok(&["rm", &removed]);
    let names: Vec<_> =
        alice.ok(&["ls"]).as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["kept"]);
    User::without_key(&net).get(&kept, &work.path().join("copy"));
    assert_eq!(fs::read(work.path().join("copy")).unwrap(), files::noise(1, 90_000));
}
