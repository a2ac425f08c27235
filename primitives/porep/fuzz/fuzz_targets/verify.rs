//! The verifier on hostile input: it never panics, and it accepts the honest answer to a challenge and nothing else.
//!
//! ```text
//! cd primitives/porep && cargo +nightly fuzz run verify -- -max_total_time=60
//! ```
//!
//! The first byte of an input chooses what is done: the rest is decoded as a proof as it is, or it changes an honest proof. Changes
//! are three bytes each: where (two bytes, relative to the length) and what is xored; a final byte of 255 cuts or lengthens instead.
#![no_main]

use codec::{Decode, Encode};
use libfuzzer_sys::fuzz_target;
use station_porep::{
    data,
    io::Memory,
    proof::{verify_audit, verify_seal, AuditProof, SealProof},
    prove,
    seal::{seal_lockstep, SealJob, Sealed},
    tree::Rows,
    Hash, ReplicaKey, SizeClass,
};
use std::sync::OnceLock;

struct Shard {
    key: ReplicaKey,
    comm_d: Hash,
    data_rows: Rows,
    replica: Vec<u8>,
    sealed: Sealed,
}

const CLASS: SizeClass = SizeClass::MIN;

fn shard() -> &'static Shard {
    static SHARD: OnceLock<Shard> = OnceLock::new();
    SHARD.get_or_init(|| {
        let bytes: Vec<u8> = (0..CLASS.bytes()).map(|k| (k ^ k >> 8) as u8).collect();
        let (comm_d, data_rows) = data::commit(&bytes, CLASS).expect("memory does not fail");
        let key = ReplicaKey::derive(&[1; 32], &[2; 32], (3, 4), 5, &comm_d, &[6; 32]);
        let out = Memory::zeroed(CLASS);
        let jobs = [SealJob { key, class: CLASS, data: &bytes, out: &out }];
        let sealed = seal_lockstep(&jobs, &|_| (), &|| false).expect("memory does not fail").remove(0);
        Shard { key, comm_d, data_rows, replica: out.into_inner(), sealed }
    })
}

/// The honest answers to the challenges of one seed; proving takes longer than verifying, so each is made once.
fn honest(seed: u8) -> &'static (AuditProof, SealProof) {
    static HONEST: [OnceLock<(AuditProof, SealProof)>; 256] = [const { OnceLock::new() }; 256];
    HONEST[usize::from(seed)].get_or_init(|| {
        let shard = shard();
        let source = prove::Replica {
            key: shard.key,
            class: CLASS,
            labels: &shard.replica,
            rows: &shard.sealed.rows,
            data_rows: &shard.data_rows,
        };
        let whole = "the replica is whole";
        (prove::audit(&source, &[seed; 32]).expect(whole), prove::seal(&source, &[seed; 32]).expect(whole))
    })
}

/// Change an encoded proof as the input says.
fn change(mut proof: Vec<u8>, changes: &[u8]) -> Vec<u8> {
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
        match change[2] {
            255 if at % 2 == 0 => proof.truncate(proof.len() - at % (proof.len() + 1)),
            255 => proof.extend([change[0]; 33]),
            bits if !proof.is_empty() => {
                let at = at % proof.len();
                proof[at] ^= bits;
            }
            _ => {}
        }
    }
    proof
}

fuzz_target!(|input: &[u8]| {
    let [mode, seed, rest @ ..] = input else { return };
    let shard = shard();
    let (audit, check) = honest(*seed);
    let seed = [*seed; 32];
    // Any class must do, and any other class than the shard's must refuse.
    let class = SizeClass::from_log(16 + (mode >> 2) % 15).expect("16 to 30 are classes");
    if mode & 1 == 0 {
        let bytes = if mode & 2 == 0 { rest.to_vec() } else { change(audit.encode(), rest) };
        if let Ok(proof) = AuditProof::decode(&mut &bytes[..]) {
            let answer = verify_audit(&shard.key, class, &shard.comm_d, &shard.sealed.comm_r, &seed, &proof);
            assert_eq!(answer.is_ok(), class == CLASS && proof == *audit);
        }
    } else {
        let bytes = if mode & 2 == 0 { rest.to_vec() } else { change(check.encode(), rest) };
        if let Ok(proof) = SealProof::decode(&mut &bytes[..]) {
            let answer = verify_seal(&shard.key, class, &shard.comm_d, &shard.sealed.comm_r, &seed, &proof);
            assert_eq!(answer.is_ok(), class == CLASS && proof == *check);
        }
    }
});
