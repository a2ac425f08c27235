//! What faults cost: slashes and fines, what is set aside of them for repairs, and collateral that has become short.
//!
//! A replica's part is what it needs of its provider's collateral, for its whole life. A *slash* ends the replica and takes
//! its part, a *fine* takes something and lets the replica go on: then the collateral may be short of the sum of all parts.
//! Short is not guilty: nothing is slashed for it. The provider draws nothing while it is, has a window to top up, and
//! past that its replicas are handed over until what it has covers the rest.

use crate::{
    Config, Departure, Departures, Error, Event, HoldReason, Pallet, Provider, Providers, Seized, Split, Taken, Totals,
};
use frame_support::{
    ensure,
    traits::{
        fungible::hold::Mutate,
        tokens::{Fortitude, Precision, Restriction},
        Get,
    },
};
use sp_runtime::DispatchError;
use station_primitives::{AccountId, Balance, BlockNumber, Reason};

impl<T: Config> Pallet<T> {
    /// Take exactly the part of one replica that ends by a fault, or what is left of all collateral if that is less. The
    /// room stays occupied until [`Self::free`] is called with a part of zero.
    pub fn slash(who: &AccountId, part: Balance, split: Split, client: &AccountId) -> Result<Taken, DispatchError> {
        let mut record = Providers::<T>::get(who).ok_or(Error::<T>::NotRegistered)?;
        let taken = Self::take(who, &mut record, part, split, client)?;
        record.collateral_used = record.collateral_used.saturating_sub(part);
        Self::reassess(who, &mut record);
        Providers::<T>::insert(who, record);
        Ok(taken)
    }

    /// Take `amount`, or what is left of all collateral, for something that does not end a replica. The need stays the
    /// same, so the collateral may be short from now on.
    pub fn fine(who: &AccountId, amount: Balance, split: Split, client: &AccountId) -> Result<Taken, DispatchError> {
        let mut record = Providers::<T>::get(who).ok_or(Error::<T>::NotRegistered)?;
        let taken = Self::take(who, &mut record, amount, split, client)?;
        Self::reassess(who, &mut record);
        Providers::<T>::insert(who, record);
        Ok(taken)
    }

    /// What the client's account cannot receive (it was reaped, and the amount is below the existential deposit) is burnt.
    fn take(
        who: &AccountId,
        record: &mut Provider,
        amount: Balance,
        split: Split,
        client: &AccountId,
    ) -> Result<Taken, DispatchError> {
        let amount = amount.min(record.collateral);
        let repair = split.repair.min(amount);
        let rest = amount.saturating_sub(repair);
        let paid = Self::pay(who, client, split.client.min(rest));
        let burnt = rest.saturating_sub(paid);
        Self::burn(who, burnt)?;
        if repair > 0 {
            // It stays where it is, on hold; only the ledger says that it is the repair's.
            Seized::<T>::mutate(who, |sum| *sum = sum.saturating_add(repair));
        }
        record.collateral = record.collateral.saturating_sub(amount);
        Totals::<T>::mutate(|sums| {
            sums.collateral = sums.collateral.saturating_sub(amount);
            sums.seized = sums.seized.saturating_add(repair);
            sums.burnt = sums.burnt.saturating_add(burnt);
        });
        let taken = Taken { amount, repair, client: paid, burnt };
        if amount > 0 {
            Self::deposit_event(Event::CollateralSlashed { provider: who.clone(), amount, repair, compensation: paid });
        }
        Ok(taken)
    }

    /// Pay `to` out of what was set aside; returns what it got. What it cannot receive stays set aside.
    pub fn pay_from_seized(who: &AccountId, to: &AccountId, amount: Balance) -> Balance {
        let paid = Self::pay(who, to, amount.min(Seized::<T>::get(who)));
        Self::unseize(who, paid, 0);
        paid
    }

    /// The repair is over, one way or the other: of `amount` that it left, the client gets `compensation` at most, and the
    /// rest is burnt. Returns what the client got.
    pub fn settle_seized(
        who: &AccountId,
        amount: Balance,
        client: &AccountId,
        compensation: Balance,
    ) -> Result<Balance, DispatchError> {
        ensure!(amount <= Seized::<T>::get(who), Error::<T>::NotSeized);
        let paid = Self::pay(who, client, compensation.min(amount));
        let burnt = amount.saturating_sub(paid);
        Self::burn(who, burnt)?;
        Self::unseize(who, amount, burnt);
        Ok(paid)
    }

    fn unseize(who: &AccountId, amount: Balance, burnt: Balance) {
        if amount == 0 {
            return;
        }
        Seized::<T>::mutate_exists(who, |sum| {
            *sum = sum.map(|sum| sum.saturating_sub(amount)).filter(|sum| *sum > 0);
        });
        Totals::<T>::mutate(|sums| {
            sums.seized = sums.seized.saturating_sub(amount);
            sums.burnt = sums.burnt.saturating_add(burnt);
        });
    }

    /// Pay out of what is on hold; nothing if the account cannot receive it.
    fn pay(who: &AccountId, to: &AccountId, amount: Balance) -> Balance {
        if amount == 0 {
            return 0;
        }
        T::Currency::transfer_on_hold(
            &HoldReason::Collateral.into(),
            who,
            to,
            amount,
            Precision::Exact,
            Restriction::Free,
            Fortitude::Force,
        )
        .unwrap_or(0)
    }

    /// Burn what is on hold.
    pub(crate) fn burn(who: &AccountId, amount: Balance) -> Result<(), DispatchError> {
        if amount > 0 {
            T::Currency::burn_held(&HoldReason::Collateral.into(), who, amount, Precision::Exact, Fortitude::Force)?;
        }
        Ok(())
    }

    /// What is missing of what a provider's replicas need.
    pub const fn shortage(record: &Provider) -> Balance {
        record.collateral_used.saturating_sub(record.collateral)
    }

    /// Blocks in which collateral that has become short may be topped up.
    pub fn top_up_window() -> BlockNumber {
        Self::timing().blocks_per_day().saturating_mul(T::TopUpDays::get())
    }

    /// Bring a record up to date with its collateral: short from now on, or no longer.
    pub(crate) fn reassess(who: &AccountId, record: &mut Provider) {
        let missing = Self::shortage(record);
        match (missing > 0, record.short_since) {
            (true, None) => {
                let now = Self::now();
                let until = now.saturating_add(Self::top_up_window());
                record.short_since = Some(now);
                if !record.leaving {
                    let departure = Departure { reason: Reason::Undercollateralized, from: until };
                    Departures::<T>::insert(who, departure);
                }
                Self::deposit_event(Event::CollateralShort { provider: who.clone(), missing, until });
            }
            (false, Some(_)) => {
                record.short_since = None;
                if !record.leaving {
                    Departures::<T>::remove(who);
                }
                Self::deposit_event(Event::CollateralRestored { provider: who.clone() });
            }
            _ => {}
        }
    }
}
