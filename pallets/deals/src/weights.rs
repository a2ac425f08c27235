// SPDX-License-Identifier: MIT OR Apache-2.0

//! Weights of `pallet_station_deals`. Written by `scripts/weights` from the benchmarks on 2026-11-21: do not edit, run it again.
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
    /// [`crate::Call::submit_deal`].
    ///
    /// `s` is from 1 to 256.
    ///
    /// `r` is from 2 to 16.
    fn submit_deal(s: u32, r: u32) -> Weight;
    /// [`crate::Call::extend`].
    fn extend() -> Weight;
    /// [`crate::Call::cancel`].
    fn cancel() -> Weight;
    /// [`crate::Call::transfer`].
    fn transfer() -> Weight;
}

/// The measured weights, with the runtime's database.
pub struct MeasuredWeight<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for MeasuredWeight<T> {
    fn submit_deal(s: u32, _r: u32) -> Weight {
        // Storage: `Providers::Clock` (r:1 w:0)
        // Storage: `Balances::Holds` (r:1 w:1)
        // Storage: `Deals::NextDeal` (r:1 w:1)
        // Storage: `Replication::CurrentTick` (r:1 w:0)
        // Storage: `Replication::Sweeps` (r:1 w:1)
        // Storage: `Deals::Totals` (r:1 w:1)
        // Storage: `Replication::OpenSlots` (r:1 w:1)
        // Storage: `Replication::Draws` (r:1 w:1)
        // Storage: `Deals::Deals` (r:0 w:1)
        // Storage: `Deals::Chosen` (r:0 w:1)
        // Storage: `Deals::ByClient` (r:0 w:1)
        // Storage: `Deals::Shards` (r:0 w:256)
        // Storage: `Deals::Memos` (r:0 w:1)
        // Storage: `Replication::Health` (r:0 w:1)
        // The fastest run took 76_764 ns.
        Weight::from_parts(77_110_671, 0)
            // Standard error: 1_941.
            .saturating_add(Weight::from_parts(3_057_866, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(8))
            .saturating_add(T::DbWeight::get().writes(11))
            .saturating_add(T::DbWeight::get().writes(1_u64.saturating_mul(s.into())))
    }
    fn extend() -> Weight {
        // Storage: `Deals::Deals` (r:1 w:1)
        // Storage: `Deals::Shards` (r:256 w:0)
        // Storage: `Providers::Clock` (r:1 w:0)
        // Storage: `Balances::Holds` (r:1 w:1)
        // Storage: `Replication::Sweeps` (r:2 w:2)
        // Storage: `Replication::CurrentTick` (r:1 w:0)
        // Storage: `Deals::Totals` (r:1 w:1)
        // The fastest run took 1_087_755 ns.
        Weight::from_parts(1_110_859_000, 0)
            .saturating_add(T::DbWeight::get().reads(263))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn cancel() -> Weight {
        // Storage: `Deals::Deals` (r:1 w:1)
        // Storage: `Providers::Clock` (r:1 w:0)
        // Storage: `Replication::CurrentTick` (r:1 w:0)
        // Storage: `Replication::Sweeps` (r:2 w:2)
        // Storage: `Deals::Shards` (r:256 w:0)
        // Storage: `Balances::Holds` (r:1 w:1)
        // Storage: `Deals::Totals` (r:1 w:1)
        // The fastest run took 1_064_080 ns.
        Weight::from_parts(1_087_024_000, 0)
            .saturating_add(T::DbWeight::get().reads(263))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn transfer() -> Weight {
        // Storage: `Deals::Deals` (r:1 w:1)
        // Storage: `System::Account` (r:1 w:1)
        // Storage: `Balances::Holds` (r:2 w:2)
        // Storage: `Deals::ByClient` (r:0 w:2)
        // Storage: `Deals::Memos` (r:0 w:1)
        // The fastest run took 67_981 ns.
        Weight::from_parts(71_807_000, 0)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(7))
    }
}

/// The same at RocksDB's prices, for mocks.
impl WeightInfo for () {
    fn submit_deal(s: u32, _r: u32) -> Weight {
        Weight::from_parts(77_110_671, 0)
            .saturating_add(Weight::from_parts(3_057_866, 0).saturating_mul(s.into()))
            .saturating_add(RocksDbWeight::get().reads(8))
            .saturating_add(RocksDbWeight::get().writes(11))
            .saturating_add(RocksDbWeight::get().writes(1_u64.saturating_mul(s.into())))
    }
    fn extend() -> Weight {
        Weight::from_parts(1_110_859_000, 0)
            .saturating_add(RocksDbWeight::get().reads(263))
            .saturating_add(RocksDbWeight::get().writes(5))
    }
    fn cancel() -> Weight {
        Weight::from_parts(1_087_024_000, 0)
            .saturating_add(RocksDbWeight::get().reads(263))
            .saturating_add(RocksDbWeight::get().writes(5))
    }
    fn transfer() -> Weight {
        Weight::from_parts(71_807_000, 0)
            .saturating_add(RocksDbWeight::get().reads(4))
            .saturating_add(RocksDbWeight::get().writes(7))
    }
}
