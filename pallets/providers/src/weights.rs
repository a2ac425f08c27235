// SPDX-License-Identifier: MIT OR Apache-2.0

//! Weights of `pallet_station_providers`. Written by `scripts/weights` from the benchmarks on 2026-11-21: do not edit, run it again.
//!
//! Times are those of the Wasm executor with the database in memory, 20 runs at each of 20 values of
//! each component; storage accesses are counted, and priced by `DbWeight`. Proof size is not metered, and is zero.
//!
//! Machine: 2 cores of AMD EPYC, 24 GiB, Linux 6.18.44-fc-v595, rustc 1.95.0.
//!
//! Sources: 5f1c402ff87c6c475f1659c0a0ae39df828e7910d1c59b4ee57e1b63f66e609c

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
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
    /// Authorizing [`crate::Call::heartbeat`].
    fn authorize_heartbeat() -> Weight;
}

/// The measured weights, with the runtime's database.
pub struct MeasuredWeight<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for MeasuredWeight<T> {
    fn register() -> Weight {
        // Storage: `Providers::Providers` (r:1 w:1)
        // Storage: `Balances::Holds` (r:1 w:1)
        // Storage: `Providers::Totals` (r:1 w:1)
        // Storage: `Providers::Friends` (r:0 w:1)
        // Storage: `Providers::ByPlace` (r:0 w:1)
        // The fastest run took 55_312 ns.
        Weight::from_parts(57_635_000, 0)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn update() -> Weight {
        // Storage: `Providers::Providers` (r:1 w:1)
        // Storage: `Providers::Totals` (r:1 w:1)
        // Storage: `Balances::Holds` (r:1 w:1)
        // Storage: `Providers::Friends` (r:0 w:1)
        // The fastest run took 58_207 ns.
        Weight::from_parts(60_730_000, 0)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn deregister() -> Weight {
        // Storage: `Providers::Providers` (r:2 w:2)
        // Storage: `Balances::Holds` (r:1 w:1)
        // Storage: `Providers::Totals` (r:1 w:1)
        // Storage: `Providers::ByPlace` (r:1 w:2)
        // Storage: `Providers::Friends` (r:0 w:1)
        // Storage: `Providers::Departures` (r:0 w:1)
        // The fastest run took 60_259 ns.
        Weight::from_parts(62_913_000, 0)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(8))
    }
    fn leave() -> Weight {
        // Storage: `Providers::Providers` (r:1 w:1)
        // Storage: `Providers::Departures` (r:1 w:1)
        // The fastest run took 13_270 ns.
        Weight::from_parts(14_161_000, 0)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn heartbeat() -> Weight {
        // Storage: `Providers::Providers` (r:1 w:1)
        // Storage: `Providers::Clock` (r:1 w:0)
        // The fastest run took 11_657 ns.
        Weight::from_parts(12_568_000, 0)
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn authorize_heartbeat() -> Weight {
        // Storage: `Providers::Providers` (r:1 w:0)
        // Storage: `Providers::Clock` (r:1 w:0)
        // Storage: `System::BlockHash` (r:1 w:0)
        // The fastest run took 45_417 ns.
        Weight::from_parts(46_560_000, 0).saturating_add(T::DbWeight::get().reads(3))
    }
}

/// The same at RocksDB's prices, for mocks.
impl WeightInfo for () {
    fn register() -> Weight {
        Weight::from_parts(57_635_000, 0)
            .saturating_add(RocksDbWeight::get().reads(3))
            .saturating_add(RocksDbWeight::get().writes(5))
    }
    fn update() -> Weight {
        Weight::from_parts(60_730_000, 0)
            .saturating_add(RocksDbWeight::get().reads(3))
            .saturating_add(RocksDbWeight::get().writes(4))
    }
    fn deregister() -> Weight {
        Weight::from_parts(62_913_000, 0)
            .saturating_add(RocksDbWeight::get().reads(5))
            .saturating_add(RocksDbWeight::get().writes(8))
    }
    fn leave() -> Weight {
        Weight::from_parts(14_161_000, 0)
            .saturating_add(RocksDbWeight::get().reads(2))
            .saturating_add(RocksDbWeight::get().writes(2))
    }
    fn heartbeat() -> Weight {
        Weight::from_parts(12_568_000, 0)
            .saturating_add(RocksDbWeight::get().reads(2))
            .saturating_add(RocksDbWeight::get().writes(1))
    }
    fn authorize_heartbeat() -> Weight {
        Weight::from_parts(46_560_000, 0).saturating_add(RocksDbWeight::get().reads(3))
    }
}
