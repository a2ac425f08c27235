//! A provider of twenty thousand replicas dies.

use super::{
    chain::{account, answers, commit, events, heartbeat, id, limits, submit, Chain},
    market::{
        activate, content_with_what_it_has, faults_of, pass_seal_check, real_deal, register, submit_deal, Place, PRICE,
    },
};
use crate::{Replication, Runtime, System};
use frame_support::{dispatch::DispatchClass, BoundedVec};
use pallet_station_deals::Placement;
use pallet_station_replication::{Event, OpenOrders, Phase, Replicas, WeightInfo as _};
use station_primitives::{DealId, Preset, Receipt, ReplicaId, Seed, Timing, TKT};
use std::collections::BTreeMap;

/// Who dies.
const DEAD: u8 = 1;
/// Who holds the other replicas of the same shards. They are not audited while this lasts.
const OTHERS: [u8; 2] = [2, 3];
/// Who has room.
const SPARE: std::ops::RangeInclusive<u8> = 10..=29;
/// Who holds replicas of other shards, sealed for real, and answers.
const HONEST: [u8; 4] = [40, 41, 42, 43];
/// Shards of the honest ones' deal.
const HONEST_SHARDS: u32 = 12;
/// Deals of 256 shards with three replicas each, one of which is the dead one's.
const ORDINARY: u32 = 60;
/// Deals of 256 shards with two: what the dead one holds of them is below the minimum as soon as it misses.
const URGENT: u32 = 20;
/// When the first audit of the dead one falls due.
const FIRST: u32 = 40;
/// Ticks that do not come in this test.
const NEVER: u32 = 20_000;

/// The live clock, with a period in which there is little more than this death: two of them pass.
fn clock() -> Timing {
    Timing { period: 1_300, ..Timing::of(Preset::Live) }
}

fn stage() -> DealId {
    [DEAD].into_iter().chain(OTHERS).chain(SPARE).chain(HONEST).for_each(register);
    let periods = 20;
    let mut dead = Place { from: FIRST, most: 128 };
    let mut never = Place { from: NEVER, most: 128 };
    for _ in 0..ORDINARY {
        let deal = submit_deal(256, 3, periods, Placement::Any);
        for index in 0..256 {
            activate(id(deal, index, 0), DEAD, &mut dead, false);
            activate(id(deal, index, 1), OTHERS[0], &mut never, false);
            activate(id(deal, index, 2), OTHERS[1], &mut never, false);
        }
    }
    let providers = BoundedVec::truncate_from(vec![account(DEAD), account(OTHERS[0])]);
    for _ in 0..URGENT {
        let chosen = Placement::Chosen { providers: providers.clone(), fallback: true };
        let deal = submit_deal(256, 2, periods, chosen);
        for index in 0..256 {
            activate(id(deal, index, 0), DEAD, &mut dead, false);
            activate(id(deal, index, 1), OTHERS[0], &mut never, false);
        }
    }
    // In the midst of it: one of them falls due every few ticks.
    let deal = real_deal(HONEST_SHARDS, periods, &HONEST, FIRST, 5);
    OTHERS.into_iter().chain(HONEST).for_each(content_with_what_it_has);
    deal
}

/// What happened, for the record.
#[derive(Default, Debug)]
struct Tally {
    opened: u32,
    drawn: u32,
    delivered: u32,
    slashed: u32,
    missed: u32,
    proven: u32,
    most_drawn: u32,
    most_swept: u32,
    first_opened: u32,
    last_closed: u32,
    most_open: u64,
}

#[test]
fn the_death_of_a_provider_of_twenty_thousand_replicas_is_worked_off_in_bounded_blocks() {
    let started = std::time::Instant::now();
    let timing = clock();
    let mut chain = Chain::new(timing);
    let honest = chain.between(stage);
    let held = chain.between(|| {
        Replication::try_state_of_all().expect("what was staged is what calls leave behind");
        let dead = pallet_station_providers::Providers::<Runtime>::get(account(DEAD)).expect("registered");
        dead.replicas
    });
    assert!(held >= 20_000, "{held}");
    let staged = started.elapsed();
    // The second audit of the last of the honest ones is past then, and everything should be whole again.
    let until = FIRST + timing.period + 5 * 3 * HONEST_SHARDS + 60;
    let mut tally = Tally::default();
    let mut never = Place { from: 2 * NEVER, most: 128 };
    let mut drawn: Vec<(ReplicaId, u8, Seed)> = Vec::new();
    let mut committed: Vec<(u32, ReplicaId)> = Vec::new();
    let by_account = SPARE.chain(OTHERS).chain(HONEST).map(|n| (account(n), n)).collect::<BTreeMap<_, _>>();
    while chain.height() < until {
        let now = chain.height() + 1;
        let work = std::mem::take(&mut drawn);
        // A seal check is open two blocks after its seed; it is passed then, without the proof, but at its weight.
        let ready = committed.iter().filter(|(at, _)| at + timing.seed_blocks + 3 <= now).count();
        let checked = committed.drain(..ready).map(|(_, slot)| slot).collect::<Vec<_>>();
        let (found, done) = chain.block(|| {
            for n in HONEST {
                if let Some(call) = answers(n) {
                    submit(call).expect("answers fit").expect("answers are taken");
                }
            }
            if now % 25 == 0 {
                for n in SPARE.chain(HONEST).chain(OTHERS) {
                    // Some are not due, since a proof is a sign of life as well.
                    let _ = submit(heartbeat(n));
                }
            }
            let mut done = Vec::new();
            for (slot, n, ticket) in work {
                let source =
                    Replicas::<Runtime>::get(id(slot.shard.deal, slot.shard.index, 1)).and_then(|r| r.provider);
                let served = source.map(|source| (source, 1)).into_iter().collect();
                let receipt = Receipt { served: BoundedVec::truncate_from(served), ..Default::default() };
                submit(commit(n, slot, ticket, [n; 32], receipt)).expect("it fits").expect("it is taken");
                done.push((now, slot));
            }
            for slot in checked {
                use pallet_station_replication::weights::MeasuredWeight;
                let weight = MeasuredWeight::<Runtime>::prove_seal()
                    .saturating_add(MeasuredWeight::<Runtime>::authorize_prove_seal());
                System::register_extra_weight_unchecked(weight, DispatchClass::Operational);
                pass_seal_check(slot, &mut never);
            }
            for class in [DispatchClass::Normal, DispatchClass::Operational] {
                let most = limits().get(class).max_total.expect("both have one");
                assert!(System::block_weight().get(class).all_lte(most), "{class:?} in block {now}");
            }
            let mut counts = [0u32; 2];
            let mut found = Vec::new();
            for event in events() {
                match event {
                    Event::RepairAssigned { replica, provider, ticket, .. } => {
                        found.push((replica, by_account[&provider], ticket));
                        counts[0] += 1;
                    }
                    Event::RepairOpened { .. } => tally.opened += 1,
                    Event::ReplicaCommitted { .. } => tally.delivered += 1,
                    Event::ReplicaFaulty { .. } => {
                        tally.missed += 1;
                        counts[1] += 1;
                    }
                    Event::ReplicaSlashed { .. } => {
                        tally.slashed += 1;
                        counts[1] += 1;
                    }
                    Event::ReplicaProven { .. } => tally.proven += 1,
                    _ => {}
                }
            }
            tally.drawn += counts[0];
            tally.most_drawn = tally.most_drawn.max(counts[0]);
            tally.most_swept = tally.most_swept.max(counts[1]);
            let open = OpenOrders::<Runtime>::get();
            tally.most_open = tally.most_open.max(open);
            if open > 0 && tally.first_opened == 0 {
                tally.first_opened = now;
            }
            if open > 0 {
                tally.last_closed = now + 1;
            }
            (found, done)
        });
        drawn = found;
        committed.extend(done);
    }
    let max_block = limits_of(&mut chain).ref_time();
    let share = |weight: u64| weight * 1_000 / max_block;
    let (at, worst) = chain.worst;
    println!("{tally:?}");
    println!(
        "{held} replicas: worst block {at}, {} of a thousand of the limit; its hooks {} at most; orders open from block {} \
         to {}; staged in {staged:?}, {} blocks in {:?}",
        share(worst.ref_time()),
        share(chain.worst_hooks.ref_time()),
        tally.first_opened,
        tally.last_closed,
        chain.height(),
        started.elapsed() - staged,
    );
    assert!(worst.ref_time() < max_block);
    assert_eq!(chain.sessions, chain.height() / timing.epoch, "all other blocks were counted");
    assert!(share(chain.worst_hooks.ref_time()) < 270, "a quarter, and what every block does");
    chain.between(|| {
        Replication::try_state_of_all().expect("the invariants hold");
        let dead = pallet_station_providers::Providers::<Runtime>::get(account(DEAD)).expect("registered");
        assert_eq!((dead.replicas, dead.collateral_used, dead.short_since), (0, 0, None));
        assert_eq!(OpenOrders::<Runtime>::get(), 0, "everything was made anew");
        assert_eq!((tally.opened, tally.delivered), (held, held), "once");
        assert!(Replicas::<Runtime>::iter_values().all(|replica| matches!(replica.phase, Phase::Keep { .. })));
        // Nobody else lost anything, and the honest ones were paid for each period.
        for n in OTHERS.into_iter().chain(SPARE).chain(HONEST) {
            let record = pallet_station_providers::Providers::<Runtime>::get(account(n)).expect("registered");
            assert_eq!(record.collateral, 10_000 * TKT, "account {n}");
            assert_eq!(record.strikes.count, 0, "account {n}");
        }
        assert_eq!(faults_of(honest, HONEST_SHARDS), 0);
        assert_eq!(tally.proven, 2 * 3 * HONEST_SHARDS, "two audits of each");
        let pay = station_primitives::period_pay(PRICE, 1 << 16, timing.period, timing.slot_ms);
        for index in 0..HONEST_SHARDS {
            let info = Replication::shard_info(id(honest, index, 0).shard).expect("it exists");
            assert!(info.replicas.iter().all(|replica| replica.earned >= 2 * (pay * 9 / 10)));
        }
    });
}

fn limits_of(chain: &mut Chain) -> frame_support::weights::Weight {
    chain.between(|| limits().max_block)
}
