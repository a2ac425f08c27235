//! The methods, served by a node beside Substrate's own.
//!
//! | method | params | result |
//! |---|---|---|
//! | `storage_summary` | | [`Summary`] |
//! | `storage_deal` | id | [`Deal`] |
//! | `storage_deals` | account, cursor?, limit? | page of [`Deal`] |
//! | `storage_shard` | id | [`Shard`] |
//! | `storage_replica` | id | [`Replica`] |
//! | `storage_providers` | cursor?, limit? | page of [`Provider`] |
//! | `storage_provider` | account | [`Provider`] |
//! | `storage_duties` | account, cursor?, limit? | page of [`Duty`] |
//! | `storage_submitDeal` | extrinsic, signed, `0x…` | [`Submitted`] once it is in a best block |
//! | `storage_subscribeDeal` | id | [`DealUpdate`](crate::types::DealUpdate) now and on each change |
//! | `rpc.discover` | | OpenRPC |
//!
//! All state is that of the best block. What a list's `next` holds goes in as `cursor` for the page after it.
//! Errors carry the codes of [`errors`].

pub mod errors;
mod submit;
mod subscribe;

use crate::types::{Account, Deal, Duty, Page, Provider, Replica, Shard, Submitted, Summary};
use errors::RpcFailure;
use jsonrpsee::{
    core::{async_trait, RegisterMethodError, RpcResult, SubscriptionResult},
    proc_macros::rpc,
    types::ErrorObjectOwned,
    PendingSubscriptionSink, RpcModule,
};
use sc_client_api::{BlockchainEvents, StorageProvider};
use sc_transaction_pool_api::TransactionPool;
use serde::{Deserialize, Deserializer};
use sp_api::{ApiRef, ProvideRuntimeApi};
use sp_blockchain::HeaderBackend;
use sp_core::Bytes;
use sp_runtime::traits::Block as BlockT;
use station_primitives::{api::StationApi, DealId, ReplicaId, ShardId, MAX_PAGE};
use std::{marker::PhantomData, sync::Arc};
use tokio::sync::Semaphore;

/// The node's block: extrinsics are opaque to it.
pub type Block = station_runtime::opaque::Block;
type Hash = <Block as BlockT>::Hash;

/// `storage_submitDeal` calls that wait for a block at once. Each holds a watcher of the pool.
const MAX_SUBMISSIONS: usize = 64;
/// Deals that are watched at once. Each reads its deal once a block.
const MAX_DEAL_WATCHERS: usize = 128;

/// All that the methods need of a node's client.
pub trait NodeClient<B>:
    ProvideRuntimeApi<Block, Api: StationApi<Block>>
    + HeaderBackend<Block>
    + BlockchainEvents<Block>
    + StorageProvider<Block, B>
    + Send
    + Sync
    + 'static
where
    B: sc_client_api::Backend<Block>,
{
}

impl<C, B> NodeClient<B> for C
where
    B: sc_client_api::Backend<Block>,
    C: ProvideRuntimeApi<Block, Api: StationApi<Block>>
        + HeaderBackend<Block>
        + BlockchainEvents<Block>
        + StorageProvider<Block, B>
        + Send
        + Sync
        + 'static,
{
}

/// A deal's number: `7` or `"7"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DealParam(pub DealId);

impl<'de> Deserialize<'de> for DealParam {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u64),
            Text(String),
        }
        match Either::deserialize(d)? {
            Either::Number(id) => Ok(Self(DealId(id))),
            Either::Text(text) => text.parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

/// See the table above.
#[rpc(server, namespace = "storage")]
trait StorageApi {
    /// The network at a glance.
    #[method(name = "summary", blocking)]
    fn summary(&self) -> RpcResult<Summary>;

    /// A deal, without its shards.
    #[method(name = "deal", blocking)]
    fn deal(&self, id: DealParam) -> RpcResult<Deal>;

    /// The deals of an account.
    #[method(name = "deals", blocking)]
    fn deals(&self, account: Account, cursor: Option<DealParam>, limit: Option<u32>) -> RpcResult<Page<Deal, DealId>>;

    /// A shard, its replicas and its history.
    #[method(name = "shard", blocking)]
    fn shard(&self, id: ShardId) -> RpcResult<Shard>;

    /// A replica.
    #[method(name = "replica", blocking)]
    fn replica(&self, id: ReplicaId) -> RpcResult<Replica>;

    /// Providers in the order of registration.
    #[method(name = "providers", blocking)]
    fn providers(&self, cursor: Option<u32>, limit: Option<u32>) -> RpcResult<Page<Provider, u32>>;

    /// A provider.
    #[method(name = "provider", blocking)]
    fn provider(&self, account: Account) -> RpcResult<Provider>;

    /// What a provider has to do.
    #[method(name = "duties", blocking)]
    fn duties(
        &self,
        account: Account,
        cursor: Option<ReplicaId>,
        limit: Option<u32>,
    ) -> RpcResult<Page<Duty, ReplicaId>>;

    /// Submit a signed deal and learn its number.
    #[method(name = "submitDeal")]
    async fn submit_deal(&self, extrinsic: Bytes) -> RpcResult<Submitted>;

    /// Follow a deal.
    #[subscription(name = "subscribeDeal" => "dealUpdate", unsubscribe = "unsubscribeDeal", item = crate::types::DealUpdate)]
    async fn subscribe_deal(&self, id: DealParam) -> SubscriptionResult;
}

/// The server's side of the methods.
pub struct Server<C, P, B> {
    client: Arc<C>,
    pool: Arc<P>,
    submissions: Arc<Semaphore>,
    watchers: Arc<Semaphore>,
    backend: PhantomData<fn() -> B>,
}

impl<C, P, B> Server<C, P, B>
where
    B: sc_client_api::Backend<Block> + 'static,
    C: NodeClient<B>,
    P: TransactionPool<Block = Block> + 'static,
{
    /// A server over a node's client and pool.
    pub fn new(client: Arc<C>, pool: Arc<P>) -> Self {
        Self {
            client,
            pool,
            submissions: Arc::new(Semaphore::new(MAX_SUBMISSIONS)),
            watchers: Arc::new(Semaphore::new(MAX_DEAL_WATCHERS)),
            backend: PhantomData,
        }
    }

    /// The methods, `rpc.discover` among them, to be merged with the node's others.
    ///
    /// # Errors
    /// If a method is there twice, which is a bug.
    pub fn into_module(self) -> Result<RpcModule<()>, RegisterMethodError> {
        let mut module = RpcModule::new(());
        module.merge(self.into_rpc())?;
        let document = crate::openrpc::document();
        module.register_method("rpc.discover", move |_, _, _| document.clone())?;
        Ok(module)
    }

    fn best(&self) -> Hash {
        self.client.info().best_hash
    }
}

/// Ask the runtime at the best block.
fn query<C, B, T>(
    client: &C,
    ask: impl FnOnce(&ApiRef<'_, C::Api>, Hash) -> Result<T, sp_api::ApiError>,
) -> Result<T, RpcFailure>
where
    B: sc_client_api::Backend<Block>,
    C: NodeClient<B>,
{
    let at = client.info().best_hash;
    ask(&client.runtime_api(), at).map_err(RpcFailure::runtime)
}

/// How many items to return: the most by default.
fn limit(asked: Option<u32>) -> Result<u32, RpcFailure> {
    match asked {
        None => Ok(MAX_PAGE),
        Some(limit) if (1..=MAX_PAGE).contains(&limit) => Ok(limit),
        Some(limit) => Err(RpcFailure::Limit(limit)),
    }
}

/// A page and the cursor after it. A page that is not full is the last.
fn page<I, T, C>(items: Vec<I>, limit: u32, cursor: impl Fn(&I) -> C, show: impl Fn(I) -> T) -> Page<T, C> {
    let full = u32::try_from(items.len()).is_ok_and(|len| len >= limit);
    let next = if full { items.last().map(cursor) } else { None };
    Page { items: items.into_iter().map(show).collect(), next }
}

#[async_trait]
impl<C, P, B> StorageApiServer for Server<C, P, B>
where
    B: sc_client_api::Backend<Block> + 'static,
    C: NodeClient<B>,
    P: TransactionPool<Block = Block> + 'static,
{
    fn summary(&self) -> RpcResult<Summary> {
        let info = self.client.info();
        let summary = self.client.runtime_api().summary(info.best_hash).map_err(RpcFailure::runtime)?;
        Ok(Summary::at(summary, info.best_number))
    }

    fn deal(&self, id: DealParam) -> RpcResult<Deal> {
        let deal = query::<C, B, _>(&self.client, |api, at| api.deal(at, id.0))?;
        Ok(deal.map(Deal::from).ok_or_else(|| RpcFailure::NotFound(format!("deal {}", id.0)))?)
    }

    fn deals(&self, account: Account, cursor: Option<DealParam>, asked: Option<u32>) -> RpcResult<Page<Deal, DealId>> {
        let limit = limit(asked)?;
        let cursor = cursor.map(|id| id.0);
        let deals = query::<C, B, _>(&self.client, |api, at| api.deals(at, account.0, cursor, limit))?;
        Ok(page(deals, limit, |deal| deal.id, Deal::from))
    }

    fn shard(&self, id: ShardId) -> RpcResult<Shard> {
        let shard = query::<C, B, _>(&self.client, |api, at| api.shard(at, id))?;
        Ok(shard.map(Shard::from).ok_or_else(|| RpcFailure::NotFound(format!("shard {id}")))?)
    }

    fn replica(&self, id: ReplicaId) -> RpcResult<Replica> {
        let replica = query::<C, B, _>(&self.client, |api, at| api.replica(at, id))?;
        Ok(replica.map(Replica::from).ok_or_else(|| RpcFailure::NotFound(format!("replica {id}")))?)
    }

    fn providers(&self, cursor: Option<u32>, asked: Option<u32>) -> RpcResult<Page<Provider, u32>> {
        let limit = limit(asked)?;
        let providers = query::<C, B, _>(&self.client, |api, at| api.providers(at, cursor, limit))?;
        Ok(page(providers, limit, |(index, _)| *index, |(_, provider)| provider.into()))
    }

    fn provider(&self, account: Account) -> RpcResult<Provider> {
        let provider = query::<C, B, _>(&self.client, |api, at| api.provider(at, account.0.clone()))?;
        Ok(provider.map(Provider::from).ok_or_else(|| RpcFailure::NotFound(format!("provider {account}")))?)
    }

    fn duties(
        &self,
        account: Account,
        cursor: Option<ReplicaId>,
        asked: Option<u32>,
    ) -> RpcResult<Page<Duty, ReplicaId>> {
        let limit = limit(asked)?;
        let duties = query::<C, B, _>(&self.client, |api, at| api.duties(at, account.0, cursor, limit))?;
        Ok(page(duties, limit, |duty| duty.replica, Duty::from))
    }

    async fn submit_deal(&self, extrinsic: Bytes) -> RpcResult<Submitted> {
        let _permit = self.submissions.try_acquire().map_err(|_| RpcFailure::Busy)?;
        let submitted = submit::deal::<C, P, B>(&self.client, &self.pool, self.best(), &extrinsic).await;
        submitted.map_err(ErrorObjectOwned::from)
    }

    async fn subscribe_deal(&self, pending: PendingSubscriptionSink, id: DealParam) -> SubscriptionResult {
        let Ok(_permit) = self.watchers.clone().try_acquire_owned() else {
            pending.reject(RpcFailure::Busy).await;
            return Ok(());
        };
        subscribe::deal::<C, B>(self.client.clone(), pending, id.0).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_page_names_the_next_and_a_short_one_ends() {
        let full = page(vec![3u32, 5], 2, |id| *id, |id| id);
        assert_eq!((full.items, full.next), (vec![3, 5], Some(5)));
        let last = page(vec![7u32], 2, |id| *id, |id| id);
        assert_eq!((last.items, last.next), (vec![7], None));
    }

    #[test]
    fn limits_beyond_the_page_are_refused() {
        assert!(limit(Some(0)).is_err());
        assert!(limit(Some(MAX_PAGE + 1)).is_err());
        assert_eq!(limit(None).ok(), Some(MAX_PAGE));
    }

    #[test]
    fn a_deal_is_named_by_number_or_text() {
        let of = |text: &str| serde_json::from_str::<DealParam>(text).map(|id| id.0);
        assert_eq!(of("7").ok(), Some(DealId(7)));
        assert_eq!(of("\"7\"").ok(), Some(DealId(7)));
        assert!(of("\"7/0\"").is_err());
        assert!(of("-1").is_err());
    }
}
