//! Genesis presets: `development` (one validator, Alice), `local` (validators by a patch), `live` (no accounts at all).
//!
//! A preset is a JSON patch over the default genesis. `station localnet` and a chain spec's author put their own
//! validators and balances into it with [`genesis`].

#![warn(missing_docs)]

use crate::{AccountId, Balance, SessionKeys, TKT};
use alloc::{string::ToString, vec, vec::Vec};
use serde_json::{json, Value};
use sp_consensus_babe::{AllowedSlots, BabeEpochConfiguration};
use sp_genesis_builder::PresetId;
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};
use station_primitives::{Preset, Timing};

/// One validator, Alice, and her friends' accounts; the local clock; sudo.
pub const DEVELOPMENT: &str = "development";
/// The local clock, sudo, development accounts; Alice validates unless a patch says otherwise.
pub const LOCAL: &str = "local";
/// The live clock; neither accounts, validators nor sudo.
pub const LIVE: &str = "live";

/// A quarter of the slots have a primary author on average; every slot has a secondary one, with a VRF output, so that
/// every block adds to the randomness.
pub const EPOCH_CONFIG: BabeEpochConfiguration =
    BabeEpochConfiguration { c: (1, 4), allowed_slots: AllowedSlots::PrimaryAndSecondaryVRFSlots };

/// What each development account owns: enough for any test, little enough that sums stay far from overflow.
pub const DEVELOPMENT_BALANCE: Balance = 1_000_000 * TKT;

/// A validator in a genesis.
#[derive(Clone)]
pub struct Validator {
    /// Its account.
    pub account: AccountId,
    /// Its session keys.
    pub keys: SessionKeys,
}

/// A genesis patch.
pub fn genesis(
    timing: Timing,
    validators: &[Validator],
    balances: &[(AccountId, Balance)],
    sudo: Option<AccountId>,
) -> Value {
    let keys: Vec<_> = validators.iter().map(|v| (v.account.clone(), v.account.clone(), v.keys.clone())).collect();
    json!({
        "balances": { "balances": balances },
        "babe": { "epochConfig": EPOCH_CONFIG },
        "session": { "keys": keys },
        "sudo": { "key": sudo },
        "providers": { "timing": timing },
    })
}

/// The accounts of development networks, each with [`DEVELOPMENT_BALANCE`].
pub fn development_accounts() -> Vec<(AccountId, Balance)> {
    [
        Sr25519Keyring::Alice,
        Sr25519Keyring::Bob,
        Sr25519Keyring::Charlie,
        Sr25519Keyring::Dave,
        Sr25519Keyring::Eve,
        Sr25519Keyring::Ferdie,
    ]
    .into_iter()
    .map(|key| (key.to_account_id(), DEVELOPMENT_BALANCE))
    .collect()
}

/// Alice, with the keys that `--alice` puts into a keystore.
fn alice() -> Validator {
    Validator {
        account: Sr25519Keyring::Alice.to_account_id(),
        keys: SessionKeys {
            babe: Sr25519Keyring::Alice.public().into(),
            grandpa: Ed25519Keyring::Alice.public().into(),
        },
    }
}

/// The patch of a preset, as JSON text.
pub fn get(id: &PresetId) -> Option<Vec<u8>> {
    let patch = match id.as_str() {
        DEVELOPMENT | LOCAL => genesis(
            Timing::of(Preset::Local),
            &[alice()],
            &development_accounts(),
            Some(Sr25519Keyring::Alice.to_account_id()),
        ),
        LIVE => genesis(Timing::of(Preset::Live), &[], &[], None),
        _ => return None,
    };
    Some(patch.to_string().into_bytes())
}

/// The presets' names.
pub fn names() -> Vec<PresetId> {
    vec![PresetId::from(DEVELOPMENT), PresetId::from(LOCAL), PresetId::from(LIVE)]
}
