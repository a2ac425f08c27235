//! From assignment to the first proof: commitment, seal check, and commitments that never came.

use crate::{
    health::Holder, CommitDeadlines, Config, CurrentTick, Error, Event, Pallet, Phase, Places, Repaired, Replica,
    Replicas,
};
use frame_support::ensure;
use pallet_station_deals::{Deals, Error as DealsError, ShardSpec, Shards};
use sp_runtime::{DispatchError, DispatchResult};
use station_porep::{
    proof::{verify_seal, SealProof},
    ReplicaKey,
};
use station_primitives::{AccountId, BlockNumber, Commitment, HistoryEvent, Reason, Receipt, ReplicaId, Seed};

/// Blocks without deadlines that the sweep passes in one block.
const SKIPS: u32 = 8;

impl<T: Config> Pallet<T> {
    /// The key under which a replica is sealed, and its shard.
    pub(crate) fn key_of(
        provider: &AccountId,
        id: ReplicaId,
        ticket: &Seed,
    ) -> Result<(ReplicaKey, ShardSpec), DispatchError> {
        let spec = Shards::<T>::get(id.shard).ok_or(DealsError::<T>::UnknownShard)?;
        let genesis =
            frame_system::Pallet::<T>::block_hash(frame_system::pallet_prelude::BlockNumberFor::<T>::default());
        let shard = (id.shard.deal.0, id.shard.index);
        let key = ReplicaKey::derive(&genesis.0, provider.as_ref(), shard, u32::from(id.slot), &spec.comm_d, ticket);
        Ok((key, spec))
    }

    /// A first commitment, or that of an order's candidate.
    pub(crate) fn do_commit(
        provider: AccountId,
        id: ReplicaId,
        ticket: Seed,
        comm_r: Commitment,
        receipt: Receipt,
    ) -> DispatchResult {
        let holder = Replicas::<T>::get(id).and_then(|replica| replica.provider);
        if holder.as_ref() != Some(&provider) {
            return Self::deliver(provider, id, ticket, comm_r, receipt);
        }
        ensure!(receipt == Receipt::default(), Error::<T>::BadReceipt);
        let mut replica = Self::commit_due(&provider, id, &ticket)?;
        let due = Self::admit(id, CurrentTick::<T>::get().saturating_add(1))?;
        let fee = pallet_station_deals::Pallet::<T>::pay_onboarding(id.shard.deal, &provider)?;
        replica.spent = replica.spent.saturating_add(fee);
        replica.comm_r = Some(comm_r);
        replica.phase = Phase::Seal { due };
        pallet_station_providers::Pallet::<T>::note_seen(&provider, Self::now());
        pallet_station_providers::Pallet::<T>::note_committed(&provider);
        let what = (HistoryEvent::Committed, Some(provider.clone()), Reason::None);
        Self::note(id, replica.phase, Holder::Stays, Some(what));
        Replicas::<T>::insert(id, replica);
        Self::deposit_event(Event::ReplicaCommitted { replica: id, provider, comm_r, due });
        Ok(())
    }

    pub(crate) fn do_prove_seal(provider: AccountId, id: ReplicaId, seed: Seed, proof: SealProof) -> DispatchResult {
        let (mut replica, due) = Self::seal_due(&provider, id, &seed)?;
        let (key, spec) = Self::key_of(&provider, id, &replica.ticket)?;
        let comm_r = replica.comm_r.unwrap_or_default();
        Self::unplace(id, due);
        if let Err(error) = verify_seal(&key, spec.class, &spec.comm_d, &comm_r, &seed, &proof) {
            log::debug!(target: crate::LOG_TARGET, "seal check of {id} failed: {error}");
            Self::slash(id, &mut replica, Reason::FailedSealCheck);
            Replicas::<T>::insert(id, replica);
            return Ok(());
        }
        let now = Self::now();
        let next = Self::admit(id, CurrentTick::<T>::get().saturating_add(Self::clock().period))?;
        replica.phase = Phase::Keep { due: next };
        replica.last_proof = Some(now);
        pallet_station_providers::Pallet::<T>::note_seen(&provider, now);
        pallet_station_providers::Pallet::<T>::note_proven(&provider, spec.class.bytes(), true);
        let what = (HistoryEvent::Activated, Some(provider.clone()), Reason::None);
        Self::note(id, replica.phase, Holder::Stays, Some(what));
        if replica.repair {
            Repaired::<T>::mutate(|made| *made = made.saturating_add(1));
            replica.repair = false;
        }
        Replicas::<T>::insert(id, replica);
        Self::deposit_event(Event::ReplicaActivated { replica: id, provider, due: next });
        Ok(())
    }

    /// Look for commitments that did not come; returns how many were handled.
    pub(crate) fn sweep_commits(now: BlockNumber, most: u32) -> u32 {
        let mut left = most;
        let mut cursor = Places::<T>::get().commits;
        for _ in 0..=SKIPS {
            if cursor >= now || left == 0 {
                break;
            }
            let mut waiting = CommitDeadlines::<T>::take(cursor);
            while left > 0 {
                let Some(id) = waiting.pop() else { break };
                left = left.saturating_sub(1);
                match Replicas::<T>::get(id) {
                    Some(replica) if replica.phase == (Phase::Commit { deadline: cursor }) => {
                        Self::commitment_late(id, replica);
                    }
                    _ => {
                        if let Some(order) = Self::order_due_at(id, cursor) {
                            Self::candidate_late(id, order);
                        }
                    }
                }
            }
            if !waiting.is_empty() {
                CommitDeadlines::<T>::insert(cursor, waiting);
                break;
            }
            cursor = cursor.saturating_add(1);
        }
        Places::<T>::mutate(|places| places.commits = cursor);
        most.saturating_sub(left)
    }

    /// The slot's order, if its candidate's time ends with this block.
    fn order_due_at(id: ReplicaId, deadline: BlockNumber) -> Option<crate::Order> {
        let order = crate::Orders::<T>::get(id)?;
        order.candidate().is_some_and(|candidate| candidate.deadline == deadline).then_some(order)
    }

    /// Nobody can tell whose fault it is: both lose the same, nobody is slashed, and somebody else is drawn. When the client
    /// has cancelled, it is the client's doing, and nobody loses anything. When most blocks were too full to take a commitment,
    /// it is nobody's: nobody loses anything, not even one of the slot's draws.
    fn commitment_late(id: ReplicaId, mut replica: Replica) {
        let Some(provider) = replica.provider.clone() else { return };
        let takes = Deals::<T>::get(id.shard.deal).is_some_and(|deal| deal.takes_replicas());
        let ticks = CurrentTick::<T>::get().saturating_sub(replica.since);
        let full = ticks < Self::clock().commit_window(Self::bytes_of(id)) / 2;
        let reason = if takes { Reason::LateCommitment } else { Reason::Cancelled };
        if full {
            replica.draws = replica.draws.saturating_sub(1);
        } else if takes {
            match Self::burn_deposits(id, &provider, &mut replica) {
                Ok(deposit) => {
                    let provider = provider.clone();
                    Self::deposit_event(Event::CommitmentLate { replica: id, provider, deposit });
                }
                Err(error) => log::error!(target: crate::LOG_TARGET, "deposits of {id} were not burnt: {error:?}"),
            }
        }
        Self::dismiss(id, &mut replica);
        let what = (HistoryEvent::Released, Some(provider), reason);
        Self::note(id, Phase::Drawing, if full { Holder::Goes } else { Holder::Loses }, Some(what));
        Self::redraw(id, &mut replica, reason);
        Replicas::<T>::insert(id, replica);
    }

    fn burn_deposits(
        id: ReplicaId,
        provider: &AccountId,
        replica: &mut Replica,
    ) -> Result<station_primitives::Balance, DispatchError> {
        let spec = Shards::<T>::get(id.shard).ok_or(DealsError::<T>::UnknownShard)?;
        let deposit = pallet_station_deals::Pallet::<T>::assignment_deposit(spec.class.bytes()).min(replica.collateral);
        ensure!(deposit > 0, DealsError::<T>::EscrowExhausted);
        frame_support::storage::with_storage_layer(|| {
            let left = pallet_station_providers::Pallet::<T>::burn_deposit(provider, replica.collateral, deposit)?;
            let burnt = pallet_station_deals::Pallet::<T>::burn_deposit(id.shard.deal, deposit)?;
            replica.collateral = left;
            replica.spent = replica.spent.saturating_add(burnt);
            Ok(deposit)
        })
    }
}
