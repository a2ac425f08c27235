//! Repair orders: when they are opened, and how they end.
//!
//! An order is opened for a slot that lost its replica, for one that misses while its shard has fewer than two live replicas,
//! and for one whose holder goes. It waits in a queue for its draw ([`queue`]), is drawn ([`drawing`]), and ends with its
//! candidate's commitment ([`delivery`]), or is cancelled: because the holder came back, or the deal takes no replicas.

pub(crate) mod delivery;
mod drawing;
mod queue;
pub(crate) mod sources;
mod try_state;

use crate::{
    health::Holder, ByProvider, Config, Event, Lane, OpenOrders, Order, Orders, Pallet, Phase, Replica, Replicas,
    Stage, Standing,
};
use frame_support::traits::Get;
use pallet_station_deals::Deals;
use pallet_station_providers::Split;
use station_primitives::{AccountId, Balance, HistoryEvent, Reason, ReplicaId, ShardId, ShardState, Slot};

/// Orders that are opened or moved in one step for a shard below its minimum.
pub(crate) const URGENT_AT_ONCE: u32 = 4;

impl<T: Config> Pallet<T> {
    /// Open an order for a slot, unless it has one or its deal takes no replicas; whether it has one now.
    pub(crate) fn open_order(id: ReplicaId, reason: Reason) -> bool {
        if Orders::<T>::contains_key(id) {
            return true;
        }
        if !Deals::<T>::get(id.shard.deal).is_some_and(|deal| deal.takes_replicas()) {
            return false;
        }
        let now = Self::now();
        let mut order = Order::new(now, reason);
        Self::queue_for_draw(id, &mut order, now);
        Orders::<T>::insert(id, order);
        OpenOrders::<T>::mutate(|open| *open = open.saturating_add(1));
        let holder = Replicas::<T>::get(id).and_then(|replica| replica.provider);
        Self::record(id, HistoryEvent::RepairOpened, holder, reason);
        Self::deposit_event(Event::RepairOpened { replica: id, reason });
        true
    }

    /// The holder of a slot that has an order is gone, or the shard got worse: the order is drawn with those of its new rank.
    pub(crate) fn promote_order(id: ReplicaId, reason: Option<Reason>) {
        let Some(mut order) = Orders::<T>::get(id) else { return };
        order.reason = reason.unwrap_or(order.reason);
        if let Stage::Waiting(ticket) = order.stage {
            let lane = Self::lane_of(id, &order);
            let passing_time = !ticket.lane.is_drawn() && lane == Lane::Urgent;
            if lane != ticket.lane && (ticket.lane.is_drawn() || passing_time) {
                // Its beacon stays the one it was queued for: nobody draws anew by letting a shard get worse.
                let block = Self::place_of(ticket).filter(|_| ticket.lane.is_drawn()).map(|queued| queued.block);
                Self::queue_for_draw(id, &mut order, block.unwrap_or_else(Self::now));
            }
        }
        Orders::<T>::insert(id, order);
    }

    /// A shard has fewer live replicas than its minimum: what is not live is made anew, without waiting for any grace, and what
    /// waits already goes first. At most [`URGENT_AT_ONCE`] orders, which is more than the shard needs; its next miss or slash
    /// goes on. Returns how many orders were opened or moved.
    pub(crate) fn open_urgent(shard: ShardId, reason: Reason) -> u32 {
        let record = Self::shard_record(shard);
        if usize::from(record.live()) >= crate::health::MINIMUM {
            return 0;
        }
        let mut touched = 0u32;
        for (slot, seat) in (0u8..).zip(&record.seats) {
            if touched >= URGENT_AT_ONCE {
                break;
            }
            let id = ReplicaId { shard, slot };
            let touch = match Orders::<T>::get(id) {
                Some(order) => {
                    let lags = matches!(order.stage, Stage::Waiting(ticket) if ticket.lane != Lane::Urgent);
                    let well = order.is_handover() && seat.standing == Standing::Live;
                    if lags && !well {
                        Self::promote_order(id, None);
                    }
                    lags && !well
                }
                None => seat.standing == Standing::Faulty && Self::open_order(id, reason),
            };
            touched = touched.saturating_add(u32::from(touch));
        }
        touched
    }

    /// The lane in which an order waits for its draw.
    pub(crate) fn lane_of(id: ReplicaId, order: &Order) -> Lane {
        let held = Replicas::<T>::get(id).is_some_and(|replica| matches!(replica.phase, Phase::Keep { .. }));
        if order.is_handover() && held {
            Lane::Handover
        } else if Self::is_below(id.shard) {
            Lane::Urgent
        } else {
            Lane::Ordinary
        }
    }

    /// Whether a shard has fewer live replicas than its minimum.
    pub(crate) fn is_below(shard: ShardId) -> bool {
        usize::from(Self::shard_record(shard).live()) < crate::health::MINIMUM
    }

    /// Cancel a slot's order, if it has one. `costs_to`: the holder, if it came back and pays for what was begun.
    pub(crate) fn cancel_order(id: ReplicaId, reason: Reason, costs_to: Option<&AccountId>) {
        let Some(mut order) = Orders::<T>::get(id) else { return };
        let candidate = Self::release_candidate(id, &mut order, None);
        let mut costs = 0;
        if let (Some(holder), Some(candidate)) = (costs_to, candidate) {
            // The candidate's work is worth what a commitment is: nobody can prove how far it got.
            let fee = <T as pallet_station_deals::Config>::OnboardingFee::get();
            costs = Self::charge(id, &mut order, holder, fee);
            Self::pay_from_order(&mut order, &candidate, costs);
        }
        Self::close_order(id, order);
        Self::record(id, HistoryEvent::RepairCancelled, costs_to.cloned(), reason);
        Self::deposit_event(Event::RepairCancelled { replica: id, reason, costs });
    }

    /// Forget an order that has no candidate any more, and settle what was set aside for it.
    pub(crate) fn close_order(id: ReplicaId, order: Order) {
        if let Some((from, amount)) = order.seized.filter(|(_, amount)| *amount > 0) {
            let client = Self::client_of(id, &from);
            let compensation = if Self::is_failing(id.shard) { amount } else { 0 };
            let paid = pallet_station_providers::Pallet::<T>::settle_seized(&from, amount, &client, compensation);
            match paid {
                Ok(paid) => Self::compensated(id, paid),
                Err(error) => log::error!(target: crate::LOG_TARGET, "order {id} was not settled: {error:?}"),
            }
        }
        Orders::<T>::remove(id);
        OpenOrders::<T>::mutate(|open| *open = open.saturating_sub(1));
    }

    /// Take the order from its candidate, if it has one: room and collateral, less what was burnt, are free again. Its stage
    /// is left to the caller.
    pub(crate) fn release_candidate(id: ReplicaId, order: &mut Order, left: Option<Balance>) -> Option<AccountId> {
        let candidate = order.candidate()?.clone();
        let part = left.unwrap_or(candidate.collateral);
        pallet_station_providers::Pallet::<T>::free(&candidate.provider, Self::bytes_of(id), part);
        ByProvider::<T>::remove(&candidate.provider, id.sort_key());
        Self::set_candidate(id, None);
        Some(candidate.provider)
    }

    /// Take `amount` from a holder whose replica goes on, for its order; returns what was set aside.
    pub(crate) fn charge(id: ReplicaId, order: &mut Order, holder: &AccountId, amount: Balance) -> Balance {
        let client = Self::client_of(id, holder);
        let split = Split { repair: amount, client: 0 };
        match pallet_station_providers::Pallet::<T>::fine(holder, amount, split, &client) {
            Ok(taken) => {
                Self::set_aside(order, holder, taken.repair);
                taken.repair
            }
            Err(error) => {
                log::error!(target: crate::LOG_TARGET, "the costs of order {id} were not taken: {error:?}");
                0
            }
        }
    }

    /// Add to an order's budget what was seized from the slot's holder.
    pub(crate) fn set_aside(order: &mut Order, holder: &AccountId, amount: Balance) {
        if amount > 0 {
            let before = order.seized.as_ref().map_or(0, |(_, before)| *before);
            order.seized = Some((holder.clone(), before.saturating_add(amount)));
        }
    }

    /// Pay out of what was set aside for an order; returns what was paid.
    pub(crate) fn pay_from_order(order: &mut Order, to: &AccountId, amount: Balance) -> Balance {
        let Some((from, left)) = order.seized.as_mut() else { return 0 };
        let paid = pallet_station_providers::Pallet::<T>::pay_from_seized(from, to, amount.min(*left));
        *left = left.saturating_sub(paid);
        paid
    }

    /// The client of a slot's deal, or somebody who gets nothing if there is none.
    pub(crate) fn client_of(id: ReplicaId, nobody: &AccountId) -> AccountId {
        Deals::<T>::get(id.shard.deal).map_or_else(|| nobody.clone(), |deal| deal.client)
    }

    /// Whether a shard is so badly off that its client is compensated.
    pub(crate) fn is_failing(shard: ShardId) -> bool {
        matches!(Self::shard_record(shard).state, ShardState::BelowMinimum | ShardState::Lost)
    }

    /// Write down that the client was compensated.
    pub(crate) fn compensated(id: ReplicaId, amount: Balance) {
        if let Err(error) = pallet_station_deals::Pallet::<T>::note_compensation(id.shard, amount) {
            log::error!(target: crate::LOG_TARGET, "a compensation for {id} was not written down: {error:?}");
        }
    }

    /// Who of a shard's slots has one: for the shard's own description.
    pub(crate) fn orders_of(shard: ShardId, slots: Slot) -> impl Iterator<Item = (ReplicaId, Order)> {
        (0..slots)
            .map(move |slot| ReplicaId { shard, slot })
            .filter_map(|id| Orders::<T>::get(id).map(|order| (id, order)))
    }

    /// Dismiss a holder whose replica another has just committed: what it owes for that, and what becomes of its collateral.
    ///
    /// One that is late has not had its whole grace, so nothing proves that the replica is lost, and it is not slashed; but
    /// it was its miss that made the repair necessary, so it pays what the repair may cost. With a wrong answer outstanding
    /// its whole part is taken. One that reported has paid for it already, and one that goes owes nothing.
    pub(crate) fn dismiss_holder(id: ReplicaId, order: &mut Order, replica: &mut Replica, next: Phase) {
        let Some(holder) = replica.provider.clone() else { return };
        if let Some(due) = replica.phase.due() {
            Self::unplace(id, due);
        }
        let (reason, price) = match replica.phase {
            Phase::Late { wrong: true, .. } => {
                let client = Self::client_of(id, &holder);
                let share = if Self::is_failing(id.shard) { replica.collateral / 2 } else { 0 };
                let split = Split { repair: Self::lacks(id, order), client: share };
                let taken = Self::seize(id, replica, &holder, split, &client, Reason::InvalidProof);
                Self::set_aside(order, &holder, taken);
                (Reason::InvalidProof, 0)
            }
            Phase::Late { .. } => (Reason::MissedAudit, Self::lacks(id, order)),
            Phase::Reported { .. } => (Reason::SelfReported, 0),
            Phase::Keep { .. } => {
                pallet_station_providers::Pallet::<T>::note_proven(&holder, Self::bytes_of(id), false);
                (order.reason, 0)
            }
            _ => (order.reason, 0),
        };
        if price > 0 {
            Self::charge(id, order, &holder, price);
        }
        Self::dismiss(id, replica);
        let faulty = !matches!(reason, Reason::Leaving | Reason::Undercollateralized);
        let what = (HistoryEvent::Replaced, Some(holder.clone()), reason);
        Self::note(id, next, if faulty { Holder::Loses } else { Holder::Goes }, Some(what));
        let by = order.candidate().map(|candidate| candidate.provider.clone());
        Self::deposit_event(Event::ReplicaReplaced { replica: id, provider: holder, by, reason });
    }

    /// What an order's budget still lacks of what its repair may cost.
    pub(crate) fn lacks(id: ReplicaId, order: &Order) -> Balance {
        let price = pallet_station_deals::Pallet::<T>::repair_price(Self::bytes_of(id));
        price.saturating_sub(order.seized.as_ref().map_or(0, |(_, amount)| *amount))
    }

    /// Take a replica's whole part; returns what was set aside of it.
    pub(crate) fn seize(
        id: ReplicaId,
        replica: &mut Replica,
        holder: &AccountId,
        split: Split,
        client: &AccountId,
        reason: Reason,
    ) -> Balance {
        match pallet_station_providers::Pallet::<T>::slash(holder, replica.collateral, split, client) {
            Ok(taken) => {
                replica.collateral = 0;
                Self::compensated(id, taken.client);
                Self::deposit_event(Event::ReplicaSlashed {
                    replica: id,
                    provider: holder.clone(),
                    reason,
                    amount: taken.amount,
                    compensation: taken.client,
                });
                taken.repair
            }
            Err(error) => {
                log::error!(target: crate::LOG_TARGET, "collateral of {id} was not taken: {error:?}");
                0
            }
        }
    }
}
