//! What the network does by itself when replicas are lost: misses, slashes, repair orders, rot, leaving; and what a file's parity
//! brings back when all replicas of a shard are gone.

use serde_json::{json, Value};
use station_tests::{files, rpc, wait, Net, User};
use std::{collections::BTreeSet, fs, thread, time::Duration};
use tempfile::tempdir;

/// A period, the answer window and some blocks of the local preset: the longest until a dead provider's miss is seen.
const MISS_SECONDS: u64 = 60 + 20 + 40;
/// The grace, a draw, fetching, sealing, the commitment and its check; twice, should a candidate be one that is dead, too.
const REPAIR_SECONDS: u64 = 15 + 2 * (60 + 40);
/// What its holder pays of a replica's collateral for a fault that it reports itself: one part in so many.
const REPORTED_PART: u128 = 10;

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

/// The events of one replica in its shard's history, in their order, with their reasons.
fn events(shard: &Value, replica: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let history = shard["history"].as_array().cloned().unwrap_or_default();
    let of_it = history.iter().filter(|entry| entry["replica"] == replica);
    of_it.map(|entry| (text(&entry["event"]), text(&entry["reason"]))).collect()
}

/// The operators of a shard's holders, which are never two of the same.
fn operators(net: &Net, shard: &Value) -> BTreeSet<String> {
    let replicas = shard["replicas"].as_array().cloned().unwrap_or_default();
    let accounts: Vec<_> = replicas.iter().filter_map(|replica| replica["provider"].as_str()).collect();
    let all: BTreeSet<_> = accounts
        .iter()
        .map(|account| provider(net, account)["operator"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(all.len(), accounts.len(), "two replicas with one operator: {shard}");
    all
}

#[test]
fn a_provider_back_in_time_keeps_its_replica_and_one_that_is_gone_is_replaced_live_going_from_three_to_two_to_three() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let path = work.path().join("file");
    fs::write(&path, files::noise(6, 300_000)).unwrap();
    let alice = User::with_key(&net, "//Alice");
    let link = alice.put(&path);
    let shard_id = alice.status(&link)["shards"][0]["id"].as_str().unwrap().to_owned();
    let id = format!("{shard_id}/0");
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

    // Gone for good: exactly this replica's collateral, with a reason; then a repair order, and another provider.
    let collateral = |account: &str| plancks(&provider(&net, account)["collateral"]);
    let stake = plancks(&replica(&net, &id)["collateral"]);
    assert!(stake > 0);
    let accounts: Vec<_> = net.nodes().into_iter().filter(|n| n.store.is_some()).map(|n| n.account).collect();
    let before: Vec<_> = accounts.iter().map(|a| collateral(a)).collect();
    let repaired_before = rpc::call(net.rpc(), "storage_summary", json!([]))["repaired"].as_u64().unwrap();
    net.turn("kill", &name);

    // Every number of live replicas from here on, and every event: the chain keeps the last eight.
    let (mut live, mut seen): (Vec<u64>, Vec<Value>) = (Vec::new(), Vec::new());
    let repaired = wait::until("three live replicas again", MISS_SECONDS + REPAIR_SECONDS, || {
        let now = shard(&net, &shard_id);
        let count = now["live"].as_u64().unwrap();
        if live.last() != Some(&count) {
            live.push(count);
        }
        for entry in now["history"].as_array().unwrap() {
            if !seen.contains(entry) {
                seen.push(entry.clone());
            }
        }
        if live.len() > 1 && count == 3 {
            Ok(now)
        } else {
            Err(now.to_string())
        }
    });
    assert_eq!(live, [3, 2, 3], "live replicas went another way");
    let of_it = events(&json!({ "history": seen }), &id);
    let story: Vec<_> = of_it.iter().map(|(event, _)| event.as_str()).collect();
    let missed = story.iter().rposition(|event| *event == "missed").expect("a miss");
    assert_eq!(
        story[missed..],
        ["missed", "slashed", "repair_opened", "assigned", "committed", "activated"],
        "{of_it:?}"
    );
    for (event, reason) in &of_it[missed..] {
        let because = event != "activated";
        assert_eq!(reason == "missed_audit", because, "{event} because of {reason}");
    }
    assert_eq!(
        (&repaired["state"], &repaired["repairing_since"], &repaired["orders"]),
        (&json!("healthy"), &Value::Null, &json!([]))
    );
    assert_ne!(replica(&net, &id)["provider"], json!(account), "the same provider again");
    assert_eq!(operators(&net, &repaired).len(), 3);
    for (who, before) in accounts.iter().zip(before) {
        let expected = if *who == account { before - stake } else { before };
        assert_eq!(collateral(who), expected, "collateral of {who}");
    }
    let summary = rpc::call(net.rpc(), "storage_summary", json!([]));
    assert_eq!((summary["orders"].as_u64(), summary["repaired"].as_u64()), (Some(0), Some(repaired_before + 1)));

    // The file is whole, and the one who was gone comes back to a place among providers, not to that replica.
    bob.get(&link, &work.path().join("again"));
    assert!(fs::read(work.path().join("again")).unwrap() == fs::read(&path).unwrap());
    let store = net.node(&name).store.unwrap();
    net.turn("start", &name);
    wait::until_true("what was replaced to be given up", 60, || {
        fs::read_dir(store.join("sealed"))
            .unwrap()
            .flatten()
            .all(|file| file.file_name().to_str().is_some_and(|file| !file.starts_with(&id.replace('/', "-"))))
    });
    assert_eq!(shard(&net, &shard_id)["live"], 3);
}

#[test]
fn flipped_bits_are_found_reported_and_sealed_anew_by_the_same_provider_for_a_tenth_of_the_collateral() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let path = work.path().join("file");
    fs::write(&path, files::noise(8, 3_000_000)).unwrap();
    let alice = User::with_key(&net, "//Alice");
    let link = alice.put(&path);
    let shard_id = alice.status(&link)["shards"][0]["id"].as_str().unwrap().to_owned();
    let id = format!("{shard_id}/1");
    let before = replica(&net, &id);
    let account = before["provider"].as_str().unwrap().to_owned();
    let holder = net.provider(&account);
    let collateral = plancks(&provider(&net, &account)["collateral"]);
    let store = holder.store.clone().unwrap();
    let file = store.join("sealed").join(format!("{}.shard", id.replace('/', "-")));
    let sealed = fs::read(&file).unwrap();

    let done = net.fault(&["corrupt", &holder.name, "--replica", &id]);
    assert_eq!((&done["replica"], &done["name"]), (&json!(id), &json!(holder.name)));
    let rotten = fs::read(&file).unwrap();
    let differing = sealed.iter().zip(&rotten).filter(|(a, b)| a != b).count();
    assert_eq!(done["flipped"].as_array().map(Vec::len), Some(differing), "{done}");

    let reported = wait::until("the report", MISS_SECONDS, || {
        let now = shard(&net, &shard_id);
        events(&now, &id).into_iter().find(|(event, _)| event == "reported").ok_or_else(|| now.to_string())
    });
    assert_eq!(reported.1, "self_reported");
    let healed = wait::until("the replica to be live again", MISS_SECONDS, || {
        let now = shard(&net, &shard_id);
        if now["live"] == 3 {
            Ok(now)
        } else {
            Err(now.to_string())
        }
    });
    let story: Vec<_> = events(&healed, &id).into_iter().map(|(event, _)| event).collect();
    assert!(story.ends_with(&["reported".into(), "recovered".into()]), "{story:?}");
    let after = replica(&net, &id);
    assert_eq!((&after["provider"], &after["comm_r"]), (&before["provider"], &before["comm_r"]), "another replica");
    assert!(fs::read(&file).unwrap() == sealed, "it was not sealed as it was");
    let fine = collateral - plancks(&provider(&net, &account)["collateral"]);
    assert_eq!(fine, plancks(&before["collateral"]) / REPORTED_PART, "cheaper than being caught, and not free");
    User::without_key(&net).get(&link, &work.path().join("copy"));
    assert!(fs::read(work.path().join("copy")).unwrap() == fs::read(&path).unwrap());
}

#[test]
fn a_provider_that_leaves_hands_its_replicas_over_before_its_collateral_returns() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let path = work.path().join("file");
    fs::write(&path, files::noise(9, 400_000)).unwrap();
    let alice = User::with_key(&net, "//Alice");
    let link = alice.put(&path);
    let status = alice.status(&link);
    let shard_id = status["shards"][0]["id"].as_str().unwrap().to_owned();
    let account = status["shards"][0]["replicas"][0]["provider"].as_str().unwrap().to_owned();
    let name = net.provider(&account).name;
    let owner = User::with_key(&net, &format!("//P{}", &name[1..]));
    let before = owner.ok(&["wallet", "balance"]);
    assert!(plancks(&before["collateral"]) > 0, "{before}");

    owner.ok(&["provider", "leave", "--no-wait"]);
    assert_eq!(provider(&net, &account)["leaving"], true);
    let mut lowest = u64::MAX;
    wait::until("its replica to be with another", MISS_SECONDS + REPAIR_SECONDS, || {
        let now = shard(&net, &shard_id);
        lowest = lowest.min(now["live"].as_u64().unwrap());
        let away = now["replicas"].as_array().unwrap().iter().all(|r| r["provider"] != json!(account));
        if away && now["live"] == 3 {
            assert!(now["history"].to_string().contains("leaving"), "no reason in {now}");
            assert_eq!(operators(&net, &now).len(), 3);
            Ok(())
        } else {
            Err(now.to_string())
        }
    });
    assert!(lowest >= 2, "live replicas fell to {lowest}");
    // Then it is no provider any more, and has all of its collateral back: nothing was its fault.
    wait::until("its collateral to return", MISS_SECONDS, || {
        let money = owner.ok(&["wallet", "balance"]);
        if money["collateral"] == "0" {
            assert!(plancks(&money["free"]) > plancks(&before["free"]) + plancks(&before["collateral"]) / 2, "{money}");
            Ok(())
        } else {
            Err(money.to_string())
        }
    });
    rpc::fails(net.rpc(), "storage_provider", json!([account]));
    User::without_key(&net).get(&link, &work.path().join("copy"));
    assert!(fs::read(work.path().join("copy")).unwrap() == fs::read(&path).unwrap());
}

#[test]
fn three_of_six_providers_lost_at_once_take_nothing_from_a_file_with_parity() {
    let net = Net::with(1, 6);
    let work = tempdir().unwrap();
    let path = work.path().join("file");
    // Four shards of data: with two of parity any two may be gone.
    fs::write(&path, files::noise(10, 1_000_000)).unwrap();
    let alice = User::with_key(&net, "//Alice");
    let put = ["put", path.to_str().unwrap(), "--for", "1d", "--parity", "4+2", "--shard-size", "256KiB"];
    let link = alice.ok(&put)["link"].as_str().unwrap().to_owned();
    let holders = |shard: &Value| -> BTreeSet<String> {
        let replicas = shard["replicas"].as_array().unwrap();
        replicas.iter().map(|r| r["provider"].as_str().unwrap().to_owned()).collect()
    };
    let shards: Vec<_> = alice.status(&link)["shards"].as_array().unwrap().iter().map(holders).collect();
    assert!(shards.len() >= 6, "{} shards", shards.len());
    // Three that hold every replica of a shard, and of no more than parity makes good.
    let gone = |three: &BTreeSet<String>| shards.iter().filter(|held| *held == three).count();
    let three = shards.iter().find(|three| gone(three) <= 2).expect("no three providers hold three shards alone");
    let all_parity = shards[..4].iter().all(|held| held != three);
    let names: Vec<_> = three.iter().map(|account| net.provider(account).name).collect();
    for name in &names {
        net.turn("kill", name);
    }

    // At once: the other three have enough.
    let bob = User::without_key(&net);
    let got = bob.get(&link, &work.path().join("copy"));
    assert!(!got["reconstructed"].as_array().unwrap().is_empty() || all_parity, "{got}");
    assert!(fs::read(work.path().join("copy")).unwrap() == fs::read(&path).unwrap());

    // The chain repairs the shards of which a replica is left; what has none is computed anew from parity.
    wait::until("a repair to be asked for", MISS_SECONDS + 60, || {
        let status = alice.status(&link);
        if status["shards"].as_array().unwrap().iter().any(|shard| shard["live"] == 0) {
            Ok(())
        } else {
            Err(status["state"].to_string())
        }
    });
    // Orders rest and are drawn again: a repair that finds none to feed is asked for again.
    let healthy = wait::until("every shard to be healthy", 3 * (MISS_SECONDS + REPAIR_SECONDS), || {
        let mut repair = alice.command(&["repair", &link]);
        repair.arg("--json");
        let outcome = alice.finish(repair);
        assert!(matches!(outcome.code, Some(0 | 5 | 6)), "{outcome}");
        let status = alice.status(&link);
        // A miss counts against a replica some blocks before the state says so.
        let whole = status["shards"].as_array().unwrap().iter().all(|shard| shard["live"] == shard["target"]);
        if status["state"] == "healthy" && whole {
            Ok(status)
        } else {
            thread::sleep(Duration::from_secs(3));
            Err(status.to_string())
        }
    });
    let done = bob.ok(&["repair", &link]);
    assert_eq!((&done["state"], &done["open"], &done["lost"]), (&json!("healthy"), &json!([]), &Value::Null), "{done}");
    for shard in healthy["shards"].as_array().unwrap() {
        assert!(holders(shard).is_disjoint(three), "held by one that is dead: {shard}");
    }
    bob.get(&link, &work.path().join("again"));
    assert!(fs::read(work.path().join("again")).unwrap() == fs::read(&path).unwrap());
}

/// The shards that are gone for good when these three providers are: in stripes of 3+1, more of a stripe than its parity makes good.
fn gone(shards: &[BTreeSet<String>], three: &BTreeSet<String>, data: usize) -> BTreeSet<usize> {
    let stripes = data / 3;
    let stripe = |shard: usize| if shard < data { shard % stripes } else { shard - data };
    let lost: Vec<_> = (0..shards.len()).filter(|shard| shards[*shard] == *three).collect();
    let beyond = |shard: &usize| lost.iter().filter(|other| stripe(**other) == stripe(*shard)).count() > 1;
    lost.iter().copied().filter(|shard| *shard < data && beyond(shard)).collect()
}

#[test]
fn what_is_lost_beyond_parity_is_said_plainly_and_nothing_false_is_written() {
    let net = Net::with(1, 4);
    let work = tempdir().unwrap();
    let folder = work.path().join("folder");
    fs::create_dir(&folder).unwrap();
    // Twelve shards of 64 KiB, with a file in each or across two, and the list of them in the last.
    for n in 0..12 {
        fs::write(folder.join(format!("file-{n:02}")), files::noise(20 + n, 62_000)).unwrap();
    }
    let alice = User::with_key(&net, "//Alice");
    let accounts: BTreeSet<String> =
        net.nodes().into_iter().filter(|node| node.store.is_some()).map(|node| node.account).collect();
    let holders = |shard: &Value| -> BTreeSet<String> {
        let replicas = shard["replicas"].as_array().unwrap();
        replicas.iter().map(|r| r["provider"].as_str().unwrap().to_owned()).collect()
    };
    // Placement is drawn: put until three of the four providers hold too much of a stripe, and not the first and last shard.
    let mut found = None;
    for _ in 0..5 {
        let put = ["put", folder.to_str().unwrap(), "--for", "1d", "--parity", "3+1", "--shard-size", "64KiB"];
        let put = alice.ok(&put);
        assert_eq!((&put["parity"], &put["shards"]), (&json!("3+1"), &json!(16)), "{put}");
        let link = put["link"].as_str().unwrap().to_owned();
        let status = alice.status(&link);
        let all = status["shards"].as_array().unwrap();
        assert_eq!(all.iter().filter(|shard| shard["parity"] == true).count(), 4, "{status}");
        let shards: Vec<_> = all.iter().map(holders).collect();
        let fits = |three: &BTreeSet<String>| {
            let gone = gone(&shards, three, 12);
            !gone.is_empty() && !gone.contains(&0) && !gone.contains(&11)
        };
        let without = |one: &String| accounts.iter().filter(|other| *other != one).cloned().collect::<BTreeSet<_>>();
        if let Some(three) = accounts.iter().map(without).find(fits) {
            found = Some((link, gone(&shards, &three, 12), three));
            break;
        }
    }
    let (link, gone, three) = found.expect("five puts, and no three providers that hold too much of a stripe");
    for account in &three {
        net.turn("kill", &net.provider(account).name);
    }

    // As long as they may come back, nothing is called lost.
    let bob = User::without_key(&net);
    let copy = work.path().join("copy");
    let away = bob.fails(&["get", &link, "-o", copy.to_str().unwrap()]);
    assert_eq!((away.exit, away.code.as_str()), (6, "network"), "{}", away.message);

    let lost = |shard: &Value| shard["state"] == "lost";
    let status = wait::until("the shards to be lost", 2 * MISS_SECONDS + 60, || {
        let status = alice.status(&link);
        let all = status["shards"].as_array().unwrap().clone();
        if gone.iter().all(|shard| lost(&all[*shard])) {
            Ok(status)
        } else {
            Err(status["state"].to_string())
        }
    });
    assert_eq!(status["state"], "lost");
    let failed = bob.fails(&["get", &link, "-o", copy.to_str().unwrap()]);
    assert_eq!((failed.exit, failed.code.as_str()), (5, "lost"), "{}", failed.message);
    for shard in &gone {
        let shard = &status["shards"][*shard];
        assert!(
            failed.message.contains(shard["id"].as_str().unwrap()),
            "{} is not named: {}",
            shard["id"],
            failed.message
        );
        assert!(plancks(&shard["compensated"]) > 0, "nothing was paid for {shard}");
    }
    for part in ["file-", "(62000 bytes)", "compensated with"] {
        assert!(failed.message.contains(part), "no {part} in: {}", failed.message);
    }
    assert!(!failed.message.contains("compensated with 0 TKT"), "{}", failed.message);
    assert!(!copy.exists(), "something was written that is not whole");

    // Repair and watch say the same, and say it at once.
    for args in [vec!["repair", &link], vec!["watch", &link, "--once"]] {
        let mut command = bob.command(&args);
        command.arg("--json");
        let outcome = bob.finish(command);
        assert_eq!(outcome.code, Some(5), "{outcome}");
        let value: Value = serde_json::from_str(outcome.stdout.lines().next().unwrap_or_default())
            .unwrap_or_else(|error| panic!("{error}: {outcome}"));
        let shards: Vec<_> = gone.iter().map(|shard| status["shards"][*shard]["id"].clone()).collect();
        assert_eq!(value["lost"]["shards"], json!(shards), "{outcome}");
        assert!(plancks(&value["lost"]["compensated"]) > 0, "{outcome}");
    }
}
