//! Figures, not promises: `cargo test --release -p station-client-shard-store -- --ignored speed --nocapture`.

use super::*;
use std::time::Instant;

#[test]
#[ignore = "prints figures; takes a minute"]
fn speed() {
    let (_dir, store) = store();
    let shard = Shard::new(26, 1);
    let jobs: Vec<_> = (0..4).map(|slot| (id(&format!("7/0/{slot}")), key(slot))).collect();
    let mib = f64::from(u32::try_from(shard.class.bytes() >> 20).unwrap());
    let rate = |shards: f64, since: Instant| shards * mib / since.elapsed().as_secs_f64();

    let start = Instant::now();
    for (replica, _) in &jobs {
        shard.receive(&store, *replica).unwrap();
    }
    println!("receive: {:.0} MiB/s", rate(4.0, start));
    let start = Instant::now();
    seal(&store, &jobs[..1]).unwrap();
    println!("seal one: {:.1} MiB/s", rate(1.0, start));
    let (one, rest) = (store.retire(jobs[0].0).unwrap(), &jobs);
    assert!(one);
    shard.receive(&store, jobs[0].0).unwrap();
    let start = Instant::now();
    seal(&store, rest).unwrap();
    println!("seal four in lockstep: {:.1} MiB/s", rate(4.0, start));
    let start = Instant::now();
    for piece in 0..shard.class.pieces() {
        store.read_piece(jobs[0].0, piece).unwrap();
    }
    println!("read pieces, one thread: {:.1} MiB/s", rate(1.0, start));
    let start = Instant::now();
    for nth in 0..100 {
        store.audit(jobs[1].0, &[nth; 32]).unwrap();
    }
    println!("audit: {:.2} ms", start.elapsed().as_secs_f64() * 10.0);
    let start = Instant::now();
    for nth in 0..20 {
        store.seal_proof(jobs[1].0, &[nth; 32]).unwrap();
    }
    println!("seal proof: {:.2} ms", start.elapsed().as_secs_f64() * 50.0);
    let start = Instant::now();
    let scrubbed = store.scrub(&mut crate::Position::default(), u64::MAX).unwrap();
    assert!(scrubbed.over && scrubbed.fault.is_none());
    println!("scrub, one thread: {:.0} MiB/s", rate(4.0, start));
    store.condemn(jobs[2].0).unwrap();
    let start = Instant::now();
    assert!(store.salvage(jobs[2].0, &|| false).unwrap().is_complete());
    println!("salvage, one thread: {:.1} MiB/s", rate(1.0, start));
}
