//! Benchmarks of every call, and of the steps of the hooks.
//!
//! Proofs are of the largest class, 1 GiB, without sealing one: the labels and nodes that a seed asks for are made up, and the
//! root that they lead to is put in the replica's record ([`fabricate`]). What decodes from made-up labels lies under no
//! known `comm_d`, so seal checks fail, at their very last step: the dearest way to fail, and the dearer outcome.

use super::*;
use crate::{
    Buckets, Call, Candidate, CurrentTick, DrawBeacons, Draws, Lane, OpenTick, OpenTicks, Orders, Pallet, Phase,
    Replicas,
};
use alloc::{collections::BTreeMap, vec, vec::Vec};
use codec::Encode;
use frame_benchmarking::v2::*;
use frame_support::{
    pallet_prelude::{InvalidTransaction, TransactionSource},
    traits::{fungible::Mutate, Authorize, Get},
    BoundedVec,
};
use frame_system::RawOrigin;
use pallet_station_deals::{Placement, Shards};
use pallet_station_providers::{Policy, Providers};
use sp_core::sr25519;
use sp_runtime::traits::SaturatedConversion;
use station_porep::{
    challenge,
    hash::Hash,
    proof::{self, AuditProof, Opening, ProofError, SealProof},
    tree::{inner, leaf, lemmas, Purpose},
    ReplicaKey, SizeClass,
};
use station_primitives::{
    AccountId, Balance, BlockNumber, DealId, Reason, Receipt, ReplicaId, Seed, ShardId, GIB, MAX_ANSWERS, MAX_REPLICAS,
    TKT,
};

/// Endowment of the accounts, in plancks.
const ENDOWMENT: Balance = 1_000_000_000 * TKT;

/// The ristretto base point: a key that decodes, so that checking a signature under it takes all its steps.
const POINT: [u8; 32] = [
    0xe2, 0xf2, 0xae, 0x0a, 0x6a, 0xbc, 0x4e, 0x71, 0xa8, 0x84, 0xa9, 0x61, 0xc5, 0x00, 0x51, 0x5f, 0x58, 0xe3, 0x0b,
    0x6a, 0xa5, 0x82, 0xdd, 0x8d, 0xb6, 0xa6, 0x59, 0x45, 0xe0, 0x8d, 0x2d, 0x76,
];

/// A well-formed signature that is wrong: it costs as much to check as a right one, and needs no keystore.
fn wrong_signature() -> sr25519::Signature {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&POINT);
    bytes[32] = 1;
    bytes[63] = 128;
    sr25519::Signature::from_raw(bytes)
}

/// The provider that is measured.
fn provider() -> AccountId {
    AccountId::new(POINT)
}

fn register<T: Config>(who: AccountId, operator: u8) {
    <T as pallet_station_providers::Config>::Currency::set_balance(&who, ENDOWMENT);
    pallet_station_providers::Pallet::<T>::register(
        RawOrigin::Signed(who).into(),
        1_000 * GIB,
        0,
        0,
        BoundedVec::truncate_from(b"/ip4/127.0.0.1/tcp/30333".to_vec()),
        [operator; 32],
        Policy::Open,
        10_000 * TKT,
    )
    .expect("the account is rich and new");
}

/// Let blocks pass, with providers that show themselves.
fn pass<T: Config>(count: BlockNumber) {
    for _ in 0..count {
        Pallet::<T>::end_block();
        let next = Pallet::<T>::now().saturating_add(1);
        frame_system::Pallet::<T>::set_block_number(next.saturated_into());
        for who in Providers::<T>::iter_keys() {
            pallet_station_providers::Pallet::<T>::note_seen(&who, next);
        }
        Pallet::<T>::begin_block();
    }
}

/// A deal of so many shards of 1 GiB with all its replicas assigned, each shard to the measured provider and two others.
fn assigned<T: Config>(shards: u32) -> DealId {
    register::<T>(provider(), 1);
    register::<T>(account("other", 0, 0), 2);
    register::<T>(account("other", 1, 0), 3);
    let deal = submit::<T>(shards);
    let wait = Pallet::<T>::clock().seed_blocks.saturating_add(2);
    pass::<T>(wait.saturating_add(shards.saturating_mul(3) / T::DrawsPerBlock::get()));
    deal
}

fn submit<T: Config>(shards: u32) -> DealId {
    let client: AccountId = whitelisted_caller();
    <T as pallet_station_deals::Config>::Currency::set_balance(&client, ENDOWMENT);
    let list = BoundedVec::truncate_from((0..shards).map(|_| ([7; 32], SizeClass::MAX)).collect::<Vec<_>>());
    let id = pallet_station_deals::NextDeal::<T>::get();
    let (origin, memo) = (RawOrigin::Signed(client).into(), Default::default());
    pallet_station_deals::Pallet::<T>::submit_deal(origin, list, 3, 10, TKT, Placement::Any, memo)
        .expect("the client is rich");
    id
}

/// The measured provider's replica of a shard.
fn replica_of<T: Config>(deal: DealId, index: u32) -> ReplicaId {
    let shard = ShardId { deal, index };
    (0..3)
        .map(|slot| ReplicaId { shard, slot })
        .find(|id| Replicas::<T>::get(id).is_some_and(|replica| replica.provider == Some(provider())))
        .expect("three providers hold three replicas")
}

/// Commit a replica and wait until its seal check is open; returns the seed.
fn committed<T: Config>(id: ReplicaId) -> Seed {
    let ticket = Replicas::<T>::get(id).expect("assigned").ticket;
    Pallet::<T>::do_commit(provider(), id, ticket, [1; 32], Receipt::default()).expect("the commitment is due");
    pass::<T>(Pallet::<T>::clock().seed_blocks.saturating_add(2));
    let due = Replicas::<T>::get(id).and_then(|replica| replica.phase.due()).expect("committed");
    Pallet::<T>::seal_challenge(id, due).expect("the check is open").0
}

/// Make so many replicas of the measured provider active, and have their audits open.
fn audited<T: Config>(shards: u32) -> Vec<ReplicaId> {
    let deal = assigned::<T>(shards);
    let ids = (0..shards).map(|index| replica_of::<T>(deal, index)).collect::<Vec<_>>();
    for id in &ids {
        let mut replica = Replicas::<T>::get(id).expect("assigned");
        let due = Pallet::<T>::admit(*id, 0).expect("there is room");
        replica.phase = Phase::Keep { due };
        replica.comm_r = Some([1; 32]);
        pallet_station_providers::Pallet::<T>::note_proven(&provider(), Pallet::<T>::bytes_of(*id), true);
        Pallet::<T>::note(*id, replica.phase, crate::health::Holder::Stays, None);
        Replicas::<T>::insert(id, replica);
    }
    let buckets = shards.saturating_mul(2) / T::MaxPerBucket::get();
    pass::<T>(Pallet::<T>::clock().seed_blocks.saturating_add(3).saturating_add(buckets));
    ids
}

/// Labels and nodes that open `positions`, and the root that they lead to.
fn fabricate(purpose: &Purpose, class: SizeClass, positions: &[u64]) -> (Opening, Hash) {
    let labels = positions.iter().map(|at| [u8::try_from(at % 251).unwrap_or_default(); 64]).collect::<Vec<_>>();
    let mut nodes =
        positions.iter().zip(&labels).map(|(at, label)| (*at, leaf(purpose, *at, label))).collect::<BTreeMap<_, _>>();
    let asked = lemmas(class, positions);
    let carried = (0..asked.len()).map(|n| [u8::try_from(n % 256).unwrap_or_default(); 32]).collect::<Vec<_>>();
    for level in 0..class.depth() {
        for (lemma, node) in asked.iter().zip(&carried).filter(|(lemma, _)| lemma.level == level) {
            nodes.insert(lemma.place, *node);
        }
        let pairs = nodes.iter().filter(|(place, _)| *place % 2 == 0);
        nodes = pairs.map(|(place, left)| (place / 2, inner(left, &nodes[&(place + 1)]))).collect();
    }
    (Opening { labels, lemmas: carried }, nodes[&0])
}

/// The key of one of the measured provider's replicas.
fn key_of<T: Config>(id: ReplicaId) -> ReplicaKey {
    let ticket = Replicas::<T>::get(id).expect("assigned").ticket;
    Pallet::<T>::key_of(&provider(), id, &ticket).expect("the shard exists").0
}

fn set_root<T: Config>(id: ReplicaId, root: Hash) {
    Replicas::<T>::mutate(id, |replica| {
        if let Some(replica) = replica {
            replica.comm_r = Some(root);
        }
    });
}

/// Right answers to all audits, with beacons under which none asks for a seal check.
fn right_answers<T: Config>(ids: &[ReplicaId]) -> Answers {
    let mut answers = Vec::new();
    for id in ids {
        let key = key_of::<T>(*id);
        let due = Replicas::<T>::get(id).and_then(|replica| replica.phase.due()).expect("active");
        let seed = Pallet::<T>::audit_challenge(*id, due).expect("the audit is open").0;
        answers.push((*id, due, seed, key));
    }
    let answers = answers.into_iter().map(|(replica, due, seed, key)| {
        let (positions, _) = challenge::audit_opened(&seed, &key, SizeClass::MAX);
        let (opening, root) = fabricate(&Purpose::Replica(key), SizeClass::MAX, &positions);
        set_root::<T>(replica, root);
        Answer { replica, due, seed, proof: AuditProof { replica: opening, data: Vec::new() } }
    });
    BoundedVec::truncate_from(answers.collect())
}

/// Choose beacons for the open ticks so that no audit of `ids` asks for a seal check.
fn plain_beacons<T: Config>(ids: &[ReplicaId]) {
    let mut ticks: BTreeMap<u32, Vec<ReplicaId>> = BTreeMap::new();
    for id in ids {
        let due = Replicas::<T>::get(id).and_then(|replica| replica.phase.due()).expect("active");
        ticks.entry(due).or_default().push(*id);
    }
    for (due, ids) in ticks {
        let (_, deadline, grace_ends) = Pallet::<T>::challenge(due).expect("open");
        let beacon = (0u32..)
            .map(|n| sp_io::hashing::blake2_256(&n.encode()))
            .find(|beacon| {
                OpenTicks::<T>::insert(due, OpenTick { challenge: Some((*beacon, deadline, grace_ends)) });
                ids.iter().all(|id| {
                    let seed = Pallet::<T>::audit_challenge(*id, due).expect("open").0;
                    challenge::audit_seal_position(&seed, &key_of::<T>(*id), SizeClass::MAX).is_none()
                })
            })
            .expect("fifteen in sixteen ask for none");
        OpenTicks::<T>::insert(due, OpenTick { challenge: Some((beacon, deadline, grace_ends)) });
    }
}

/// An answer to the seal check whose labels hold and whose data does not.
fn seal_answer<T: Config>(id: ReplicaId, seed: &Seed) -> SealProof {
    let key = key_of::<T>(id);
    let (positions, checks) = challenge::seal_opened(seed, &key, SizeClass::MAX);
    let (replica, root) = fabricate(&Purpose::Replica(key), SizeClass::MAX, &positions);
    set_root::<T>(id, root);
    SealProof { replica, data: vec![[0; 32]; lemmas(SizeClass::MAX, &checks).len()] }
}

/// A replica of the measured provider that is late, in a shard with as many seats as can be.
fn late<T: Config>() -> ReplicaId {
    let id = audited::<T>(1)[0];
    let mut replica = Replicas::<T>::get(id).expect("active");
    let due = replica.phase.due().expect("active");
    Pallet::<T>::mark_late(id, due);
    replica.phase = Phase::Late { due, wrong: false };
    pallet_station_providers::Pallet::<T>::note_proven(&provider(), Pallet::<T>::bytes_of(id), false);
    Pallet::<T>::note(id, replica.phase, crate::health::Holder::Stays, None);
    Replicas::<T>::insert(id, replica);
    id
}

/// The slot of a late replica, with an order that has a candidate.
fn ordered<T: Config>() -> ReplicaId {
    let id = late::<T>();
    register::<T>(account("candidate", 0, 0), 99);
    Pallet::<T>::open_order(id, Reason::MissedAudit);
    for _ in 0..Pallet::<T>::clock().seed_blocks.saturating_add(2) {
        pass::<T>(1);
        if Orders::<T>::get(id).is_some_and(|order| order.candidate().is_some()) {
            break;
        }
    }
    id
}

fn candidate_of<T: Config>(id: ReplicaId) -> Candidate {
    Orders::<T>::get(id).and_then(|order| order.candidate().cloned()).expect("one was drawn")
}

/// So many registered providers that hold the shard, as far as its record says.
fn sources<T: Config>(id: ReplicaId, count: u32) -> Vec<AccountId> {
    let sources = (0..count).map(|n| account("source", n, 0)).collect::<Vec<AccountId>>();
    let mut record = Pallet::<T>::shard_record(id.shard);
    let slots = (0..MAX_REPLICAS).filter(|slot| *slot != id.slot);
    for (slot, source) in slots.zip(&sources) {
        let operator = slot.saturating_add(200);
        register::<T>(source.clone(), operator);
        let seat = crate::Seat {
            standing: crate::Standing::Live,
            holder: Some((source.clone(), [operator; 32])),
            candidate: None,
            named: 0,
        };
        match record.seats.get_mut(usize::from(slot)) {
            Some(taken) => *taken = seat,
            None => {
                let _ = record.seats.try_push(seat);
            }
        }
    }
    crate::ShardRecords::<T>::insert(id.shard, record);
    sources
}

/// The key of a replica that nobody has.
fn made_up_key() -> ReplicaKey {
    ReplicaKey::derive(&[0; 32], &[1; 32], (0, 0), 0, &[7; 32], &[2; 32])
}

/// A seed that asks for what is wanted, which one in a few does.
fn seed_that(asks: impl Fn(&Seed) -> bool) -> Seed {
    let seeds = (0u32..).map(|n| sp_io::hashing::blake2_256(&n.encode()));
    seeds.into_iter().find(asks).expect("one in sixteen recomputes a label, the others do not")
}

/// Give a shard as many seats as can be, all but the replica's own of this standing: orders are opened for faulty ones.
fn crowd<T: Config>(id: ReplicaId, standing: crate::Standing) {
    let mut record = Pallet::<T>::shard_record(id.shard);
    let seat = crate::Seat { standing, holder: None, candidate: None, named: 0 };
    for slot in (0..MAX_REPLICAS).filter(|slot| *slot != id.slot) {
        match record.seats.get_mut(usize::from(slot)) {
            Some(taken) => taken.standing = standing,
            None => {
                let _ = record.seats.try_push(seat.clone());
            }
        }
    }
    crate::ShardRecords::<T>::insert(id.shard, record);
}

fn bad_signature() -> Option<frame_support::pallet_prelude::TransactionValidityWithRefund> {
    Some(Err(InvalidTransaction::BadProof.into()))
}

#[benchmarks]
mod benchmarks {
    use super::*;

    /// The dearest: that of a repair, whose holder is late and dismissed, and whose sources are paid.
    #[benchmark]
    fn commit(s: Linear<0, { MAX_REPLICAS as u32 - 1 }>) {
        let id = ordered::<T>();
        let Candidate { provider: who, ticket, .. } = candidate_of::<T>(id);
        let served = sources::<T>(id, s).into_iter().map(|source| (source, 1)).collect();
        let receipt = Receipt { served: BoundedVec::truncate_from(served), ..Receipt::default() };
        #[extrinsic_call]
        _(RawOrigin::Authorized, who, id, ticket, [1; 32], receipt, wrong_signature());
        assert_eq!(Replicas::<T>::get(id).and_then(|replica| replica.comm_r), Some([1; 32]));
    }

    #[benchmark]
    fn authorize_commit() {
        let replica = ordered::<T>();
        let Candidate { provider, ticket, .. } = candidate_of::<T>(replica);
        let served = sources::<T>(replica, u32::from(MAX_REPLICAS) - 1).into_iter().map(|source| (source, 1)).collect();
        let receipt = Receipt { served: BoundedVec::truncate_from(served), ..Receipt::default() };
        let signature = wrong_signature();
        let call = Call::<T>::commit { provider, replica, ticket, comm_r: [1; 32], receipt, signature };
        let verdict;
        #[block]
        {
            verdict = call.authorize(TransactionSource::External);
        }
        assert_eq!(verdict, bad_signature());
    }

    /// The dearest: that of a repair, which fails and is ordered anew, in a shard that is below its minimum.
    #[benchmark]
    fn prove_seal() {
        let id = replica_of::<T>(assigned::<T>(1), 0);
        let seed = committed::<T>(id);
        let proof = seal_answer::<T>(id, &seed);
        crowd::<T>(id, crate::Standing::Faulty);
        Replicas::<T>::mutate(id, |replica| replica.as_mut().expect("committed").repair = true);
        #[extrinsic_call]
        _(RawOrigin::Authorized, provider(), id, seed, proof, wrong_signature());
        assert!(matches!(Replicas::<T>::get(id).map(|replica| replica.phase), Some(Phase::Vacant { .. })));
        assert_eq!(crate::OpenOrders::<T>::get(), u64::from(crate::orders::URGENT_AT_ONCE) + 1);
    }

    #[benchmark]
    fn authorize_prove_seal() {
        let replica = replica_of::<T>(assigned::<T>(1), 0);
        let seed = committed::<T>(replica);
        let proof = seal_answer::<T>(replica, &seed);
        let call = Call::<T>::prove_seal { provider: provider(), replica, seed, proof, signature: wrong_signature() };
        let verdict;
        #[block]
        {
            verdict = call.authorize(TransactionSource::External);
        }
        assert_eq!(verdict, bad_signature());
    }

    #[benchmark]
    fn prove(n: Linear<1, MAX_ANSWERS>) {
        let ids = audited::<T>(n);
        plain_beacons::<T>(&ids);
        let answers = right_answers::<T>(&ids);
        #[extrinsic_call]
        _(RawOrigin::Authorized, provider(), answers, wrong_signature());
        for id in ids {
            assert_eq!(Replicas::<T>::get(id).map(|replica| replica.settled), Some(1));
        }
    }

    #[benchmark]
    fn authorize_prove(n: Linear<1, MAX_ANSWERS>) {
        let ids = audited::<T>(n);
        let answers = right_answers::<T>(&ids);
        let call = Call::<T>::prove { provider: provider(), answers, signature: wrong_signature() };
        let verdict;
        #[block]
        {
            verdict = call.authorize(TransactionSource::External);
        }
        assert_eq!(verdict, bad_signature());
    }

    #[benchmark]
    fn report_fault() {
        let id = audited::<T>(1)[0];
        let mut replica = Replicas::<T>::get(id).expect("active");
        // Its audit is not open yet, and none of the others is live: the report takes the shard below its minimum.
        let open = replica.phase.due().expect("active");
        Pallet::<T>::unplace(id, open);
        let due = Pallet::<T>::admit(id, CurrentTick::<T>::get().saturating_add(1)).expect("there is room");
        replica.phase = Phase::Keep { due };
        Replicas::<T>::insert(id, replica);
        crowd::<T>(id, crate::Standing::Faulty);
        #[extrinsic_call]
        _(RawOrigin::Authorized, provider(), id, due, wrong_signature());
        assert_eq!(crate::OpenOrders::<T>::get(), u64::from(crate::orders::URGENT_AT_ONCE));
    }

    #[benchmark]
    fn authorize_report_fault() {
        let replica = audited::<T>(1)[0];
        let due = CurrentTick::<T>::get().saturating_add(9);
        Replicas::<T>::mutate(replica, |record| {
            if let Some(record) = record {
                record.phase = Phase::Keep { due };
            }
        });
        let call = Call::<T>::report_fault { provider: provider(), replica, due, signature: wrong_signature() };
        let verdict;
        #[block]
        {
            verdict = call.authorize(TransactionSource::External);
        }
        assert_eq!(verdict, bad_signature());
    }

    #[benchmark]
    fn name_sources(s: Linear<1, { MAX_REPLICAS as u32 - 1 }>) {
        let id = ordered::<T>();
        let Candidate { provider: who, ticket, .. } = candidate_of::<T>(id);
        let named = BoundedVec::truncate_from(sources::<T>(id, s));
        #[extrinsic_call]
        _(RawOrigin::Authorized, who, id, ticket, named, wrong_signature());
        assert_eq!(u32::try_from(candidate_of::<T>(id).named.len()), Ok(s));
    }

    #[benchmark]
    fn authorize_name_sources() {
        let replica = ordered::<T>();
        let Candidate { provider, ticket, .. } = candidate_of::<T>(replica);
        let sources = BoundedVec::truncate_from(sources::<T>(replica, u32::from(MAX_REPLICAS) - 1));
        let call = Call::<T>::name_sources { provider, replica, ticket, sources, signature: wrong_signature() };
        let verdict;
        #[block]
        {
            verdict = call.authorize(TransactionSource::External);
        }
        assert_eq!(verdict, bad_signature());
    }

    /// What an audit costs to verify: four labels.
    #[benchmark(extra)]
    fn verify_audit() {
        let class = SizeClass::MAX;
        let key = made_up_key();
        let seed = seed_that(|seed| challenge::audit_seal_position(seed, &key, class).is_none());
        let (positions, _) = challenge::audit_opened(&seed, &key, class);
        let (replica, root) = fabricate(&Purpose::Replica(key), class, &positions);
        let proof = AuditProof { replica, data: Vec::new() };
        let verdict;
        #[block]
        {
            verdict = proof::verify_audit(&key, class, &[7; 32], &root, &seed, &proof);
        }
        assert_eq!(verdict, Ok(()));
    }

    /// What an audit that also recomputes a label costs to verify; [`WeightInfo::prove`] counts those that do not.
    #[benchmark]
    fn verify_recomputed() {
        let class = SizeClass::MAX;
        let key = made_up_key();
        let seed = seed_that(|seed| challenge::audit_seal_position(seed, &key, class).is_some());
        let (positions, check) = challenge::audit_opened(&seed, &key, class);
        let (replica, root) = fabricate(&Purpose::Replica(key), class, &positions);
        let data = vec![[0; 32]; lemmas(class, check.as_slice()).len()];
        let proof = AuditProof { replica, data };
        let verdict;
        #[block]
        {
            verdict = proof::verify_audit(&key, class, &[7; 32], &root, &seed, &proof);
        }
        assert!(matches!(verdict, Err(ProofError::Data(_))), "it went to the last step");
    }

    /// What the check of eight labels costs to verify when a replica is taken on.
    #[benchmark(extra)]
    fn verify_seal() {
        let class = SizeClass::MAX;
        let key = made_up_key();
        let seed = [3; 32];
        let (positions, checks) = challenge::seal_opened(&seed, &key, class);
        let (replica, root) = fabricate(&Purpose::Replica(key), class, &positions);
        let proof = SealProof { replica, data: vec![[0; 32]; lemmas(class, &checks).len()] };
        let verdict;
        #[block]
        {
            verdict = proof::verify_seal(&key, class, &[7; 32], &root, &seed, &proof);
        }
        assert!(matches!(verdict, Err(ProofError::Data(_))), "it went to the last step");
    }

    /// `on_initialize` without draws and sweeps.
    #[benchmark]
    fn begin_block() {
        register::<T>(provider(), 1);
        pass::<T>(Pallet::<T>::clock().seed_blocks.saturating_add(3));
        let next = Pallet::<T>::now().saturating_add(1);
        frame_system::Pallet::<T>::set_block_number(next.saturated_into());
        #[block]
        {
            Pallet::<T>::begin_block();
        }
        assert!(crate::VrfOutputs::<T>::contains_key(next.saturating_sub(1)));
    }

    /// `on_finalize`.
    #[benchmark]
    fn end_block() {
        let ids = audited::<T>(1);
        // The bucket that opens now is not empty.
        let tick = CurrentTick::<T>::get().saturating_add(1);
        let replica = BoundedVec::truncate_from(ids);
        Buckets::<T>::insert(tick, replica);
        #[block]
        {
            Pallet::<T>::end_block();
        }
        assert!(OpenTicks::<T>::contains_key(tick));
    }

    /// One first draw.
    #[benchmark]
    fn draw() {
        // More providers than a draw looks at.
        for n in 0..pallet_station_providers::selection::SAMPLE.saturating_add(8) {
            register::<T>(account("provider", n, 0), u8::try_from(n).unwrap_or_default());
        }
        let deal = submit::<T>(1);
        pass::<T>(Pallet::<T>::clock().seed_blocks);
        let now = Pallet::<T>::now().saturating_add(1);
        frame_system::Pallet::<T>::set_block_number(now.saturated_into());
        let id = ReplicaId { shard: ShardId { deal, index: 0 }, slot: 0 };
        let job = crate::DrawJob { next: id, whole: false };
        Draws::<T>::insert(now, BoundedVec::truncate_from(vec![job]));
        DrawBeacons::<T>::insert(now, [3; 32]);
        #[block]
        {
            Pallet::<T>::run_draws(now, 1);
        }
        assert!(Replicas::<T>::get(id).is_some_and(|replica| replica.provider.is_some()));
    }

    /// One draw for an order.
    #[benchmark]
    fn draw_repair() {
        let id = late::<T>();
        for n in 0..pallet_station_providers::selection::SAMPLE.saturating_add(8) {
            register::<T>(account("provider", n, 0), u8::try_from(n + 100).unwrap_or_default());
        }
        Pallet::<T>::open_order(id, Reason::MissedAudit);
        crate::RepairBeacons::<T>::mutate(Pallet::<T>::now(), |waiting| {
            if let Some(waiting) = waiting {
                waiting.beacon = Some([3; 32]);
            }
        });
        #[block]
        {
            Pallet::<T>::run_orders(Lane::Urgent, 1);
        }
        assert!(Orders::<T>::get(id).is_some_and(|order| order.candidate().is_some()));
    }

    /// One miss, slash, late commitment or order that wakes; the dearest is a slash that opens an order.
    #[benchmark]
    fn sweep_fault() {
        let id = late::<T>();
        let due = Replicas::<T>::get(id).and_then(|replica| replica.phase.due()).expect("late");
        OpenTicks::<T>::insert(due, OpenTick { challenge: Some(([0; 32], 0, 0)) });
        crate::Places::<T>::mutate(|places| {
            places.late = due;
            places.missed = due.saturating_add(1);
        });
        // Orders that it opens for others of its shard count as steps of their own.
        crowd::<T>(id, crate::Standing::Gone);
        #[block]
        {
            Pallet::<T>::sweep_late(1);
        }
        assert!(matches!(Replicas::<T>::get(id).map(|replica| replica.phase), Some(Phase::Vacant { .. })));
        assert!(Orders::<T>::contains_key(id));
    }

    /// One replica of a provider that goes: one that gives up a replica at once is slashed, and an order is opened.
    #[benchmark]
    fn sweep_departure() {
        let id = audited::<T>(1)[0];
        pallet_station_providers::Pallet::<T>::leave(RawOrigin::Signed(provider()).into(), true).expect("registered");
        let now = Pallet::<T>::now();
        crate::Departures::<T>::put(crate::DepartureSweep { provider: provider(), after: None, covered: 0 });
        crowd::<T>(id, crate::Standing::Gone);
        #[block]
        {
            Pallet::<T>::sweep_departures(now, 1);
        }
        assert!(Orders::<T>::contains_key(id));
    }

    /// One slot of a deal that ends.
    #[benchmark]
    fn sweep_end() {
        let deal = assigned::<T>(1);
        let shard = ShardId { deal, index: 0 };
        // The last slot waits for its seal check in a bucket; the others have ended: it ends the shard and the deal.
        let last = ReplicaId { shard, slot: 2 };
        let replica = Replicas::<T>::get(last).expect("assigned");
        let who = replica.provider.expect("assigned");
        Pallet::<T>::do_commit(who, last, replica.ticket, [1; 32], Receipt::default()).expect("the commitment is due");
        pallet_station_deals::Pallet::<T>::begin_end(deal).expect("it runs");
        let mut job = crate::SweepJob::of(deal);
        while job.next != last {
            job = Pallet::<T>::sweep_slot(job).expect("there is more");
        }
        #[block]
        {
            Pallet::<T>::sweep_slot(job);
        }
        assert!(!Replicas::<T>::contains_key(last) && !Shards::<T>::contains_key(shard));
        assert!(Pallet::<T>::deal_info(deal).is_none());
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
