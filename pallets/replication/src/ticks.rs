//! What happens at the beginning and at the end of every block.

use crate::{
    beacon, Buckets, Config, CurrentTick, DrawBeacons, Draws, OpenTick, OpenTicks, Opening, Pallet, WeightInfo as _,
};
use frame_support::{dispatch::DispatchClass, traits::Get, weights::Weight};
use sp_runtime::traits::SaturatedConversion;
use station_primitives::{BlockNumber, ReplicaId, Seed, Tick, Timing};

/// Bytes of the largest audit in an extrinsic of its own: four openings and a seal check at 1 GiB, with room to spare.
pub const LARGEST_AUDIT_BYTES: u32 = 8 * 1024;

impl<T: Config> Pallet<T> {
    /// The network's clock.
    pub fn clock() -> Timing {
        pallet_station_providers::Pallet::<T>::timing()
    }

    /// The present block.
    pub(crate) fn now() -> BlockNumber {
        frame_system::Pallet::<T>::block_number().saturated_into()
    }

    /// Record randomness, hand out seeds, draw, sweep.
    pub(crate) fn begin_block() -> Weight {
        let now = Self::now();
        Self::record_parent(now);
        Self::hand_out_seeds(now);
        let draws = Self::run_draws(now);
        let sweeps = Self::sweep_missed().saturating_add(Self::sweep_late()).saturating_add(Self::sweep_commits(now));
        let ends = Self::sweep_ends();
        <T as Config>::WeightInfo::begin_block()
            .saturating_add(<T as Config>::WeightInfo::draw().saturating_mul(u64::from(draws)))
            .saturating_add(<T as Config>::WeightInfo::sweep_fault().saturating_mul(u64::from(sweeps)))
            .saturating_add(<T as Config>::WeightInfo::sweep_end().saturating_mul(u64::from(ends)))
            .saturating_add(<T as Config>::WeightInfo::end_block())
    }

    /// Give the challenges and draws that waited for this block's beacon their seed.
    fn hand_out_seeds(now: BlockNumber) {
        let timing = Self::clock();
        let Some(base) = now.checked_sub(timing.seed_blocks.saturating_add(1)) else { return };
        if Draws::<T>::contains_key(now) {
            DrawBeacons::<T>::insert(now, Self::beacon(base));
        }
        // One tick opens in a block at most, so at most one is ready: the first that waits, opened at `base`.
        let mut opening = Opening::<T>::get();
        if opening.first().is_none_or(|(_, block)| *block > base) {
            return;
        }
        let deadline = CurrentTick::<T>::get().saturating_add(timing.answer_window);
        let grace_ends = deadline.saturating_add(timing.grace);
        let (tick, block) = opening.remove(0);
        OpenTicks::<T>::insert(tick, OpenTick { challenge: Some((Self::beacon(block), deadline, grace_ends)) });
        Opening::<T>::put(opening);
    }

    /// Advance the tick if this block had room for an audit, and open its challenges.
    pub(crate) fn end_block() {
        if !Self::had_room() {
            return;
        }
        let tick = CurrentTick::<T>::mutate(|tick| {
            *tick = tick.saturating_add(1);
            *tick
        });
        if Buckets::<T>::contains_key(tick) {
            OpenTicks::<T>::insert(tick, OpenTick { challenge: None });
            let waits = Opening::<T>::try_append((tick, Self::now()));
            frame_support::defensive_assert!(waits.is_ok(), "one tick a block waits for seed_blocks blocks at most");
        }
    }

    /// Whether one more audit of the largest size would have been taken, by the rules of `CheckWeight`.
    pub(crate) fn had_room() -> bool {
        let class = DispatchClass::Operational;
        let limits = T::BlockWeights::get();
        let limit = limits.get(class);
        let audit = <T as Config>::WeightInfo::prove(1)
            .saturating_add(<T as Config>::WeightInfo::authorize_prove(1))
            .saturating_add(limit.base_extrinsic);
        let used = frame_system::Pallet::<T>::block_weight();
        let of_class = used.get(class).saturating_add(audit);
        let in_all = used.total().saturating_add(audit);
        let weight_fits = limit.max_total.is_none_or(|most| of_class.all_lte(most))
            && (in_all.all_lte(limits.max_block) || limit.reserved.is_none_or(|reserved| of_class.all_lte(reserved)));
        let length = frame_system::Pallet::<T>::block_size().saturating_add(LARGEST_AUDIT_BYTES);
        weight_fits && length <= *T::BlockLength::get().max.get(class)
    }

    /// The beacon of an open tick, the last tick for pay, and the last to be saved; none until the beacon is known.
    pub(crate) fn challenge(due: Tick) -> Option<(Seed, Tick, Tick)> {
        OpenTicks::<T>::get(due).and_then(|open| open.challenge)
    }

    /// The same for one replica's audit: its own seed.
    pub(crate) fn audit_challenge(id: ReplicaId, due: Tick) -> Option<(Seed, Tick, Tick)> {
        Self::challenge(due).map(|(seed, deadline, grace)| (beacon::audit_seed(&seed, id, due), deadline, grace))
    }

    /// The same for one replica's seal check.
    pub(crate) fn seal_challenge(id: ReplicaId, due: Tick) -> Option<(Seed, Tick, Tick)> {
        Self::challenge(due).map(|(seed, deadline, grace)| (beacon::seal_seed(&seed, id, due), deadline, grace))
    }
}
