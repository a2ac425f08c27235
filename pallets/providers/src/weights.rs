//! Weights of the pallet `providers`.
//!
//! HOW THESE WERE OBTAINED: by counting, not by the benchmark tool. Storage accesses are counted in the code, at their
//! worst, and priced with `RocksDbWeight` (25 µs a read, 100 µs a write); a signature check counts as 150 µs.
//! `benchmarking.rs` has a benchmark for every one of them; once the tool has run, its output replaces this file.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::WEIGHT_REF_TIME_PER_MICROS, Weight},
};

/// Weights that the pallet needs.
pub trait WeightInfo {
    /// [`crate::Call::register`].
    fn register() -> Weight;
    /// [`crate::Call::update`].
    fn update() -> Weight;
    /// [`crate::Call::deregister`].
    fn deregister() -> Weight;
    /// [`crate::Call::leave`].
    fn leave() -> Weight;
    /// [`crate::Call::heartbeat`].
    fn heartbeat() -> Weight;
    /// Authorizing it.
    fn authorize_heartbeat() -> Weight;
}

const SIGNATURE_MICROS: u64 = 150;

const fn micros(micros: u64) -> Weight {
    Weight::from_parts(micros.saturating_mul(WEIGHT_REF_TIME_PER_MICROS), 0)
}

/// The counted weights, with the runtime's database.
pub struct MeasuredWeight<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for MeasuredWeight<T> {
    fn register() -> Weight {
        // Record, friends, place, totals, account, holds.
        T::DbWeight::get().reads_writes(5, 6)
    }
    fn update() -> Weight {
        // And what it says about being short: the clock, and the list of those that go.
        T::DbWeight::get().reads_writes(7, 6)
    }
    fn deregister() -> Weight {
        // As registering, and the record and place of the provider that moves up.
        T::DbWeight::get().reads_writes(8, 10)
    }
    fn leave() -> Weight {
        T::DbWeight::get().reads_writes(2, 2)
    }
    fn heartbeat() -> Weight {
        T::DbWeight::get().reads_writes(2, 1)
    }
    fn authorize_heartbeat() -> Weight {
        micros(SIGNATURE_MICROS).saturating_add(T::DbWeight::get().reads(3))
    }
}

/// Weights without a database, for mocks.
impl WeightInfo for () {
    fn register() -> Weight {
        micros(100)
    }
    fn update() -> Weight {
        micros(100)
    }
    fn deregister() -> Weight {
        micros(100)
    }
    fn leave() -> Weight {
        micros(100)
    }
    fn heartbeat() -> Weight {
        micros(100)
    }
    fn authorize_heartbeat() -> Weight {
        micros(SIGNATURE_MICROS)
    }
}
