//! Peers that do not keep to the rules: each is caught for the right reason, and the honest ones lose nothing.
//!
//! The providers that misbehave are `station` processes with `STATION_MISBEHAVE` set.

mod attackers;

use self::attackers::{attack, Answers, Line, Vice};
use codec::{Decode, Encode};
use serde_json::{json, Value};
use station_client_rpc::client::Client;
use station_client_transfer::client::Peer;
use station_primitives::ShardId;
use station_runtime::{RuntimeCall, UncheckedExtrinsic};
use station_tests::{files, rpc, wait, Net, User};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc, Mutex,
    },
    thread,
    time::{Duration, Instant},
};
use tempfile::tempdir;
use tokio::runtime::Runtime as Tokio;

/// A period, the answer window and some blocks of the local preset: the longest until a dead provider's miss is seen.
const MISS_SECONDS: u64 = 60 + 20 + 40;
/// The grace, draws, fetching, sealing, the commitment and its check, three times: a candidate may be a bad one.
const REPAIR_SECONDS: u64 = 15 + 3 * (60 + 40);

/// Until a node that was started has compared its settings with its registration, and a block holds what came of it.
const SETTLES: Duration = Duration::from_secs(6);
/// How long a provider is attacked: longer than a period, so that each replica is audited meanwhile.
const ATTACK: Duration = Duration::from_secs(80);
/// How many attackers there are of each kind, and how many requests each has under way.
const ATTACKERS: [(usize, (Vice, Line, u64)); 5] = [
    (3, (Vice::Flood, Line::Good, 48)),
    // More than there is to be had: eight peers with so many pieces each would hold half a GiB.
    (8, (Vice::Flood, Line::NotDown, 64)),
    (2, (Vice::Nonsense, Line::Good, 8)),
    (1, (Vice::Uploads, Line::Good, 4)),
    (4, (Vice::Uploads, Line::HalfUp, 16)),
];
/// What the attacked provider may hold in memory beyond what it did: answers that nobody takes, twice (before and after they are
/// encoded), requests in their middle, and what connections cost.
const MEMORY: u64 = 320 << 20;
/// The longest that an honest request may take while all this goes on.
const PATIENCE: Duration = Duration::from_secs(20);

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

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Stop a provider, and start it as one that does this.
fn misbehave(net: &Net, name: &str, what: &str) {
    net.turn("stop", name);
    let done = net.localnet(&["start", name], &[("STATION_MISBEHAVE", what)]);
    assert!(done.status.success(), "{name}, {what}: {}", String::from_utf8_lossy(&done.stderr));
    wait::until_true(&format!("{name} to run"), 30, || net.runs(name));
}

/// The accounts of a shard's holders, by slot.
fn holders(shard: &Value) -> Vec<String> {
    shard["replicas"].as_array().unwrap().iter().map(|replica| text(&replica["provider"])).collect()
}

/// The collateral of every provider.
fn collateral(net: &Net) -> BTreeMap<String, u128> {
    let accounts = net.nodes().into_iter().filter(|node| node.store.is_some()).map(|node| node.account);
    accounts.map(|account| (account.clone(), plancks(&provider(net, &account)["collateral"]))).collect()
}

/// Who runs a provider.
fn owner(net: &Net, account: &str) -> User {
    let name = net.provider(account).name;
    User::with_key(net, &format!("//P{}", &name[1..]))
}

/// What a provider has that no proof earned: what it was paid for serving, and what it began with.
fn beside_proofs(net: &Net, account: &str) -> i128 {
    let owner = owner(net, account);
    let amount = |value: u128| i128::try_from(value).expect("an amount; qed");
    wait::until(&format!("a moment without a proof of {account}"), 30, || {
        let before = plancks(&provider(net, account)["earned"]);
        let money = owner.ok(&["wallet", "balance"]);
        let after = plancks(&provider(net, account)["earned"]);
        let has = amount(plancks(&money["free"])) + amount(plancks(&money["collateral"]));
        if before == after {
            Ok(has - amount(after))
        } else {
            Err("one just came")
        }
    })
}

#[test]
fn altered_pieces_and_refused_service_are_passed_over_named_and_not_paid() {
    let net = Net::with(1, 5);
    let work = tempdir().unwrap();
    let path = work.path().join("file");
    // Eight pieces of a MiB: enough to ask every holder more than once.
    fs::write(&path, files::noise(21, 7_500_000)).unwrap();
    let alice = User::with_key(&net, "//Alice");
    let put = alice.ok(&["put", path.to_str().unwrap(), "--replicas", "4", "--for", "1d", "--shard-size", "8MiB"]);
    let link = text(&put["link"]);
    let status = alice.status(&link);
    assert_eq!(status["shards"].as_array().map(Vec::len), Some(1), "{status}");
    let shard_id = text(&status["shards"][0]["id"]);
    let before = holders(&shard(&net, &shard_id));
    let [alters, refuses, slow, dies] = &before[..] else { panic!("four holders: {before:?}") };
    let name = |account: &str| net.provider(account).name;
    misbehave(&net, &name(alters), "altered-pieces");
    misbehave(&net, &name(refuses), "refuse-service");
    // An honest one, and not fast: the others are asked again and again meanwhile.
    misbehave(&net, &name(slow), "slow-service");
    // Serving repairs is to cost something. A node that starts says what its own settings are, once: then it is to stay.
    for account in [alters, refuses, slow] {
        wait::until(&format!("the price of {account} to stay"), 60, || {
            owner(&net, account).ok(&["provider", "update", "--retrieval-price", "0.01"]);
            thread::sleep(SETTLES);
            let now = provider(&net, account);
            if plancks(&now["retrieval_price"]) > 0 {
                Ok(())
            } else {
                Err(now)
            }
        });
    }
    let collateral_before = collateral(&net);
    let unearned_before: Vec<_> = before.iter().map(|account| beside_proofs(&net, account)).collect();

    // A reader is served by the others, and told who lied.
    let bob = User::without_key(&net);
    let read = |to: &str| {
        let to = work.path().join(to);
        let mut command = bob.command(&["get", &link, "-o", to.to_str().unwrap()]);
        command.arg("--json");
        let got = bob.finish(command);
        assert_eq!(got.code, Some(0), "{got}");
        assert!(fs::read(&to).unwrap() == fs::read(&path).unwrap(), "other bytes: {got}");
        let sources: Vec<_> = got.value()["sources"].as_array().unwrap().iter().map(text).collect();
        assert!(!sources.contains(alters) && !sources.contains(refuses), "{got}");
        assert!(got.stderr.contains(alters.as_str()), "nobody was told who served something else: {got}");
        assert!(!got.stderr.contains(slow.as_str()), "an honest one was blamed: {got}");
    };
    read("copy");

    // A repair from the same four, one of which is gone.
    net.turn("kill", &name(dies));
    let repaired = wait::until("the shard to be whole again", MISS_SECONDS + REPAIR_SECONDS, || {
        let now = shard(&net, &shard_id);
        if now["live"] == 4 && !holders(&now).contains(dies) {
            Ok(now)
        } else {
            Err(now.to_string())
        }
    });
    let history = repaired["history"].as_array().unwrap();
    let named = history.iter().filter(|entry| entry["event"] == "source_named").map(|entry| text(&entry["replica"]));
    let named: BTreeSet<_> = named.collect();
    // Those in the slots of the one that alters and of the one that refuses, and nobody else.
    assert_eq!(named, [0, 1].map(|slot| format!("{shard_id}/{slot}")).into(), "{repaired}");
    read("again");

    // Serving the repair is paid to whom it was served by. Their proofs were right, and are paid.
    let unearned: Vec<_> = before.iter().map(|account| beside_proofs(&net, account)).collect();
    assert_eq!(unearned[0], unearned_before[0], "{alters} was paid for altered pieces");
    assert_eq!(unearned[1], unearned_before[1], "{refuses} was paid for nothing");
    assert!(unearned[2] > unearned_before[2], "{slow} served and was not paid");
    for account in [alters, refuses, slow] {
        let slot = before.iter().position(|holder| holder == account).unwrap();
        assert_eq!(replica(&net, &format!("{shard_id}/{slot}"))["state"], "active", "{account}");
    }
    for (account, amount) in collateral(&net) {
        if account != *dies {
            assert_eq!(amount, collateral_before[&account], "collateral of {account}");
        }
    }
}

/// What happened to replicas: replica, block, event, reason.
type Told = BTreeSet<(String, u64, String, String)>;

/// Everything that the histories of a network's shards tell while this is there. The chain keeps the last eight events.
struct Story {
    told: Arc<Mutex<Told>>,
    ended: Arc<AtomicBool>,
}

impl Story {
    /// Of this deal.
    fn of_deal(net: &Net, deal: u64) -> Self {
        let story = Self { told: Arc::default(), ended: Arc::default() };
        let (told, ended, rpc) = (Arc::clone(&story.told), Arc::clone(&story.ended), net.rpc().to_owned());
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let shard = |index: u32| rpc::ask(&rpc, "storage_shard", json!([format!("{deal}/{index}")]));
                for shard in (0..).map_while(shard).take_while(|shard| !shard.is_null()) {
                    for entry in shard["history"].as_array().into_iter().flatten() {
                        let block = entry["block"].as_u64().unwrap_or_default();
                        let [replica, event, reason] = ["replica", "event", "reason"].map(|field| text(&entry[field]));
                        told.lock().unwrap().insert((replica, block, event, reason));
                    }
                }
                thread::sleep(Duration::from_millis(500));
            }
        });
        story
    }

    /// The replicas with this event for this reason.
    fn replicas(&self, event: &str, reason: &str) -> BTreeSet<String> {
        let told = self.told.lock().unwrap();
        told.iter().filter(|(_, _, e, r)| e == event && r == reason).map(|(replica, ..)| replica.clone()).collect()
    }

    /// The reasons for which replicas had this event.
    fn reasons(&self, event: &str) -> BTreeSet<String> {
        self.told.lock().unwrap().iter().filter(|(_, _, e, _)| e == event).map(|(.., reason)| reason.clone()).collect()
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// A proof with which this provider answered an audit, from the blocks that everybody can read: the newest, for a shard that
/// `wanted` holds as well.
fn proof_of(net: &Net, provider: &str, wanted: &BTreeSet<String>) -> Option<Vec<u8>> {
    let mut hash = rpc::call(net.rpc(), "chain_getBlockHash", json!([]));
    for _ in 0..120 {
        let block = rpc::call(net.rpc(), "chain_getBlock", json!([hash]))["block"].take();
        for extrinsic in block["extrinsics"].as_array().into_iter().flatten() {
            let bytes = extrinsic.as_str().and_then(|hex| sp_core::bytes::from_hex(hex).ok()).unwrap_or_default();
            let Ok(extrinsic) = UncheckedExtrinsic::decode(&mut &bytes[..]) else { continue };
            let RuntimeCall::Replication(pallet_station_replication::Call::prove { provider: by, answers, .. }) =
                &extrinsic.function
            else {
                continue;
            };
            if json!(station_client_rpc::types::Account(by.clone())) != json!(provider) {
                continue;
            }
            if let Some(answer) = answers.iter().find(|answer| wanted.contains(&answer.replica.shard.to_string())) {
                return Some(answer.proof.encode());
            }
        }
        hash = block["header"]["parentHash"].clone();
    }
    None
}

fn put_many_shards(user: &User, path: &Path, shard_size: &str) -> (String, u64) {
    let put = user.ok(&["put", path.to_str().unwrap(), "--for", "1d", "--shard-size", shard_size]);
    (text(&put["link"]), put["deals"][0].as_u64().expect("a deal"))
}

/// The replicas of a file that a provider holds.
fn held_by(status: &Value, account: &str) -> BTreeSet<String> {
    let shards = status["shards"].as_array().unwrap().iter();
    let replicas = shards.flat_map(|shard| shard["replicas"].as_array().cloned().unwrap_or_default());
    replicas.filter(|replica| replica["provider"] == account).map(|replica| text(&replica["id"])).collect()
}

fn assert_reads_back(net: &Net, link: &str, path: &Path) {
    let copy = path.with_extension("copy");
    User::without_key(net).get(link, &copy);
    assert!(fs::read(&copy).unwrap() == fs::read(path).unwrap(), "{}", path.display());
}

/// One network for both: the replicas of the one that replays are lost, and the one that commits garbage is among the candidates
/// that are to make them anew.
#[test]
fn garbage_commitments_and_replayed_proofs_are_slashed_for_what_they_are_and_nobody_else_is() {
    let net = Net::with(1, 5);
    let work = tempdir().unwrap();
    let path = work.path().join("file");
    // A dozen shards: everybody has a part in some of them, as good as certainly.
    fs::write(&path, files::noise(22, 2_900_000)).unwrap();
    let (garbage, replays) = (net.node("provider-5"), net.node("provider-4"));
    let proof = work.path().join("proof");
    misbehave(&net, &garbage.name, "garbage-commitment");
    misbehave(&net, &replays.name, &format!("replayed-proof={}", proof.display()));
    let before = collateral(&net);
    let story = Story::of_deal(&net, 0);
    let alice = User::with_key(&net, "//Alice");
    let (link, deal) = put_many_shards(&alice, &path, "256KiB");
    assert_eq!(deal, 0, "the first deal");

    // Garbage: found before the replica counts, and the slot given to somebody else.
    let status = alice.status(&link);
    assert_eq!((&status["state"], held_by(&status, &garbage.account).len()), (&json!("healthy"), 0), "{status}");
    assert!(!story.replicas("slashed", "failed_seal_check").is_empty(), "no garbage was committed: {status}");
    assert_eq!(story.reasons("slashed"), ["failed_seal_check".to_owned()].into());
    assert_reads_back(&net, &link, &path);

    // As long as it has nothing to replay, the other is honest. What it replays is what an honest provider of the same shard
    // has proven with.
    let held = held_by(&status, &replays.account);
    assert!(!held.is_empty(), "{status}");
    let shards = held.iter().map(|id| id.rsplit_once('/').unwrap().0.to_owned()).collect();
    let others = ["provider-1", "provider-2", "provider-3"].map(|name| net.node(name).account);
    let another = wait::until("somebody else's proof", MISS_SECONDS, || {
        others.iter().find_map(|account| proof_of(&net, account, &shards)).ok_or("none yet")
    });
    assert_eq!(story.reasons("missed"), BTreeSet::new(), "an honest answer was not taken");
    fs::write(&proof, another).unwrap();

    // Each of its replicas, for the reason, and made anew by those who are left, the one with garbage found out again.
    wait::until("its replicas to be with others", MISS_SECONDS + REPAIR_SECONDS, || {
        let status = alice.status(&link);
        if status["state"] == "healthy" && held_by(&status, &replays.account).is_empty() {
            Ok(())
        } else {
            Err(status.to_string())
        }
    });
    assert_eq!(story.replicas("missed", "invalid_proof"), held);
    assert_eq!(story.replicas("slashed", "invalid_proof"), held);
    assert_eq!(story.reasons("missed"), ["invalid_proof".to_owned()].into());
    assert_eq!(story.reasons("slashed"), ["failed_seal_check".to_owned(), "invalid_proof".to_owned()].into());
    let again = story.replicas("repair_opened", "failed_seal_check");
    assert!(!again.is_empty() && again.is_subset(&held), "garbage in a repair went unnoticed: {again:?} of {held:?}");
    assert!(held_by(&alice.status(&link), &garbage.account).is_empty());
    for (account, amount) in collateral(&net) {
        if account != garbage.account && account != replays.account {
            assert_eq!(amount, before[&account], "collateral of {account}");
        }
    }
    assert_reads_back(&net, &link, &path);
}

/// Bytes of memory that a process has for itself.
fn memory(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process of ours; qed");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("it says so; qed");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number; qed") << 10
}

#[test]
fn one_operator_never_holds_two_replicas_of_a_shard_and_a_provider_under_attack_goes_on_proving_and_serving() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let account = |name: &str| net.node(name).account;
    // The second says that it is of the first's operator.
    let first = provider(&net, &account("provider-1"));
    owner(&net, &account("provider-2")).ok(&["provider", "update", "--operator", first["operator"].as_str().unwrap()]);
    assert_eq!(provider(&net, &account("provider-2"))["operator"], first["operator"]);
    let before = collateral(&net);

    let path = work.path().join("file");
    fs::write(&path, files::noise(23, 12_400_000)).unwrap();
    let alice = User::with_key(&net, "//Alice");
    let story = Story::of_deal(&net, 0);
    let (link, deal) = put_many_shards(&alice, &path, "1MiB");
    assert_eq!(deal, 0, "the first deal");
    let status = alice.status(&link);
    let shards = status["shards"].as_array().unwrap();
    // By chance they would share half of the shards: a dozen of none would be one case in four thousand.
    assert!(shards.len() >= 12, "{} shards", shards.len());
    for shard in shards {
        let operators = holders(shard).into_iter().map(|account| text(&provider(&net, &account)["operator"]));
        assert_eq!(operators.collect::<BTreeSet<_>>().len(), 3, "one operator holds two replicas: {shard}");
    }

    // One of those that hold all of it is attacked from all sides.
    let victim = net.node("provider-3");
    assert_eq!(held_by(&status, &victim.account).len(), shards.len());
    let pid = victim.pid.expect("it runs; qed");
    let (idle, mut most) = (memory(pid), 0);
    let tokio = Tokio::new().expect("a runtime; qed");
    let client = tokio.block_on(Client::connect(net.rpc())).expect("the network's node; qed");
    let address = provider(&net, &victim.account)["multiaddr"].as_str().expect("an address; qed").as_bytes().to_vec();
    let attacked: ShardId = shards[0]["id"].as_str().and_then(|id| id.parse().ok()).expect("an id; qed");
    let answers = Arc::new(Answers::default());
    let genesis = client.genesis().0;
    for (count, kind) in ATTACKERS {
        for _ in 0..count {
            tokio.spawn(attack(genesis, address.clone(), attacked, kind, Arc::clone(&answers)));
        }
    }
    let dumb = tokio.block_on(attackers::dumb_connections(&address, 200));
    let begun = Instant::now();
    let block = tokio.block_on(client.best()).expect("a node; qed").number;

    // Meanwhile somebody asks it what it should be asked, and for every shard in turn.
    let peer = {
        let _inside = tokio.enter();
        Peer::start(&genesis).expect("a peer of our own; qed")
    };
    let (mut served, mut slowest) = (0u32, Duration::ZERO);
    while begun.elapsed() < ATTACK {
        let index = served % u32::try_from(shards.len()).expect("a dozen; qed");
        let asked = Instant::now();
        let piece = tokio.block_on(peer.fetch_piece(&address, ShardId { index, ..attacked }, 0));
        slowest = slowest.max(asked.elapsed());
        let piece = piece.unwrap_or_else(|error| panic!("after {served} pieces: {error}; {answers:?}"));
        assert_eq!(piece.data.len(), 1 << 20);
        served += 1;
        most = most.max(memory(pid));
        thread::sleep(Duration::from_millis(250));
    }
    let grown = most.saturating_sub(idle);
    println!("{answers:?}; {served} honest requests, the slowest {slowest:?}; {} MiB more at most", grown >> 20);
    assert!(slowest <= PATIENCE, "an honest request took {slowest:?}; {answers:?}");
    assert!(grown <= MEMORY, "{} MiB more than before; {answers:?}", grown >> 20);
    // It was an attack: of each kind, more than it takes.
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    assert!(count(&answers.busy) > 0 && count(&answers.refused) > 0 && count(&answers.failed) > 0, "{answers:?}");

    // Every replica was proven while it lasted; nobody was blamed, and nobody paid for it.
    for id in held_by(&alice.status(&link), &victim.account) {
        wait::until(&format!("a proof of {id} since block {block}"), 20, || {
            let now = replica(&net, &id);
            assert_eq!(now["state"], "active", "{now}");
            if now["last_proof"].as_u64() > Some(u64::from(block)) {
                Ok(())
            } else {
                Err(now)
            }
        });
    }
    for bad in ["missed", "slashed", "repair_opened"] {
        assert_eq!(story.reasons(bad), BTreeSet::new(), "{bad}");
    }
    assert_eq!(collateral(&net), before);
    assert_reads_back(&net, &link, &path);
    drop(dumb);
    tokio.shutdown_background();
}
