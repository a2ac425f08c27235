//! The invariants, as code.

use crate::{
    selection::MOST_STRIKES, ByPlace, Config, Departures, Friends, HoldReason, Pallet, Providers, Seized, Sums, Totals,
};
use alloc::{format, string::String};
use frame_support::traits::fungible::hold::Inspect;
use station_primitives::Reason;

impl<T: Config> Pallet<T> {
    /// Check every invariant of this pallet; the text says what is broken.
    pub fn do_try_state() -> Result<(), String> {
        let totals = Totals::<T>::get();
        let mut sums = Sums { burnt: totals.burnt, ..Default::default() };
        for (who, record) in Providers::<T>::iter() {
            let check = |holds: bool, what: &str| if holds { Ok(()) } else { Err(format!("provider {who:?}: {what}")) };
            check(ByPlace::<T>::get(record.place).as_ref() == Some(&who), "its place in the list is another's")?;
            let short = record.collateral_used > record.collateral;
            check(
                short == record.short_since.is_some(),
                "its collateral is short, or not, and the record says otherwise",
            )?;
            let held = T::Currency::balance_on_hold(&HoldReason::Collateral.into(), &who);
            let owned = record.collateral.saturating_add(Seized::<T>::get(&who));
            check(held == owned, "the hold is not what the ledger says")?;
            let departure = Departures::<T>::get(&who).map(|departure| departure.reason);
            let right = match departure {
                None => !record.leaving && !short,
                Some(Reason::Undercollateralized) => !record.leaving && short,
                Some(reason) => record.leaving && matches!(reason, Reason::Leaving | Reason::LeftEarly),
            };
            check(right, "it goes, or stays, for no reason")?;
            check(!(record.leaving && record.accepting), "it leaves and takes new replicas")?;
            check(record.strikes.count <= MOST_STRIKES, "it has more strikes than are remembered")?;
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
        for (who, amount) in Seized::<T>::iter() {
            // Of a provider that is gone, nothing else is on hold.
            let held = T::Currency::balance_on_hold(&HoldReason::Collateral.into(), &who);
            if amount == 0 || held < amount || (held > amount && !Providers::<T>::contains_key(&who)) {
                return Err(format!("provider {who:?}: {amount} set aside for repairs, {held} on hold"));
            }
            sums.seized = sums.seized.saturating_add(amount);
        }
        if let Some(who) = Departures::<T>::iter_keys().find(|who| !Providers::<T>::contains_key(who)) {
            return Err(format!("provider {who:?} goes and does not exist"));
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
