//! A candidate's commitment: it takes the slot, and those who made it possible are paid.

use crate::{health::Holder, Candidate, Config, CurrentTick, Error, Event, Order, Orders, Pallet, Phase, Replicas};
use alloc::{collections::BTreeSet, vec, vec::Vec};
use frame_support::{ensure, traits::Get};
use pallet_station_deals::{Deals, Error as DealsError, ShardSpec, Shards};
use sp_runtime::{DispatchError, DispatchResult};
use station_primitives::{AccountId, Balance, Commitment, HistoryEvent, Receipt, ReplicaId, Seed, GIB};

impl<T: Config> Pallet<T> {
    /// The order and its candidate, if this provider's commitment with this ticket is due.
    pub(crate) fn repair_due(
        provider: &AccountId,
        id: ReplicaId,
        ticket: &Seed,
    ) -> Result<(Order, Candidate), Error<T>> {
        let order = Orders::<T>::get(id).ok_or(Error::<T>::NotYourReplica)?;
        let candidate = order.candidate().filter(|candidate| candidate.provider == *provider).cloned();
        let candidate = candidate.ok_or(Error::<T>::NotYourReplica)?;
        ensure!(Self::now() <= candidate.deadline, Error::<T>::NotDue);
        ensure!(candidate.ticket == *ticket, Error::<T>::Outdated);
        let takes = Deals::<T>::get(id.shard.deal).is_some_and(|deal| deal.takes_replicas());
        ensure!(takes, Error::<T>::DealIsEnding);
        Ok((order, candidate))
    }

    /// Whether a receipt makes sense: nobody twice, and no more pieces than there are.
    pub(crate) fn check_receipt(id: ReplicaId, receipt: &Receipt) -> Result<(), Error<T>> {
        let spec = Shards::<T>::get(id.shard).ok_or(Error::<T>::UnknownReplica)?;
        let mut seen = BTreeSet::new();
        let accounts = receipt.served.iter().map(|(who, _)| who).chain(receipt.refused.iter());
        ensure!(accounts.into_iter().all(|who| seen.insert(who)), Error::<T>::BadReceipt);
        let pieces = receipt.served.iter().fold(0u32, |sum, (_, pieces)| sum.saturating_add(*pieces));
        ensure!(pieces <= spec.class.pieces(), Error::<T>::BadReceipt);
        Ok(())
    }

    /// The candidate's replica takes the slot. Its holder, if there is one, is dismissed; candidate and sources are paid.
    pub(crate) fn deliver(
        provider: AccountId,
        id: ReplicaId,
        ticket: Seed,
        comm_r: Commitment,
        receipt: Receipt,
    ) -> DispatchResult {
        let (mut order, candidate) = Self::repair_due(&provider, id, &ticket)?;
        Self::check_receipt(id, &receipt)?;
        let spec = Shards::<T>::get(id.shard).ok_or(DealsError::<T>::UnknownShard)?;
        let mut replica = Replicas::<T>::get(id).ok_or(Error::<T>::UnknownReplica)?;
        let due = Self::admit(id, CurrentTick::<T>::get().saturating_add(1))?;
        // Who served is looked up before the holder goes: it may have been one of them.
        let payments = Self::payments(id, &provider, &spec, &receipt);
        Self::note_receipt(id, &provider, &receipt);
        let operator = Self::candidate_of(id).map_or([0; 32], |(_, operator)| operator);

        Self::dismiss_holder(id, &mut order, &mut replica, Phase::Seal { due });
        let spent = Self::pay_for_repair(id, &mut order, &payments)?;
        replica.provider = Some(provider.clone());
        replica.phase = Phase::Seal { due };
        replica.ticket = candidate.ticket;
        replica.comm_r = Some(comm_r);
        replica.price = candidate.price;
        replica.collateral = candidate.collateral;
        replica.spent = replica.spent.saturating_add(spent);
        replica.repair = true;
        pallet_station_providers::Pallet::<T>::note_seen(&provider, Self::now());
        pallet_station_providers::Pallet::<T>::note_committed(&provider);
        Self::set_candidate(id, None);
        let what = (HistoryEvent::Committed, Some(provider.clone()), order.reason);
        Self::note(id, replica.phase, Holder::Comes(provider.clone(), operator), Some(what));
        Replicas::<T>::insert(id, replica);
        Self::close_order(id, order);
        Self::deposit_event(Event::ReplicaCommitted { replica: id, provider, comm_r, due });
        Ok(())
    }

    /// What a repair is worth to whom: the candidate first, then each source that holds the shard and served.
    fn payments(
        id: ReplicaId,
        candidate: &AccountId,
        spec: &ShardSpec,
        receipt: &Receipt,
    ) -> Vec<(AccountId, Balance)> {
        let sources = Self::sources_of(id);
        let most = <T as pallet_station_deals::Config>::RepairServedPrice::get();
        let mut payments = vec![(candidate.clone(), <T as pallet_station_deals::Config>::OnboardingFee::get())];
        for (source, pieces) in receipt.served.iter().filter(|(source, _)| sources.contains(source)) {
            let price =
                pallet_station_providers::Providers::<T>::get(source).map_or(0, |record| record.retrieval_price);
            let bytes = Balance::from(*pieces).saturating_mul(Balance::try_from(spec.class.piece_bytes()).unwrap_or(0));
            payments.push((source.clone(), price.min(most).saturating_mul(bytes) / Balance::from(GIB)));
        }
        payments
    }

    /// Pay out of what was set aside from the holder, and what that does not cover out of the reserve; returns what the
    /// escrow paid.
    fn pay_for_repair(
        id: ReplicaId,
        order: &mut Order,
        payments: &[(AccountId, Balance)],
    ) -> Result<Balance, DispatchError> {
        let mut owed = Vec::new();
        for (to, amount) in payments {
            let paid = Self::pay_from_order(order, to, *amount);
            let rest = amount.saturating_sub(paid);
            if rest > 0 {
                owed.push((to.clone(), rest));
            }
        }
        if owed.is_empty() {
            return Ok(0);
        }
        pallet_station_deals::Pallet::<T>::pay_repair(id, &owed)
    }

    /// Count who did not serve, and forget earlier namings of those that did.
    fn note_receipt(id: ReplicaId, candidate: &AccountId, receipt: &Receipt) {
        let served = receipt.served.iter().filter(|(_, pieces)| *pieces > 0).map(|(who, _)| who);
        Self::forget_namings(id.shard, &served.collect::<Vec<_>>());
        let named = Orders::<T>::get(id).and_then(|order| order.candidate().map(|candidate| candidate.named.clone()));
        let named = named.unwrap_or_default();
        let fresh = receipt.refused.iter().filter(|who| !named.contains(who)).cloned().collect::<Vec<_>>();
        Self::note_named(id, candidate, &fresh);
    }
}
