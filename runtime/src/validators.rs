//! Who authors and finalizes blocks: the accounts whose session keys are in the genesis, for now.
//!
//! Once admins are elected by proven storage their pallet takes the place of [`GenesisValidators`].

#![warn(missing_docs)]

use crate::{AccountId, Runtime};
use alloc::vec::Vec;
use pallet_session::historical;
use sp_runtime::traits::Convert;
use sp_staking::SessionIndex;

/// Sessions whose validator sets are kept for equivocation reports. A bound on state; a week of live sessions.
pub const HISTORY_SESSIONS: SessionIndex = 84;

/// Every validator is identified by its account alone: there is no exposure to keep beside it.
pub struct UnitIdentification;

impl Convert<AccountId, Option<()>> for UnitIdentification {
    fn convert(_: AccountId) -> Option<()> {
        Some(())
    }
}

/// The genesis validators, for ever, with whatever session keys they set.
pub struct GenesisValidators;

impl GenesisValidators {
    /// The same accounts again if one of them changed its keys, so that the historical root covers the new keys; `None`
    /// if nothing changed, so that GRANDPA keeps its set.
    fn next() -> Option<Vec<AccountId>> {
        let queued = pallet_session::QueuedKeys::<Runtime>::get();
        let changed = queued
            .iter()
            .any(|(who, keys)| pallet_session::NextKeys::<Runtime>::get(who).is_some_and(|next| next != *keys));
        changed.then(|| queued.into_iter().map(|(who, _)| who).collect())
    }
}

impl pallet_session::SessionManager<AccountId> for GenesisValidators {
    fn new_session(_: SessionIndex) -> Option<Vec<AccountId>> {
        Self::next()
    }

    fn new_session_genesis(_: SessionIndex) -> Option<Vec<AccountId>> {
        // The session pallet stores the genesis keys before it asks; bounded by the genesis itself.
        Some(pallet_session::NextKeys::<Runtime>::iter_keys().collect())
    }

    fn start_session(_: SessionIndex) {}

    fn end_session(_: SessionIndex) {}
}

impl historical::SessionManager<AccountId, ()> for GenesisValidators {
    fn new_session(index: SessionIndex) -> Option<Vec<(AccountId, ())>> {
        with_unit(<Self as pallet_session::SessionManager<_>>::new_session(index))
    }

    fn new_session_genesis(index: SessionIndex) -> Option<Vec<(AccountId, ())>> {
        with_unit(<Self as pallet_session::SessionManager<_>>::new_session_genesis(index))
    }

    fn start_session(_: SessionIndex) {}

    fn end_session(index: SessionIndex) {
        if let Some(first_kept) = index.checked_sub(HISTORY_SESSIONS) {
            historical::Pallet::<Runtime>::prune_up_to(first_kept);
        }
    }
}

fn with_unit(validators: Option<Vec<AccountId>>) -> Option<Vec<(AccountId, ())>> {
    validators.map(|list| list.into_iter().map(|who| (who, ())).collect())
}
