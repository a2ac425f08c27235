//! The flows: one duty a file, each a plain function over explicit inputs.
//!
//! None assumes that it ran before. What is done is read from the store and from the chain; if a flow is cut anywhere, the
//! next block's plan starts it again, and what had been done already is not done twice.

pub mod accept_upload;
pub mod answer;
pub mod commit;
pub mod heartbeat;
pub mod prove_seal;
pub mod register;
pub mod repair;
pub mod retire;
pub mod scrub;
pub mod seal;
pub mod serve;

use crate::{
    chain::{Chain, ChainError, SubmitError},
    config::Config,
    metrics::Metrics,
    plan::Identity,
    signer::{KeyError, Signer},
};
use station_client_shard_store::Store;
use station_primitives::{AccountId, Hash, ReplicaId};
use station_runtime::RuntimeCall;
use std::sync::Arc;
use tokio::sync::Notify;

/// What flows work with.
#[derive(Clone)]
pub struct Context {
    /// The chain.
    pub chain: Arc<dyn Chain>,
    /// Local data.
    pub store: Arc<Store>,
    /// The provider's key.
    pub signer: Signer,
    /// What goes into replicas' keys.
    pub identity: Identity,
    /// The operator's settings.
    pub config: Arc<Config>,
    /// What the operator watches.
    pub metrics: Metrics,
    /// Makes the worker plan again without waiting for a block.
    pub wake: Arc<Notify>,
}

impl Context {
    /// The provider's account.
    pub fn account(&self) -> &AccountId {
        &self.identity.account
    }

    /// Hand in an authorized call: no fee, no nonce.
    pub(crate) async fn submit_duty(&self, call: RuntimeCall) -> Result<Hash, SubmitError> {
        self.chain.submit(station_runtime::extrinsic::authorized(call)).await
    }

    /// A replica turned out not to be whole: it is out of service until it was made again, and the next plan sees to that.
    /// Blocks.
    pub(crate) fn condemn(&self, replica: ReplicaId, why: &dyn std::fmt::Display) {
        match self.store.condemn(replica) {
            Ok(true) => {
                self.metrics.faults_found.inc();
                tracing::error!(target: crate::LOG, %replica, %why, "not whole any more; made again from the other replicas");
                self.wake.notify_one();
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(target: crate::LOG, %replica, %error, "a fault cannot be noted"),
        }
    }

    /// Run what reads the disk or computes where it may block. The blocking pool's threads have ordinary priority, above
    /// that of the threads that seal.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, FlowError> {
        let context = self.clone();
        tokio::task::spawn_blocking(move || work(&context)).await.map_err(|error| FlowError::Panic(error.to_string()))
    }
}

/// Why a flow did not finish. The next block's plan tries again.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// The chain could not be asked.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] station_client_shard_store::Error),
    /// The key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The pool refused.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// A proof made from what is on disk does not hold: it is not handed in.
    #[error("the data of replica {0} has rotted on disk: its proof does not hold ({1})")]
    Rotted(ReplicaId, String),
    /// A list is longer than the chain takes.
    #[error("{0} is longer than the chain takes")]
    TooLong(&'static str),
    /// A thread panicked.
    #[error("a flow panicked: {0}")]
    Panic(String),
}

impl FlowError {
    /// Whether the replica's file is not what was sealed.
    pub(crate) fn is_rot(&self) -> bool {
        match self {
            Self::Rotted(..) => true,
            Self::Store(error) => error.is_rot(),
            _ => false,
        }
    }
}

/// Whether an extrinsic is on its way now, and under which name if it was handed in by this call.
pub(crate) fn on_its_way(result: Result<Hash, SubmitError>) -> Result<Option<Hash>, SubmitError> {
    match result {
        Ok(name) => Ok(Some(name)),
        Err(SubmitError::Already) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
