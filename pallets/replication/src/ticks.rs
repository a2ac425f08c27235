//! What happens at the beginning and at the end of every block.

use crate::{
    beacon, Buckets, Config, CurrentTick, DrawBeacons, Draws, Lane, OpenTick, OpenTicks, Opening, Pallet,
    WeightInfo as _,
};
use frame_support::{dispatch::DispatchClass, traits::Get, weights::Weight};
use sp_runtime::{traits::SaturatedConversion, Perbill};
use station_primitives::{BlockNumber, ReplicaId, Seed, Tick, Timing};

/// Bytes of the largest audit in an extrinsic of its own: four openings and a seal check at 1 GiB, with room to spare.
pub const LARGEST_AUDIT_BYTES: u32 = 8 * 1024;

/// The share of a block that draws and sweeps may take, half each: what is left holds the reserve of audits and more.
const HOOKS_SHARE: Perbill = Perbill::from_percent(25);

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
        <T as Config>::WeightInfo::begin_block()
            .saturating_add(Self::draw_all(now))
            .saturating_add(Self::sweep_all(now))
            .saturating_add(<T as Config>::WeightInfo::end_block())
    }

    /// The steps of one block: as many as `most`, if they fit half of the share of a block that hooks may take.
    fn steps(most: u32, each: Weight) -> u32 {
        let half = (HOOKS_SHARE * T::BlockWeights::get().max_block) / 2;
        let fit = half.checked_div_per_component(&each).unwrap_or(u64::MAX).max(1);
        most.min(u32::try_from(fit).unwrap_or(u32::MAX))
    }

    /// Draws, in two rounds. In the first, each kind has a share that no other can take from it, so that orders of which
    /// nothing comes cannot stop the rest, however many there are and however urgent: half is for shards below their
    /// minimum; of the rest half for lost replicas, then first draws, and a little for replicas of providers that go, which
    /// are well. In the second round, what was not used goes in that order.
    fn draw_all(now: BlockNumber) -> Weight {
        let (first, repair) = (<T as Config>::WeightInfo::draw(), <T as Config>::WeightInfo::draw_repair());
        let all = Self::steps(T::DrawsPerBlock::get(), first.max(repair));
        let urgent = all / 2;
        let ordinary = all.saturating_sub(urgent) / 2;
        let rest = all.saturating_sub(urgent).saturating_sub(ordinary);
        let handovers = rest.div_ceil(4).min(rest.saturating_sub(1));
        let shares = [urgent, ordinary, rest.saturating_sub(handovers), handovers];
        let (mut left, mut firsts, mut repairs) = (all, 0u32, 0u32);
        for shares in [shares, [all; 4]] {
            for (lane, share) in
                [Some(Lane::Urgent), Some(Lane::Ordinary), None, Some(Lane::Handover)].iter().zip(shares)
            {
                let (most, count) = (share.min(left), if lane.is_some() { &mut repairs } else { &mut firsts });
                let done = lane.map_or_else(|| Self::run_draws(now, most), |lane| Self::run_orders(lane, most));
                *count = count.saturating_add(done);
                left = left.saturating_sub(done);
            }
        }
        first.saturating_mul(u64::from(firsts)).saturating_add(repair.saturating_mul(u64::from(repairs)))
    }

    /// Sweeps: each may take what those before it left, less a little that is kept for each of those after it. What is left of
    /// that is for the first two again: the sooner a miss is seen, the sooner it is made good.
    fn sweep_all(now: BlockNumber) -> Weight {
        const SWEEPS: u32 = 7;
        let (fault, end) = (<T as Config>::WeightInfo::sweep_fault(), <T as Config>::WeightInfo::sweep_end());
        let departure = <T as Config>::WeightInfo::sweep_departure();
        let mut left = Self::steps(T::SweepsPerBlock::get(), fault.max(end).max(departure));
        // At least one: in short blocks few steps fit, and those that come last must not wait for those that never end.
        let kept = (left / (2 * SWEEPS)).max(1);
        let mut after = SWEEPS;
        let mut sweep = |sweep: &dyn Fn(u32) -> u32| {
            after = after.saturating_sub(1);
            let most = left.saturating_sub(kept.saturating_mul(after)).max(left.min(1));
            let done = sweep(most);
            left = left.saturating_sub(done);
            u64::from(done)
        };
        let faults = [
            sweep(&|most| Self::sweep_missed(most)),
            sweep(&|most| Self::sweep_late(most)),
            sweep(&|most| Self::sweep_commits(now, most)),
            sweep(&|most| Self::wake_orders(Lane::Soon, now, most)),
            sweep(&|most| Self::wake_orders(Lane::Rest, now, most)),
        ];
        let departures = sweep(&|most| Self::sweep_departures(now, most));
        let ends = sweep(&|most| Self::sweep_ends(most));
        let again = [sweep(&|most| Self::sweep_missed(most)), sweep(&|most| Self::sweep_late(most))];
        let faults = faults.iter().chain(&again).fold(0u64, |sum, done| sum.saturating_add(*done));
        fault
            .saturating_mul(faults)
            .saturating_add(departure.saturating_mul(departures))
            .saturating_add(end.saturating_mul(ends))
    }

    /// Give the challenges and draws that waited for this block's beacon their seed.
    fn hand_out_seeds(now: BlockNumber) {
        let timing = Self::clock();
        let Some(base) = now.checked_sub(timing.seed_blocks.saturating_add(1)) else { return };
        if Draws::<T>::contains_key(now) {
            DrawBeacons::<T>::insert(now, Self::beacon(base));
        }
        Self::hand_out_beacon(base);
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
            .saturating_add(<T as Config>::WeightInfo::verify_recomputed())
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
