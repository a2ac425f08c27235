//! Weights of the pallet `replication`.
//!
//! HOW THESE WERE OBTAINED: by counting, not by the benchmark tool. Storage accesses are counted in the code, at their
//! worst, and priced with `RocksDbWeight` (25 µs a read, 100 µs a write). Hashing is counted in blake2b compressions, priced
//! at 2 µs each: about four times what the compiled Wasm takes on the development machine. A signature check counts as
//! 150 µs. `benchmarking.rs` has a benchmark for every one of them; once the tool has run, its output replaces this file.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::WEIGHT_REF_TIME_PER_MICROS, Weight},
};

/// Weights that the pallet needs.
pub trait WeightInfo {
    /// [`crate::Call::commit`] of a repair that `s` sources served.
    fn commit(s: u32) -> Weight;
    /// Authorizing it.
    fn authorize_commit() -> Weight;
    /// [`crate::Call::prove_seal`].
    fn prove_seal() -> Weight;
    /// Authorizing it.
    fn authorize_prove_seal() -> Weight;
    /// [`crate::Call::prove`] with `n` answers.
    fn prove(n: u32) -> Weight;
    /// Authorizing it.
    fn authorize_prove(n: u32) -> Weight;
    /// What an audit that also recomputes a label costs to verify, beyond [`Self::prove`].
    fn verify_recomputed() -> Weight;
    /// [`crate::Call::report_fault`].
    fn report_fault() -> Weight;
    /// Authorizing it.
    fn authorize_report_fault() -> Weight;
    /// [`crate::Call::name_sources`] with `s` sources.
    fn name_sources(s: u32) -> Weight;
    /// Authorizing it.
    fn authorize_name_sources() -> Weight;
    /// `on_initialize` without draws and sweeps.
    fn begin_block() -> Weight;
    /// `on_finalize`.
    fn end_block() -> Weight;
    /// One first draw.
    fn draw() -> Weight;
    /// One draw for an order.
    fn draw_repair() -> Weight;
    /// One miss, slash or late commitment.
    fn sweep_fault() -> Weight;
    /// One slot of a deal that ends.
    fn sweep_end() -> Weight;
    /// One replica of a provider that goes.
    fn sweep_departure() -> Weight;
}

const SIGNATURE_MICROS: u64 = 150;
const COMPRESSION_MICROS: u64 = 2;
/// Compressions of a seal check at 1 GiB: 120 labels opened under a depth of 24 with few nodes shared, 8 under comm_d, and
/// 8 labels of 15 compressions each.
const SEAL_COMPRESSIONS: u64 = 120 * 25 + 8 * 25 + 8 * 15;
/// Compressions of an audit with a seal check at 1 GiB: 19 labels, one under comm_d, one label recomputed.
const AUDIT_COMPRESSIONS: u64 = 19 * 25 + 25 + 15;
/// Compressions of hashing a seal proof of 10 KB, and of an audit of 5 KB.
const SEAL_BYTES_COMPRESSIONS: u64 = 80;
const AUDIT_BYTES_COMPRESSIONS: u64 = 40;

const fn micros(micros: u64) -> Weight {
    Weight::from_parts(micros.saturating_mul(WEIGHT_REF_TIME_PER_MICROS), 0)
}

const fn compressions(count: u64) -> Weight {
    micros(count.saturating_mul(COMPRESSION_MICROS))
}

/// The counted weights, with the runtime's database.
pub struct MeasuredWeight<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for MeasuredWeight<T> {
    fn commit(s: u32) -> Weight {
        // replica, deal, buckets tried, clock, accounts, providers, shard record, health, the order and the holder dismissed;
        // for each source its record and account.
        T::DbWeight::get()
            .reads_writes(45, 30)
            .saturating_add(T::DbWeight::get().reads_writes(3, 2).saturating_mul(u64::from(s)))
    }
    fn authorize_commit() -> Weight {
        micros(SIGNATURE_MICROS).saturating_add(T::DbWeight::get().reads(4))
    }
    fn prove_seal() -> Weight {
        // A failed one slashes and queues a draw: the dearer way out.
        compressions(SEAL_COMPRESSIONS).saturating_add(T::DbWeight::get().reads_writes(40, 25))
    }
    fn authorize_prove_seal() -> Weight {
        micros(SIGNATURE_MICROS)
            .saturating_add(compressions(SEAL_BYTES_COMPRESSIONS))
            .saturating_add(T::DbWeight::get().reads(5))
    }
    fn prove(n: u32) -> Weight {
        // Of one answer: replica, shard, deal, challenge, two buckets and those tried, three accounts, totals, provider.
        let each = compressions(AUDIT_COMPRESSIONS).saturating_add(T::DbWeight::get().reads_writes(20, 10));
        each.saturating_mul(u64::from(n)).saturating_add(T::DbWeight::get().reads_writes(3, 1))
    }
    fn authorize_prove(n: u32) -> Weight {
        let each = compressions(AUDIT_BYTES_COMPRESSIONS).saturating_add(T::DbWeight::get().reads(3));
        micros(SIGNATURE_MICROS).saturating_add(each.saturating_mul(u64::from(n)))
    }
    fn verify_recomputed() -> Weight {
        compressions(AUDIT_COMPRESSIONS)
    }
    fn report_fault() -> Weight {
        T::DbWeight::get().reads_writes(40, 25)
    }
    fn authorize_report_fault() -> Weight {
        micros(SIGNATURE_MICROS).saturating_add(T::DbWeight::get().reads(4))
    }
    fn name_sources(s: u32) -> Weight {
        T::DbWeight::get().reads_writes(30, 4).saturating_add(micros(10).saturating_mul(u64::from(s)))
    }
    fn authorize_name_sources() -> Weight {
        micros(SIGNATURE_MICROS).saturating_add(T::DbWeight::get().reads(25))
    }
    fn begin_block() -> Weight {
        // The parent's output, a beacon of up to 64 outputs, one tick, and the blocks and ticks that cursors pass.
        compressions(64).saturating_add(T::DbWeight::get().reads_writes(120, 40))
    }
    fn end_block() -> Weight {
        T::DbWeight::get().reads_writes(5, 3)
    }
    fn draw() -> Weight {
        // 32 providers by place, their friends, the shard, the chosen; the assignment, or the failure.
        compressions(80).saturating_add(T::DbWeight::get().reads_writes(110, 12))
    }
    fn draw_repair() -> Weight {
        compressions(80).saturating_add(T::DbWeight::get().reads_writes(115, 14))
    }
    fn sweep_departure() -> Weight {
        T::DbWeight::get().reads_writes(40, 28)
    }
    fn sweep_fault() -> Weight {
        T::DbWeight::get().reads_writes(30, 20)
    }
    fn sweep_end() -> Weight {
        T::DbWeight::get().reads_writes(20, 18)
    }
}

/// Weights of zero database, for mocks.
impl WeightInfo for () {
    fn commit(_s: u32) -> Weight {
        micros(100)
    }
    fn verify_recomputed() -> Weight {
        compressions(AUDIT_COMPRESSIONS)
    }
    fn report_fault() -> Weight {
        micros(100)
    }
    fn authorize_report_fault() -> Weight {
        micros(SIGNATURE_MICROS)
    }
    fn name_sources(_s: u32) -> Weight {
        micros(100)
    }
    fn authorize_name_sources() -> Weight {
        micros(SIGNATURE_MICROS)
    }
    fn draw_repair() -> Weight {
        micros(100)
    }
    fn sweep_departure() -> Weight {
        micros(100)
    }
    fn authorize_commit() -> Weight {
        micros(SIGNATURE_MICROS)
    }
    fn prove_seal() -> Weight {
        compressions(SEAL_COMPRESSIONS)
    }
    fn authorize_prove_seal() -> Weight {
        micros(SIGNATURE_MICROS)
    }
    fn prove(n: u32) -> Weight {
        compressions(AUDIT_COMPRESSIONS).saturating_mul(u64::from(n))
    }
    fn authorize_prove(n: u32) -> Weight {
        micros(SIGNATURE_MICROS).saturating_mul(u64::from(n))
    }
    fn begin_block() -> Weight {
        micros(100)
    }
    fn end_block() -> Weight {
        micros(10)
    }
    fn draw() -> Weight {
        micros(100)
    }
    fn sweep_fault() -> Weight {
        micros(100)
    }
    fn sweep_end() -> Weight {
        micros(100)
    }
}
