//! Weights of the pallet `deals`.
//!
//! HOW THESE WERE OBTAINED: by counting, not by the benchmark tool. Storage accesses are counted in the code, at their
//! worst, and priced with `RocksDbWeight` (25 µs a read, 100 µs a write). `benchmarking.rs` has a benchmark for every call;
//! once the tool has run, its output replaces this file.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::WEIGHT_REF_TIME_PER_MICROS, Weight},
};
use station_primitives::MAX_SHARDS;

/// Weights that the pallet needs.
pub trait WeightInfo {
    /// [`crate::Call::submit_deal`] with `s` shards and `r` replicas of each.
    fn submit_deal(s: u32, r: u32) -> Weight;
    /// [`crate::Call::extend`].
    fn extend() -> Weight;
    /// [`crate::Call::cancel`].
    fn cancel() -> Weight;
    /// [`crate::Call::transfer`].
    fn transfer() -> Weight;
}

const fn micros(micros: u64) -> Weight {
    Weight::from_parts(micros.saturating_mul(WEIGHT_REF_TIME_PER_MICROS), 0)
}

/// The counted weights, with the runtime's database.
pub struct MeasuredWeight<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for MeasuredWeight<T> {
    fn submit_deal(s: u32, _: u32) -> Weight {
        T::DbWeight::get().reads_writes(12, 13).saturating_add(T::DbWeight::get().writes(u64::from(s)))
    }
    fn extend() -> Weight {
        T::DbWeight::get().reads_writes(u64::from(MAX_SHARDS).saturating_add(10), 8)
    }
    fn cancel() -> Weight {
        T::DbWeight::get().reads_writes(u64::from(MAX_SHARDS).saturating_add(10), 8)
    }
    fn transfer() -> Weight {
        T::DbWeight::get().reads_writes(6, 8)
    }
}

/// Weights without a database, for mocks.
impl WeightInfo for () {
    fn submit_deal(_: u32, _: u32) -> Weight {
        micros(100)
    }
    fn extend() -> Weight {
        micros(100)
    }
    fn cancel() -> Weight {
        micros(100)
    }
    fn transfer() -> Weight {
        micros(100)
    }
}
