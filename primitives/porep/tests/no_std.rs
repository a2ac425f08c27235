//! The runtime's side of the crate, without `std`, against the vectors: run with `--no-default-features`.
#![cfg(not(feature = "std"))]
#![allow(clippy::unwrap_used)]

use codec::Decode;
use station_porep::{graph, hash, proof, ReplicaKey, SizeClass};

const VECTORS: &str = include_str!("vectors/porep-1.json");

/// The text after `"name": `, in the part after `after`.
fn field<'a>(after: &str, name: &str) -> &'a str {
    let part = &VECTORS[VECTORS.find(after).unwrap()..];
    let name = format!("\"{name}\": ");
    let text = &part[part.find(&name).unwrap() + name.len()..];
    match text.chars().next().unwrap() {
        '"' => &text[1..1 + text[1..].find('"').unwrap()],
        '[' => &text[1..text.find(']').unwrap()],
        _ => &text[..text.find([',', '\n']).unwrap()],
    }
}

fn bytes<const N: usize>(after: &str, name: &str) -> [u8; N] {
    hex::decode(field(after, name)).unwrap().try_into().unwrap()
}

#[test]
fn the_runtime_side_agrees_with_the_vectors() {
    let key = ReplicaKey::derive(
        &bytes("\"key\"", "genesis"),
        &bytes("\"key\"", "provider"),
        (7, 1),
        2,
        &bytes("\"key\"", "comm_d"),
        &bytes("\"key\"", "ticket"),
    );
    assert_eq!(key.0, bytes("\"ticket\"", "key"));
    for position in [1u64, 63, 64, 4_096, 16_777_215] {
        let parents: Vec<u64> =
            field("\"parents\"", &position.to_string()).split(", ").map(|parent| parent.parse().unwrap()).collect();
        assert_eq!(graph::parents(position).to_vec(), parents);
    }
    let parents = core::array::from_fn(|k| [u8::try_from(k).unwrap(); 64]);
    for position in [0u64, 1, 16_777_215] {
        assert_eq!(hash::mask(&key, position, &parents), bytes("\"masks\"", &position.to_string()));
    }
}

#[test]
fn the_runtime_side_accepts_the_audits_of_the_vectors() {
    for (replica, bytes_) in [("\"bytes\": 65536", 1 << 16), ("\"bytes\": 1048576", 1 << 20)] {
        let encoded = hex::decode(field(replica, "audit")).unwrap();
        let mut proof = proof::AuditProof::decode(&mut &encoded[..]).unwrap();
        let verify = |proof: &proof::AuditProof| {
            proof::verify_audit(
                &ReplicaKey(bytes(replica, "key")),
                SizeClass::from_bytes(bytes_).unwrap(),
                &bytes(replica, "comm_d"),
                &bytes(replica, "comm_r"),
                &bytes(replica, "audit_seed"),
                proof,
            )
        };
        assert_eq!(verify(&proof), Ok(()));
        proof.replica.labels[2][17] ^= 1;
        assert!(verify(&proof).is_err());
    }
}
