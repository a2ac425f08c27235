//! The ledger of collateral and room, by replica. What faults cost is in `slashes`.

use crate::{Config, Error, Event, HoldReason, Pallet, Provider, Providers, Totals};
use frame_support::{
    ensure,
    traits::{fungible::hold::Mutate, tokens::Precision, Get},
};
use sp_runtime::{DispatchError, DispatchResult};
use station_primitives::{AccountId, Balance, BlockNumber, GIB};

impl<T: Config> Pallet<T> {
    /// Plancks that a replica of `bytes` occupies: `base + ceil(per GiB × bytes / GiB)`.
    pub fn replica_collateral(bytes: u64) -> Balance {
        let scaled = T::CollateralPerGib::get().saturating_mul(Balance::from(bytes));
        T::CollateralBase::get().saturating_add(scaled.div_ceil(Balance::from(GIB)))
    }

    /// Lock `collateral` in all instead of what is locked now. While it is short, anything that makes it less short is
    /// taken.
    pub(crate) fn set_collateral(who: &AccountId, record: &mut Provider, collateral: Balance) -> DispatchResult {
        let enough = collateral >= record.collateral_used || collateral > record.collateral;
        ensure!(collateral >= T::MinCollateral::get() && enough, Error::<T>::CollateralTooSmall);
        let reason = HoldReason::Collateral.into();
        if let Some(more) = collateral.checked_sub(record.collateral).filter(|more| *more > 0) {
            T::Currency::hold(&reason, who, more)?;
        } else if let Some(less) = record.collateral.checked_sub(collateral).filter(|less| *less > 0) {
            T::Currency::release(&reason, who, less, Precision::Exact)?;
        }
        Totals::<T>::mutate(|sums| {
            sums.collateral = sums.collateral.saturating_sub(record.collateral).saturating_add(collateral);
        });
        record.collateral = collateral;
        Self::reassess(who, record);
        Ok(())
    }

    /// Take room for a replica of `bytes`; returns the collateral that stands for it.
    pub fn reserve(who: &AccountId, bytes: u64) -> Result<Balance, DispatchError> {
        let part = Self::replica_collateral(bytes);
        Providers::<T>::try_mutate(who, |record| {
            let record = record.as_mut().ok_or(Error::<T>::NotRegistered)?;
            let used = record.used.checked_add(bytes).ok_or(Error::<T>::CapacityExhausted)?;
            ensure!(used <= record.capacity, Error::<T>::CapacityExhausted);
            let occupied = record.collateral_used.checked_add(part).ok_or(Error::<T>::CollateralExhausted)?;
            ensure!(occupied <= record.collateral, Error::<T>::CollateralExhausted);
            record.used = used;
            record.collateral_used = occupied;
            record.replicas = record.replicas.saturating_add(1);
            Totals::<T>::mutate(|sums| sums.used = sums.used.saturating_add(bytes));
            Ok(part)
        })
    }

    /// Give back the room of a replica of `bytes` that ended; its collateral is free again.
    pub fn free(who: &AccountId, bytes: u64, part: Balance) {
        Providers::<T>::mutate(who, |record| {
            if let Some(record) = record {
                record.used = record.used.saturating_sub(bytes);
                record.collateral_used = record.collateral_used.saturating_sub(part);
                record.replicas = record.replicas.saturating_sub(1);
                Self::reassess(who, record);
            }
        });
        Totals::<T>::mutate(|sums| sums.used = sums.used.saturating_sub(bytes));
    }

    /// Count an assignment that the provider did not fulfil, without taking anything.
    pub fn note_assignment_failed(who: &AccountId) {
        Providers::<T>::mutate(who, |record| {
            if let Some(record) = record {
                Self::strike(record);
            }
        });
    }

    /// Count an assignment that the provider fulfilled: it makes up for one that it did not.
    pub fn note_committed(who: &AccountId) {
        Providers::<T>::mutate(who, |record| {
            if let Some(record) = record {
                record.strikes.count = Self::strikes_of(record, Self::now()).saturating_sub(1);
            }
        });
    }

    /// Count the bytes of a replica that became active, or no longer is.
    pub fn note_proven(who: &AccountId, bytes: u64, active: bool) {
        let change = |value: u64| if active { value.saturating_add(bytes) } else { value.saturating_sub(bytes) };
        Providers::<T>::mutate(who, |record| {
            if let Some(record) = record {
                record.proven = change(record.proven);
            }
        });
        Totals::<T>::mutate(|sums| sums.proven = change(sums.proven));
    }

    /// Count what a provider was paid.
    pub fn note_earned(who: &AccountId, amount: Balance) {
        Providers::<T>::mutate(who, |record| {
            if let Some(record) = record {
                record.earned = record.earned.saturating_add(amount);
            }
        });
    }

    /// A proof is a sign of life.
    pub fn note_seen(who: &AccountId, now: BlockNumber) {
        Providers::<T>::mutate(who, |record| {
            if let Some(record) = record {
                record.last_seen = record.last_seen.max(now);
            }
        });
    }

    /// Burn an assignment deposit out of the part that the replica occupies, and count the failure; returns what is left of
    /// the part.
    pub fn burn_deposit(who: &AccountId, part: Balance, deposit: Balance) -> Result<Balance, DispatchError> {
        let mut record = Providers::<T>::get(who).ok_or(Error::<T>::NotRegistered)?;
        let deposit = deposit.min(part).min(record.collateral);
        Self::burn(who, deposit)?;
        record.collateral = record.collateral.saturating_sub(deposit);
        record.collateral_used = record.collateral_used.saturating_sub(deposit);
        Self::strike(&mut record);
        Providers::<T>::insert(who, record);
        Totals::<T>::mutate(|sums| {
            sums.collateral = sums.collateral.saturating_sub(deposit);
            sums.burnt = sums.burnt.saturating_add(deposit);
        });
        Self::deposit_event(Event::DepositBurnt { provider: who.clone(), amount: deposit });
        Ok(part.saturating_sub(deposit))
    }
}
