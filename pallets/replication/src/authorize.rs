//! Whether a free call may enter the pool and a block: due, and signed by the provider. Nothing expensive: state that one
//! replica has, and one signature.

use crate::{Answers, Config, CurrentTick, Error, OpenTick, Pallet, Phase, Replica, Replicas};
use alloc::{collections::BTreeSet, vec, vec::Vec};
use codec::Encode;
use frame_support::{
    ensure,
    pallet_prelude::{
        InvalidTransaction, TransactionLongevity, TransactionSource, TransactionValidityError, ValidTransaction,
    },
    weights::Weight,
};
use pallet_station_deals::Deals;
use pallet_station_providers::duty_signed_by;
use sp_core::sr25519;
use sp_runtime::traits::Hash as _;
use station_porep::proof::SealProof;
use station_primitives::{AccountId, Accounts, Commitment, DutyStatement, Hashing, Receipt, ReplicaId, Seed, Tick};

type Authorized = Result<(ValidTransaction, Weight), TransactionValidityError>;

/// Priority of answers: above all that pays, since who answers late loses money through others' traffic. What opens first
/// closes first, and goes first.
const ANSWER_PRIORITY: u64 = u64::MAX / 2;
/// Priority of commitments: below answers.
const COMMIT_PRIORITY: u64 = ANSWER_PRIORITY / 2;

/// A refused call, for the pool. Codes are those of the errors that the call would end with.
fn refuse<T: Config>(error: Error<T>) -> TransactionValidityError {
    match error {
        Error::NotDue | Error::Outdated => InvalidTransaction::Stale.into(),
        Error::NotYourReplica => InvalidTransaction::BadSigner.into(),
        _ => InvalidTransaction::Call.into(),
    }
}

impl<T: Config> Pallet<T> {
    pub(crate) fn replica_of(provider: &AccountId, id: ReplicaId) -> Result<Replica, Error<T>> {
        let replica = Replicas::<T>::get(id).ok_or(Error::<T>::UnknownReplica)?;
        ensure!(replica.provider.as_ref() == Some(provider), Error::<T>::NotYourReplica);
        Ok(replica)
    }

    /// The replica, if its commitment with this ticket is due.
    pub(crate) fn commit_due(provider: &AccountId, id: ReplicaId, ticket: &Seed) -> Result<Replica, Error<T>> {
        let replica = Self::replica_of(provider, id)?;
        let in_time = matches!(replica.phase, Phase::Commit { deadline } if Self::now() <= deadline);
        ensure!(in_time, Error::<T>::NotDue);
        ensure!(replica.ticket == *ticket, Error::<T>::Outdated);
        let takes = Deals::<T>::get(id.shard.deal).is_some_and(|deal| deal.takes_replicas());
        ensure!(takes, Error::<T>::DealIsEnding);
        Ok(replica)
    }

    /// The replica and its tick, if its seal check with this seed is due.
    pub(crate) fn seal_due(provider: &AccountId, id: ReplicaId, seed: &Seed) -> Result<(Replica, Tick), Error<T>> {
        let replica = Self::replica_of(provider, id)?;
        let Phase::Seal { due } = replica.phase else { return Err(Error::<T>::NotDue) };
        let (asked, _, grace_ends) = Self::seal_challenge(id, due).ok_or(Error::<T>::NotDue)?;
        ensure!(CurrentTick::<T>::get() <= grace_ends, Error::<T>::NotDue);
        ensure!(asked == *seed, Error::<T>::Outdated);
        Ok((replica, due))
    }

    /// The replica, and whether an answer is in time, if its audit of the tick `due` with this seed can be answered.
    pub(crate) fn audit_due(
        provider: &AccountId,
        id: ReplicaId,
        due: Tick,
        seed: &Seed,
    ) -> Result<(Replica, bool), Error<T>> {
        let replica = Self::replica_of(provider, id)?;
        let late = match replica.phase {
            Phase::Keep { due: open } if open == due => false,
            Phase::Reported { due: open } | Phase::Late { due: open, .. } if open == due => true,
            _ => return Err(Error::<T>::NotDue),
        };
        let (asked, deadline, grace_ends) = Self::audit_challenge(id, due).ok_or(Error::<T>::NotDue)?;
        let tick = CurrentTick::<T>::get();
        ensure!(tick <= grace_ends, Error::<T>::NotDue);
        ensure!(asked == *seed, Error::<T>::Outdated);
        Ok((replica, !late && tick <= deadline))
    }

    pub(crate) fn authorize_commit(
        _source: TransactionSource,
        provider: &AccountId,
        replica: &ReplicaId,
        ticket: &Seed,
        comm_r: &Commitment,
        receipt: &Receipt,
        signature: &sr25519::Signature,
    ) -> Authorized {
        let holder = Replicas::<T>::get(replica).and_then(|record| record.provider);
        if holder.as_ref() == Some(provider) {
            Self::commit_due(provider, *replica, ticket).map_err(refuse)?;
            if *receipt != Receipt::default() {
                return Err(refuse(Error::<T>::BadReceipt));
            }
        } else {
            Self::repair_due(provider, *replica, ticket).map_err(refuse)?;
            Self::check_receipt(*replica, receipt).map_err(refuse)?;
        }
        let receipt = receipt.clone();
        let statement = DutyStatement::Commit { replica: *replica, ticket: *ticket, comm_r: *comm_r, receipt };
        Self::signed(provider, &statement, signature)?;
        Ok(Self::valid(COMMIT_PRIORITY, vec![("station/commit", replica).encode()]))
    }

    pub(crate) fn authorize_report_fault(
        _source: TransactionSource,
        provider: &AccountId,
        replica: &ReplicaId,
        due: &Tick,
        signature: &sr25519::Signature,
    ) -> Authorized {
        Self::report_due(provider, *replica, *due).map_err(refuse)?;
        Self::signed(provider, &DutyStatement::ReportFault { replica: *replica, due: *due }, signature)?;
        Ok(Self::valid(COMMIT_PRIORITY, vec![("station/report", replica, due).encode()]))
    }

    pub(crate) fn authorize_name_sources(
        _source: TransactionSource,
        provider: &AccountId,
        replica: &ReplicaId,
        ticket: &Seed,
        sources: &Accounts,
        signature: &sr25519::Signature,
    ) -> Authorized {
        Self::naming_due(provider, *replica, ticket, sources).map_err(refuse)?;
        let statement = DutyStatement::NameSources { replica: *replica, ticket: *ticket, sources: sources.clone() };
        Self::signed(provider, &statement, signature)?;
        Ok(Self::valid(COMMIT_PRIORITY, vec![("station/name", replica, ticket).encode()]))
    }

    pub(crate) fn authorize_prove_seal(
        _source: TransactionSource,
        provider: &AccountId,
        replica: &ReplicaId,
        seed: &Seed,
        proof: &SealProof,
        signature: &sr25519::Signature,
    ) -> Authorized {
        let (_, due) = Self::seal_due(provider, *replica, seed).map_err(refuse)?;
        let proof = Hashing::hash_of(proof);
        Self::signed(provider, &DutyStatement::ProveSeal { replica: *replica, seed: *seed, proof }, signature)?;
        Ok(Self::valid(Self::urgency(due), vec![("station/seal", replica, due).encode()]))
    }

    pub(crate) fn authorize_prove(
        _source: TransactionSource,
        provider: &AccountId,
        answers: &Answers,
        signature: &sr25519::Signature,
    ) -> Authorized {
        let first = answers.first().ok_or_else(|| refuse(Error::<T>::NoAnswers))?;
        let mut seen = BTreeSet::new();
        let mut earliest = first.due;
        let mut provides = Vec::new();
        for answer in answers {
            if !seen.insert(answer.replica) {
                return Err(refuse(Error::<T>::AnsweredTwice));
            }
            Self::audit_due(provider, answer.replica, answer.due, &answer.seed).map_err(refuse)?;
            earliest = earliest.min(answer.due);
            provides.push(("station/audit", answer.replica, answer.due).encode());
        }
        let answers = Hashing::hash_of(answers);
        Self::signed(provider, &DutyStatement::Prove { answers }, signature)?;
        Ok(Self::valid(Self::urgency(earliest), provides))
    }

    fn urgency(due: Tick) -> u64 {
        ANSWER_PRIORITY.saturating_sub(u64::from(due))
    }

    fn signed(
        provider: &AccountId,
        statement: &DutyStatement,
        signature: &sr25519::Signature,
    ) -> Result<(), TransactionValidityError> {
        if duty_signed_by::<T>(provider, statement, signature) {
            Ok(())
        } else {
            Err(InvalidTransaction::BadProof.into())
        }
    }

    /// Valid for as long as a window lasts: what did not get into a block by then is made anew, or too late.
    fn valid(priority: u64, provides: Vec<Vec<u8>>) -> (ValidTransaction, Weight) {
        let longevity = TransactionLongevity::from(Self::clock().answer_window);
        let validity = ValidTransaction { priority, provides, longevity, propagate: true, ..Default::default() };
        (validity, Weight::zero())
    }

    /// The beacon and deadlines of an open tick, for tests and queries.
    pub fn open_tick(due: Tick) -> Option<OpenTick> {
        crate::OpenTicks::<T>::get(due)
    }
}
