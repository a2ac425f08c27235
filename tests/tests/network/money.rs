//! Every planck: what providers earn, what clients spend, what is burnt, by the formula of `docs/protocol.md`.

use serde_json::{json, Value};
use station_tests::{files, rpc, wait, Net, User};
use std::fs;
use tempfile::tempdir;

/// The numbers of `docs/protocol.md`, written down a second time on purpose.
const GIB: u128 = 1 << 30;
const BLOCKS_A_DAY: u128 = 86_400;
const PERIOD: u128 = 60;
const BURNT_SHARE: u128 = 50_000;
const ADMINS_SHARE: u128 = 30_000;
const PROOF_CHARGE: u128 = 100_000_000;
const ONBOARDING_FEE: u128 = 1_000_000_000;
const REPLICAS: usize = 3;
/// Three periods, and what it takes to fall due for the first time and to answer.
const THREE_PERIODS_SECONDS: u64 = 4 * 60 + 60;

fn plancks(value: &Value) -> u128 {
    value.as_str().and_then(|v| v.parse().ok()).unwrap_or_else(|| panic!("no amount: {value}"))
}

/// What one proven period of a replica moves: to the provider, to the admins, into the fire.
fn period(price: u128, bytes: u128) -> (u128, u128, u128) {
    let pay = price * bytes * PERIOD / (GIB * BLOCKS_A_DAY);
    let earned = pay * (1_000_000 - BURNT_SHARE - ADMINS_SHARE) / 1_000_000;
    let admins = pay * ADMINS_SHARE / 1_000_000;
    (earned, admins, pay - earned - admins + PROOF_CHARGE)
}

#[test]
fn three_periods_later_every_replica_is_proven_and_every_balance_follows_the_formula() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let path = work.path().join("file");
    // Just over a MiB: what is paid for is the size class above it.
    fs::write(&path, files::noise(12, (1 << 20) + 5)).unwrap();
    let alice = User::with_key(&net, "//Alice");
    let money = || alice.ok(&["wallet", "balance"]);
    let before = money();
    assert_eq!(before["escrow"], "0");
    let supply_before = supply(&net);
    let put = alice.ok(&["put", path.to_str().unwrap(), "--for", "1d", "--max-price", "0.05"]);
    let (link, deal) = (put["link"].as_str().unwrap(), put["deals"][0].as_u64().unwrap());

    let replicas = wait::until("three proven periods of every replica", THREE_PERIODS_SECONDS, || {
        let status = alice.status(link);
        assert_eq!(status["state"], "healthy", "a replica missed: {status}");
        let earned: Vec<_> = ids(deal).map(|id| plancks(&replica(&net, &id)["earned"])).collect();
        let enough = ids(deal).zip(&earned).all(|(id, earned)| {
            let info = replica(&net, &id);
            *earned >= 3 * period(plancks(&info["price"]), size(&net, deal)).0
        });
        if enough {
            Ok(ids(deal).map(|id| replica(&net, &id)).collect::<Vec<_>>())
        } else {
            Err(format!("{earned:?}"))
        }
    });
    assert_eq!(replicas.len(), REPLICAS);

    let bytes = size(&net, deal);
    let mut spent = 0;
    for replica in &replicas {
        let (earned, admins, burnt) = period(plancks(&replica["price"]), bytes);
        let total = plancks(&replica["earned"]);
        assert!(earned > 0 && total.is_multiple_of(earned), "{replica}: not a number of periods of {earned}");
        spent += total / earned * (earned + admins + burnt) + ONBOARDING_FEE;
        let provider = rpc::call(net.rpc(), "storage_provider", json!([replica["provider"]]));
        assert_eq!(plancks(&provider["earned"]), total, "{provider}");
    }
    // A proof may have come in between the looks: then the deal has spent whole periods more.
    let info = rpc::call(net.rpc(), "storage_deal", json!([deal]));
    let now: u128 = ids(deal)
        .map(|id| {
            let replica = replica(&net, &id);
            let (earned, admins, burnt) = period(plancks(&replica["price"]), bytes);
            plancks(&replica["earned"]) / earned * (earned + admins + burnt) + ONBOARDING_FEE
        })
        .sum();
    let on_chain = plancks(&info["spent"]);
    assert!((spent..=now).contains(&on_chain), "spent {on_chain}, by the formula {spent} to {now}");
    let cost = plancks(&put["cost"]);
    assert_eq!(plancks(&info["escrow"]) + on_chain, cost, "what is not spent is still held");

    // The client lost its escrow and fees, and nothing else; nothing was made.
    let after = money();
    let fees = plancks(&before["free"]) - plancks(&after["free"]) - cost;
    assert!(fees > 0 && fees < 1_000_000_000_000, "fees of {fees} plancks");
    assert!(supply(&net) < supply_before, "shares, charges and fees are burnt");
}

fn ids(deal: u64) -> impl Iterator<Item = String> {
    (0..REPLICAS).map(move |slot| format!("{deal}/0/{slot}"))
}

fn replica(net: &Net, id: &str) -> Value {
    rpc::call(net.rpc(), "storage_replica", json!([id]))
}

fn size(net: &Net, deal: u64) -> u128 {
    let shard = rpc::call(net.rpc(), "storage_shard", json!([format!("{deal}/0")]));
    u128::from(shard["size"].as_u64().expect("a size"))
}

/// All plancks there are: `Balances::TotalIssuance`, 16 bytes, little endian.
fn supply(net: &Net) -> u128 {
    // twox128("Balances") ‖ twox128("TotalIssuance")
    let key = "0xc2261276cc9d1f8598ea4b6a74b15c2f57c875e4cff74148e4628f264b974c80";
    let value = rpc::call(net.rpc(), "state_getStorage", json!([key]));
    let digits = value.as_str().expect("text").trim_start_matches("0x");
    let bytes: Vec<u8> =
        (0..16).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).expect("hexadecimal")).collect();
    u128::from_le_bytes(bytes.try_into().expect("16 bytes"))
}
