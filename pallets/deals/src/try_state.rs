//! The invariants, as code.

use crate::{submission::memo_bytes, ByClient, Config, Deals, HoldReason, Memos, Pallet, Shards, Sums, Totals};
use alloc::{collections::BTreeMap, format, string::String};
use frame_support::traits::fungible::hold::Inspect;
use station_primitives::{AccountId, Balance, ShardId};

impl<T: Config> Pallet<T> {
    /// Check every invariant of this pallet; the text says what is broken.
    pub fn do_try_state() -> Result<(), String> {
        let totals = Totals::<T>::get();
        let mut sums = Sums { burnt: totals.burnt, ..Default::default() };
        let mut held: BTreeMap<AccountId, Balance> = BTreeMap::new();
        let mut listed = 0usize;
        for (id, deal) in Deals::<T>::iter() {
            let check = |holds: bool, what: &str| if holds { Ok(()) } else { Err(format!("deal {id}: {what}")) };
            check(ByClient::<T>::contains_key(&deal.client, id.sort_key()), "it is not listed under its client")?;
            let mut open = 0u32;
            for index in 0..deal.shards {
                match Shards::<T>::get(ShardId { deal: id, index }) {
                    Some(spec) => {
                        check(spec.open <= deal.replicas, "a shard has more open slots than replicas were asked for")?;
                        let costs = Self::costs(spec.class.bytes(), deal.max_price);
                        check(Self::repairs_covered(&costs, &deal, &spec), "repairs cost more than was kept for them")?;
                        open = open.saturating_add(u32::from(spec.open));
                        sums.shards = sums.shards.saturating_add(1);
                    }
                    None => check(deal.ending, "a shard is missing though the deal runs")?,
                }
            }
            check(open == deal.open_slots, "its open slots are not those of its shards")?;
            let sum = held.entry(deal.client).or_default();
            *sum = sum.saturating_add(deal.escrow);
            sums.deals = sums.deals.saturating_add(1);
            sums.escrow = sums.escrow.saturating_add(deal.escrow);
            listed = listed.saturating_add(1);
        }
        for (client, sum) in held {
            let hold = T::Currency::balance_on_hold(&HoldReason::Escrow.into(), &client);
            if hold != sum {
                return Err(format!("client {client:?}: {hold} on hold, its deals' escrows are {sum}"));
            }
        }
        if ByClient::<T>::iter_keys().count() != listed {
            return Err("deals: the clients' lists name deals that do not exist".into());
        }
        for (id, memo) in Memos::<T>::iter() {
            if memo.len() != memo_bytes() || !Deals::<T>::contains_key(id) {
                return Err(format!("deal {id}: a memo of {} bytes is stored, and the deal may not exist", memo.len()));
            }
        }
        let shards = u64::try_from(Shards::<T>::iter_keys().count()).unwrap_or(u64::MAX);
        if shards != sums.shards {
            return Err(format!("deals: {shards} shards are stored, the deals have {}", sums.shards));
        }
        if sums != totals {
            return Err(format!("deals: the totals are {totals:?}, the records say {sums:?}"));
        }
        Ok(())
    }
}
