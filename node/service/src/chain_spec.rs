//! Chain specifications: `dev`, `local`, `live`, or a file.

use sc_chain_spec::ChainType;
use serde_json::Value;
use station_runtime::{presets, SS58_PREFIX, WASM_BINARY};
use std::path::PathBuf;

/// A specification of a network that runs this runtime.
pub type ChainSpec = sc_chain_spec::GenericChainSpec;

/// What is said about the token.
fn properties() -> sc_chain_spec::Properties {
    let mut properties = sc_chain_spec::Properties::new();
    properties.insert("tokenSymbol".into(), "TKT".into());
    properties.insert("tokenDecimals".into(), 12.into());
    properties.insert("ss58Format".into(), SS58_PREFIX.into());
    properties
}

/// A network from a genesis preset of the runtime, with `patch` over it.
pub fn from_preset(preset: &str, name: &str, id: &str, kind: ChainType, patch: Value) -> Result<ChainSpec, String> {
    let code = WASM_BINARY.ok_or("this binary was built without the Wasm runtime (SKIP_WASM_BUILD)")?;
    Ok(ChainSpec::builder(code, None)
        .with_name(name)
        .with_id(id)
        .with_protocol_id("station")
        .with_chain_type(kind)
        .with_properties(properties())
        .with_genesis_config_preset_name(preset)
        .with_genesis_config_patch(patch)
        .build())
}

/// The specification that `--chain ID` names.
pub fn load(id: &str) -> Result<Box<dyn sc_service::ChainSpec>, String> {
    let none = || Value::Object(Default::default());
    let spec = match id {
        "dev" => {
            from_preset(presets::DEVELOPMENT, "Grand Decentral development", "dev", ChainType::Development, none())
        }
        "" | "local" => from_preset(presets::LOCAL, "Grand Decentral local", "local", ChainType::Local, none()),
        "live" => from_preset(presets::LIVE, "Grand Decentral", "station", ChainType::Live, none()),
        path => ChainSpec::from_json_file(PathBuf::from(path))
            .map_err(|error| format!("no chain is called '{path}', and as a file: {error}")),
    }?;
    Ok(Box::new(spec))
}
