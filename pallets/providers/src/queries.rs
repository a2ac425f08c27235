//! What the runtime API answers about providers.

use crate::{ByPlace, Config, Pallet, Provider, Providers, Totals};
use alloc::vec::Vec;
use station_primitives::{api::ProviderInfo, AccountId, MAX_PAGE};

fn info(account: AccountId, record: Provider) -> ProviderInfo {
    ProviderInfo {
        account,
        capacity: record.capacity,
        used: record.used,
        proven: record.proven,
        price: record.price,
        retrieval_price: record.retrieval_price,
        multiaddr: record.multiaddr.into_inner(),
        operator: record.operator,
        friends_only: record.friends_only,
        accepting: record.accepting,
        collateral: record.collateral,
        collateral_used: record.collateral_used,
        earned: record.earned,
        replicas: record.replicas,
        last_seen: record.last_seen,
        since: record.since,
        leaving: record.leaving,
        short_since: record.short_since,
    }
}

impl<T: Config> Pallet<T> {
    /// One provider.
    pub fn provider_info(account: AccountId) -> Option<ProviderInfo> {
        Providers::<T>::get(&account).map(|record| info(account, record))
    }

    /// Providers by place, those after `cursor` first, each with its place.
    ///
    /// Places are given in the order of registration; when one leaves, the last takes its place.
    pub fn provider_page(cursor: Option<u32>, limit: u32) -> Vec<(u32, ProviderInfo)> {
        let start = cursor.map_or(0, |place| place.saturating_add(1));
        let end = start.saturating_add(limit.min(MAX_PAGE)).min(Totals::<T>::get().providers);
        (start..end)
            .filter_map(|place| {
                let account = ByPlace::<T>::get(place)?;
                Self::provider_info(account).map(|info| (place, info))
            })
            .collect()
    }
}
