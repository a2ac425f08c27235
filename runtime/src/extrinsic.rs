//! How clients and workers build extrinsics, from the runtime's own types.

#![warn(missing_docs)]

use crate::{Address, Balance, Hash, Nonce, RuntimeCall, Signature, SignedPayload, TxExtension, UncheckedExtrinsic};
use codec::Encode;
use frame_metadata_hash_extension::CheckMetadataHash;
use sp_core::{sr25519, Pair};
use sp_runtime::{generic::Era, traits::IdentifyAccount, MultiSigner};

fn extension(nonce: Nonce, tip: Balance) -> TxExtension {
    (
        frame_system::AuthorizeCall::new(),
        frame_system::CheckNonZeroSender::new(),
        frame_system::CheckSpecVersion::new(),
        frame_system::CheckTxVersion::new(),
        frame_system::CheckGenesis::new(),
        frame_system::CheckEra::from(Era::Immortal),
        frame_system::CheckNonce::from(nonce),
        frame_system::CheckWeight::new(),
        pallet_transaction_payment::ChargeTransactionPayment::from(tip),
        CheckMetadataHash::new(false),
        frame_system::WeightReclaim::new(),
    )
}

/// What is to be signed for `call` to be a transaction that never grows stale, except by its nonce.
fn payload(
    call: RuntimeCall,
    nonce: Nonce,
    genesis: Hash,
    spec_version: u32,
    tx_version: u32,
    tip: Balance,
) -> SignedPayload {
    SignedPayload::from_raw(
        call,
        extension(nonce, tip),
        ((), (), spec_version, tx_version, genesis, genesis, (), (), (), None, ()),
    )
}

/// A transaction signed by `pair`.
pub fn sign(
    call: RuntimeCall,
    pair: &sr25519::Pair,
    nonce: Nonce,
    genesis: Hash,
    spec_version: u32,
    tx_version: u32,
    tip: Balance,
) -> UncheckedExtrinsic {
    let signed: Result<_, core::convert::Infallible> =
        sign_with(call, pair.public(), nonce, genesis, spec_version, tx_version, tip, |bytes| Ok(pair.sign(bytes)));
    match signed {
        Ok(extrinsic) => extrinsic,
        Err(never) => match never {},
    }
}

/// A transaction signed by whatever holds the secret of `public`: a keystore, for one.
#[allow(clippy::too_many_arguments)]
pub fn sign_with<E>(
    call: RuntimeCall,
    public: sr25519::Public,
    nonce: Nonce,
    genesis: Hash,
    spec_version: u32,
    tx_version: u32,
    tip: Balance,
    signer: impl FnOnce(&[u8]) -> Result<sr25519::Signature, E>,
) -> Result<UncheckedExtrinsic, E> {
    let payload = payload(call, nonce, genesis, spec_version, tx_version, tip);
    let signature = payload.using_encoded(signer)?;
    let (call, extension, _) = payload.deconstruct();
    let account = MultiSigner::from(public).into_account();
    Ok(UncheckedExtrinsic::new_signed(call, Address::Id(account), Signature::Sr25519(signature), extension))
}

/// An authorized call: a duty that carries its own signature. It has no signer, no nonce and no fee.
pub fn authorized(call: RuntimeCall) -> UncheckedExtrinsic {
    UncheckedExtrinsic::new_transaction(call, extension(0, 0))
}
