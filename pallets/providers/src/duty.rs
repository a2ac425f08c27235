//! The check that a provider signed its duty.

use sp_core::sr25519;
use station_primitives::{AccountId, DutyStatement, Hash};

/// Whether `provider`'s own key signed the statement for this chain.
///
/// The genesis hash is part of what is signed: a duty done on one network is worth nothing on another.
pub fn duty_signed_by<T>(provider: &AccountId, statement: &DutyStatement, signature: &sr25519::Signature) -> bool
where
    T: frame_system::Config<AccountId = AccountId, Hash = Hash>,
{
    // The genesis hash is the one block hash that frame-system never prunes.
    let genesis = frame_system::Pallet::<T>::block_hash(frame_system::pallet_prelude::BlockNumberFor::<T>::default());
    let message = statement.signing_hash(genesis, provider);
    let key: &[u8; 32] = provider.as_ref();
    sp_io::crypto::sr25519_verify(signature, &message, &sr25519::Public::from_raw(*key))
}
