//! What a stranger sends to a provider or to the chain, and what happens to a store: refused, and nothing changed.

use codec::Encode;
use serde_json::json;
use sp_core::{sr25519, Pair};
use station_client_rpc::client::{Client, ClientError, Deal, Placement};
use station_client_transfer::{
    client::{Error as TransferError, Peer},
    protocol::{Refusal, UploadState},
};
use station_porep::{data, piece, proof::AuditProof, SizeClass};
use station_primitives::{AccountId, ReplicaId, ShardId, TKT};
use station_runtime::{extrinsic, Runtime, RuntimeCall};
use station_tests::{files, rpc, wait, Net, User};
use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};
use tempfile::tempdir;
use tokio::runtime::Runtime as Tokio;

type Replication = pallet_station_replication::Call<Runtime>;

const BLOCK_MS: u64 = 200;

fn refused(result: Result<bool, TransferError>) -> Refusal {
    match result {
        Err(error) => error.refusal().unwrap_or_else(|| panic!("no refusal: {error}")),
        Ok(complete) => panic!("taken, complete: {complete}"),
    }
}

/// An extrinsic that the node must refuse. Returns what it says.
fn refused_by_the_chain(tokio: &Tokio, client: &Client, call: RuntimeCall) -> ClientError {
    match tokio.block_on(client.submit_extrinsic(extrinsic::authorized(call).encode())) {
        Err(error) => error,
        Ok(included) => panic!("taken in block {}", included.block_number),
    }
}

#[test]
fn altered_uploads_foreign_replicas_and_answers_that_are_not_due_are_refused() {
    let net = Net::up();
    let tokio = Tokio::new().expect("a runtime; qed");
    let client = tokio.block_on(Client::connect(net.rpc())).expect("the network's node; qed");
    let alice = sr25519::Pair::from_string("//Alice", None).expect("a development key; qed");

    // A deal whose data has not come yet.
    let class = SizeClass::from_bytes(2 << 20).expect("2 MiB is a class; qed");
    let bytes = files::noise(77, 2 << 20);
    let (comm_d, rows) = data::commit(&bytes, class).expect("bytes in memory; qed");
    let deal = Deal {
        shards: vec![(comm_d, class.bytes())],
        replicas: 3,
        periods: 60,
        max_price: TKT,
        placement: Placement::Any,
        memo: Vec::new(),
    };
    let (deal, _) = tokio.block_on(client.submit_deal(&deal, &alice)).expect("Alice can pay; qed");
    let shard = ShardId { deal, index: 0 };
    let replica = ReplicaId { shard, slot: 0 };
    let holder = wait::until("a provider for the slot", 60, || {
        let info = tokio.block_on(client.replica(replica)).ok().flatten();
        info.and_then(|info| info.provider).ok_or_else(|| "none yet".to_owned())
    });
    let info = tokio.block_on(client.provider(&holder)).expect("a node; qed").expect("it is registered; qed");
    let address = info.multiaddr;
    let peer = {
        let _inside = tokio.enter();
        Peer::start(&client.genesis().0).expect("a peer of our own; qed")
    };
    let send = |replica, index, data: Vec<u8>, siblings| {
        tokio.block_on(peer.upload_piece(&address, replica, index, data, siblings))
    };
    wait::until_true("the provider to expect the data", 60, || {
        matches!(tokio.block_on(peer.upload_status(&address, replica)), Ok(UploadState::Receiving { .. }))
    });

    let siblings = piece::prove(&rows, class, 0).expect("rows in memory; qed");
    let first = bytes[..1 << 20].to_vec();
    let mut altered = first.clone();
    altered[4_711] ^= 1;
    let elsewhere = ReplicaId { shard: ShardId { deal, index: 9 }, slot: 0 };
    for (case, answer) in [
        ("a flipped bit", send(replica, 0, altered, siblings.clone())),
        ("a truncated piece", send(replica, 0, first[..first.len() - 64].to_vec(), siblings.clone())),
        ("an empty piece", send(replica, 0, Vec::new(), siblings.clone())),
        ("another's place", send(replica, 1, first.clone(), siblings.clone())),
        ("no path", send(replica, 0, first.clone(), Vec::new())),
        ("a place beyond the end", send(replica, 2, first.clone(), siblings.clone())),
        ("a replica that it was not given", send(elsewhere, 0, first.clone(), siblings.clone())),
    ] {
        let refusal = refused(answer);
        assert!(!refusal.to_string().is_empty(), "{case}");
        let state = tokio.block_on(peer.upload_status(&address, replica)).expect("it answers still; qed");
        let UploadState::Receiving { have, .. } = state else { panic!("{case}: {state:?}") };
        assert!(have.iter().all(|byte| *byte == 0), "{case} was stored");
    }
    // The right pieces are taken, and taken again without harm.
    assert!(!send(replica, 0, first.clone(), siblings.clone()).expect("the right piece; qed"));
    assert!(!send(replica, 0, first.clone(), siblings.clone()).expect("a second time; qed"));
    let second = piece::prove(&rows, class, 1).expect("rows in memory; qed");
    assert!(send(replica, 1, bytes[1 << 20..].to_vec(), second).expect("the last piece; qed"));
    let state = || tokio.block_on(peer.upload_status(&address, replica));
    wait::until_true("the replica to be sealed", 60, || matches!(state(), Ok(UploadState::Sealed)));
    // The whole upload a second time: there already.
    let again = send(replica, 0, first, siblings);
    assert!(again.is_ok() || again.is_err_and(|e| e.refusal().is_some()), "an answer, not a crash");
    assert!(matches!(state(), Ok(UploadState::Sealed)));

    // Proofs that nobody asked for, and statements that nobody signed.
    let before = rpc::call(net.rpc(), "storage_summary", json!([]));
    let signature = alice.sign(b"something else");
    let answer =
        pallet_station_replication::Answer { replica, due: 1_000_000, seed: [7; 32], proof: AuditProof::default() };
    let provider: AccountId = holder;
    let prove = |answers: Vec<pallet_station_replication::Answer>| {
        let answers = answers.try_into().expect("a few answers; qed");
        Replication::prove { provider: provider.clone(), answers, signature }.into()
    };
    refused_by_the_chain(&tokio, &client, prove(vec![answer.clone()]));
    refused_by_the_chain(&tokio, &client, prove(vec![answer.clone(), answer]));
    refused_by_the_chain(&tokio, &client, prove(Vec::new()));
    let heartbeat =
        pallet_station_providers::Call::<Runtime>::heartbeat { provider: provider.clone(), block: 1, signature };
    refused_by_the_chain(&tokio, &client, heartbeat.into());
    // Garbage in place of an extrinsic.
    for junk in [vec![], vec![0], vec![0xff; 10_000], vec![0x84; 200]] {
        assert!(tokio.block_on(client.submit_extrinsic(junk)).is_err());
    }
    let after = rpc::call(net.rpc(), "storage_summary", json!([]));
    assert_eq!((&before["providers"], &before["deals"]), (&after["providers"], &after["deals"]));
}

/// The command line of a running node.
fn command_line(pid: i32) -> Vec<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).expect("a process of ours; qed");
    let words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// Run a node's command line to its end, which is to come soon.
fn run(mut words: Vec<String>, other_base: Option<&Path>) -> Output {
    if let Some(base) = other_base {
        let mut changed = false;
        for at in 0..words.len() {
            if words[at] == "--base-path" {
                words[at + 1] = base.to_string_lossy().into_owned();
                changed = true;
            } else if let Some(flag) = words[at].strip_prefix("--base-path=").map(|_| "--base-path") {
                words[at] = format!("{flag}={}", base.display());
                changed = true;
            }
        }
        assert!(changed, "no --base-path in {words:?}");
        for at in 0..words.len().saturating_sub(1) {
            if ["--port", "--rpc-port", "--prometheus-port"].contains(&words[at].as_str()) {
                words[at + 1] = "0".into();
            } else if words[at] == "--listen-addr" {
                words[at + 1] = "/ip4/127.0.0.1/tcp/0".into();
            }
        }
    }
    let mut child = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the node's binary; qed");
    let pid = child.id();
    let ended = (0..60_000 / BLOCK_MS).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(BLOCK_MS));
        matches!(child.try_wait(), Ok(Some(_)))
    });
    if !ended {
        let _ = child.kill();
    }
    let output = child.wait_with_output().expect("a child of ours; qed");
    assert!(ended, "process {pid} went on: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn a_store_opens_once_and_a_corrupt_index_is_said_to_be_one_and_made_anew_from_the_files() {
    let net = Net::up();
    let work = tempdir().expect("a temporary folder; qed");
    let path = work.path().join("file");
    fs::write(&path, files::noise(78, 300_000)).expect("a file; qed");
    let alice = User::with_key(&net, "//Alice");
    let link = alice.put(&path);
    let status = alice.status(&link);
    let holder = status["shards"][0]["replicas"][0]["provider"].as_str().expect("a holder; qed").to_owned();
    let node = net.provider(&holder);
    let words = command_line(node.pid.expect("it runs; qed"));

    let second = run(words.clone(), Some(&work.path().join("elsewhere")));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(7), "{said}");
    assert!(said.contains("already open by another process"), "{said}");
    assert!(net.runs(&node.name), "the first goes on");

    net.turn("stop", &node.name);
    let index = node.store.as_ref().expect("a provider has a store; qed").join("index");
    for file in fs::read_dir(&index).expect("the index; qed").filter_map(Result::ok) {
        if file.file_name().to_string_lossy().starts_with("MANIFEST") {
            fs::write(file.path(), b"not what was here").expect("a file of the index; qed");
        }
    }
    let corrupt = run(words, None);
    let said = String::from_utf8_lossy(&corrupt.stderr).into_owned();
    assert_eq!(corrupt.status.code(), Some(7), "{said}");
    assert!(said.contains("corrupt") && said.contains("Move that folder away"), "{said}");

    // What the message says to do.
    fs::rename(&index, work.path().join("index.bad")).expect("a rename; qed");
    net.turn("start", &node.name);
    let proofs = |status: &serde_json::Value| {
        let replicas = status["shards"][0]["replicas"].as_array().cloned().unwrap_or_default();
        let of_holder = replicas.iter().find(|replica| replica["provider"] == json!(holder)).cloned();
        of_holder.and_then(|replica| replica["last_proof"].as_u64()).unwrap_or(0)
    };
    let before = proofs(&status);
    wait::until("the next proof by the rebuilt index", 180, || {
        let status = alice.status(&link);
        if status["state"] == "healthy" && proofs(&status) > before {
            Ok(())
        } else {
            Err(status.to_string())
        }
    });
}
