//! The invariants, as code.

use crate::{ByPlace, Config, Friends, HoldReason, Pallet, Providers, Sums, Totals};
use alloc::{format, string::String};
use frame_support::traits::fungible::hold::Inspect;

impl<T: Config> Pallet<T> {
    /// Check every invariant of this pallet; the text says what is broken.
    pub fn do_try_state() -> Result<(), String> {
        let totals = Totals::<T>::get();
        let mut sums = Sums { burnt: totals.burnt, ..Default::default() };
        for (who, record) in Providers::<T>::iter() {
            let check = |holds: bool, what: &str| if holds { Ok(()) } else { Err(format!("provider {who:?}: {what}")) };
            check(ByPlace::<T>::get(record.place).as_ref() == Some(&who), "its place in the list is another's")?;
            check(record.collateral_used <= record.collateral, "replicas occupy more collateral than there is")?;
            let held = T::Currency::balance_on_hold(&HoldReason::Collateral.into(), &who);
            check(held == record.collateral, "the hold is not what the ledger says")?;
            check(record.used <= record.capacity, "more bytes are assigned than it declared")?;
            check(record.proven <= record.used, "more bytes are proven than assigned")?;
            let idle = record.used == 0 && record.collateral_used == 0;
            check(record.replicas > 0 || idle, "it has no replicas and uses room")?;
            check(record.friends_only || !Friends::<T>::contains_key(&who), "an open policy names clients")?;
            sums.providers = sums.providers.saturating_add(1);
            sums.capacity = sums.capacity.saturating_add(record.capacity);
            sums.used = sums.used.saturating_add(record.used);
            sums.proven = sums.proven.saturating_add(record.proven);
            sums.collateral = sums.collateral.saturating_add(record.collateral);
        }
        if sums != totals {
            return Err(format!("providers: the totals are {totals:?}, the records say {sums:?}"));
        }
        let places = u32::try_from(ByPlace::<T>::iter_keys().count()).unwrap_or(u32::MAX);
        if places != totals.providers {
            return Err(format!("providers: {places} places for {} providers", totals.providers));
        }
        Ok(())
    }
}
