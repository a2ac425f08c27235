//! Extend, cancel, transfer.

use crate::{
    ByClient, Config, Costs, Deal, Deals, Error, Event, HoldReason, Memos, Pallet, ReplicaScheduler, Shards, Totals,
};
use frame_support::{
    ensure,
    traits::{
        fungible::hold::Mutate,
        tokens::{Fortitude, Precision, Restriction},
        Get,
    },
};
use sp_runtime::{DispatchError, DispatchResult};
use station_primitives::{AccountId, Balance, DealId, ShardId, Tick};

/// Settlements that a cancelled deal may still have to pay for each slot: one that is open already, the running
/// period's, and one more.
const CANCEL_SETTLEMENTS: u32 = 3;
/// Periods between a cancellation and the end: the running one and one more.
const CANCEL_PERIODS: u32 = 2;

impl<T: Config> Pallet<T> {
    /// The deal, if it is the caller's and not about to end.
    fn running_deal(client: &AccountId, id: DealId) -> Result<Deal, DispatchError> {
        let deal = Deals::<T>::get(id).ok_or(Error::<T>::UnknownDeal)?;
        ensure!(deal.client == *client, Error::<T>::NotYourDeal);
        ensure!(deal.takes_replicas(), Error::<T>::DealIsEnding);
        Ok(deal)
    }

    /// The sum over all open slots of what `of` says of each; an error on overflow.
    fn sum_open(id: DealId, deal: &Deal, of: impl Fn(Costs) -> Option<Balance>) -> Result<Balance, DispatchError> {
        let mut cost: Balance = 0;
        for index in 0..deal.shards {
            let Some(shard) = Shards::<T>::get(ShardId { deal: id, index }) else { continue };
            cost = of(Self::costs(shard.class.bytes(), deal.max_price))
                .and_then(|slot| slot.checked_mul(Balance::from(shard.open)))
                .and_then(|shard| cost.checked_add(shard))
                .ok_or(Error::<T>::Overflow)?;
        }
        Ok(cost)
    }

    /// Move the end of a deal.
    fn set_end(id: DealId, deal: &mut Deal, expires: Tick) -> DispatchResult {
        T::Scheduler::unschedule_sweep(id, deal.sweep_at);
        deal.sweep_at = T::Scheduler::schedule_sweep(id, expires)?;
        deal.expires = expires;
        Ok(())
    }

    pub(crate) fn do_extend(client: AccountId, id: DealId, periods: u32) -> DispatchResult {
        let mut deal = Self::running_deal(&client, id)?;
        let total = deal.periods.checked_add(periods).ok_or(Error::<T>::BadTerm)?;
        ensure!(periods >= 1 && total <= T::MaxPeriods::get(), Error::<T>::BadTerm);
        // What the longer term costs more: periods, and repairs for every further REPAIR_EVERY_DAYS that it starts.
        let before = deal.periods;
        let added = Self::sum_open(id, &deal, |costs| costs.slot(total)?.checked_sub(costs.slot(before)?))?;
        T::Currency::hold(&HoldReason::Escrow.into(), &client, added).map_err(|_| Error::<T>::CannotAffordEscrow)?;
        let more = T::Timing::get().period.checked_mul(periods).ok_or(Error::<T>::Overflow)?;
        let expires = deal.expires.checked_add(more).ok_or(Error::<T>::Overflow)?;
        Self::set_end(id, &mut deal, expires)?;
        deal.periods = total;
        deal.escrow = deal.escrow.saturating_add(added);
        Deals::<T>::insert(id, deal);
        Totals::<T>::mutate(|sums| sums.escrow = sums.escrow.saturating_add(added));
        Self::deposit_event(Event::DealExtended { deal: id, periods, added, expires });
        Ok(())
    }

    pub(crate) fn do_cancel(client: AccountId, id: DealId) -> DispatchResult {
        let mut deal = Self::running_deal(&client, id)?;
        let notice = T::Timing::get().period.saturating_mul(CANCEL_PERIODS);
        let expires = deal.expires.min(T::Scheduler::tick().saturating_add(notice));
        Self::set_end(id, &mut deal, expires)?;
        deal.cancelled = true;
        // No repair is paid from here on, so the reserve goes back as well.
        let settled = Balance::from(CANCEL_SETTLEMENTS);
        let kept = Self::sum_open(id, &deal, |costs| costs.period()?.checked_mul(settled))?.min(deal.escrow);
        let released = deal.escrow.saturating_sub(kept);
        Self::give_back(&mut deal, released)?;
        Deals::<T>::insert(id, deal);
        Self::deposit_event(Event::DealCancelled { deal: id, expires, released });
        Ok(())
    }

    pub(crate) fn do_transfer(client: AccountId, id: DealId, to: AccountId) -> DispatchResult {
        let mut deal = Self::running_deal(&client, id)?;
        ensure!(to != client && frame_system::Pallet::<T>::account_exists(&to), Error::<T>::BadRecipient);
        if deal.escrow > 0 {
            T::Currency::transfer_on_hold(
                &HoldReason::Escrow.into(),
                &client,
                &to,
                deal.escrow,
                Precision::Exact,
                Restriction::OnHold,
                Fortitude::Polite,
            )?;
        }
        ByClient::<T>::remove(&client, id.sort_key());
        ByClient::<T>::insert(&to, id.sort_key(), ());
        // It was written by the one for itself; the other can neither read it nor tell it from its own.
        Memos::<T>::remove(id);
        deal.client = to.clone();
        Deals::<T>::insert(id, deal);
        Self::deposit_event(Event::DealTransferred { deal: id, from: client, to });
        Ok(())
    }
}
