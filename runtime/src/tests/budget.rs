//! What fits a block, by the runtime's weights: everything that has a share, in the shortest and the longest blocks.

use super::chain::limits;
use crate::{configs::block_weights, Runtime};
use frame_support::{dispatch::DispatchClass, traits::Get, weights::Weight};
use pallet_station_replication::{Config, WeightInfo};
use sp_runtime::Perbill;
use station_primitives::{Preset, Timing};

type Weights = <Runtime as Config>::WeightInfo;

/// How many of `each` fit half of the share of a block that hooks may take.
fn fit(max_block: Weight, each: Weight) -> u64 {
    let half = Perbill::from_percent(25).mul_floor(max_block.ref_time()) / 2;
    half / each.ref_time()
}

#[test]
fn every_kind_of_draw_and_of_sweep_fits_every_block() {
    for preset in [Preset::Local, Preset::Live] {
        let most = block_weights(Timing::of(preset).slot_ms).max_block;
        let draw = Weights::draw().max(Weights::draw_repair());
        let sweep = Weights::sweep_fault().max(Weights::sweep_end()).max(Weights::sweep_departure());
        let (draws, sweeps) = (fit(most, draw), fit(most, sweep));
        println!("{preset:?}: {draws} draws and {sweeps} sweeps fit a block");
        assert!(draws >= 4, "one of each kind, and two of those that are urgent");
        assert!(sweeps >= 7, "one of each kind");
        let always = Weights::begin_block().saturating_add(Weights::end_block());
        assert!(always.ref_time() < most.ref_time() / 20, "what every block does is a small part of it");
    }
}

#[test]
fn the_reserve_holds_the_answers_of_a_chain_that_holds_all_that_it_admits() {
    let clock = Timing::of(Preset::Live);
    let weights = block_weights(clock.slot_ms);
    let limit = weights.get(DispatchClass::Operational);
    // Each in a call of its own, one in sixteen with a seal check.
    let one = Weights::prove(1)
        .saturating_add(Weights::authorize_prove(1))
        .saturating_add(limit.base_extrinsic)
        .saturating_add(Weights::verify_recomputed() / 16);
    let half = u64::from(<<Runtime as Config>::MaxPerBucket as Get<u32>>::get() / 2);
    let a_tick = half * 3 / 4;
    let needed = one.saturating_mul(a_tick);
    let reserved = limit.reserved.expect("it has one");
    println!("{a_tick} answers a block need {} % of the reserve", needed.ref_time() * 100 / reserved.ref_time());
    assert!(needed.all_lte(reserved));
    // And a single one of the largest always fits, so that time passes if nothing else happens.
    let largest = Weights::prove(32).saturating_add(Weights::authorize_prove(32));
    let largest = largest.saturating_add(Weights::verify_recomputed().saturating_mul(32));
    for preset in [Preset::Local, Preset::Live] {
        let weights = block_weights(Timing::of(preset).slot_ms);
        let most = weights.get(DispatchClass::Operational).max_extrinsic.expect("it has one");
        assert!(largest.all_lte(most), "{preset:?}: a full call");
    }
}

#[test]
fn all_shares_together_leave_most_of_a_slot_for_the_blocks_way_to_others() {
    let mut chain = super::chain::Chain::new(Timing::of(Preset::Live));
    let limits = chain.between(limits);
    let most = limits.max_block.ref_time();
    let normal = limits.get(DispatchClass::Normal).max_total.expect("it has one").ref_time();
    let reserved = limits.get(DispatchClass::Operational).reserved.expect("it has one").ref_time();
    // Operational calls get their reserve beyond the limit of the block, so that hooks and ordinary transactions cannot take it.
    let worst = most / 4 + most / 20 + normal + reserved;
    let slot = Timing::of(Preset::Live).slot_ms * frame_support::weights::constants::WEIGHT_REF_TIME_PER_MILLIS;
    println!("at worst {} % of the limit, {} % of the slot", worst * 100 / most, worst * 100 / slot);
    assert!(worst * 2 < slot);
}
