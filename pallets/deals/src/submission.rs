//! Submit a deal.

use crate::{
    ByClient, Chosen, Config, Costs, Deal, Deals, Error, Event, HoldReason, Memo, Memos, NextDeal, Pallet, Placement,
    PlacementKind, ReplicaScheduler, ShardSpec, Shards, Totals,
};
use frame_support::{
    ensure,
    traits::{fungible::hold::Mutate, ConstU32, Get},
    BoundedVec,
};
use sp_runtime::{traits::SaturatedConversion, DispatchError, DispatchResult};
use station_porep::SizeClass;
use station_primitives::{
    AccountId, Balance, BlockNumber, Commitment, DealId, Price, ShardId, Tick, Timing, MAX_REPLICAS, MAX_SHARDS,
    MEMO_BYTES, MIN_REPLICAS,
};

/// The fewest replicas when the chain draws the providers. Fewer ([`MIN_REPLICAS`]) only among providers that the client
/// chose itself.
pub const MIN_DRAWN_REPLICAS: u8 = 3;

/// Ticks that a deal gets beyond its periods, so that a replica drawn at once and sealed in time is audited for all of
/// them: the seeds of draw and seal check, the time to commit, and the time to answer.
pub(crate) fn start_up(timing: &Timing, largest: SizeClass) -> Tick {
    timing
        .seed_blocks
        .saturating_mul(2)
        .saturating_add(timing.commit_window(largest.bytes()))
        .saturating_add(timing.answer_window)
}

/// How long a memo is that is not empty.
pub(crate) fn memo_bytes() -> usize {
    usize::try_from(MEMO_BYTES).unwrap_or(usize::MAX)
}

impl<T: Config> Pallet<T> {
    /// The present block's number.
    pub(crate) fn now() -> BlockNumber {
        frame_system::Pallet::<T>::block_number().saturated_into()
    }

    #[allow(clippy::too_many_arguments)]
    pub(crate) fn do_submit(
        client: AccountId,
        shards: BoundedVec<(Commitment, SizeClass), ConstU32<MAX_SHARDS>>,
        replicas: u8,
        periods: u32,
        max_price: Price,
        placement: Placement<AccountId>,
        memo: Memo,
    ) -> Result<DealId, DispatchError> {
        let largest = shards.iter().map(|(_, class)| *class).max().ok_or(Error::<T>::NoShards)?;
        ensure!(periods >= 1 && periods <= T::MaxPeriods::get(), Error::<T>::BadTerm);
        Self::check_placement(&placement, replicas)?;
        ensure!(memo.is_empty() || memo.len() == memo_bytes(), Error::<T>::BadMemo);
        let mut escrow: Balance = 0;
        let mut bytes = 0u64;
        for (_, class) in &shards {
            let slot = Self::costs(class.bytes(), max_price).slot(periods).ok_or(Error::<T>::Overflow)?;
            let shard = slot.checked_mul(Balance::from(replicas)).ok_or(Error::<T>::Overflow)?;
            escrow = escrow.checked_add(shard).ok_or(Error::<T>::Overflow)?;
            bytes = bytes.saturating_add(class.bytes());
        }
        T::Currency::hold(&HoldReason::Escrow.into(), &client, escrow).map_err(|_| Error::<T>::CannotAffordEscrow)?;

        let id = NextDeal::<T>::get();
        NextDeal::<T>::put(DealId(id.0.saturating_add(1)));
        let timing = T::Timing::get();
        let term = timing.period.checked_mul(periods).ok_or(Error::<T>::Overflow)?;
        let expires = T::Scheduler::tick()
            .checked_add(start_up(&timing, largest))
            .and_then(|tick| tick.checked_add(term))
            .ok_or(Error::<T>::Overflow)?;
        let count = u32::try_from(shards.len()).unwrap_or(MAX_SHARDS);
        let open_slots = count.saturating_mul(u32::from(replicas));
        let placement = Self::store_placement(id, placement);
        let deal = Deal {
            client: client.clone(),
            shards: count,
            replicas,
            bytes,
            max_price,
            periods,
            placement,
            submitted: Self::now(),
            expires,
            sweep_at: T::Scheduler::schedule_sweep(id, expires)?,
            escrow,
            spent: 0,
            cancelled: false,
            ending: false,
            open_slots,
            late_uploads: 0,
        };
        Deals::<T>::insert(id, deal);
        ByClient::<T>::insert(&client, id.sort_key(), ());
        for (index, (comm_d, class)) in (0u32..).zip(shards) {
            Shards::<T>::insert(ShardId { deal: id, index }, ShardSpec::new(comm_d, class, replicas));
        }
        if !memo.is_empty() {
            Memos::<T>::insert(id, memo);
        }
        Totals::<T>::mutate(|sums| {
            sums.deals = sums.deals.saturating_add(1);
            sums.shards = sums.shards.saturating_add(u64::from(count));
            sums.escrow = sums.escrow.saturating_add(escrow);
        });
        T::Scheduler::schedule_draws(id, open_slots)?;
        Self::deposit_event(Event::DealSubmitted { deal: id, client, shards: count, replicas, bytes, escrow, expires });
        Ok(id)
    }

    fn check_placement(placement: &Placement<AccountId>, replicas: u8) -> DispatchResult {
        let least = match placement {
            Placement::Any => MIN_DRAWN_REPLICAS,
            Placement::Chosen { .. } => MIN_REPLICAS,
        };
        ensure!((least..=MAX_REPLICAS).contains(&replicas), Error::<T>::BadReplicaCount);
        if let Placement::Chosen { providers, fallback } = placement {
            let enough = *fallback || providers.len() >= usize::from(replicas);
            let repeated = providers.iter().enumerate().any(|(i, who)| providers.iter().skip(i + 1).any(|o| o == who));
            ensure!(!providers.is_empty() && enough && !repeated, Error::<T>::BadPlacement);
        }
        Ok(())
    }

    fn store_placement(id: DealId, placement: Placement<AccountId>) -> PlacementKind {
        match placement {
            Placement::Any => PlacementKind::Any,
            Placement::Chosen { providers, fallback } => {
                Chosen::<T>::insert(id, providers);
                PlacementKind::Chosen { fallback }
            }
        }
    }

    /// What one slot of a shard of `bytes` may cost at `max_price`.
    pub fn costs(bytes: u64, max_price: Price) -> Costs {
        let timing = T::Timing::get();
        let draw = T::OnboardingFee::get().saturating_add(Self::assignment_deposit(bytes));
        Costs {
            pay: station_primitives::period_pay(max_price, bytes, timing.period, timing.slot_ms),
            charge: T::ProofCharge::get(),
            entry: draw.saturating_mul(Balance::from(T::MaxDraws::get())),
            repair: Self::repair_price(bytes),
            repair_every: (Self::repair_gap() / timing.period.max(1)).max(1),
        }
    }

    /// What each side loses when a first commitment comes late: size × time to commit, rounded up.
    pub fn assignment_deposit(bytes: u64) -> Balance {
        const MS_PER_HOUR: Balance = 3_600_000;
        let timing = T::Timing::get();
        let window_ms = Balance::from(timing.commit_window(bytes)).saturating_mul(Balance::from(timing.slot_ms));
        let scaled = T::AssignmentDeposit::get().saturating_mul(Balance::from(bytes)).saturating_mul(window_ms);
        scaled.div_ceil(Balance::from(station_primitives::GIB).saturating_mul(MS_PER_HOUR))
    }
}
