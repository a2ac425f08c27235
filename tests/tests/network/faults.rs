//! Providers that fail and come back without anybody's help.

use serde_json::Value;
use station_tests::{files, wait, Net, User};
use std::fs;
use tempfile::tempdir;

/// A period, the answer window and some blocks of the local preset: the longest until every replica was proven again.
const MISS_SECONDS: u64 = 60 + 20 + 40;

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
