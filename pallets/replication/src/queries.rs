//! What the runtime API answers about deals, shards, replicas and duties. The runtime only forwards to here.

use crate::{
    ByProvider, Config, CurrentTick, Health, LiveReplicas, OpenOrders, Order, Orders, Pallet, Phase, Repaired, Replica,
    Replicas, ShardRecord, ShardRecords,
};
use alloc::{string::String, vec::Vec};
use frame_support::traits::fungible::{hold::Inspect as _, Inspect as _};
use pallet_station_deals::{Deals, ShardSpec, Shards};
use pallet_station_providers::selection::Need;
use station_primitives::{
    api::{AccountMoney, DealInfo, Duty, HistoryInfo, OrderInfo, Quote, ReplicaInfo, ShardInfo, Summary, Task},
    AccountId, Commitment, DealId, Price, ReplicaId, Seed, ShardId, Tick, MAX_PAGE,
};

impl<T: Config> Pallet<T> {
    /// The network at a glance.
    pub fn summary() -> Summary {
        let providers = pallet_station_providers::Totals::<T>::get();
        let deals = pallet_station_deals::Totals::<T>::get();
        Summary {
            providers: providers.providers,
            capacity: providers.capacity,
            used: providers.used,
            proven: providers.proven,
            deals: deals.deals,
            shards: deals.shards,
            live_replicas: LiveReplicas::<T>::get(),
            escrow: deals.escrow,
            collateral: providers.collateral,
            burnt: providers.burnt.saturating_add(deals.burnt),
            orders: OpenOrders::<T>::get(),
            repaired: Repaired::<T>::get(),
            tick: CurrentTick::<T>::get(),
        }
    }

    /// One deal.
    pub fn deal_info(id: DealId) -> Option<DealInfo> {
        let deal = Deals::<T>::get(id)?;
        Some(pallet_station_deals::Pallet::<T>::describe(id, deal, Health::<T>::get(id).worst()))
    }

    /// The deals of a client with numbers above `cursor`.
    pub fn deal_page(client: AccountId, cursor: Option<DealId>, limit: u32) -> Vec<DealInfo> {
        let ids = pallet_station_deals::Pallet::<T>::deal_page(&client, cursor, limit);
        ids.into_iter().filter_map(Self::deal_info).collect()
    }

    /// One shard.
    pub fn shard_info(id: ShardId) -> Option<ShardInfo> {
        let spec = Shards::<T>::get(id)?;
        let deal = Deals::<T>::get(id.deal)?;
        let record = ShardRecords::<T>::get(id).unwrap_or_else(|| ShardRecord::new(deal.replicas));
        let replicas = (0..deal.replicas).map(|slot| Self::describe(ReplicaId { shard: id, slot })).collect::<Vec<_>>();
        let overdue = (0..deal.replicas).filter(|slot| Self::is_overdue(ReplicaId { shard: id, slot: *slot })).count();
        let history = record.history.iter().map(|entry| HistoryInfo {
            block: entry.block,
            event: entry.event,
            replica: ReplicaId { shard: id, slot: entry.slot },
            provider: entry.provider.clone(),
            reason: entry.reason,
        });
        Some(ShardInfo {
            id,
            comm_d: spec.comm_d,
            size: spec.class.bytes(),
            state: record.state,
            live: record.live().saturating_sub(u8::try_from(overdue).unwrap_or(u8::MAX)),
            target: deal.replicas,
            repairing_since: record.repairing_since,
            history: history.collect(),
            replicas,
            orders: Self::orders_of(id, deal.replicas).map(|(id, order)| Self::describe_order(id, &order)).collect(),
            compensated: spec.compensated,
        })
    }

    fn describe_order(id: ReplicaId, order: &Order) -> OrderInfo {
        OrderInfo {
            replica: id,
            opened: order.opened,
            reason: order.reason,
            provider: order.candidate().map(|candidate| candidate.provider.clone()),
            draws: order.draws,
        }
    }

    /// Whether an active replica's window has closed and the sweep has not come by: it is not live any more.
    fn is_overdue(id: ReplicaId) -> bool {
        let Some(Phase::Keep { due }) = Replicas::<T>::get(id).map(|replica| replica.phase) else { return false };
        Self::challenge(due).is_some_and(|(_, deadline, _)| CurrentTick::<T>::get() > deadline)
    }

    /// One replica.
    pub fn replica_info(id: ReplicaId) -> Option<ReplicaInfo> {
        let deal = Deals::<T>::get(id.shard.deal)?;
        (id.shard.index < deal.shards && id.slot < deal.replicas).then(|| Self::describe(id))
    }

    fn describe(id: ReplicaId) -> ReplicaInfo {
        let replica = Replicas::<T>::get(id).unwrap_or_default();
        ReplicaInfo {
            id,
            ticket: replica.provider.as_ref().map(|_| replica.ticket),
            provider: replica.provider,
            state: replica.phase.state(),
            last_proof: replica.last_proof,
            comm_r: replica.comm_r,
            earned: replica.earned,
            price: replica.price,
            collateral: replica.collateral,
            due: replica.phase.due(),
        }
    }

    /// Replicas of a provider with ids above `cursor`, each with what is to be done.
    pub fn duties(provider: AccountId, cursor: Option<ReplicaId>, limit: u32) -> Vec<Duty> {
        let keys = match cursor {
            Some(id) => {
                let after = ByProvider::<T>::hashed_key_for(&provider, id.sort_key());
                ByProvider::<T>::iter_key_prefix_from(&provider, after)
            }
            None => ByProvider::<T>::iter_key_prefix(&provider),
        };
        // Replicas that want nothing are passed over, within what one page may read.
        let limit = usize::try_from(limit.min(MAX_PAGE)).unwrap_or_default();
        keys.map(ReplicaId::from_sort_key).filter_map(|id| Self::duty(&provider, id)).take(limit).collect()
    }

    fn duty(provider: &AccountId, id: ReplicaId) -> Option<Duty> {
        let replica = Replicas::<T>::get(id)?;
        let spec = Shards::<T>::get(id.shard)?;
        if replica.provider.as_ref() != Some(provider) {
            return Self::repair_duty(provider, id, &spec);
        }
        Some(Duty {
            replica: id,
            comm_d: spec.comm_d,
            size: spec.class.bytes(),
            ticket: replica.ticket,
            comm_r: replica.comm_r,
            task: Self::task(id, &replica)?,
        })
    }

    /// What an order's candidate has to do.
    fn repair_duty(provider: &AccountId, id: ReplicaId, spec: &ShardSpec) -> Option<Duty> {
        let order = Orders::<T>::get(id)?;
        let candidate = order.candidate().filter(|candidate| candidate.provider == *provider)?;
        let wanted = Deals::<T>::get(id.shard.deal).is_some_and(|deal| deal.takes_replicas());
        let task = Task::Repair { deadline: candidate.deadline, sources: Self::addressed_sources(id) };
        wanted.then(|| Duty {
            replica: id,
            comm_d: spec.comm_d,
            size: spec.class.bytes(),
            ticket: candidate.ticket,
            comm_r: None,
            task,
        })
    }

    fn task(id: ReplicaId, replica: &Replica) -> Option<Task> {
        let tick = CurrentTick::<T>::get();
        let audit = |due: Tick| Self::audit_challenge(id, due).filter(|(_, _, grace_ends)| tick <= *grace_ends);
        match replica.phase {
            Phase::Commit { deadline } => {
                let wanted = Deals::<T>::get(id.shard.deal).is_some_and(|deal| deal.takes_replicas());
                wanted.then_some(Task::Commit { deadline })
            }
            Phase::Seal { due } => Some(match Self::seal_challenge(id, due) {
                Some((seed, _, grace_ends)) => Task::ProveSeal { seed, deadline: grace_ends },
                None => Task::AwaitSealCheck,
            }),
            Phase::Keep { due } | Phase::Reported { due } | Phase::Late { due, .. } => Some(match audit(due) {
                Some((seed, deadline, grace_ends)) => Task::Audit { due, seed, deadline, grace_ends },
                None => Task::Keep { due },
            }),
            Phase::Drawing | Phase::Vacant { .. } | Phase::Failed => None,
        }
    }

    /// An account's money.
    pub fn money(account: AccountId) -> AccountMoney {
        let escrow = pallet_station_deals::HoldReason::Escrow.into();
        AccountMoney {
            free: <T as pallet_station_deals::Config>::Currency::balance(&account),
            escrow: <T as pallet_station_deals::Config>::Currency::balance_on_hold(&escrow, &account),
            // What was seized is on hold as well, but not its any more.
            collateral: pallet_station_providers::Providers::<T>::get(&account).map_or(0, |record| record.collateral),
            channels: 0,
        }
    }

    /// What a deal would cost, and how many operators could take its largest shard at that price now.
    ///
    /// Providers that serve named clients only are not counted: the question does not say who asks.
    pub fn quote(sizes: Vec<u64>, replicas: u8, periods: u32, max_price: Price) -> Quote {
        let mut quote = pallet_station_deals::Pallet::<T>::quote_costs(&sizes, replicas, periods, max_price);
        let nobody = AccountId::new([0; 32]);
        let largest = sizes.iter().copied().max().unwrap_or(0);
        let need = Need { client: &nobody, bytes: largest, max_price, excluded: &[], operators: &[] };
        quote.providers = pallet_station_providers::Pallet::<T>::able_operators(&need, MAX_PAGE);
        quote
    }

    /// The key material of a replica, for those who verify or seal outside the chain: provider, ticket, committed root.
    pub fn sealed_as(id: ReplicaId) -> Option<(AccountId, Seed, Option<Commitment>)> {
        let replica = Replicas::<T>::get(id)?;
        Some((replica.provider?, replica.ticket, replica.comm_r))
    }

    /// Check every invariant of the three storage pallets.
    pub fn try_state_of_all() -> Result<(), String> {
        pallet_station_providers::Pallet::<T>::do_try_state()?;
        pallet_station_deals::Pallet::<T>::do_try_state()?;
        Self::do_try_state()
    }
}
