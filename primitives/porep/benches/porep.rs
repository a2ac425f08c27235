//! What sealing, unsealing, proving and verifying cost: `cargo bench -p station-porep`.
//!
//! Replicas are files in the temporary folder, as in a provider's store. The machine is named first, so that figures can be
//! told apart.
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_possible_truncation)]

use codec::Encode;
use criterion::{criterion_group, criterion_main, BatchSize, Criterion, Throughput};
use station_porep::{
    challenge, data,
    io::{self, ReadAt},
    proof, prove,
    seal::{seal_lockstep, SealJob, Sealed},
    tree::Rows,
    unseal::unseal_parallel,
    ReplicaKey, SizeClass,
};
use std::{
    fs::{File, OpenOptions},
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// A file that is removed in the end and counts what is read of it.
struct Temporary {
    file: File,
    path: PathBuf,
    read: AtomicU64,
}

impl Temporary {
    fn new(name: &str, class: SizeClass) -> Self {
        let path = std::env::temp_dir().join(format!("station-porep-bench-{}-{name}", std::process::id()));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        file.set_len(class.bytes()).unwrap();
        Self { file, path, read: AtomicU64::new(0) }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What remains of a benchmark in the temporary folder does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl ReadAt for Temporary {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.read.fetch_add(buf.len() as u64, Ordering::Relaxed);
        self.file.read_at(offset, buf)
    }
}

impl io::WriteAt for Temporary {
    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, buf)
    }
}

/// Rows that count what is read of them.
struct Counted<'a>(&'a Rows, AtomicU64);

impl ReadAt for Counted<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.1.fetch_add(buf.len() as u64, Ordering::Relaxed);
        self.0.read_at(offset, buf)
    }
}

fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |name| name.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{model}, {cores} cores, {} lanes of blake2b", blake2b_simd::many::degree())
}

/// Seconds that this thread spent on a core for `work`: other processes on the machine do not count.
fn on_core(work: impl FnOnce()) -> f64 {
    let spent = || {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        stat.split(' ').next().and_then(|text| text.parse::<f64>().ok()).map_or(f64::NAN, |nanos| nanos / 1e9)
    };
    let before = spent();
    work();
    spent() - before
}

fn seal(keys: &[ReplicaKey], class: SizeClass, bytes: &Vec<u8>, files: &[Temporary]) -> Vec<Sealed> {
    let jobs: Vec<SealJob<'_>> =
        keys.iter().zip(files).map(|(key, out)| SealJob { key: *key, class, data: bytes, out }).collect();
    seal_lockstep(&jobs, &|_| (), &|| false).unwrap()
}

fn benches(criterion: &mut Criterion) {
    println!("machine: {}", machine());
    let class = SizeClass::from_bytes(64 << 20).unwrap();
    let mut word = 0u64;
    let bytes: Vec<u8> = (0..class.bytes())
        .map(|_| {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (word >> 56) as u8
        })
        .collect();
    let files: Vec<Temporary> = (0..4).map(|k| Temporary::new(&k.to_string(), class)).collect();
    let keys: Vec<ReplicaKey> = (0..4).map(|k| ReplicaKey([k; 32])).collect();
    let (comm_d, data_rows) = data::commit(&bytes, class).unwrap();

    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut out = vec![0; bytes.len()];
    println!("MiB for each second on a core, whatever else the machine does:");
    let print = |name: &str, mib: f64, seconds: f64| println!("  {name:<24}{:>8.1}", mib / seconds);
    print("commit", 64.0, on_core(|| drop(data::commit(&bytes, class).unwrap())));
    print("seal, one chain", 64.0, on_core(|| drop(seal(&keys[..1], class, &bytes, &files))));
    print("seal, lockstep of 2", 128.0, on_core(|| drop(seal(&keys[..2], class, &bytes, &files))));
    print("seal, lockstep of 4", 256.0, on_core(|| drop(seal(&keys, class, &bytes, &files))));
    let unseal = |out: &mut [u8], threads| unseal_parallel(&keys[0], class, &files[0], 0, out, threads).unwrap();
    print("unseal", 64.0, on_core(|| unseal(&mut out, 1)));

    let mut group = criterion.benchmark_group("shard of 64 MiB");
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Bytes(class.bytes()));
    group.bench_function("commit", |bench| bench.iter(|| data::commit(&bytes, class).unwrap()));
    group.bench_function("seal, one chain", |bench| bench.iter(|| seal(&keys[..1], class, &bytes, &files)));
    group.throughput(Throughput::Bytes(4 * class.bytes()));
    group.bench_function("seal, lockstep of 4, one core", |bench| bench.iter(|| seal(&keys, class, &bytes, &files)));
    group.throughput(Throughput::Bytes(class.bytes()));
    for threads in [1, cores] {
        group.bench_function(format!("unseal, {threads} threads"), |bench| {
            bench.iter(|| unseal(&mut out, threads));
        });
    }
    assert!(out == bytes, "what was unsealed is what was sealed");
    group.finish();

    let sealed = seal(&keys[..1], class, &bytes, &files).remove(0);
    let (rows, data_rows) = (Counted(&sealed.rows, AtomicU64::new(0)), Counted(&data_rows, AtomicU64::new(0)));
    let source = prove::Replica { key: keys[0], class, labels: &files[0], rows: &rows, data_rows: &data_rows };
    let seed = |n: u64| station_porep::hash::blake2b_256(&[&n.to_le_bytes()]);
    let recomputes = |n: &u64| challenge::audit_seal_position(&seed(*n), &keys[0], class).is_some();
    let mut group = criterion.benchmark_group("replica of 64 MiB");
    group.sample_size(50).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(2));
    for (name, want) in [("audit", false), ("audit with a recomputation", true)] {
        let seeds: Vec<[u8; 32]> = (0..).filter(|n| recomputes(n) == want).take(64).map(seed).collect();
        let counters = [&files[0].read, &rows.1, &data_rows.1];
        let (mut read, mut len) = (0, 0);
        for seed in &seeds {
            counters.iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
            len = prove::audit(&source, seed).unwrap().encoded_size().max(len);
            read = counters.iter().map(|counter| counter.load(Ordering::Relaxed)).sum::<u64>().max(read);
        }
        println!("{name}: reads at most {read} bytes, encodes to at most {len}");
        let mut at = seeds.iter().cycle();
        group.bench_function(format!("prove: {name}"), |bench| {
            bench.iter(|| prove::audit(&source, at.next().unwrap()).unwrap());
        });
        let proofs: Vec<_> = seeds.iter().map(|seed| (seed, prove::audit(&source, seed).unwrap())).collect();
        let mut at = proofs.iter().cycle();
        group.bench_function(format!("verify: {name}"), |bench| {
            bench.iter(|| {
                let (seed, proof) = at.next().unwrap();
                proof::verify_audit(&keys[0], class, &comm_d, &sealed.comm_r, seed, proof).unwrap();
            });
        });
    }
    let check = prove::seal(&source, &seed(0)).unwrap();
    println!("seal check of 8 labels: encodes to {}", check.encoded_size());
    group.bench_function("prove: seal check", |bench| bench.iter(|| prove::seal(&source, &seed(0)).unwrap()));
    group.bench_function("verify: seal check", |bench| {
        bench.iter_batched(
            || check.clone(),
            |check| proof::verify_seal(&keys[0], class, &comm_d, &sealed.comm_r, &seed(0), &check).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(porep, benches);
criterion_main!(porep);
