//! Draws of orders, and candidates that do not deliver.

use crate::{
    beacon, health::MINIMUM, ByProvider, Candidate, Config, CurrentTick, Event, Order, Orders, Pallet, Phase, Queued,
    Replicas, Stage,
};
use frame_support::traits::Get;
use pallet_station_deals::{Deal, Deals, ShardSpec, Shards};
use pallet_station_providers::Provider;
use sp_runtime::DispatchError;
use station_primitives::{AccountId, Accounts, Balance, BlockNumber, HistoryEvent, Reason, ReplicaId, Seed};

/// The time in which a candidate commits, in windows of first uploads: it fetches from whoever serves, however slowly.
const WINDOWS: BlockNumber = 2;

impl<T: Config> Pallet<T> {
    /// Draw a provider for an order whose place in its queue has come.
    pub(crate) fn draw_order(beacon: &Seed, queued: Queued, mut order: Order) {
        let id = queued.order;
        let deal = Deals::<T>::get(id.shard.deal).filter(Deal::takes_replicas);
        let (Some(deal), Some(spec)) = (deal, Shards::<T>::get(id.shard)) else {
            return Self::cancel_order(id, Self::ending_reason(id), None);
        };
        if order.reason == Reason::Undercollateralized && !Self::is_short(id) {
            return Self::cancel_order(id, Reason::None, None);
        }
        if order.is_handover() && !Self::may_be_handed_over(id, &deal) {
            Self::queue_for_soon(id, &mut order);
            Orders::<T>::insert(id, order);
            return;
        }
        let seed = beacon::repair_seed(beacon, id, order.attempts);
        order.attempts = order.attempts.saturating_add(1);
        let drawn = Self::find(id, &seed, &deal, &spec, &order.tried).and_then(|(who, provider)| {
            frame_support::storage::with_storage_layer(|| {
                Self::assign_order(id, &mut order, &seed, who, provider, spec.class.bytes())
            })
            .ok()
        });
        if drawn.is_none() {
            order.fruitless = order.fruitless.saturating_add(1);
            if u32::from(order.fruitless) < T::MaxFruitlessDraws::get() {
                Self::queue_for_soon(id, &mut order);
            } else {
                Self::queue_for_rest(id, &mut order);
            }
        }
        Orders::<T>::insert(id, order);
    }

    fn assign_order(
        id: ReplicaId,
        order: &mut Order,
        seed: &Seed,
        who: AccountId,
        provider: Provider,
        bytes: u64,
    ) -> Result<(), DispatchError> {
        let window = Self::window(bytes);
        let deadline = Self::take_deadline(id, window)?;
        let collateral = pallet_station_providers::Pallet::<T>::reserve(&who, bytes)?;
        ByProvider::<T>::insert(&who, id.sort_key(), ());
        let (ticket, price) = (beacon::ticket(seed), provider.price);
        order.stage = Stage::Assigned(Candidate {
            provider: who.clone(),
            ticket,
            price,
            collateral,
            deadline,
            since: CurrentTick::<T>::get(),
            named: Accounts::default(),
        });
        order.draws = order.draws.saturating_add(1);
        order.fruitless = 0;
        Self::set_candidate(id, Some((who.clone(), provider.operator)));
        Self::record(id, HistoryEvent::Assigned, Some(who.clone()), order.reason);
        Self::deposit_event(Event::RepairAssigned { replica: id, provider: who, ticket, price, deadline });
        Ok(())
    }

    /// Whether the shard can do without a holder that goes for as long as its replacement is checked.
    fn may_be_handed_over(id: ReplicaId, deal: &Deal) -> bool {
        let live = Self::shard_record(id.shard).live();
        let held = Replicas::<T>::get(id).is_some_and(|replica| matches!(replica.phase, Phase::Keep { .. }));
        // With a target of two there is never a third.
        !held || usize::from(live) > MINIMUM || live >= deal.replicas
    }

    /// Whether the slot's holder has too little collateral still.
    fn is_short(id: ReplicaId) -> bool {
        let holder = Replicas::<T>::get(id).and_then(|replica| replica.provider);
        holder
            .and_then(pallet_station_providers::Providers::<T>::get)
            .is_some_and(|record| pallet_station_providers::Pallet::<T>::shortage(&record) > 0)
    }

    /// Why a deal that ends does.
    pub(crate) fn ending_reason(id: ReplicaId) -> Reason {
        if Deals::<T>::get(id.shard.deal).is_some_and(|deal| deal.cancelled) {
            Reason::Cancelled
        } else {
            Reason::Expired
        }
    }

    fn window(bytes: u64) -> BlockNumber {
        Self::clock().commit_window(bytes).saturating_mul(WINDOWS)
    }

    /// A candidate's time is over.
    ///
    /// If it named the sources that did not serve, if there are none, or if most blocks were too full to take a
    /// commitment, it loses nothing: it was not up to it. Otherwise its deposit is burnt, and draws remember it.
    pub(crate) fn candidate_late(id: ReplicaId, mut order: Order) {
        let Some(candidate) = order.candidate().cloned() else { return };
        let Some(spec) =
            Deals::<T>::get(id.shard.deal).filter(Deal::takes_replicas).and_then(|_| Shards::<T>::get(id.shard))
        else {
            return Self::cancel_order(id, Self::ending_reason(id), None);
        };
        let ticks = CurrentTick::<T>::get().saturating_sub(candidate.since);
        let full = ticks < Self::window(spec.class.bytes()) / 2;
        let excused = full || !candidate.named.is_empty() || Self::sources_of(id).is_empty();
        let left = (!excused).then(|| Self::burn_candidate(id, &candidate, &spec));
        Self::let_candidate_go(id, &mut order, left, Reason::LateCommitment);
        Orders::<T>::insert(id, order);
    }

    /// The candidate's provider goes. If it gives up at once, its deposit is burnt.
    pub(crate) fn candidate_goes(id: ReplicaId, mut order: Order, forfeit: bool) {
        let Some(candidate) = order.candidate().cloned() else { return };
        let spec = Shards::<T>::get(id.shard).filter(|_| forfeit);
        let left = spec.map(|spec| Self::burn_candidate(id, &candidate, &spec));
        let reason = if forfeit { Reason::LeftEarly } else { Reason::Leaving };
        Self::let_candidate_go(id, &mut order, left, reason);
        Orders::<T>::insert(id, order);
    }

    fn let_candidate_go(id: ReplicaId, order: &mut Order, left: Option<Balance>, reason: Reason) {
        let Some(provider) = Self::release_candidate(id, order, left) else { return };
        Self::record(id, HistoryEvent::Released, Some(provider.clone()), reason);
        // Bounded by RepairDraws, at which the list is emptied; see the integrity test.
        let _ = order.tried.try_push(provider);
        Self::queue_again(id, order);
    }

    /// Burn a candidate's deposit, and count the failure; returns what is left of its part.
    fn burn_candidate(id: ReplicaId, candidate: &Candidate, spec: &ShardSpec) -> Balance {
        let Candidate { provider, collateral, .. } = candidate;
        let deposit = pallet_station_deals::Pallet::<T>::assignment_deposit(spec.class.bytes()).min(*collateral);
        match pallet_station_providers::Pallet::<T>::burn_deposit(provider, *collateral, deposit) {
            Ok(left) => {
                Self::deposit_event(Event::RepairLate { replica: id, provider: provider.clone(), deposit });
                left
            }
            Err(error) => {
                log::error!(target: crate::LOG_TARGET, "the deposit of {id} was not burnt: {error:?}");
                *collateral
            }
        }
    }
}
