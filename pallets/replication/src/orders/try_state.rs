//! What must hold of orders, as code.

use crate::{
    ByProvider, CommitDeadlines, Config, Lane, OpenOrders, Order, Orders, Pallet, Phase, Queue, QueueEnds, Queued,
    RepairBeacons, Replicas, Stage, Ticket,
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
};
use pallet_station_deals::{Deals, Shards};
use pallet_station_providers::Seized;
use station_primitives::{AccountId, Balance, BlockNumber, ReplicaId};

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(what())
    }
}

impl<T: Config> Pallet<T> {
    /// Orders fit their slots, stand in their queues, and own what was set aside for them.
    pub(crate) fn check_orders() -> Result<(), String> {
        let mut open = 0u64;
        let mut seized: BTreeMap<AccountId, Balance> = BTreeMap::new();
        for (id, order) in Orders::<T>::iter() {
            open = open.saturating_add(1);
            Self::check_order(id, &order)?;
            if let Some((from, amount)) = order.seized.filter(|(_, amount)| *amount > 0) {
                let sum = seized.entry(from).or_default();
                *sum = sum.saturating_add(amount);
            }
        }
        let counted = OpenOrders::<T>::get();
        ensure(open == counted, || format!("{open} orders are open, {counted} are counted"))?;
        // To the planck: nothing is set aside without an order, no order owns what is not there.
        let ledger = Seized::<T>::iter().collect::<BTreeMap<_, _>>();
        ensure(seized == ledger, || format!("orders own {seized:?}, {ledger:?} is set aside"))?;
        for (id, replica) in Replicas::<T>::iter() {
            let lost = matches!(replica.phase, Phase::Vacant { .. });
            let takes = Deals::<T>::get(id.shard.deal).is_some_and(|deal| deal.takes_replicas());
            ensure(!(lost && takes) || Orders::<T>::contains_key(id), || {
                format!("replica {id} is lost, and nobody was ordered to make it anew")
            })?;
        }
        Self::check_lanes()
    }

    fn check_order(id: ReplicaId, order: &Order) -> Result<(), String> {
        let phase = Replicas::<T>::get(id).map(|replica| replica.phase);
        let fits = match phase {
            Some(Phase::Vacant { .. }) => !order.is_handover(),
            Some(Phase::Late { .. } | Phase::Reported { .. }) => true,
            Some(Phase::Keep { .. }) => order.is_handover(),
            _ => false,
        };
        ensure(fits && Shards::<T>::contains_key(id.shard), || {
            format!("order {id}, for {:?}, concerns a slot that is {phase:?}", order.reason)
        })?;
        match &order.stage {
            Stage::Waiting(ticket) => {
                let queued = Self::place_of(*ticket);
                ensure(queued.is_some_and(|queued| queued.order == id), || {
                    format!("order {id} waits at {ticket:?}, where {queued:?} stands")
                })
            }
            Stage::Assigned(candidate) => {
                let holder = Replicas::<T>::get(id).and_then(|replica| replica.provider);
                ensure(holder.as_ref() != Some(&candidate.provider), || {
                    format!("order {id} would replace its holder by itself")
                })?;
                ensure(ByProvider::<T>::contains_key(&candidate.provider, id.sort_key()), || {
                    format!("order {id} is not listed under its candidate")
                })?;
                ensure(CommitDeadlines::<T>::get(candidate.deadline).contains(&id), || {
                    format!("the deadline of order {id} is never swept")
                })
            }
        }
    }

    /// Queues have no holes, and every place to be drawn has its beacon, or will.
    fn check_lanes() -> Result<(), String> {
        let mut places: BTreeMap<BlockNumber, u32> = BTreeMap::new();
        for lane in Lane::ALL {
            let ends = QueueEnds::<T>::get(lane);
            let stored = Queue::<T>::iter_prefix(lane).count();
            ensure(u64::try_from(stored).is_ok_and(|stored| stored == ends.next.saturating_sub(ends.first)), || {
                format!("{stored} places are stored in {lane:?}, which has {ends:?}")
            })?;
            for place in ends.first..ends.next {
                let Some(Queued { block, .. }) = Self::place_of(Ticket { lane, place }) else {
                    return Err(format!("{lane:?} has a hole at {place}"));
                };
                if lane.is_drawn() {
                    let count = places.entry(block).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
        let stored = RepairBeacons::<T>::iter().map(|(block, waiting)| (block, waiting.places));
        let stored = stored.collect::<BTreeMap<_, _>>();
        ensure(stored == places, || format!("beacons are kept for {stored:?}, and needed for {places:?}"))?;
        let late = RepairBeacons::<T>::iter().find(|(block, waiting)| {
            let known = block.saturating_add(Self::clock().seed_blocks).saturating_add(1);
            waiting.beacon.is_none() && Self::now() >= known
        });
        ensure(late.is_none(), || "a beacon of repairs was never handed out".to_string())
    }
}
