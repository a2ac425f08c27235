// SPDX-License-Identifier: MIT OR Apache-2.0

//! Weights of `pallet_station_replication`. Written by `scripts/weights` from the benchmarks on 2026-11-21: do not edit, run it again.
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
    /// The dearest: that of a repair, whose holder is late and dismissed, and whose sources are paid.
    ///
    /// `s` is from 0 to 15.
    fn commit(s: u32) -> Weight;
    /// Authorizing [`crate::Call::commit`].
    fn authorize_commit() -> Weight;
    /// The dearest: that of a repair, which fails and is ordered anew, in a shard that is below its minimum.
    fn prove_seal() -> Weight;
    /// Authorizing [`crate::Call::prove_seal`].
    fn authorize_prove_seal() -> Weight;
    /// [`crate::Call::prove`].
    ///
    /// `n` is from 1 to 32.
    fn prove(n: u32) -> Weight;
    /// Authorizing [`crate::Call::prove`].
    ///
    /// `n` is from 1 to 32.
    fn authorize_prove(n: u32) -> Weight;
    /// [`crate::Call::report_fault`].
    fn report_fault() -> Weight;
    /// Authorizing [`crate::Call::report_fault`].
    fn authorize_report_fault() -> Weight;
    /// [`crate::Call::name_sources`].
    ///
    /// `s` is from 1 to 15.
    fn name_sources(s: u32) -> Weight;
    /// Authorizing [`crate::Call::name_sources`].
    fn authorize_name_sources() -> Weight;
    /// What an audit that also recomputes a label costs to verify; [`WeightInfo::prove`] counts those that do not.
    fn verify_recomputed() -> Weight;
    /// `on_initialize` without draws and sweeps.
    fn begin_block() -> Weight;
    /// `on_finalize`.
    fn end_block() -> Weight;
    /// One first draw.
    fn draw() -> Weight;
    /// One draw for an order.
    fn draw_repair() -> Weight;
    /// One miss, slash, late commitment or order that wakes; the dearest is a slash that opens an order.
    fn sweep_fault() -> Weight;
    /// One replica of a provider that goes: one that gives up a replica at once is slashed, and an order is opened.
    fn sweep_departure() -> Weight;
    /// One slot of a deal that ends.
    fn sweep_end() -> Weight;
}

/// The measured weights, with the runtime's database.
pub struct MeasuredWeight<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for MeasuredWeight<T> {
    fn commit(s: u32) -> Weight {
        // Storage: `Replication::Replicas` (r:1 w:1)
        // Storage: `Replication::Orders` (r:1 w:1)
        // Storage: `Deals::Deals` (r:1 w:0)
        // Storage: `Deals::Shards` (r:1 w:0)
        // Storage: `Replication::CurrentTick` (r:1 w:0)
        // Storage: `Replication::Buckets` (r:2 w:2)
        // Storage: `Replication::ShardRecords` (r:1 w:1)
        // Storage: `Providers::Providers` (r:17 w:2)
        // Storage: `Replication::LateBuckets` (r:1 w:1)
        // Storage: `Providers::Seized` (r:1 w:1)
        // Storage: `Providers::Totals` (r:1 w:1)
        // Storage: `Balances::Holds` (r:1 w:1)
        // Storage: `System::Account` (r:2 w:2)
        // Storage: `Providers::Clock` (r:1 w:0)
        // Storage: `Replication::OpenOrders` (r:1 w:1)
        // Storage: `Replication::ByProvider` (r:0 w:1)
        // The fastest run took 205_164 ns.
        Weight::from_parts(211_730_523, 0)
            // Standard error: 42_494.
            .saturating_add(Weight::from_parts(5_884_160, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(19))
            .saturating_add(T::DbWeight::get().reads(1_u64.saturating_mul(s.into())))
            .saturating_add(T::DbWeight::get().writes(15))
    }
    fn authorize_commit() -> Weight {
        // Storage: `Replication::Replicas` (r:1 w:0)
        // Storage: `Replication::Orders` (r:1 w:0)
        // Storage: `Deals::Deals` (r:1 w:0)
        // Storage: `Deals::Shards` (r:1 w:0)
        // Storage: `System::BlockHash` (r:1 w:0)
        // The fastest run took 35_593 ns.
        Weight::from_parts(38_947_000, 0).saturating_add(T::DbWeight::get().reads(5))
    }
    fn prove_seal() -> Weight {
        // Storage: `Replication::Replicas` (r:5 w:1)
        // Storage: `Replication::OpenTicks` (r:1 w:0)
        // Storage: `Replication::CurrentTick` (r:1 w:0)
        // Storage: `Deals::Shards` (r:1 w:1)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Storage: `Replication::Buckets` (r:1 w:1)
        // Storage: `Replication::LateBuckets` (r:1 w:1)
        // Storage: `Replication::ShardRecords` (r:1 w:1)
        // Storage: `Deals::Deals` (r:1 w:0)
        // Storage: `Replication::Health` (r:1 w:1)
        // Storage: `Replication::Orders` (r:5 w:5)
        // Storage: `Replication::RepairBeacons` (r:1 w:1)
        // Storage: `Replication::QueueEnds` (r:1 w:1)
        // Storage: `Replication::OpenOrders` (r:1 w:1)
        // Storage: `Providers::Providers` (r:1 w:1)
        // Storage: `Balances::Holds` (r:1 w:1)
        // Storage: `System::Account` (r:1 w:1)
        // Storage: `Providers::Seized` (r:1 w:1)
        // Storage: `Providers::Totals` (r:1 w:1)
        // Storage: `Replication::Queue` (r:0 w:5)
        // Storage: `Replication::ByProvider` (r:0 w:1)
        // The fastest run took 2_539_610 ns.
        Weight::from_parts(2_597_347_000, 0)
            .saturating_add(T::DbWeight::get().reads(27))
            .saturating_add(T::DbWeight::get().writes(25))
    }
    fn authorize_prove_seal() -> Weight {
        // Storage: `Replication::Replicas` (r:1 w:0)
        // Storage: `Replication::OpenTicks` (r:1 w:0)
        // Storage: `Replication::CurrentTick` (r:1 w:0)
        // Storage: `System::BlockHash` (r:1 w:0)
        // The fastest run took 158_475 ns.
        Weight::from_parts(175_240_000, 0).saturating_add(T::DbWeight::get().reads(4))
    }
    fn prove(n: u32) -> Weight {
        // Storage: `Replication::Replicas` (r:32 w:32)
        // Storage: `Replication::OpenTicks` (r:1 w:0)
        // Storage: `Replication::CurrentTick` (r:1 w:0)
        // Storage: `Deals::Shards` (r:32 w:0)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Storage: `Replication::Buckets` (r:2 w:2)
        // Storage: `Replication::LateBuckets` (r:1 w:1)
        // Storage: `Deals::Deals` (r:1 w:1)
        // Storage: `Providers::Clock` (r:1 w:0)
        // Storage: `Balances::Holds` (r:1 w:1)
        // Storage: `Deals::Totals` (r:1 w:1)
        // Storage: `Providers::Providers` (r:1 w:1)
        // The fastest run took 204_934 ns.
        Weight::from_parts(39_956_278, 0)
            // Standard error: 123_860.
            .saturating_add(Weight::from_parts(161_344_087, 0).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(11))
            .saturating_add(T::DbWeight::get().reads(2_u64.saturating_mul(n.into())))
            .saturating_add(T::DbWeight::get().writes(7))
            .saturating_add(T::DbWeight::get().writes(1_u64.saturating_mul(n.into())))
    }
    fn authorize_prove(n: u32) -> Weight {
        // Storage: `Replication::Replicas` (r:32 w:0)
        // Storage: `Replication::OpenTicks` (r:1 w:0)
        // Storage: `Replication::CurrentTick` (r:1 w:0)
        // Storage: `System::BlockHash` (r:1 w:0)
        // The fastest run took 66_238 ns.
        Weight::from_parts(32_824_389, 0)
            // Standard error: 87_447.
            .saturating_add(Weight::from_parts(17_020_292, 0).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().reads(1_u64.saturating_mul(n.into())))
    }
    fn report_fault() -> Weight {
        // Storage: `Replication::Replicas` (r:4 w:1)
        // Storage: `Replication::OpenTicks` (r:1 w:0)
        // Storage: `Deals::Shards` (r:1 w:1)
        // Storage: `Providers::Providers` (r:1 w:1)
        // Storage: `Providers::Totals` (r:1 w:1)
        // Storage: `Replication::ShardRecords` (r:1 w:1)
        // Storage: `Deals::Deals` (r:1 w:0)
        // Storage: `Replication::LiveReplicas` (r:1 w:1)
        // Storage: `Replication::Health` (r:1 w:1)
        // Storage: `Replication::Orders` (r:4 w:4)
        // Storage: `Replication::RepairBeacons` (r:1 w:1)
        // Storage: `Replication::QueueEnds` (r:1 w:1)
        // Storage: `Replication::OpenOrders` (r:1 w:1)
        // Storage: `Balances::Holds` (r:1 w:1)
        // Storage: `System::Account` (r:1 w:1)
        // Storage: `Providers::Seized` (r:1 w:1)
        // Storage: `Replication::Queue` (r:0 w:4)
        // The fastest run took 240_057 ns.
        Weight::from_parts(248_609_000, 0)
            .saturating_add(T::DbWeight::get().reads(22))
            .saturating_add(T::DbWeight::get().writes(21))
    }
    fn authorize_report_fault() -> Weight {
        // Storage: `Replication::Replicas` (r:1 w:0)
        // Storage: `Replication::OpenTicks` (r:1 w:0)
        // Storage: `System::BlockHash` (r:1 w:0)
        // The fastest run took 56_314 ns.
        Weight::from_parts(58_587_000, 0).saturating_add(T::DbWeight::get().reads(3))
    }
    fn name_sources(s: u32) -> Weight {
        // Storage: `Replication::Orders` (r:1 w:1)
        // Storage: `Deals::Deals` (r:1 w:0)
        // Storage: `Replication::ShardRecords` (r:1 w:1)
        // Storage: `Providers::Providers` (r:1 w:1)
        // Storage: `Replication::Replicas` (r:1 w:0)
        // The fastest run took 43_644 ns.
        Weight::from_parts(45_684_910, 0)
            // Standard error: 16_117.
            .saturating_add(Weight::from_parts(2_269_542, 0).saturating_mul(s.into()))
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn authorize_name_sources() -> Weight {
        // Storage: `Replication::Orders` (r:1 w:0)
        // Storage: `Deals::Deals` (r:1 w:0)
        // Storage: `Replication::ShardRecords` (r:1 w:0)
        // Storage: `System::BlockHash` (r:1 w:0)
        // The fastest run took 35_072 ns.
        Weight::from_parts(43_384_000, 0).saturating_add(T::DbWeight::get().reads(4))
    }
    fn verify_recomputed() -> Weight {
        // The fastest run took 330_361 ns.
        Weight::from_parts(333_125_000, 0)
    }
    fn begin_block() -> Weight {
        // Storage: `Babe::AuthorVrfRandomness` (r:1 w:0)
        // Storage: `System::ParentHash` (r:1 w:0)
        // Storage: `Providers::Clock` (r:1 w:0)
        // Storage: `Replication::Draws` (r:1 w:0)
        // Storage: `Replication::RepairBeacons` (r:1 w:0)
        // Storage: `Replication::Opening` (r:1 w:0)
        // Storage: `Replication::QueueEnds` (r:5 w:0)
        // Storage: `Replication::Places` (r:1 w:1)
        // Storage: `Replication::DrawBeacons` (r:1 w:1)
        // Storage: `Replication::CurrentTick` (r:1 w:0)
        // Storage: `Replication::CommitDeadlines` (r:1 w:0)
        // Storage: `Replication::Departures` (r:1 w:1)
        // Storage: `Providers::Departures` (r:1 w:0)
        // Storage: `Replication::VrfOutputs` (r:0 w:2)
        // The fastest run took 49_063 ns.
        Weight::from_parts(51_517_000, 0)
            .saturating_add(T::DbWeight::get().reads(17))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    fn end_block() -> Weight {
        // Storage: `Providers::Clock` (r:1 w:0)
        // Storage: `Replication::CurrentTick` (r:1 w:1)
        // Storage: `Replication::Buckets` (r:1 w:0)
        // Storage: `Replication::Opening` (r:1 w:1)
        // Storage: `Replication::OpenTicks` (r:0 w:1)
        // The fastest run took 16_554 ns.
        Weight::from_parts(18_037_000, 0)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn draw() -> Weight {
        // Storage: `Replication::Places` (r:1 w:1)
        // Storage: `Replication::Draws` (r:1 w:1)
        // Storage: `Replication::DrawBeacons` (r:1 w:1)
        // Storage: `Deals::Deals` (r:1 w:0)
        // Storage: `Deals::Shards` (r:1 w:0)
        // Storage: `Replication::Replicas` (r:1 w:1)
        // Storage: `Replication::ShardRecords` (r:1 w:1)
        // Storage: `Providers::Clock` (r:1 w:0)
        // Storage: `Providers::Totals` (r:1 w:1)
        // Storage: `Providers::ByPlace` (r:32 w:0)
        // Storage: `Providers::Providers` (r:32 w:1)
        // Storage: `Replication::CommitDeadlines` (r:1 w:1)
        // Storage: `Replication::CurrentTick` (r:1 w:0)
        // Storage: `Replication::ByProvider` (r:0 w:1)
        // The fastest run took 342_809 ns.
        Weight::from_parts(356_810_000, 0)
            .saturating_add(T::DbWeight::get().reads(75))
            .saturating_add(T::DbWeight::get().writes(9))
    }
    fn draw_repair() -> Weight {
        // Storage: `Replication::QueueEnds` (r:1 w:1)
        // Storage: `Replication::Queue` (r:1 w:1)
        // Storage: `Replication::RepairBeacons` (r:1 w:1)
        // Storage: `Replication::Orders` (r:1 w:1)
        // Storage: `Deals::Deals` (r:1 w:0)
        // Storage: `Deals::Shards` (r:1 w:0)
        // Storage: `Replication::ShardRecords` (r:1 w:1)
        // Storage: `Providers::Clock` (r:1 w:0)
        // Storage: `Providers::Totals` (r:1 w:1)
        // Storage: `Providers::ByPlace` (r:32 w:0)
        // Storage: `Providers::Providers` (r:32 w:1)
        // Storage: `Replication::CommitDeadlines` (r:1 w:1)
        // Storage: `Replication::CurrentTick` (r:1 w:0)
        // Storage: `Replication::ByProvider` (r:0 w:1)
        // The fastest run took 354_106 ns.
        Weight::from_parts(370_059_000, 0)
            .saturating_add(T::DbWeight::get().reads(75))
            .saturating_add(T::DbWeight::get().writes(9))
    }
    fn sweep_fault() -> Weight {
        // Storage: `Replication::CurrentTick` (r:1 w:0)
        // Storage: `Replication::Places` (r:1 w:1)
        // Storage: `Replication::OpenTicks` (r:1 w:1)
        // Storage: `Replication::LateBuckets` (r:1 w:1)
        // Storage: `Replication::Buckets` (r:1 w:1)
        // Storage: `Replication::Replicas` (r:1 w:1)
        // Storage: `Replication::ShardRecords` (r:1 w:1)
        // Storage: `Deals::Deals` (r:1 w:0)
        // Storage: `Replication::Health` (r:1 w:1)
        // Storage: `Replication::Orders` (r:16 w:1)
        // Storage: `Replication::RepairBeacons` (r:1 w:1)
        // Storage: `Replication::QueueEnds` (r:1 w:1)
        // Storage: `Replication::OpenOrders` (r:1 w:1)
        // Storage: `Deals::Shards` (r:1 w:1)
        // Storage: `Providers::Providers` (r:1 w:1)
        // Storage: `Balances::Holds` (r:1 w:1)
        // Storage: `System::Account` (r:1 w:1)
        // Storage: `Providers::Seized` (r:1 w:1)
        // Storage: `Providers::Totals` (r:1 w:1)
        // Storage: `Replication::Queue` (r:0 w:1)
        // Storage: `Replication::ByProvider` (r:0 w:1)
        // The fastest run took 216_922 ns.
        Weight::from_parts(224_233_000, 0)
            .saturating_add(T::DbWeight::get().reads(34))
            .saturating_add(T::DbWeight::get().writes(19))
    }
    fn sweep_departure() -> Weight {
        // Storage: `Replication::Departures` (r:1 w:1)
        // Storage: `Providers::Departures` (r:1 w:0)
        // Storage: `Replication::ByProvider` (r:1 w:1)
        // Storage: `Replication::Replicas` (r:1 w:1)
        // Storage: `Replication::Buckets` (r:1 w:1)
        // Storage: `Replication::LateBuckets` (r:1 w:1)
        // Storage: `Replication::ShardRecords` (r:1 w:1)
        // Storage: `Deals::Shards` (r:1 w:1)
        // Storage: `Providers::Providers` (r:1 w:1)
        // Storage: `Providers::Totals` (r:1 w:1)
        // Storage: `Deals::Deals` (r:1 w:0)
        // Storage: `Replication::LiveReplicas` (r:1 w:1)
        // Storage: `Replication::Health` (r:1 w:1)
        // Storage: `Replication::Orders` (r:16 w:1)
        // Storage: `Replication::RepairBeacons` (r:1 w:1)
        // Storage: `Replication::QueueEnds` (r:1 w:1)
        // Storage: `Replication::OpenOrders` (r:1 w:1)
        // Storage: `Balances::Holds` (r:1 w:1)
        // Storage: `System::Account` (r:1 w:1)
        // Storage: `Providers::Seized` (r:1 w:1)
        // Storage: `Replication::Queue` (r:0 w:1)
        // The fastest run took 222_370 ns.
        Weight::from_parts(228_299_000, 0)
            .saturating_add(T::DbWeight::get().reads(35))
            .saturating_add(T::DbWeight::get().writes(19))
    }
    fn sweep_end() -> Weight {
        // Storage: `Deals::Deals` (r:1 w:1)
        // Storage: `Deals::Shards` (r:1 w:1)
        // Storage: `Replication::Replicas` (r:1 w:1)
        // Storage: `Replication::Orders` (r:1 w:0)
        // Storage: `Replication::Buckets` (r:1 w:1)
        // Storage: `Replication::LateBuckets` (r:1 w:1)
        // Storage: `Providers::Providers` (r:1 w:1)
        // Storage: `Providers::Totals` (r:1 w:1)
        // Storage: `Replication::ShardRecords` (r:1 w:1)
        // Storage: `Replication::OpenSlots` (r:1 w:1)
        // Storage: `Deals::Totals` (r:1 w:1)
        // Storage: `Balances::Holds` (r:1 w:1)
        // Storage: `Deals::Chosen` (r:0 w:1)
        // Storage: `Deals::ByClient` (r:0 w:1)
        // Storage: `Deals::Memos` (r:0 w:1)
        // Storage: `Replication::Health` (r:0 w:1)
        // Storage: `Replication::ByProvider` (r:0 w:1)
        // The fastest run took 100_509 ns.
        Weight::from_parts(104_895_000, 0)
            .saturating_add(T::DbWeight::get().reads(12))
            .saturating_add(T::DbWeight::get().writes(16))
    }
}

/// The same at RocksDB's prices, for mocks.
impl WeightInfo for () {
    fn commit(s: u32) -> Weight {
        Weight::from_parts(211_730_523, 0)
            .saturating_add(Weight::from_parts(5_884_160, 0).saturating_mul(s.into()))
            .saturating_add(RocksDbWeight::get().reads(19))
            .saturating_add(RocksDbWeight::get().reads(1_u64.saturating_mul(s.into())))
            .saturating_add(RocksDbWeight::get().writes(15))
    }
    fn authorize_commit() -> Weight {
        Weight::from_parts(38_947_000, 0).saturating_add(RocksDbWeight::get().reads(5))
    }
    fn prove_seal() -> Weight {
        Weight::from_parts(2_597_347_000, 0)
            .saturating_add(RocksDbWeight::get().reads(27))
            .saturating_add(RocksDbWeight::get().writes(25))
    }
    fn authorize_prove_seal() -> Weight {
        Weight::from_parts(175_240_000, 0).saturating_add(RocksDbWeight::get().reads(4))
    }
    fn prove(n: u32) -> Weight {
        Weight::from_parts(39_956_278, 0)
            .saturating_add(Weight::from_parts(161_344_087, 0).saturating_mul(n.into()))
            .saturating_add(RocksDbWeight::get().reads(11))
            .saturating_add(RocksDbWeight::get().reads(2_u64.saturating_mul(n.into())))
            .saturating_add(RocksDbWeight::get().writes(7))
            .saturating_add(RocksDbWeight::get().writes(1_u64.saturating_mul(n.into())))
    }
    fn authorize_prove(n: u32) -> Weight {
        Weight::from_parts(32_824_389, 0)
            .saturating_add(Weight::from_parts(17_020_292, 0).saturating_mul(n.into()))
            .saturating_add(RocksDbWeight::get().reads(3))
            .saturating_add(RocksDbWeight::get().reads(1_u64.saturating_mul(n.into())))
    }
    fn report_fault() -> Weight {
        Weight::from_parts(248_609_000, 0)
            .saturating_add(RocksDbWeight::get().reads(22))
            .saturating_add(RocksDbWeight::get().writes(21))
    }
    fn authorize_report_fault() -> Weight {
        Weight::from_parts(58_587_000, 0).saturating_add(RocksDbWeight::get().reads(3))
    }
    fn name_sources(s: u32) -> Weight {
        Weight::from_parts(45_684_910, 0)
            .saturating_add(Weight::from_parts(2_269_542, 0).saturating_mul(s.into()))
            .saturating_add(RocksDbWeight::get().reads(4))
            .saturating_add(RocksDbWeight::get().writes(3))
    }
    fn authorize_name_sources() -> Weight {
        Weight::from_parts(43_384_000, 0).saturating_add(RocksDbWeight::get().reads(4))
    }
    fn verify_recomputed() -> Weight {
        Weight::from_parts(333_125_000, 0)
    }
    fn begin_block() -> Weight {
        Weight::from_parts(51_517_000, 0)
            .saturating_add(RocksDbWeight::get().reads(17))
            .saturating_add(RocksDbWeight::get().writes(5))
    }
    fn end_block() -> Weight {
        Weight::from_parts(18_037_000, 0)
            .saturating_add(RocksDbWeight::get().reads(4))
            .saturating_add(RocksDbWeight::get().writes(3))
    }
    fn draw() -> Weight {
        Weight::from_parts(356_810_000, 0)
            .saturating_add(RocksDbWeight::get().reads(75))
            .saturating_add(RocksDbWeight::get().writes(9))
    }
    fn draw_repair() -> Weight {
        Weight::from_parts(370_059_000, 0)
            .saturating_add(RocksDbWeight::get().reads(75))
            .saturating_add(RocksDbWeight::get().writes(9))
    }
    fn sweep_fault() -> Weight {
        Weight::from_parts(224_233_000, 0)
            .saturating_add(RocksDbWeight::get().reads(34))
            .saturating_add(RocksDbWeight::get().writes(19))
    }
    fn sweep_departure() -> Weight {
        Weight::from_parts(228_299_000, 0)
            .saturating_add(RocksDbWeight::get().reads(35))
            .saturating_add(RocksDbWeight::get().writes(19))
    }
    fn sweep_end() -> Weight {
        Weight::from_parts(104_895_000, 0)
            .saturating_add(RocksDbWeight::get().reads(12))
            .saturating_add(RocksDbWeight::get().writes(16))
    }
}
