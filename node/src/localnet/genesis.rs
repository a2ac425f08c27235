//! The chain specification of a local network, and the keys in its nodes' keystores.

use super::network::{Account, Role};
use crate::error::UserError;
use sc_chain_spec::{ChainSpec as _, ChainType};
use sc_keystore::{Keystore, LocalKeystore};
use sp_core::{
    crypto::{key_types, KeyTypeId, Ss58Codec},
    ed25519, sr25519, Pair,
};
use sp_runtime::{BuildStorage, Storage};
use station_primitives::{AccountId, Preset, Timing, PROVIDER_KEY};
use station_runtime::{
    presets::{self, Validator, DEVELOPMENT_BALANCE},
    RuntimeGenesisConfig, SessionKeys, WASM_BINARY,
};
use station_service::chain_spec;
use std::path::{Path, PathBuf};

/// The chain's id: part of the nodes' paths.
const CHAIN: &str = "localnet";
/// Accounts that nobody's node uses: the users'.
const USERS: [&str; 6] = ["Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie"];

/// The secret of the n-th node of a role. Anybody knows it: this is for play.
pub fn uri(role: Role, number: u8) -> String {
    match role {
        Role::Validator => format!("//Validator-{number}"),
        Role::Provider => format!("//Provider-{number}"),
    }
}

/// The name of the n-th node of a role.
pub fn name(role: Role, number: u8) -> String {
    match role {
        Role::Validator => format!("validator-{number}"),
        Role::Provider => format!("provider-{number}"),
    }
}

fn sr25519(uri: &str) -> Result<sr25519::Public, UserError> {
    let pair = sr25519::Pair::from_string(uri, None)
        .map_err(|error| UserError::internal(format!("the key {uri}: {error:?}")))?;
    Ok(pair.public())
}

fn ed25519(uri: &str) -> Result<ed25519::Public, UserError> {
    let pair = ed25519::Pair::from_string(uri, None)
        .map_err(|error| UserError::internal(format!("the key {uri}: {error:?}")))?;
    Ok(pair.public())
}

/// The address of the account that a secret stands for.
pub fn address(uri: &str) -> Result<String, UserError> {
    Ok(AccountId::from(sr25519(uri)?).to_ss58check())
}

/// The accounts with money: the users', the validators' and the providers'.
pub fn accounts(validators: u8, providers: u8) -> Result<Vec<Account>, UserError> {
    let users = USERS.iter().map(|user| ((*user).to_string(), format!("//{user}")));
    let nodes = [(Role::Validator, validators), (Role::Provider, providers)]
        .into_iter()
        .flat_map(|(role, count)| (1..=count).map(move |n| (name(role, n), uri(role, n))));
    users
        .chain(nodes)
        .map(|(name, uri)| {
            let address = address(&uri)?;
            Ok(Account { name, uri, address })
        })
        .collect()
}

/// Writes the specification to `path`, in the raw form: no node has to run the genesis builder again.
pub fn write_spec(path: &Path, validators: u8, slot_ms: u64, accounts: &[Account]) -> Result<(), UserError> {
    let list = (1..=validators)
        .map(|n| {
            let uri = uri(Role::Validator, n);
            let babe = sr25519(&uri)?;
            Ok(Validator {
                account: babe.into(),
                keys: SessionKeys { babe: babe.into(), grandpa: ed25519(&uri)?.into() },
            })
        })
        .collect::<Result<Vec<_>, UserError>>()?;
    let balances = accounts
        .iter()
        .map(|account| Ok((sr25519(&account.uri)?.into(), DEVELOPMENT_BALANCE)))
        .collect::<Result<Vec<_>, UserError>>()?;
    let sudo = sr25519("//Alice")?.into();
    let patch = presets::genesis(Timing { slot_ms, ..Timing::of(Preset::Local) }, &list, &balances, Some(sudo));

    let storage = build(patch.clone())?;
    let mut spec = chain_spec::from_preset(presets::LOCAL, "Grand Decentral localnet", CHAIN, ChainType::Local, patch)
        .map_err(UserError::internal)?;
    spec.set_storage(storage);
    std::fs::write(path, spec.as_json(true).map_err(UserError::internal)?)?;
    Ok(())
}

/// The genesis state, built by the native runtime: the same code as the blob's, without the seconds that compiling the
/// blob takes.
fn build(patch: serde_json::Value) -> Result<Storage, UserError> {
    let mut config = serde_json::to_value(RuntimeGenesisConfig::default()).map_err(UserError::internal)?;
    sc_chain_spec::json_patch::merge(&mut config, patch);
    let config: RuntimeGenesisConfig = serde_json::from_value(config).map_err(UserError::internal)?;
    let mut storage = config.build_storage().map_err(UserError::internal)?;
    let code = WASM_BINARY.ok_or_else(|| UserError::internal("this binary was built without the Wasm runtime"))?;
    storage.top.insert(sp_storage::well_known_keys::CODE.to_vec(), code.to_vec());
    Ok(storage)
}

/// Puts the node's keys where it looks for them.
pub fn insert_keys(base_path: &Path, role: Role, uri: &str) -> Result<(), UserError> {
    let keystore = LocalKeystore::open(keystore_path(base_path), None)
        .map_err(|error| UserError::disk(format!("the keystore of {}: {error}", base_path.display())))?;
    let insert = |kind: KeyTypeId, public: &[u8]| {
        keystore
            .insert(kind, uri, public)
            .map_err(|()| UserError::disk(format!("the keystore of {} cannot be written", base_path.display())))
    };
    match role {
        Role::Validator => {
            insert(key_types::BABE, &sr25519(uri)?.0)?;
            insert(key_types::GRANDPA, &ed25519(uri)?.0)
        }
        Role::Provider => insert(PROVIDER_KEY, &sr25519(uri)?.0),
    }
}

fn keystore_path(base_path: &Path) -> PathBuf {
    base_path.join("chains").join(CHAIN).join("keystore")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_many_has_a_genesis_with_all_its_accounts() {
        let accounts = accounts(3, 5).expect("development keys");
        assert_eq!(accounts.len(), USERS.len() + 8);
        let balances: Vec<_> = accounts
            .iter()
            .map(|account| (AccountId::from(sr25519(&account.uri).expect("key")), DEVELOPMENT_BALANCE))
            .collect();
        let patch = presets::genesis(Timing::of(Preset::Local), &[], &balances, None);
        assert_eq!(patch["balances"]["balances"].as_array().map(Vec::len), Some(accounts.len()));
    }
}
