//! Replicas from data to data: sealing, unsealing, proving, and everything that must not be accepted.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

#[path = "common/shard.rs"]
mod common;

use common::{class, seed, Shard};
use proptest::prelude::*;
use station_porep::{
    data, graph, hash,
    io::{Memory, ReadAt},
    piece,
    proof::{self, ProofError},
    prove,
    seal::{resume_lockstep, seal_lockstep, SealError, SealJob},
    tree::{OpeningError, Purpose},
    unseal::{unseal_parallel, unseal_range, UnsealError},
    Label, ReplicaKey, SizeClass, LABEL_BYTES, PAGE_BYTES, PARENTS,
};
use std::sync::atomic::{AtomicU64, Ordering};

fn label(bytes: &[u8], position: u64) -> Label {
    bytes[position as usize * LABEL_BYTES..][..LABEL_BYTES].try_into().unwrap()
}

/// The definition, word for word.
#[test]
fn a_replica_is_what_the_definition_says() {
    let shard = Shard::new(class(18), 1);
    let mut replica: Vec<u8> = Vec::new();
    for position in 0..shard.class.labels() {
        let mut message = [&shard.key.0[..], &position.to_le_bytes()].concat();
        if position > 0 {
            graph::parents(position).iter().for_each(|parent| message.extend(label(&replica, *parent)));
        }
        let mask = hash::blake2b_512(&[&message]);
        replica.extend(label(&shard.data, position).iter().zip(mask).map(|(d, m)| d ^ m));
    }
    assert!(replica == shard.replica, "lockstep sealing gives the replica of the definition");
    let rows = data::rows(&replica, &Purpose::Replica(shard.key), shard.class).unwrap();
    assert_eq!(rows.root(), shard.sealed.comm_r);
    assert_eq!(rows, shard.sealed.rows);
}

#[test]
fn lockstep_gives_the_replicas_that_single_chains_give() {
    // 8 MiB: larger than the head and the window, so pages are read back.
    let class = class(23);
    let data: Vec<Vec<u8>> = (0..4).map(|k| common::bytes(class, k)).collect();
    let keys: Vec<ReplicaKey> = (0..4).map(|k| ReplicaKey([k; 32])).collect();
    let single: Vec<_> = (0..4).map(|k| common::seal(keys[k], class, &data[k])).collect();
    for count in 2..=4 {
        let outs: Vec<Memory> = (0..count).map(|_| Memory::zeroed(class)).collect();
        let jobs: Vec<SealJob<'_>> =
            (0..count).map(|k| SealJob { key: keys[k], class, data: &data[k], out: &outs[k] }).collect();
        let sealed = seal_lockstep(&jobs, &|_| (), &|| false).unwrap();
        for (k, out) in outs.into_iter().enumerate() {
            assert_eq!(sealed[k], single[k].1);
            assert!(out.into_inner() == single[k].0);
        }
    }
}

#[test]
fn replicas_of_one_shard_have_nothing_in_common() {
    let class = SizeClass::MIN;
    let bytes = vec![0; 1 << 16];
    let (one, _) = common::seal(ReplicaKey([1; 32]), class, &bytes);
    let (other, _) = common::seal(ReplicaKey([2; 32]), class, &bytes);
    assert!((0..class.labels()).all(|at| label(&one, at) != label(&other, at) && label(&one, at) != [0; 64]));
}

#[test]
fn progress_adds_up_and_a_stop_is_obeyed_and_resumed() {
    let class = class(22);
    let bytes = common::bytes(class, 3);
    let (whole, sealed) = common::seal(ReplicaKey([3; 32]), class, &bytes);

    let out = Memory::zeroed(class);
    let jobs = [SealJob { key: ReplicaKey([3; 32]), class, data: &bytes, out: &out }];
    let done = AtomicU64::new(0);
    let count = |bytes: u64| {
        done.fetch_add(bytes, Ordering::Relaxed);
    };
    let stop = || done.load(Ordering::Relaxed) >= 1 << 20;
    assert!(matches!(seal_lockstep(&jobs, &count, &stop), Err(SealError::Cancelled)));
    let pages = done.swap(0, Ordering::Relaxed) / PAGE_BYTES as u64;
    assert_eq!(pages, 256);
    // A stop may also have left less than was counted: any number of whole pages will do.
    assert_eq!(resume_lockstep(&jobs, pages - 3, &count, &|| false).unwrap(), [sealed]);
    assert_eq!(done.load(Ordering::Relaxed), class.bytes());
    assert!(out.into_inner() == whole);
}

#[test]
fn what_cannot_be_sealed_together_is_refused() {
    let (small, large) = (SizeClass::MIN, class(17));
    let (bytes, out) = (vec![0; 1 << 17], Memory::zeroed(large));
    let job = |class| SealJob { key: ReplicaKey([0; 32]), class, data: &bytes, out: &out };
    let seal = |jobs: &[SealJob<'_>]| seal_lockstep(jobs, &|_| (), &|| false).err();
    assert!(matches!(seal(&[]), Some(SealError::Jobs(0))));
    assert!(matches!(seal(&[job(small), job(large)]), Some(SealError::Classes(..))));
    assert!(matches!(seal(&[0; 5].map(|_| job(small))), Some(SealError::Jobs(5))));
    let beyond = resume_lockstep(&[job(small)], 17, &|_| (), &|| false);
    assert!(matches!(beyond, Err(SealError::Resume { page: 17, pages: 16 })));
    let short = vec![0; 100];
    let job = SealJob { key: ReplicaKey([0; 32]), class: small, data: &short, out: &out };
    assert!(matches!(seal(&[job]), Some(SealError::Io(_))));
}

#[test]
fn unsealing_gives_the_data_back_on_any_number_of_threads() {
    let shard = Shard::new(class(22), 5);
    for threads in [0, 1, 2, 3, 7] {
        let mut out = vec![0; 1 << 22];
        unseal_parallel(&shard.key, shard.class, &shard.replica, 0, &mut out, threads).unwrap();
        assert!(out == shard.data, "{threads} threads");
    }
}

#[test]
fn ranges_beyond_the_shard_are_refused() {
    let shard = Shard::new(SizeClass::MIN, 5);
    for (offset, len) in [(1 << 16, 1), (u64::MAX, 2), (0, (1 << 16) + 1)] {
        let mut out = vec![0; len];
        let error = unseal_range(&shard.key, shard.class, &shard.replica, offset, &mut out);
        assert!(matches!(error, Err(UnsealError::Range { .. })), "{offset} + {len}");
    }
}

#[test]
fn an_audit_reads_little() {
    struct Counting<'a>(&'a Vec<u8>, AtomicU64);
    impl ReadAt for Counting<'_> {
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> station_porep::io::Result<()> {
            self.1.fetch_add(buf.len() as u64, Ordering::Relaxed);
            self.0.read_at(offset, buf)
        }
    }
    // The pages read do not depend on the size, only paths through the rows do: 2 MiB stands for 64 MiB, whose
    // paths are five nodes longer for each of at most 4 + 22 pages.
    let shard = Shard::new(class(21), 6);
    let longer = 5 * 32;
    for n in 0..200 {
        let labels = Counting(&shard.replica, AtomicU64::new(0));
        let rows = Counting(&shard.rows, AtomicU64::new(0));
        let data_rows = Counting(&shard.data_rows_bytes, AtomicU64::new(0));
        let source =
            prove::Replica { key: shard.key, class: shard.class, labels: &labels, rows: &rows, data_rows: &data_rows };
        let proof = prove::audit(&source, &seed(n)).unwrap();
        let read: u64 = [&labels, &rows, &data_rows].iter().map(|file| file.1.load(Ordering::Relaxed)).sum();
        let most = if proof.data.is_empty() { 32 << 10 } else { 128 << 10 };
        assert!(read + longer * 27 < most, "{read} bytes read, a recomputation: {}", !proof.data.is_empty());
    }
}

#[test]
fn rot_is_named_before_a_proof_is_made_of_it() {
    let mut shard = Shard::new(SizeClass::MIN, 7);
    let whole = shard.replica.clone();
    for byte in &mut shard.replica {
        *byte ^= 1;
    }
    assert!(matches!(prove::audit(&shard.source(), &seed(1)), Err(prove::ProveError::Replica { .. })));
    shard.replica = whole;
    shard.data_rows_bytes.iter_mut().for_each(|byte| *byte ^= 1);
    assert!(matches!(prove::seal(&shard.source(), &seed(1)), Err(prove::ProveError::Data { .. })));
    shard.rows.truncate(10);
    assert!(matches!(prove::seal(&shard.source(), &seed(1)), Err(prove::ProveError::Io(_))));
}

#[test]
fn pieces_are_checked_one_by_one() {
    let shard = Shard::new(class(22), 8);
    for number in 0..4u32 {
        let bytes = &shard.data[number as usize * (1 << 20)..][..1 << 20];
        let siblings = piece::prove(&shard.data_rows_bytes, shard.class, number).unwrap();
        let check = |number, bytes: &[u8], siblings: &[hash::Hash]| {
            piece::verify(&shard.comm_d, shard.class, number, bytes, siblings)
        };
        assert_eq!(check(number, bytes, &siblings), Ok(()));
        assert_eq!(check(number ^ 1, bytes, &siblings), Err(ProofError::Data(OpeningError::Root)));
        assert_eq!(check(number + 4, bytes, &siblings), Err(ProofError::Piece));
        assert_eq!(check(number, &bytes[1..], &siblings), Err(ProofError::Piece));
        assert_eq!(check(number, bytes, &siblings[1..]), Err(ProofError::Data(OpeningError::Lemmas)));
        let mut spoilt = bytes.to_vec();
        spoilt[12_345] ^= 1;
        assert_eq!(check(number, &spoilt, &siblings), Err(ProofError::Data(OpeningError::Root)));
    }
    assert!(piece::prove(&shard.data_rows_bytes, shard.class, 4).is_err());
    let small = Shard::new(class(17), 8);
    assert_eq!(piece::prove(&small.data_rows_bytes, small.class, 0).unwrap(), [[0; 32]; 0]);
    assert_eq!(piece::verify(&small.comm_d, small.class, 0, &small.data, &[]), Ok(()));
}

#[test]
fn sizes_at_64_mib_and_1_gib_are_as_promised() {
    use station_porep::{challenge, tree::lemmas};
    // (class, an audit, a label recomputed), in bytes; a kB is 1,000.
    for (log, audit, check) in [(26, 2_600, 8_192), (30, 3_100, 9_728)] {
        let class = class(log);
        let mut seen = (0, 0);
        for n in 0..2_000 {
            let (opened, recomputed) = challenge::audit_opened(&seed(n), &ReplicaKey([9; 32]), class);
            let bytes = 7 + opened.len() * 64 + lemmas(class, &opened).len() * 32;
            match recomputed {
                None => seen.0 = bytes.max(seen.0),
                Some(label) => {
                    let plain = challenge::audit_positions(&seed(n), &ReplicaKey([9; 32]), class);
                    let mut plain = plain.to_vec();
                    plain.sort_unstable();
                    let alone = plain.len() * 64 + lemmas(class, &plain).len() * 32;
                    let data = lemmas(class, &[label]).len() * 32;
                    seen.1 = (bytes + data - alone).max(seen.1);
                    assert!(bytes + data <= proof::AuditProof::max_encoded_len(class));
                }
            }
        }
        println!("{class}: an audit at most {}, a recomputation at most {} bytes more", seen.0, seen.1);
        assert!(seen.0 <= audit && seen.1 <= check, "{class}: {seen:?}");
        let (opened, checks) = challenge::seal_opened(&seed(1), &ReplicaKey([9; 32]), class);
        let bytes = opened.len() * 64 + (lemmas(class, &opened).len() + lemmas(class, &checks).len()) * 32;
        println!("{class}: eight seal checks in one proof {bytes} bytes");
        assert!(bytes <= 8 * check && bytes <= proof::SealProof::max_encoded_len(class));
    }
}

/// Every label of a proof is opened raw: none of what it carries is a digest of labels on the lowest level.
#[test]
fn audits_open_raw_labels() {
    let shard = Shard::new(SizeClass::MIN, 9);
    let proof = prove::audit(&shard.source(), &seed(0)).unwrap();
    let positions = station_porep::challenge::audit_opened(&seed(0), &shard.key, shard.class).0;
    assert_eq!(proof.replica.labels.len(), positions.len());
    for (position, opened) in positions.iter().zip(&proof.replica.labels) {
        assert_eq!(*opened, label(&shard.replica, *position));
    }
    // A label is as wide as the digest, so no seed shorter than the label stands for it.
    assert_eq!(std::mem::size_of::<Label>(), hash::blake2b_512(&[]).len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_range_unseals_to_the_data(from in 0usize..1 << 20, len in 0usize..20_000) {
        let shard = common::shared();
        let to = (from + len).min(shard.data.len());
        let mut out = vec![0; to - from];
        unseal_range(&shard.key, shard.class, &shard.replica, from as u64, &mut out).unwrap();
        prop_assert!(out == shard.data[from..to]);
    }

    #[test]
    fn every_honest_answer_is_accepted(n in any::<u64>()) {
        let shard = common::shared();
        let audit = prove::audit(&shard.source(), &seed(n)).unwrap();
        prop_assert_eq!(shard.verify_audit(n, &audit), Ok(()));
        let seal = prove::seal(&shard.source(), &seed(n)).unwrap();
        prop_assert_eq!(shard.verify_seal(n, &seal), Ok(()));
    }

    #[test]
    fn a_changed_byte_anywhere_is_refused(n in any::<u64>(), at in any::<usize>(), bit in 0u8..8) {
        use codec::{Decode, Encode};
        let shard = common::shared();
        let proof = prove::seal(&shard.source(), &seed(n)).unwrap();
        let mut bytes = proof.encode();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(changed) = proof::SealProof::decode(&mut &bytes[..]) {
            prop_assert!(shard.verify_seal(n, &changed).is_err());
        }
    }
}

#[test]
fn mask_and_parents_fit_each_other() {
    let shard = common::shared();
    for position in [0, 1, 63, 64, 65, 5_000, shard.class.labels() - 1] {
        let parents: [Label; PARENTS] = graph::parents(position).map(|parent| label(&shard.replica, parent));
        let mask = hash::mask(&shard.key, position, &parents);
        assert_eq!(hash::xor(&label(&shard.replica, position), &mask), label(&shard.data, position));
    }
}
