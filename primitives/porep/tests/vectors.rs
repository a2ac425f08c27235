//! The published vectors: `tests/vectors/porep-1.json`, for other implementations and against changes by accident.
//!
//! The file is written by `STATION_WRITE_VECTORS=1 cargo test --release -p station-porep --test vectors`, which is a new version of the
//! proof of replication if anything in it changes. Bytes are hexadecimal, numbers are decimal.
//! The data of a shard is, label by label, blake2b-512(number of the shard ‖ position), numbers being 8 bytes, little endian.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

#[path = "common/shard.rs"]
mod common;

use codec::Encode;
use common::{class, seed, Shard, GENESIS, PROVIDER, TICKET};
use station_porep::{challenge, graph, hash, prove, tree, Label, ReplicaKey, SizeClass, PARENTS};
use std::fmt::Write;

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}

fn replica(out: &mut String, log: u8, n: u64, last: bool) {
    let shard = Shard::new(class(log), n);
    let audit = |want: bool| {
        let asked = |n: &u64| challenge::audit_seal_position(&seed(*n), &shard.key, shard.class).is_some() == want;
        (0..).find(asked).unwrap()
    };
    let (plain, recomputing) = (audit(false), audit(true));
    let audit = |n: u64| prove::audit(&shard.source(), &seed(n)).unwrap().encode();
    let check = prove::seal(&shard.source(), &seed(0)).unwrap().encode();
    let digest = |bytes: &[u8]| hex::encode(hash::blake2b_256(&[bytes]));
    writeln!(out, "    {{").unwrap();
    writeln!(out, "      \"bytes\": {}, \"number\": {n},", shard.class.bytes()).unwrap();
    writeln!(out, "      \"comm_d\": \"{}\",", hex::encode(shard.comm_d)).unwrap();
    writeln!(out, "      \"key\": \"{}\",", hex::encode(shard.key.0)).unwrap();
    for (name, at) in [("first", 0), ("second", 64), ("last", shard.replica.len() - 64)] {
        writeln!(out, "      \"{name}_label\": \"{}\",", hex::encode(&shard.replica[at..at + 64])).unwrap();
    }
    writeln!(out, "      \"replica_blake2b_256\": \"{}\",", digest(&shard.replica)).unwrap();
    writeln!(out, "      \"comm_r\": \"{}\",", hex::encode(shard.sealed.comm_r)).unwrap();
    for (name, n) in [("audit", plain), ("recomputing_audit", recomputing)] {
        writeln!(out, "      \"{name}_seed\": \"{}\",", hex::encode(seed(n))).unwrap();
        let positions = challenge::audit_positions(&seed(n), &shard.key, shard.class);
        writeln!(out, "      \"{name}_positions\": {},", list(positions)).unwrap();
        if let Some(position) = challenge::audit_seal_position(&seed(n), &shard.key, shard.class) {
            writeln!(out, "      \"{name}_recomputes\": {position},").unwrap();
        }
        let bytes = audit(n);
        writeln!(out, "      \"{name}_len\": {}, \"{name}_blake2b_256\": \"{}\",", bytes.len(), digest(&bytes))
            .unwrap();
        if n == plain {
            writeln!(out, "      \"{name}\": \"{}\",", hex::encode(bytes)).unwrap();
        }
    }
    writeln!(out, "      \"seal_seed\": \"{}\",", hex::encode(seed(0))).unwrap();
    let positions = challenge::seal_positions(&seed(0), &shard.key, shard.class);
    writeln!(out, "      \"seal_positions\": {},", list(positions)).unwrap();
    writeln!(out, "      \"seal_len\": {}, \"seal_blake2b_256\": \"{}\"", check.len(), digest(&check)).unwrap();
    writeln!(out, "    }}{}", if last { "" } else { "," }).unwrap();
}

fn vectors() -> String {
    let mut out = String::from("{\n  \"scheme\": \"station proof of replication 1\",\n");
    let key = ReplicaKey::derive(&GENESIS, &PROVIDER, (7, 1), 2, &[4; 32], &TICKET);
    writeln!(out, "  \"key\": {{").unwrap();
    writeln!(out, "    \"genesis\": \"{}\", \"provider\": \"{}\",", hex::encode(GENESIS), hex::encode(PROVIDER))
        .unwrap();
    writeln!(out, "    \"deal\": 7, \"shard\": 1, \"slot\": 2,").unwrap();
    writeln!(out, "    \"comm_d\": \"{}\", \"ticket\": \"{}\",", hex::encode([4; 32]), hex::encode(TICKET)).unwrap();
    writeln!(out, "    \"key\": \"{}\"\n  }},", hex::encode(key.0)).unwrap();

    writeln!(out, "  \"parents\": {{").unwrap();
    let last = SizeClass::MAX.labels() - 1;
    let positions = [1, 2, 63, 64, 65, 127, 128, 4_095, 4_096, 100_000, 1 << 20, last];
    for (at, position) in positions.iter().enumerate() {
        let comma = if at + 1 == positions.len() { "" } else { "," };
        writeln!(out, "    \"{position}\": {}{comma}", list(graph::parents(*position))).unwrap();
    }
    writeln!(out, "  }},").unwrap();

    // Parent k is 64 bytes of k.
    let parents: [Label; PARENTS] = core::array::from_fn(|k| [k as u8; 64]);
    writeln!(out, "  \"masks\": {{").unwrap();
    for (position, comma) in [(0, ","), (1, ","), (last, "")] {
        let mask = hash::mask(&key, position, &parents);
        writeln!(out, "    \"{position}\": \"{}\"{comma}", hex::encode(mask)).unwrap();
    }
    writeln!(out, "  }},").unwrap();

    let leaf = |purpose| hex::encode(tree::leaf(&purpose, 5, &[6; 64]));
    writeln!(out, "  \"nodes\": {{").unwrap();
    writeln!(out, "    \"data_leaf\": \"{}\",", leaf(tree::Purpose::Data)).unwrap();
    writeln!(out, "    \"replica_leaf\": \"{}\",", leaf(tree::Purpose::Replica(key))).unwrap();
    writeln!(out, "    \"inner\": \"{}\"\n  }},", hex::encode(tree::inner(&[1; 32], &[2; 32]))).unwrap();

    writeln!(out, "  \"replicas\": [").unwrap();
    replica(&mut out, 16, 0, false);
    replica(&mut out, 20, 1, true);
    out.push_str("  ]\n}\n");
    out
}

#[test]
fn vectors_are_as_published() {
    // Where cargo says the crate is when the test runs, not where it was built.
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into());
    let path = format!("{root}/tests/vectors/porep-1.json");
    let vectors = vectors();
    if std::env::var_os("STATION_WRITE_VECTORS").is_some() {
        std::fs::write(&path, &vectors).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap();
    for (ours, theirs) in vectors.lines().zip(published.lines()) {
        assert_eq!(ours, theirs, "this build does not agree with the published vectors");
    }
    assert_eq!(vectors, published);
}
