//! What must hold whatever the pallets do.

mod budget;
mod chain;
mod congestion;
mod market;
mod storm;

use crate::{
    configs::block_weights, extrinsic, presets, validators, Executive, Hash, Historical, Runtime, RuntimeCall,
    RuntimeGenesisConfig, UncheckedExtrinsic, VERSION,
};
use codec::{Decode, Encode};
use frame_support::{dispatch::DispatchClass, traits::Get};
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
    transaction_validity::{InvalidTransaction, TransactionSource, TransactionValidity},
    BuildStorage,
};
use station_primitives::{Preset, Timing};

#[test]
fn block_limits_are_valid_for_every_clock_and_reserve_room_for_audits() {
    for preset in [Preset::Local, Preset::Live] {
        let weights = block_weights(Timing::of(preset).slot_ms);
        let normal = weights.get(DispatchClass::Normal).max_total.expect("set");
        let reserved = weights.get(DispatchClass::Operational).reserved.expect("set");
        assert!(reserved.ref_time() * 3 > weights.max_block.ref_time());
        assert!(normal.ref_time() + reserved.ref_time() <= weights.max_block.ref_time() + 1);
        weights.validate().expect("valid");
    }
}

#[test]
fn every_preset_is_a_genesis() {
    for name in presets::names() {
        let patch = presets::get(&name).expect("a name has a preset");
        let mut config = serde_json::to_value(RuntimeGenesisConfig::default()).expect("serializes");
        sc_merge(&mut config, serde_json::from_slice(&patch).expect("JSON"));
        let config: RuntimeGenesisConfig = serde_json::from_value(config).expect("fits the genesis");
        config.build_storage().unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

fn sc_merge(into: &mut serde_json::Value, patch: serde_json::Value) {
    match (into, patch) {
        (serde_json::Value::Object(into), serde_json::Value::Object(patch)) => {
            for (key, value) in patch {
                sc_merge(into.entry(key).or_insert(serde_json::Value::Null), value);
            }
        }
        (into, patch) => *into = patch,
    }
}

fn development() -> sp_io::TestExternalities {
    let mut config = serde_json::to_value(RuntimeGenesisConfig::default()).expect("serializes");
    let patch = presets::get(&presets::DEVELOPMENT.into()).expect("a preset");
    sc_merge(&mut config, serde_json::from_slice(&patch).expect("JSON"));
    let config: RuntimeGenesisConfig = serde_json::from_value(config).expect("fits the genesis");
    config.build_storage().expect("builds").into()
}

/// The hash of the first block, as the pool tells it: the state is that of the genesis.
const GENESIS: Hash = Hash::repeat_byte(9);

fn validate(extrinsic: UncheckedExtrinsic) -> TransactionValidity {
    Executive::validate_transaction(TransactionSource::External, extrinsic, GENESIS)
}

#[test]
fn what_sign_makes_is_a_valid_transaction_on_its_own_chain_only() {
    development().execute_with(|| {
        let alice = Sr25519Keyring::Alice.pair();
        let make = |genesis, nonce| {
            let call = RuntimeCall::System(frame_system::Call::remark { remark: vec![7] });
            extrinsic::sign(call, &alice, nonce, genesis, VERSION.spec_version, VERSION.transaction_version, 0)
        };
        assert!(validate(make(GENESIS, 0)).is_ok());
        assert_eq!(validate(make(Hash::repeat_byte(1), 0)), Err(InvalidTransaction::BadProof.into()));
        let extrinsic = make(GENESIS, 0);
        assert_eq!(UncheckedExtrinsic::decode(&mut &extrinsic.encode()[..]), Ok(extrinsic));
    });
}

#[test]
fn a_call_that_nobody_authorizes_is_refused_without_a_signature() {
    development().execute_with(|| {
        let call = RuntimeCall::System(frame_system::Call::remark { remark: vec![7] });
        assert!(validate(extrinsic::authorized(call)).is_err());
    });
}

#[test]
fn the_clock_of_the_genesis_is_that_of_babe() {
    development().execute_with(|| {
        let timing = Timing::of(Preset::Local);
        assert_eq!(crate::timing::timing(), timing);
        assert_eq!(crate::Babe::slot_duration(), timing.slot_ms);
        assert_eq!(crate::timing::EpochDuration::get(), u64::from(timing.epoch));
    });
}

#[test]
fn the_genesis_validator_is_queued_for_the_first_two_sessions() {
    development().execute_with(|| {
        let alice = Sr25519Keyring::Alice.to_account_id();
        assert_eq!(pallet_session::Validators::<Runtime>::get(), vec![alice.clone()]);
        // Roots of both are there, so that an equivocation in them can be proven.
        for session in 0..2 {
            assert!(Historical::historical_root(session).is_some(), "session {session}");
        }
        let next = <validators::GenesisValidators as pallet_session::SessionManager<_>>::new_session(2);
        assert_eq!(next, None, "nothing changed, so GRANDPA keeps its set");
        assert_eq!(alice, pallet_session::QueuedKeys::<Runtime>::get()[0].0);
    });
}
