//! Providers that go: by their own wish, or because their collateral stayed short. Who sweeps their replicas asks for one
//! after the other; the list holds each provider at most once.

use crate::{Config, Departure, Departures, Error, Event, Pallet, Providers};
use frame_support::ensure;
use sp_runtime::DispatchResult;
use station_primitives::{AccountId, Reason};

impl<T: Config> Pallet<T> {
    /// Leave for good. Nothing new is taken on; replicas are handed over one by one, each kept and paid until another holds
    /// it. With `forfeit`, they are given up at once, and their collateral is lost. Forfeiting may follow leaving, not
    /// the other way round.
    pub(crate) fn do_leave(who: AccountId, forfeit: bool) -> DispatchResult {
        Providers::<T>::try_mutate(&who, |record| -> DispatchResult {
            let record = record.as_mut().ok_or(Error::<T>::NotRegistered)?;
            let gives_up = Departures::<T>::get(&who).is_some_and(|departure| departure.reason == Reason::LeftEarly);
            ensure!(!record.leaving || (forfeit && !gives_up), Error::<T>::AlreadyLeaving);
            record.leaving = true;
            record.accepting = false;
            let reason = if forfeit { Reason::LeftEarly } else { Reason::Leaving };
            Departures::<T>::insert(&who, Departure { reason, from: Self::now() });
            Self::deposit_event(Event::Leaving { provider: who.clone(), replicas: record.replicas, forfeit });
            Ok(())
        })
    }

    /// The provider that comes after another in the list of those that go, or the first; none at the list's end. One step
    /// of work, whatever its length. Some are there before their time: see [`Departure::from`].
    pub fn next_departure(after: Option<&AccountId>) -> Option<(AccountId, Departure)> {
        match after {
            Some(who) => Departures::<T>::iter_from(Departures::<T>::hashed_key_for(who)).next(),
            None => Departures::<T>::iter().next(),
        }
    }
}
