//! The JSON-RPC methods beside Substrate's own: nonces, fees, BABE, GRANDPA, and `storage_*`.

use crate::service::{Block, FullBackend, FullClient, FullPool, FullSelectChain};
use jsonrpsee::RpcModule;
use sc_consensus_babe::BabeWorkerHandle;
use sc_consensus_babe_rpc::{Babe, BabeApiServer};
use sc_consensus_grandpa::{FinalityProofProvider, GrandpaJustificationStream, SharedAuthoritySet, SharedVoterState};
use sc_consensus_grandpa_rpc::{Grandpa, GrandpaApiServer};
use sc_rpc::SubscriptionTaskExecutor;
use sp_keystore::KeystorePtr;
use station_client_rpc::server::Server as StorageServer;
use station_runtime::{BlockNumber, Hash};
use std::sync::Arc;

/// What the methods are made of.
pub struct Deps {
    /// The chain.
    pub client: Arc<FullClient>,
    /// Transactions that wait.
    pub pool: Arc<FullPool>,
    /// Which chain is the best.
    pub select_chain: FullSelectChain,
    /// The node's keys.
    pub keystore: KeystorePtr,
    /// BABE's worker, which knows the epochs.
    pub babe_worker: BabeWorkerHandle<Block>,
    /// GRANDPA's authorities.
    pub shared_authority_set: SharedAuthoritySet<Hash, BlockNumber>,
    /// GRANDPA's votes.
    pub shared_voter_state: SharedVoterState,
    /// GRANDPA's justifications as they come.
    pub justification_stream: GrandpaJustificationStream<Block>,
    /// Proofs that a block is final.
    pub finality_provider: Arc<FinalityProofProvider<FullBackend, Block>>,
    /// Runs subscriptions.
    pub executor: SubscriptionTaskExecutor,
}

/// All of them in one module.
pub fn create(deps: Deps) -> Result<RpcModule<()>, Box<dyn std::error::Error + Send + Sync>> {
    use pallet_transaction_payment_rpc::{TransactionPayment, TransactionPaymentApiServer};
    use substrate_frame_rpc_system::{System, SystemApiServer};

    let mut module = RpcModule::new(());
    module.merge(System::new(deps.client.clone(), deps.pool.clone()).into_rpc())?;
    module.merge(TransactionPayment::new(deps.client.clone()).into_rpc())?;
    module.merge(Babe::new(deps.client.clone(), deps.babe_worker, deps.keystore, deps.select_chain).into_rpc())?;
    module.merge(
        Grandpa::new(
            deps.executor,
            deps.shared_authority_set,
            deps.shared_voter_state,
            deps.justification_stream,
            deps.finality_provider,
        )
        .into_rpc(),
    )?;
    module.merge(StorageServer::<_, _, FullBackend>::new(deps.client, deps.pool).into_module()?)?;
    Ok(module)
}
