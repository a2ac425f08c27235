//! Audits: answers, and what passes unanswered.

use crate::{
    health::Holder, Answer, Answers, Buckets, Config, CurrentTick, Error, Event, LateBuckets, OpenTicks, Orders,
    Pallet, Phase, Places, Replica, Replicas,
};
use frame_support::ensure;
use pallet_station_deals::{Deals, Paid};
use sp_runtime::{DispatchError, DispatchResult};
use station_porep::proof::verify_audit;
use station_primitives::{AccountId, HistoryEvent, Reason, ReplicaId, Tick};

/// Ticks without challenges that a sweep passes in one block: ticks come one a block, so it always catches up.
const SKIPS: u32 = 8;

impl<T: Config> Pallet<T> {
    pub(crate) fn do_prove(provider: AccountId, answers: Answers) -> DispatchResult {
        ensure!(!answers.is_empty(), Error::<T>::NoAnswers);
        for answer in answers {
            Self::judge(&provider, answer)?;
        }
        pallet_station_providers::Pallet::<T>::note_seen(&provider, Self::now());
        Ok(())
    }

    /// Judge one answer. An error means that the call should not have been taken; a wrong proof is no error: it is a
    /// fault of whoever signed it, and stays on record.
    fn judge(provider: &AccountId, answer: Answer) -> DispatchResult {
        let Answer { replica: id, due, seed, proof } = answer;
        let (mut replica, in_time) = Self::audit_due(provider, id, due, &seed)?;
        let (key, spec) = Self::key_of(provider, id, &replica.ticket)?;
        let comm_r = replica.comm_r.unwrap_or_default();
        let bytes = spec.class.bytes();
        match verify_audit(&key, spec.class, &spec.comm_d, &comm_r, &seed, &proof) {
            Ok(()) if in_time => Self::accept(provider, id, &mut replica, due, bytes)?,
            Ok(()) => Self::recover(provider, id, &mut replica, due, bytes)?,
            Err(error) => {
                log::debug!(target: crate::LOG_TARGET, "audit {due} of {id} was answered wrong: {error}");
                Self::answered_wrong(id, &mut replica, due);
            }
        }
        Replicas::<T>::insert(id, replica);
        Ok(())
    }

    /// In time and right: pay, and set the next deadline.
    fn accept(
        provider: &AccountId,
        id: ReplicaId,
        replica: &mut Replica,
        due: Tick,
        bytes: u64,
    ) -> Result<(), DispatchError> {
        Self::unplace(id, due);
        // What opens after the term, while a deal waits for its sweep, is not paid for by anybody.
        let funded = Self::is_funded(id, replica, due);
        let paid = if funded {
            pallet_station_deals::Pallet::<T>::pay_period(id.shard.deal, provider, replica.price, bytes)?
        } else {
            Paid::default()
        };
        replica.earned = replica.earned.saturating_add(paid.provider);
        replica.spent = replica.spent.saturating_add(paid.total());
        pallet_station_providers::Pallet::<T>::note_earned(provider, paid.provider);
        let next = Self::go_on(id, replica, due)?;
        Self::deposit_event(Event::ReplicaProven {
            replica: id,
            provider: provider.clone(),
            due,
            earned: paid.provider,
            admins: paid.admins,
            burnt: paid.burnt,
            next,
        });
        Ok(())
    }

    /// Late, or reported, and right: saved, the charge burnt, that period not paid. An order that was opened for it is
    /// cancelled, at its cost.
    fn recover(
        provider: &AccountId,
        id: ReplicaId,
        replica: &mut Replica,
        due: Tick,
        bytes: u64,
    ) -> Result<(), DispatchError> {
        let reported = matches!(replica.phase, Phase::Reported { .. });
        if matches!(replica.phase, Phase::Keep { .. }) {
            // The sweep has not come by yet: the miss is a fact all the same.
            Self::miss(id, replica, due, Reason::MissedAudit, bytes);
        }
        Self::unplace(id, due);
        if Self::is_funded(id, replica, due) {
            let burnt = pallet_station_deals::Pallet::<T>::charge_proof(id.shard.deal)?;
            replica.spent = replica.spent.saturating_add(burnt);
        }
        let next = Self::go_on(id, replica, due)?;
        pallet_station_providers::Pallet::<T>::note_proven(provider, bytes, true);
        let reason = if reported { Reason::SelfReported } else { Reason::None };
        let what = (HistoryEvent::Recovered, Some(provider.clone()), reason);
        Self::note(id, replica.phase, Holder::Stays, Some(what));
        if Orders::<T>::get(id).is_some_and(|order| !order.is_handover()) {
            Self::cancel_order(id, Reason::None, Some(provider));
        }
        Self::deposit_event(Event::ReplicaRecovered { replica: id, provider: provider.clone(), due, next });
        Ok(())
    }

    /// The first wrong answer to a challenge makes the replica faulty, the second ends it.
    fn answered_wrong(id: ReplicaId, replica: &mut Replica, due: Tick) {
        let bytes = Self::bytes_of(id);
        match replica.phase {
            Phase::Late { wrong: true, .. } => {
                Self::unplace(id, due);
                Self::slash(id, replica, Reason::InvalidProof);
            }
            Phase::Late { wrong: false, .. } => replica.phase = Phase::Late { due, wrong: true },
            _ => {
                Self::miss(id, replica, due, Reason::InvalidProof, bytes);
            }
        }
    }

    /// Whether the escrow has a period's money for this audit.
    fn is_funded(id: ReplicaId, replica: &Replica, due: Tick) -> bool {
        Deals::<T>::get(id.shard.deal).is_some_and(|deal| replica.settled < deal.periods && due <= deal.expires)
    }

    /// Settle a challenge, and put the replica into its next bucket.
    ///
    /// One that has been audited as often as its deal pays for rests until after the term; should that be extended, it
    /// goes on from there.
    fn go_on(id: ReplicaId, replica: &mut Replica, due: Tick) -> Result<Tick, DispatchError> {
        replica.settled = replica.settled.saturating_add(1);
        replica.last_proof = Some(Self::now());
        let mut from = due.saturating_add(Self::clock().period);
        if let Some(deal) = Deals::<T>::get(id.shard.deal) {
            if replica.settled >= deal.periods {
                from = from.max(deal.expires.saturating_add(1));
            }
        }
        let next = Self::move_on(id, from)?;
        replica.phase = Phase::Keep { due: next };
        Ok(next)
    }

    /// A challenge was missed or answered wrong: faulty from now on. Returns how many orders that opened or moved.
    fn miss(id: ReplicaId, replica: &mut Replica, due: Tick, reason: Reason, bytes: u64) -> u32 {
        let Some(provider) = replica.provider.clone() else { return 0 };
        Self::mark_late(id, due);
        if matches!(replica.phase, Phase::Keep { .. }) {
            pallet_station_providers::Pallet::<T>::note_proven(&provider, bytes, false);
        }
        replica.phase = Phase::Late { due, wrong: reason == Reason::InvalidProof };
        let what = (HistoryEvent::Missed, Some(provider.clone()), reason);
        Self::note(id, replica.phase, Holder::Stays, Some(what));
        let grace_ends = Self::challenge(due).map_or(0, |(_, _, grace_ends)| grace_ends);
        Self::deposit_event(Event::ReplicaFaulty { replica: id, provider, due, reason, grace_ends });
        // Orders look at the record, and this one must not look well.
        Replicas::<T>::insert(id, replica.clone());
        Self::open_urgent(id.shard, reason)
    }

    /// Sweep the ticks whose window has closed for replicas that did not answer; returns how many steps that took: one for each
    /// of them, and one for each order that it opened, so there may be a few more than `most`.
    pub(crate) fn sweep_missed(most: u32) -> u32 {
        let mut done = 0u32;
        let tick = CurrentTick::<T>::get();
        let mut cursor = Places::<T>::get().missed;
        for _ in 0..=SKIPS {
            if cursor > tick || done >= most {
                break;
            }
            if let Some(open) = OpenTicks::<T>::get(cursor) {
                // Windows close in the order in which they opened: if this one is open, so are all that follow.
                if open.challenge.is_none_or(|(_, deadline, _)| tick <= deadline) {
                    break;
                }
                while done < most {
                    let Some(id) = Buckets::<T>::get(cursor).last().copied() else { break };
                    done = done.saturating_add(1).saturating_add(Self::window_closed(id, cursor));
                }
                if Buckets::<T>::contains_key(cursor) {
                    break;
                }
            }
            cursor = cursor.saturating_add(1);
        }
        Places::<T>::mutate(|places| places.missed = cursor);
        done
    }

    fn window_closed(id: ReplicaId, due: Tick) -> u32 {
        match Replicas::<T>::get(id) {
            Some(mut replica)
                if replica.phase == (Phase::Keep { due }) || replica.phase == (Phase::Reported { due }) =>
            {
                let opened = Self::miss(id, &mut replica, due, Reason::MissedAudit, Self::bytes_of(id));
                Replicas::<T>::insert(id, replica);
                return opened;
            }
            // A seal check has no pay to lose: it stays open to the end of its grace.
            Some(replica) if replica.phase == (Phase::Seal { due }) => Self::mark_late(id, due),
            _ => Self::unplace(id, due),
        }
        0
    }

    /// Sweep the ticks whose grace has ended; returns how many steps that took, as [`Self::sweep_missed`] does.
    pub(crate) fn sweep_late(most: u32) -> u32 {
        let mut done = 0u32;
        let tick = CurrentTick::<T>::get();
        let places = Places::<T>::get();
        let (missed, mut cursor) = (places.missed, places.late);
        for _ in 0..=SKIPS {
            // What has not been swept for misses may still hold replicas of this tick.
            if cursor >= missed || done >= most {
                break;
            }
            if let Some(open) = OpenTicks::<T>::get(cursor) {
                if open.challenge.is_none_or(|(_, _, grace_ends)| tick <= grace_ends) {
                    break;
                }
                while done < most {
                    let Some(id) = LateBuckets::<T>::get(cursor).last().copied() else { break };
                    done = done.saturating_add(1).saturating_add(Self::grace_ended(id, cursor));
                }
                if LateBuckets::<T>::contains_key(cursor) {
                    break;
                }
                OpenTicks::<T>::remove(cursor);
            }
            cursor = cursor.saturating_add(1);
        }
        Places::<T>::mutate(|places| places.late = cursor);
        done
    }

    fn grace_ended(id: ReplicaId, due: Tick) -> u32 {
        Self::unplace(id, due);
        if let Some(mut replica) = Replicas::<T>::get(id) {
            let reason = match replica.phase {
                Phase::Late { due: open, wrong } if open == due => {
                    if wrong {
                        Reason::InvalidProof
                    } else {
                        Reason::MissedAudit
                    }
                }
                Phase::Seal { due: open } if open == due => Reason::UnansweredSealCheck,
                _ => return 0,
            };
            let opened = Self::slash(id, &mut replica, reason);
            Replicas::<T>::insert(id, replica);
            return opened;
        }
        0
    }

    /// Bytes of a replica; zero of one whose shard is gone.
    pub(crate) fn bytes_of(id: ReplicaId) -> u64 {
        pallet_station_deals::Shards::<T>::get(id.shard).map_or(0, |spec| spec.class.bytes())
    }
}
