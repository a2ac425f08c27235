//! What the worker asks of the chain, and how it hands extrinsics in.
//!
//! [`Chain`] is all that flows know; [`NodeChain`] is the node's own client and pool behind it.

use async_trait::async_trait;
use codec::{Decode, Encode};
use frame_system_rpc_runtime_api::AccountNonceApi;
use sc_transaction_pool_api::{
    error::{Error as PoolError, IntoPoolError},
    TransactionPool, TransactionSource,
};
use sp_api::{ApiError, Core, ProvideRuntimeApi};
use sp_blockchain::HeaderBackend;
use sp_runtime::{
    traits::Block as BlockT,
    transaction_validity::{InvalidTransaction, TransactionValidityError},
};
use station_primitives::{
    api::{AccountMoney, Duty, ProviderInfo, ReplicaInfo, ShardInfo, StationApi, Summary},
    AccountId, BlockNumber, Hash, Nonce, ReplicaId, ShardId, Timing, MAX_PAGE,
};
use station_runtime::UncheckedExtrinsic;
use std::sync::Arc;

/// The node's block: extrinsics are opaque to it.
pub type Block = station_runtime::opaque::Block;

/// Duties that a worker holds in memory at once: 16 TiB in shards of 64 MiB, about 50 MB. A larger provider runs a second
/// node.
pub const MAX_DUTIES: usize = 1 << 18;

/// A block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct At {
    /// Its hash.
    pub hash: Hash,
    /// Its height.
    pub number: BlockNumber,
}

/// The chain cannot be asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the chain cannot be asked for {what}: {reason}")]
pub struct ChainError {
    what: &'static str,
    reason: String,
}

/// The pool does not take an extrinsic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// It, or another for the same duty, is in the pool or was just included: nothing is to be done.
    #[error("already on its way")]
    Already,
    /// It is not valid at the best block: not due, done already, or wrong.
    #[error("refused: {0}")]
    Refused(String),
    /// The account cannot pay.
    #[error("the account cannot pay the fee")]
    Funds,
    /// The pool is full or not ready; later it may take it.
    #[error("not now: {0}")]
    Later(String),
}

/// The chain as flows see it.
#[async_trait]
pub trait Chain: Send + Sync + 'static {
    /// The first block's hash.
    fn genesis(&self) -> Hash;
    /// The best block.
    fn best(&self) -> At;
    /// The last final block.
    fn finalized(&self) -> At;
    /// The network's clock.
    fn timing(&self, at: Hash) -> Result<Timing, ChainError>;
    /// The network at a glance, the tick that it is at among it.
    fn summary(&self, at: Hash) -> Result<Summary, ChainError>;
    /// A provider.
    fn provider(&self, at: Hash, account: &AccountId) -> Result<Option<ProviderInfo>, ChainError>;
    /// An account's money.
    fn money(&self, at: Hash, account: &AccountId) -> Result<AccountMoney, ChainError>;
    /// All duties of a provider.
    fn duties(&self, at: Hash, account: &AccountId) -> Result<Vec<Duty>, ChainError>;
    /// A shard.
    fn shard(&self, at: Hash, id: ShardId) -> Result<Option<ShardInfo>, ChainError>;
    /// A replica.
    fn replica(&self, at: Hash, id: ReplicaId) -> Result<Option<ReplicaInfo>, ChainError>;
    /// The account's next nonce, the pool not counted.
    fn nonce(&self, at: Hash, account: &AccountId) -> Result<Nonce, ChainError>;
    /// The runtime's spec version and transaction version.
    fn versions(&self, at: Hash) -> Result<(u32, u32), ChainError>;
    /// Hand an extrinsic to the pool. Returns the name under which the pool has it.
    async fn submit(&self, extrinsic: UncheckedExtrinsic) -> Result<Hash, SubmitError>;
    /// Take extrinsics out of this node's pool, so that others can take their place.
    async fn withdraw(&self, names: Vec<Hash>);
}

/// The node's own client and pool.
pub struct NodeChain<C, P> {
    client: Arc<C>,
    pool: Arc<P>,
    genesis: Hash,
}

impl<C, P> NodeChain<C, P>
where
    C: HeaderBackend<Block>,
{
    /// Over the node's client and pool.
    pub fn new(client: Arc<C>, pool: Arc<P>) -> Self {
        let genesis = client.info().genesis_hash;
        Self { client, pool, genesis }
    }
}

fn asking(what: &'static str) -> impl Fn(ApiError) -> ChainError {
    move |error| ChainError { what, reason: error.to_string() }
}

#[async_trait]
impl<C, P> Chain for NodeChain<C, P>
where
    C: ProvideRuntimeApi<Block> + HeaderBackend<Block> + Send + Sync + 'static,
    C::Api: StationApi<Block> + AccountNonceApi<Block, AccountId, Nonce>,
    P: TransactionPool<Block = Block, Hash = Hash> + 'static,
{
    fn genesis(&self) -> Hash {
        self.genesis
    }

    fn best(&self) -> At {
        let info = self.client.info();
        At { hash: info.best_hash, number: info.best_number }
    }

    fn finalized(&self) -> At {
        let info = self.client.info();
        At { hash: info.finalized_hash, number: info.finalized_number }
    }

    fn timing(&self, at: Hash) -> Result<Timing, ChainError> {
        self.client.runtime_api().timing(at).map_err(asking("its clock"))
    }

    fn summary(&self, at: Hash) -> Result<Summary, ChainError> {
        self.client.runtime_api().summary(at).map_err(asking("its tick"))
    }

    fn provider(&self, at: Hash, account: &AccountId) -> Result<Option<ProviderInfo>, ChainError> {
        self.client.runtime_api().provider(at, account.clone()).map_err(asking("the registration"))
    }

    fn money(&self, at: Hash, account: &AccountId) -> Result<AccountMoney, ChainError> {
        self.client.runtime_api().money(at, account.clone()).map_err(asking("the balance"))
    }

    fn duties(&self, at: Hash, account: &AccountId) -> Result<Vec<Duty>, ChainError> {
        let mut duties: Vec<Duty> = Vec::new();
        let mut cursor = None;
        loop {
            let page = self
                .client
                .runtime_api()
                .duties(at, account.clone(), cursor, MAX_PAGE)
                .map_err(asking("the duties"))?;
            let Some(last) = page.last() else { return Ok(duties) };
            cursor = Some(last.replica);
            duties.extend(page);
            if duties.len() >= MAX_DUTIES {
                tracing::error!(target: crate::LOG, held = duties.len(), "more duties than one worker takes care of");
                return Ok(duties);
            }
        }
    }

    fn shard(&self, at: Hash, id: ShardId) -> Result<Option<ShardInfo>, ChainError> {
        self.client.runtime_api().shard(at, id).map_err(asking("a shard"))
    }

    fn replica(&self, at: Hash, id: ReplicaId) -> Result<Option<ReplicaInfo>, ChainError> {
        self.client.runtime_api().replica(at, id).map_err(asking("a replica"))
    }

    fn nonce(&self, at: Hash, account: &AccountId) -> Result<Nonce, ChainError> {
        self.client.runtime_api().account_nonce(at, account.clone()).map_err(asking("the nonce"))
    }

    fn versions(&self, at: Hash) -> Result<(u32, u32), ChainError> {
        let version = self.client.runtime_api().version(at).map_err(asking("its version"))?;
        Ok((version.spec_version, version.transaction_version))
    }

    async fn submit(&self, extrinsic: UncheckedExtrinsic) -> Result<Hash, SubmitError> {
        let opaque = <Block as BlockT>::Extrinsic::decode(&mut &extrinsic.encode()[..])
            .map_err(|error| SubmitError::Refused(error.to_string()))?;
        let at = self.client.info().best_hash;
        match self.pool.submit_one(at, TransactionSource::Local, opaque).await {
            Ok(name) => Ok(name),
            Err(error) => Err(match error.into_pool_error() {
                Ok(error) => refusal(error),
                Err(error) => SubmitError::Later(error.to_string()),
            }),
        }
    }

    async fn withdraw(&self, names: Vec<Hash>) {
        // Without a reason, the pool removes them whatever it thinks of them.
        self.pool.report_invalid(None, names.into_iter().map(|name| (name, None)).collect()).await;
    }
}

fn refusal(error: PoolError) -> SubmitError {
    match error {
        PoolError::AlreadyImported(_) | PoolError::TooLowPriority { .. } => SubmitError::Already,
        PoolError::InvalidTransaction(InvalidTransaction::Payment) => SubmitError::Funds,
        PoolError::InvalidTransaction(reason) => {
            SubmitError::Refused(<&'static str>::from(TransactionValidityError::Invalid(reason)).to_owned())
        }
        error if error.is_retriable() => SubmitError::Later(error.to_string()),
        error => SubmitError::Refused(error.to_string()),
    }
}
