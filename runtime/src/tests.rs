//! What must hold whatever the pallets do.

use crate::{configs::block_weights, presets, RuntimeGenesisConfig};
use frame_support::dispatch::DispatchClass;
use sp_runtime::BuildStorage;
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
        },
        (into, patch) => *into = patch,
    }
}
