//! How slots, shards and deals end. Each step is small; the replication pallet paces them.

use crate::{ByClient, Chosen, Config, Deals, Error, Event, Memos, Pallet, Shards, Totals};
use sp_runtime::{DispatchError, DispatchResult};
use station_primitives::{Balance, DealId, ShardId};

impl<T: Config> Pallet<T> {
    /// The sweep of a deal begins: nothing is taken on any more.
    pub fn begin_end(id: DealId) -> DispatchResult {
        Deals::<T>::try_mutate(id, |deal| {
            deal.as_mut().ok_or(Error::<T>::UnknownDeal)?.ending = true;
            Ok(())
        })
    }

    /// A slot will cost nothing any more.
    pub fn close_slot(shard: ShardId) -> DispatchResult {
        Shards::<T>::try_mutate(shard, |spec| -> DispatchResult {
            let spec = spec.as_mut().ok_or(Error::<T>::UnknownShard)?;
            spec.open = spec.open.saturating_sub(1);
            Ok(())
        })?;
        Deals::<T>::try_mutate(shard.deal, |deal| {
            let deal = deal.as_mut().ok_or(Error::<T>::UnknownDeal)?;
            deal.open_slots = deal.open_slots.saturating_sub(1);
            Ok(())
        })
    }

    /// A slot failed to the client: close it, and release what its escrow part still holds, of which `spent` is gone.
    ///
    /// Of a cancelled deal nothing is released here: all but its last periods went back when it was cancelled.
    pub fn fail_slot(shard: ShardId, spent: Balance) -> Result<Balance, DispatchError> {
        let spec = Shards::<T>::get(shard).ok_or(Error::<T>::UnknownShard)?;
        let mut deal = Deals::<T>::get(shard.deal).ok_or(Error::<T>::UnknownDeal)?;
        let part = if deal.cancelled {
            0
        } else {
            Self::costs(spec.class.bytes(), deal.max_price)
                .slot(deal.periods)
                .ok_or(Error::<T>::Overflow)?
                .saturating_sub(spent)
                .min(deal.escrow)
        };
        Self::give_back(&mut deal, part)?;
        Deals::<T>::insert(shard.deal, deal);
        Self::close_slot(shard)?;
        Self::deposit_event(Event::SlotReleased { shard, released: part });
        Ok(part)
    }

    /// Forget a shard of a deal that ends.
    pub fn remove_shard(shard: ShardId) {
        if Shards::<T>::take(shard).is_some() {
            Totals::<T>::mutate(|sums| sums.shards = sums.shards.saturating_sub(1));
        }
    }

    /// Forget a deal, all of whose slots and shards have ended, and release what is left of its escrow.
    pub fn finish(id: DealId) -> DispatchResult {
        let mut deal = Deals::<T>::get(id).ok_or(Error::<T>::UnknownDeal)?;
        let released = deal.escrow;
        Self::give_back(&mut deal, released)?;
        Deals::<T>::remove(id);
        Chosen::<T>::remove(id);
        Memos::<T>::remove(id);
        ByClient::<T>::remove(&deal.client, id.sort_key());
        Totals::<T>::mutate(|sums| sums.deals = sums.deals.saturating_sub(1));
        Self::deposit_event(Event::DealEnded { deal: id, client: deal.client, spent: deal.spent, released });
        Ok(())
    }
}
