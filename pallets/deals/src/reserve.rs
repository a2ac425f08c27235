//! The repair reserve: what a slot's escrow pays for making a lost replica anew.
//!
//! Each slot keeps the price of one repair for every [`Config::RepairEveryDays`] of its term that has started. A repair is paid
//! out of it at most once in so many days; what a slot asks for more often, or beyond what was kept, its client does not
//! pay. What is left goes back with the rest of the escrow.

use crate::{Config, Costs, Deal, Deals, Error, Event, Pallet, ShardSpec, Shards, SlotRepairs};
use frame_support::traits::Get;
use sp_runtime::{DispatchError, DispatchResult};
use station_primitives::{AccountId, Balance, BlockNumber, ReplicaId, ShardId, GIB};

impl<T: Config> Pallet<T> {
    /// What a repair of a shard of `bytes` may cost: the onboarding fee, and all of its bytes served at the highest price,
    /// rounded up.
    pub fn repair_price(bytes: u64) -> Balance {
        let served = T::RepairServedPrice::get().saturating_mul(Balance::from(bytes)).div_ceil(Balance::from(GIB));
        T::OnboardingFee::get().saturating_add(served)
    }

    /// What a slot of a shard of `bytes` keeps for repairs over a term of `periods`.
    pub fn repair_reserve(bytes: u64, periods: u32) -> Balance {
        // The price at which the client pays does not matter to repairs.
        Self::costs(bytes, 0).reserve(periods).unwrap_or(Balance::MAX)
    }

    /// Blocks between two repairs of one slot that the escrow pays.
    pub(crate) fn repair_gap() -> BlockNumber {
        T::Timing::get().blocks_per_day().saturating_mul(T::RepairEveryDays::get())
    }

    /// What the escrow would pay for a repair of this slot now: nothing if it paid one lately, if the reserve is used up, or
    /// if the deal takes on no replicas any more.
    pub fn repair_budget(id: ReplicaId) -> Balance {
        let deal = Deals::<T>::get(id.shard.deal);
        let spec = Shards::<T>::get(id.shard);
        deal.zip(spec).map_or(0, |(deal, spec)| Self::budget_of(id, &deal, &spec))
    }

    fn budget_of(id: ReplicaId, deal: &Deal, spec: &ShardSpec) -> Balance {
        if !deal.takes_replicas() {
            return 0;
        }
        let costs = Self::costs(spec.class.bytes(), deal.max_price);
        let (ready, spent) = spec.repairs_of(id.slot).map_or((true, 0), |repairs| {
            (repairs.last.saturating_add(Self::repair_gap()) <= Self::now(), repairs.spent)
        });
        if !ready {
            return 0;
        }
        let left = costs.reserve(deal.periods).unwrap_or(Balance::MAX).saturating_sub(spent);
        left.min(costs.repair).min(deal.escrow)
    }

    /// Pay for a repair: each account its sum, in this order, as far as [`Self::repair_budget`] goes. An account that cannot
    /// receive its sum is passed over. Returns what was paid in all; if that is anything, the next repair of the slot at the
    /// escrow's cost is `RepairEveryDays` away.
    pub fn pay_repair(id: ReplicaId, payments: &[(AccountId, Balance)]) -> Result<Balance, DispatchError> {
        let mut deal = Deals::<T>::get(id.shard.deal).ok_or(Error::<T>::UnknownDeal)?;
        let mut spec = Shards::<T>::get(id.shard).ok_or(Error::<T>::UnknownShard)?;
        let budget = Self::budget_of(id, &deal, &spec);
        let mut paid: Balance = 0;
        for (to, amount) in payments {
            let amount = (*amount).min(budget.saturating_sub(paid));
            if amount > 0 && Self::send(&deal.client, to, amount).is_ok() {
                paid = paid.saturating_add(amount);
            }
        }
        if paid == 0 {
            return Ok(0);
        }
        Self::book(&mut deal, paid, 0)?;
        Self::note_repair(id, &mut spec, paid)?;
        Deals::<T>::insert(id.shard.deal, deal);
        Shards::<T>::insert(id.shard, spec);
        Self::deposit_event(Event::RepairPaid { replica: id, amount: paid });
        Ok(paid)
    }

    fn note_repair(id: ReplicaId, spec: &mut ShardSpec, paid: Balance) -> DispatchResult {
        let last = Self::now();
        if let Some(entry) = spec.repairs.iter_mut().find(|entry| entry.slot == id.slot) {
            entry.last = last;
            entry.spent = entry.spent.saturating_add(paid);
            return Ok(());
        }
        let entry = SlotRepairs { slot: id.slot, last, spent: paid };
        // One entry a slot, and no more slots than the bound: only a slot that does not exist could be refused.
        spec.repairs.try_push(entry).map_err(|_| Error::<T>::UnknownShard.into())
    }

    /// Write down that the client was paid `amount` out of a slash, because the shard was below its minimum.
    pub fn note_compensation(shard: ShardId, amount: Balance) -> DispatchResult {
        if amount == 0 {
            return Ok(());
        }
        let client = Deals::<T>::get(shard.deal).ok_or(Error::<T>::UnknownDeal)?.client;
        Shards::<T>::try_mutate(shard, |spec| -> DispatchResult {
            let spec = spec.as_mut().ok_or(Error::<T>::UnknownShard)?;
            spec.compensated = spec.compensated.saturating_add(amount);
            Ok(())
        })?;
        Self::deposit_event(Event::Compensated { shard, client, amount });
        Ok(())
    }

    /// What slots of a shard were given for repairs, at most, and no more: for the invariants.
    pub(crate) fn repairs_covered(costs: &Costs, deal: &Deal, spec: &ShardSpec) -> bool {
        let reserve = costs.reserve(deal.periods).unwrap_or(Balance::MAX);
        spec.repairs.iter().all(|entry| {
            let once = spec.repairs.iter().filter(|other| other.slot == entry.slot).count() == 1;
            once && entry.slot < deal.replicas && entry.spent <= reserve
        })
    }
}
