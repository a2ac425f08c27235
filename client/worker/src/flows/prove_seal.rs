//! Prove seal: answer the check that a new replica was sealed as the rules say.

use super::{on_its_way, Context, FlowError};
use crate::{
    plan::{ProveSeal, Subject},
    signer::hash_of,
};
use station_porep::proof::verify_seal;
use station_primitives::{DutyStatement, Hash};
use station_runtime::Runtime;

/// Open the labels that the seed names, and hand the answer in.
pub async fn prove_seal(context: &Context, job: &ProveSeal) -> Result<Option<Hash>, FlowError> {
    let ProveSeal { replica, subject: Subject { key, class, comm_d, comm_r }, seed, .. } = *job;
    let proof = context
        .blocking(move |context| {
            let proof = context.store.seal_proof(replica, &seed).map_err(FlowError::from).and_then(|proof| {
                verify_seal(&key, class, &comm_d, &comm_r, &seed, &proof)
                    .or_else(crate::misbehave::unless_misbehaving)
                    .map_err(|error| FlowError::Rotted(replica, error.to_string()))?;
                Ok(proof)
            });
            if let Err(error) = &proof {
                if error.is_rot() {
                    context.condemn(replica, error);
                }
            }
            proof
        })
        .await??;
    fail::fail_point!("prove_seal:proven");
    let statement = DutyStatement::ProveSeal { replica, seed, proof: hash_of(&proof) };
    let signature = context.signer.duty(&statement)?;
    let call = pallet_station_replication::Call::<Runtime>::prove_seal {
        provider: context.account().clone(),
        replica,
        seed,
        proof,
        signature,
    };
    let name = on_its_way(context.submit_duty(call.into()).await)?;
    fail::fail_point!("prove_seal:submitted");
    tracing::info!(target: crate::LOG, %replica, "seal check answered");
    Ok(name)
}
