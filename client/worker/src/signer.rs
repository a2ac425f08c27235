//! The provider's key, which never leaves the node's keystore.

use codec::Encode;
use sp_core::sr25519;
use sp_keystore::KeystorePtr;
use sp_runtime::traits::{BlakeTwo256, Hash as _};
use station_primitives::{AccountId, DutyStatement, Hash, PROVIDER_KEY};

/// The keystore does not sign.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KeyError {
    /// The keystore failed.
    #[error("the keystore failed: {0}")]
    Keystore(String),
    /// The key is gone.
    #[error("the provider's key is no longer in the keystore")]
    Gone,
}

/// Signs for the provider.
#[derive(Clone)]
pub struct Signer {
    keystore: KeystorePtr,
    public: sr25519::Public,
    genesis: Hash,
}

impl Signer {
    /// The key of type [`PROVIDER_KEY`] in the keystore; made if there is none.
    ///
    /// # Errors
    /// If the keystore cannot store one.
    pub fn open(keystore: KeystorePtr, genesis: Hash) -> Result<Self, KeyError> {
        let mut keys = keystore.sr25519_public_keys(PROVIDER_KEY);
        keys.sort();
        if keys.len() > 1 {
            tracing::warn!(target: crate::LOG, keys = keys.len(), "more than one provider key in the keystore; using the first");
        }
        let public = match keys.into_iter().next() {
            Some(public) => public,
            None => keystore
                .sr25519_generate_new(PROVIDER_KEY, None)
                .map_err(|error| KeyError::Keystore(error.to_string()))?,
        };
        Ok(Self { keystore, public, genesis })
    }

    /// The provider's account.
    pub fn account(&self) -> AccountId {
        AccountId::new(self.public.0)
    }

    /// The public key.
    pub fn public(&self) -> sr25519::Public {
        self.public
    }

    /// Sign bytes.
    pub fn sign(&self, message: &[u8]) -> Result<sr25519::Signature, KeyError> {
        self.keystore
            .sr25519_sign(PROVIDER_KEY, &self.public, message)
            .map_err(|error| KeyError::Keystore(error.to_string()))?
            .ok_or(KeyError::Gone)
    }

    /// Sign a duty.
    pub fn duty(&self, statement: &DutyStatement) -> Result<sr25519::Signature, KeyError> {
        self.sign(&statement.signing_hash(self.genesis, &self.account()))
    }
}

/// The hash by which proofs go into statements.
pub fn hash_of(value: &impl Encode) -> Hash {
    BlakeTwo256::hash_of(value)
}
