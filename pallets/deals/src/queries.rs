//! What the runtime API answers about deals. States are the replication pallet's to add.

use crate::{ByClient, Config, Deal, Memos, Pallet};
use alloc::vec::Vec;
use station_primitives::{
    api::{DealInfo, Quote},
    AccountId, Balance, DealId, DealState, Price, MAX_PAGE, MAX_SHARDS,
};

impl<T: Config> Pallet<T> {
    /// A deal's record as it is shown.
    pub fn describe(id: DealId, deal: Deal, state: DealState) -> DealInfo {
        DealInfo {
            id,
            client: deal.client,
            shards: deal.shards,
            bytes: deal.bytes,
            replicas: deal.replicas,
            max_price: deal.max_price,
            periods: deal.periods,
            submitted: deal.submitted,
            expires: deal.expires,
            escrow: deal.escrow,
            spent: deal.spent,
            state,
            cancelled: deal.cancelled,
            memo: Self::memo_of(id),
        }
    }

    /// What the client wrote down with a deal; empty if it wrote nothing.
    pub fn memo_of(id: DealId) -> Vec<u8> {
        Memos::<T>::get(id).into_inner()
    }

    /// Numbers of a client's deals above `cursor`, in order.
    pub fn deal_page(client: &AccountId, cursor: Option<DealId>, limit: u32) -> Vec<DealId> {
        let keys = match cursor {
            Some(id) => {
                let after = ByClient::<T>::hashed_key_for(client, id.sort_key());
                ByClient::<T>::iter_key_prefix_from(client, after)
            }
            None => ByClient::<T>::iter_key_prefix(client),
        };
        let limit = usize::try_from(limit.min(MAX_PAGE)).unwrap_or_default();
        keys.take(limit).map(DealId::from_sort_key).collect()
    }

    /// What a deal would cost. Sizes beyond [`MAX_SHARDS`] are not looked at; a sum too large to be is `Balance::MAX`.
    pub fn quote_costs(sizes: &[u64], replicas: u8, periods: u32, max_price: Price) -> Quote {
        let shards = usize::try_from(MAX_SHARDS).unwrap_or_default();
        let mut quote = Quote::default();
        for bytes in sizes.iter().take(shards) {
            let costs = Self::costs(*bytes, max_price);
            let times = Balance::from(replicas);
            let slot = costs.slot(periods).unwrap_or(Balance::MAX);
            quote.escrow = quote.escrow.saturating_add(slot.saturating_mul(times));
            quote.pay_per_period = quote.pay_per_period.saturating_add(costs.pay.saturating_mul(times));
            quote.charge_per_period = quote.charge_per_period.saturating_add(costs.charge.saturating_mul(times));
        }
        quote
    }
}
