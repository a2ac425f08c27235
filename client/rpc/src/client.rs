//! A client of a node: typed queries of the chain's state, and extrinsics that are followed until their outcome is known.
//!
//! ```no_run
//! # async fn example() -> Result<(), station_client_rpc::client::ClientError> {
//! use station_client_rpc::client::Client;
//!
//! let client = Client::connect("ws://127.0.0.1:9944").await?;
//! println!("{} providers", client.summary().await?.providers);
//! # Ok(()) }
//! ```
//!
//! One `Client` is one WebSocket connection, opened again when it was lost. It is cheap to share behind an `Arc`; all
//! methods take `&self`.

mod endpoint;
mod error;
mod submit;

pub use error::{ClientError, DispatchFailure};
pub(crate) use submit::{events_key, events_of, failure_in};
pub use submit::{Deal, Included, Placement};

use codec::{Decode, Encode};
use futures::{Stream, StreamExt};
use jsonrpsee::{
    core::client::{ClientT, Error as RpcError, Subscription, SubscriptionClientT},
    core::params::ArrayParams,
    rpc_params,
    ws_client::{PingConfig, WsClient, WsClientBuilder},
};
use sp_core::{crypto::Ss58Codec, Bytes};
use station_primitives::{
    api::{AccountMoney, DealInfo, Duty, ProviderInfo, Quote, ReplicaInfo, ShardInfo, Summary},
    AccountId, Balance, BlockNumber, DealId, Hash, Nonce, Price, ReplicaId, ShardId, Timing,
};
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

/// How long a node may take.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// To accept a connection, the WebSocket's handshake included.
    connect: Duration,
    /// To answer a query. The slowest, a page of a hundred deals, takes milliseconds; a node that seals with all its cores
    /// is slower than that, not by this much.
    request: Duration,
}

const PATIENCE: Patience = Patience { connect: Duration::from_secs(10), request: Duration::from_secs(30) };
/// Notifications of one subscription that wait for their reader. Blocks come one a second at the most.
const SUBSCRIPTION_BUFFER: usize = 256;
/// Requests under way at once.
const MAX_REQUESTS: usize = 64;

/// A block that was the best one when it was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BestBlock {
    /// Its hash.
    pub hash: Hash,
    /// Its height.
    pub number: BlockNumber,
}

/// A connection to a node.
pub struct Client {
    url: String,
    patience: Patience,
    connection: RwLock<Arc<WsClient>>,
    /// One extrinsic at a time is given its nonce and handed to the pool, so that two tasks never take the same nonce.
    submitting: tokio::sync::Mutex<()>,
    /// One reconnection at a time.
    connecting: tokio::sync::Mutex<()>,
    genesis: Hash,
    timing: Timing,
}

impl Client {
    /// Connect to the node at `url` (`ws://` or `wss://`).
    ///
    /// # Errors
    /// [`ClientError::Url`] if it is no such address, [`ClientError::Connect`] if nobody answers there,
    /// [`ClientError::Timeout`] if somebody does and then says nothing, [`ClientError::WrongChain`] if it is a node of
    /// another kind of chain.
    pub async fn connect(url: &str) -> Result<Self, ClientError> {
        Self::connect_within(url, PATIENCE).await
    }

    async fn connect_within(url: &str, patience: Patience) -> Result<Self, ClientError> {
        endpoint::check(url)?;
        let connection = open(url, patience).await?;
        let genesis: Hash = request(&connection, url, "chain_getBlockHash", rpc_params![0u32]).await?;
        let version: serde_json::Value = request(&connection, url, "state_getRuntimeVersion", rpc_params![]).await?;
        let name = version.get("specName").and_then(serde_json::Value::as_str).unwrap_or_default();
        if name != station_runtime::VERSION.spec_name.as_ref() {
            return Err(ClientError::WrongChain { url: url.to_owned(), name: name.to_owned() });
        }
        let timing = state_call(&connection, url, "StationApi_timing", &[], None).await?;
        Ok(Self {
            url: url.to_owned(),
            patience,
            connection: RwLock::new(Arc::new(connection)),
            submitting: tokio::sync::Mutex::new(()),
            connecting: tokio::sync::Mutex::new(()),
            genesis,
            timing,
        })
    }

    /// Where the node is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The hash of the chain's first block: it names the network.
    pub fn genesis(&self) -> Hash {
        self.genesis
    }

    /// The network's clock, as it was when this client connected. It is genesis state.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// The network at a glance.
    pub async fn summary(&self) -> Result<Summary, ClientError> {
        self.api("summary", &()).await
    }

    /// A provider, or none if the account is not registered.
    pub async fn provider(&self, account: &AccountId) -> Result<Option<ProviderInfo>, ClientError> {
        self.api("provider", account).await
    }

    /// A page of providers after `cursor`, at most `limit` (bounded by [`station_primitives::MAX_PAGE`]), each with the
    /// index to go on after.
    pub async fn providers(&self, cursor: Option<u32>, limit: u32) -> Result<Vec<(u32, ProviderInfo)>, ClientError> {
        self.api("providers", &(cursor, limit)).await
    }

    /// All providers, page by page. Meant for a network's first thousands; `limit` caps the answer.
    pub async fn all_providers(&self, limit: usize) -> Result<Vec<ProviderInfo>, ClientError> {
        let mut all = Vec::new();
        let mut cursor = None;
        while all.len() < limit {
            let page = self.providers(cursor, station_primitives::MAX_PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            cursor = Some(*last);
            all.extend(page.into_iter().map(|(_, provider)| provider));
        }
        all.truncate(limit);
        Ok(all)
    }

    /// A deal, or none if there is no such deal any more.
    pub async fn deal(&self, id: DealId) -> Result<Option<DealInfo>, ClientError> {
        self.api("deal", &id).await
    }

    /// A page of an account's deals with ids above `cursor`.
    pub async fn deals(
        &self,
        account: &AccountId,
        cursor: Option<DealId>,
        limit: u32,
    ) -> Result<Vec<DealInfo>, ClientError> {
        self.api("deals", &(account, cursor, limit)).await
    }

    /// A shard with its replicas and its history.
    pub async fn shard(&self, id: ShardId) -> Result<Option<ShardInfo>, ClientError> {
        self.api("shard", &id).await
    }

    /// A replica.
    pub async fn replica(&self, id: ReplicaId) -> Result<Option<ReplicaInfo>, ClientError> {
        self.api("replica", &id).await
    }

    /// A page of a provider's duties, replicas above `cursor`.
    pub async fn duties(
        &self,
        provider: &AccountId,
        cursor: Option<ReplicaId>,
        limit: u32,
    ) -> Result<Vec<Duty>, ClientError> {
        self.api("duties", &(provider, cursor, limit)).await
    }

    /// What an account owns, and what of it is held.
    pub async fn money(&self, account: &AccountId) -> Result<AccountMoney, ClientError> {
        self.api("money", account).await
    }

    /// What a deal over shards of these size classes would hold, and how many providers would take it.
    pub async fn quote(
        &self,
        sizes: &[u64],
        replicas: u8,
        periods: u32,
        max_price: Price,
    ) -> Result<Quote, ClientError> {
        self.api("quote", &(sizes, replicas, periods, max_price)).await
    }

    /// Check every invariant of the storage pallets at the best block. The inner error is the invariant that is broken.
    pub async fn try_state(&self) -> Result<Result<(), String>, ClientError> {
        self.api("try_state", &()).await
    }

    /// The nonce of an account's next extrinsic, those waiting in the pool counted.
    pub async fn nonce(&self, account: &AccountId) -> Result<Nonce, ClientError> {
        self.request("system_accountNextIndex", rpc_params![account.to_ss58check()]).await
    }

    /// What a call would cost in fees if this key submitted it now, in plancks.
    pub async fn fee(
        &self,
        call: station_runtime::RuntimeCall,
        key: &sp_core::sr25519::Pair,
    ) -> Result<Balance, ClientError> {
        submit::fee(self, call, key).await
    }

    /// The hash and the height of the best block.
    pub async fn best(&self) -> Result<BestBlock, ClientError> {
        let header: station_runtime::Header = self.request("chain_getHeader", rpc_params![]).await?;
        Ok(BestBlock { hash: header.hash(), number: header.number })
    }

    /// The hash and the height of the last final block.
    pub async fn finalized(&self) -> Result<BestBlock, ClientError> {
        let hash: Hash = self.request("chain_getFinalizedHead", rpc_params![]).await?;
        let header: Option<station_runtime::Header> = self.request("chain_getHeader", rpc_params![hash]).await?;
        let header = header.ok_or_else(|| ClientError::Unexpected("the final block has no header".into()))?;
        Ok(BestBlock { hash, number: header.number })
    }

    /// New best blocks as the node announces them. After a re-org the new branch's blocks come, whatever their height.
    ///
    /// The stream ends with an error when the connection is lost; asking again connects again.
    pub async fn best_blocks(
        &self,
    ) -> Result<impl Stream<Item = Result<BestBlock, ClientError>> + Send + Unpin, ClientError> {
        let heads: Subscription<station_runtime::Header> =
            self.subscribe("chain_subscribeNewHeads", rpc_params![], "chain_unsubscribeNewHeads").await?;
        let url = self.url.clone();
        let blocks = heads.map(|head| match head {
            Ok(header) => Ok(BestBlock { hash: header.hash(), number: header.number }),
            Err(error) => Err(ClientError::Unexpected(format!("a header that cannot be read: {error}"))),
        });
        let lost = futures::stream::once(async move { Err(ClientError::Disconnected { url }) });
        Ok(Box::pin(blocks.chain(lost)))
    }

    /// Call `StationApi_<method>` at the best block.
    async fn api<T: Decode>(&self, method: &str, args: &impl Encode) -> Result<T, ClientError> {
        let connection = self.connection().await?;
        state_call(&connection, &self.url, &format!("StationApi_{method}"), &args.encode(), None).await
    }

    async fn request<T: serde::de::DeserializeOwned>(
        &self,
        method: &str,
        params: ArrayParams,
    ) -> Result<T, ClientError> {
        let connection = self.connection().await?;
        request(&connection, &self.url, method, params).await
    }

    async fn subscribe<T: serde::de::DeserializeOwned>(
        &self,
        method: &str,
        params: ArrayParams,
        unsubscribe: &str,
    ) -> Result<Subscription<T>, ClientError> {
        let connection = self.connection().await?;
        connection
            .subscribe(method, params, unsubscribe)
            .await
            .map_err(|error| ClientError::of(error, &self.url, method))
    }

    /// The connection, opened again if it was lost.
    async fn connection(&self) -> Result<Arc<WsClient>, ClientError> {
        let current = || self.connection.read().unwrap_or_else(PoisonError::into_inner).clone();
        let connection = current();
        if connection.is_connected() {
            return Ok(connection);
        }
        let _one_at_a_time = self.connecting.lock().await;
        let connection = current();
        if connection.is_connected() {
            return Ok(connection);
        }
        let connection = open(&self.url, self.patience).await?;
        let genesis: Hash = request(&connection, &self.url, "chain_getBlockHash", rpc_params![0u32]).await?;
        if genesis != self.genesis {
            return Err(ClientError::WrongChain {
                url: self.url.clone(),
                name: format!("another network, {genesis:?}"),
            });
        }
        let connection = Arc::new(connection);
        *self.connection.write().unwrap_or_else(PoisonError::into_inner) = connection.clone();
        Ok(connection)
    }
}

async fn open(url: &str, patience: Patience) -> Result<WsClient, ClientError> {
    let unreachable = |reason: String| ClientError::Connect { url: url.to_owned(), reason };
    let opening = WsClientBuilder::default()
        .connection_timeout(patience.connect)
        .request_timeout(patience.request)
        .max_concurrent_requests(MAX_REQUESTS)
        .max_buffer_capacity_per_subscription(SUBSCRIPTION_BUFFER)
        // A connection that is silently dead is noticed, so that a command fails or reconnects instead of hanging.
        .enable_ws_ping(
            PingConfig::new().ping_interval(Duration::from_secs(10)).inactive_limit(Duration::from_secs(40)),
        )
        .build(url);
    // The builder's own time-out is that of the TCP connection: whoever accepts it and says nothing would be waited for
    // for ever.
    match tokio::time::timeout(patience.connect, opening).await {
        Ok(opened) => opened.map_err(|error| unreachable(plain(&error))),
        Err(_) => Err(unreachable(format!("no answer in {} s", patience.connect.as_secs_f32()))),
    }
}

/// The innermost reason in plain words: the outer ones name layers, not causes.
fn plain(error: &RpcError) -> String {
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        reason = inner.to_string();
        source = inner.source();
    }
    reason
}

async fn request<T: serde::de::DeserializeOwned>(
    connection: &WsClient,
    url: &str,
    method: &str,
    params: ArrayParams,
) -> Result<T, ClientError> {
    connection.request(method, params).await.map_err(|error| ClientError::of(error, url, method))
}

async fn state_call<T: Decode>(
    connection: &WsClient,
    url: &str,
    method: &str,
    args: &[u8],
    at: Option<Hash>,
) -> Result<T, ClientError> {
    let answer: Bytes = request(connection, url, "state_call", rpc_params![method, Bytes(args.to_vec()), at]).await?;
    T::decode(&mut &answer[..]).map_err(|_| ClientError::Outdated { what: method.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonrpsee::server::{RpcModule, ServerBuilder};
    use std::time::Instant;

    const SHORT: Patience = Patience { connect: Duration::from_millis(300), request: Duration::from_millis(300) };

    #[tokio::test]
    async fn who_accepts_a_connection_and_says_nothing_is_not_waited_for() {
        // The kernel completes the connection; nobody ever reads from it.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}", silent.local_addr().unwrap());
        let begun = Instant::now();
        let error = Client::connect_within(&url, SHORT).await.err();
        assert!(matches!(error, Some(ClientError::Connect { .. })), "{error:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn a_node_that_never_answers_a_request_is_not_waited_for() {
        let server = ServerBuilder::default().build("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", server.local_addr().unwrap());
        let mut module = RpcModule::new(());
        module.register_async_method("chain_getBlockHash", |_, _, _| std::future::pending::<String>()).unwrap();
        let _server = server.start(module);
        let begun = Instant::now();
        let error = Client::connect_within(&url, SHORT).await.err();
        assert!(matches!(error, Some(ClientError::Timeout { .. })), "{error:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}
