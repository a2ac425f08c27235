//! Full blocks: what is full moves no deadline, and what ordinary transactions may fill leaves room for answers.

use super::{
    chain::{account, answers, apply, events, fill, id, key, length_of, limits, submit, Chain},
    market::{faults_of, real_deal, register},
};
use crate::{extrinsic, Replication, Runtime, RuntimeCall, System, VERSION};
use frame_support::{dispatch::DispatchClass, weights::Weight};
use pallet_station_replication::{CurrentTick, Event, OpenTicks};
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};
use station_primitives::{DealId, Preset, Timing, TKT};

const HOLDERS: [u8; 3] = [1, 2, 3];
/// When the first audit falls due.
const FIRST: u32 = 8;

fn stage(chain: &mut Chain) -> DealId {
    chain.between(|| {
        HOLDERS.into_iter().for_each(register);
        real_deal(2, 20, &HOLDERS, FIRST, 1)
    })
}

/// Blocks until there is something to answer for each of the holders.
fn wait(chain: &mut Chain) {
    while !chain.block(|| HOLDERS.into_iter().all(|n| answers(n).is_some())) {}
}

/// Fill what ordinary transactions may with real ones, byte for byte, and then with weight; how many there were.
fn fill_ordinary(nonce: &mut u32) -> u32 {
    let mut taken = 0;
    for size in [1 << 20, 1 << 16, 1 << 10, 16] {
        loop {
            let call = RuntimeCall::System(frame_system::Call::remark { remark: vec![7; size] });
            let genesis = System::block_hash(0);
            let versions = (VERSION.spec_version, VERSION.transaction_version);
            let signed = extrinsic::sign(call, &key(50), *nonce, genesis, versions.0, versions.1, TKT);
            match apply(signed) {
                Ok(done) => done.expect("a remark does not fail"),
                Err(TransactionValidityError::Invalid(InvalidTransaction::ExhaustsResources)) => break,
                Err(error) => panic!("{error:?}"),
            }
            (*nonce, taken) = (*nonce + 1, taken + 1);
        }
    }
    let most = limits().get(DispatchClass::Normal).max_total.expect("it has one");
    let left = most.saturating_sub(*System::block_weight().get(DispatchClass::Normal));
    System::register_extra_weight_unchecked(Weight::from_parts(left.ref_time(), 0), DispatchClass::Normal);
    taken
}

fn proven() -> usize {
    events().iter().filter(|event| matches!(event, Event::ReplicaProven { .. })).count()
}

fn tick(chain: &mut Chain) -> u32 {
    chain.between(CurrentTick::<Runtime>::get)
}

#[test]
fn a_chain_whose_blocks_are_full_to_the_brim_takes_no_answer_and_makes_nobody_late() {
    let timing = Timing::of(Preset::Local);
    let mut chain = Chain::new(timing);
    let deal = stage(&mut chain);
    wait(&mut chain);
    let before = tick(&mut chain);
    let open = chain.between(|| OpenTicks::<Runtime>::iter().count());
    // Ten times as long as window and grace together, full by weight or by length in turn.
    for n in 0..10 * (timing.answer_window + timing.grace) {
        chain.block(|| {
            if n % 2 == 0 {
                fill(DispatchClass::Operational, 100);
            } else {
                frame_system::BlockSize::<Runtime>::put(5 * 1024 * 1024);
            }
            for call in HOLDERS.into_iter().filter_map(answers) {
                let refused = Err(InvalidTransaction::ExhaustsResources.into());
                assert_eq!(submit(call), refused, "there is no room at all");
            }
        });
    }
    assert_eq!(tick(&mut chain), before, "none of them was a tick");
    assert_eq!(chain.between(|| OpenTicks::<Runtime>::iter().count()), open);
    // Now there is room: everything is answered in time, and paid.
    let seen = chain.block(|| {
        for call in HOLDERS.into_iter().filter_map(answers) {
            submit(call).expect("it fits").expect("it is taken");
        }
        proven()
    });
    assert!(seen >= 3, "{seen}");
    assert_eq!(tick(&mut chain), before + 1);
    for _ in 0..timing.period {
        chain.block(|| {
            HOLDERS.into_iter().filter_map(answers).for_each(|call| submit(call).expect("it fits").expect("taken"));
        });
    }
    chain.between(|| {
        assert_eq!(faults_of(deal, 2), 0);
        for n in HOLDERS {
            let record = pallet_station_providers::Providers::<Runtime>::get(account(n)).expect("registered");
            assert_eq!((record.collateral, record.strikes.count), (10_000 * TKT, 0));
        }
        Replication::try_state_of_all().expect("the invariants hold");
    });
}

#[test]
fn ordinary_transactions_fill_all_that_they_may_and_every_answer_gets_in() {
    let timing = Timing::of(Preset::Local);
    let mut chain = Chain::new(timing);
    let deal = stage(&mut chain);
    let (mut nonce, mut seen, mut longest, mut spared) = (0, 0, 0, 0);
    let until = chain.height() + 2 * timing.period + FIRST + 20;
    let mut ticks = tick(&mut chain);
    while chain.height() < until {
        seen += chain.block(|| {
            // A block that begins a session has no room for any of them, and for answers all the same.
            spared += u32::from(fill_ordinary(&mut nonce) == 0);
            for call in HOLDERS.into_iter().filter_map(answers) {
                longest = longest.max(length_of(&call));
                submit(call).expect("there is a reserve for it").expect("it is taken");
            }
            proven()
        });
        let now = tick(&mut chain);
        assert_eq!(now, ticks + 1, "there is room for an answer, so time passes");
        ticks = now;
    }
    println!("{seen} answers beside {nonce} transactions; the longest call had {longest} bytes");
    assert!(seen >= 2 * 6, "{seen}");
    assert_eq!(spared, chain.height() / timing.epoch, "all others were flooded");
    chain.between(|| {
        assert_eq!(faults_of(deal, 2), 0);
        let info = Replication::shard_info(id(deal, 0, 0).shard).expect("it exists");
        assert!(info.replicas.iter().all(|replica| replica.earned > 0));
        Replication::try_state_of_all().expect("the invariants hold");
    });
}

#[test]
fn a_block_is_a_tick_exactly_if_the_largest_answer_would_have_been_taken() {
    let mut chain = Chain::new(Timing::of(Preset::Live));
    let deal = stage(&mut chain);
    wait(&mut chain);
    let _ = deal;
    let mut outcomes = [0; 2];
    for share in 0..=40 {
        // From nothing to the whole of the limit of answers, with and without ordinary transactions beside them.
        let before = tick(&mut chain);
        let taken = chain.block(|| {
            if share % 2 == 0 {
                fill(DispatchClass::Normal, 60);
            }
            fill(DispatchClass::Operational, share * 5 / 2);
            // A transaction within a transaction, so that it is tried and not done.
            let call = answers(HOLDERS[0]).expect("nobody has answered");
            frame_support::storage::with_transaction(|| {
                let taken = submit(call).is_ok();
                sp_runtime::TransactionOutcome::Rollback(Ok::<_, sp_runtime::DispatchError>(taken))
            })
            .expect("it does not fail")
        });
        let ticked = tick(&mut chain) > before;
        outcomes[usize::from(ticked)] += 1;
        // The largest answer is larger than this one: at the very edge this one may fit when that one does not.
        assert!(taken || !ticked, "at {share}: time passed, and nobody could answer");
    }
    assert!(outcomes.iter().all(|count| *count > 3), "{outcomes:?}");
}
