//! Submit an extrinsic and follow it until it is known what became of it.
//!
//! A signed extrinsic is made once. If the connection or the pool loses it, the very same bytes are looked for in the
//! blocks since, and handed in again if they are in none: so a deal is never made twice because of a lost answer.

use super::{request, state_call, BestBlock, Client, ClientError, DispatchFailure};
use codec::{Decode, Encode};
use frame_support::{dispatch::DispatchClass, weights::Weight, BoundedVec};
use frame_system::{EventRecord, Phase};
use jsonrpsee::rpc_params;
use sc_transaction_pool_api::TransactionStatus;
use sp_core::{sr25519, Bytes, Pair};
use sp_runtime::traits::Header as _;
use station_porep::SizeClass;
use station_primitives::{AccountId, Balance, BlockNumber, Commitment, DealId, Hash, Price};
use station_runtime::{Runtime, RuntimeCall, RuntimeEvent};
use std::time::Duration;
use tokio::time::Instant;

const LOG: &str = "station::rpc::client";
/// Blocks that an extrinsic may take until it is included. Blocks are full or missing for a while, not for this long.
const INCLUSION_BLOCKS: u64 = 40;
/// The least time given to inclusion, for networks with short slots on slow machines.
const INCLUSION_AT_LEAST: Duration = Duration::from_secs(90);
/// How often a nonce that somebody else took meanwhile is replaced by the next one.
const NONCE_ATTEMPTS: u32 = 5;
/// The pause before the same thing is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Where the replicas of a deal go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Providers are drawn.
    Any,
    /// The client's own list, at most [`station_primitives::MAX_NAMED`].
    Chosen {
        /// The providers.
        providers: Vec<AccountId>,
        /// Draw others when the list is exhausted.
        fallback: bool,
    },
}

/// A deal to be submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deal {
    /// Root and size (a size class, in bytes) of each shard; at most [`station_primitives::MAX_SHARDS`].
    pub shards: Vec<(Commitment, u64)>,
    /// Replicas of each.
    pub replicas: u8,
    /// Periods paid for.
    pub periods: u32,
    /// The most it pays, in plancks per GiB·day and replica.
    pub max_price: Price,
    /// Where the replicas go.
    pub placement: Placement,
    /// What the client writes down with the deal, for itself: nothing, or [`station_primitives::MEMO_BYTES`] encrypted bytes.
    pub memo: Vec<u8>,
}

impl Deal {
    /// The call that submits it.
    ///
    /// # Errors
    /// If a list is longer than the chain takes, or a size is no size class.
    pub fn call(&self) -> Result<RuntimeCall, ClientError> {
        let shards = self
            .shards
            .iter()
            .map(|(comm_d, bytes)| match SizeClass::from_bytes(*bytes) {
                Some(class) => Ok((*comm_d, class)),
                None => Err(ClientError::Invalid(format!("{bytes} bytes are no size class"))),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let shards = BoundedVec::try_from(shards)
            .map_err(|all| ClientError::Invalid(format!("{} shards are more than a deal takes", all.len())))?;
        let placement = match &self.placement {
            Placement::Any => pallet_station_deals::Placement::Any,
            Placement::Chosen { providers, fallback } => pallet_station_deals::Placement::Chosen {
                providers: BoundedVec::try_from(providers.clone()).map_err(|all| {
                    ClientError::Invalid(format!("{} providers are more than a deal may list", all.len()))
                })?,
                fallback: *fallback,
            },
        };
        let memo = BoundedVec::try_from(self.memo.clone()).map_err(|memo| {
            ClientError::Invalid(format!("a memo of {} bytes is longer than a deal takes", memo.len()))
        })?;
        Ok(pallet_station_deals::Call::<Runtime>::submit_deal {
            shards,
            replicas: self.replicas,
            periods: self.periods,
            max_price: self.max_price,
            placement,
            memo,
        }
        .into())
    }
}

/// Where an extrinsic was included, and what it did.
#[derive(Clone, Debug)]
pub struct Included {
    /// The block, the best one at that time; a re-org may still drop it.
    pub block_hash: Hash,
    /// Its height.
    pub block_number: BlockNumber,
    /// The extrinsic's place in the block.
    pub ext_index: u32,
    /// What it did, in order.
    pub events: Vec<RuntimeEvent>,
}

impl Included {
    /// The number of the deal that the extrinsic submitted, if it submitted one.
    pub fn deal(&self) -> Option<DealId> {
        self.events.iter().find_map(|event| match event.clone().try_into() {
            Ok(pallet_station_deals::Event::<Runtime>::DealSubmitted { deal, .. }) => Some(deal),
            _ => None,
        })
    }
}

impl Client {
    /// Sign `call`, submit it, and wait until it is in a block that is the best one.
    ///
    /// # Errors
    /// [`ClientError::InsufficientFunds`], [`ClientError::NotDue`] and the like if the pool refuses it: then nothing
    /// happened. [`ClientError::Dispatch`] if it was included and failed: then only the fee was paid. After
    /// [`ClientError::Timeout`] or [`ClientError::Disconnected`] it may still be included later.
    pub async fn submit(&self, call: RuntimeCall, key: &sr25519::Pair) -> Result<Included, ClientError> {
        let since = self.best().await?;
        for _ in 0..NONCE_ATTEMPTS {
            // Held from the nonce to the pool's acceptance, and not while waiting for a block.
            let one_at_a_time = self.submitting.lock().await;
            let bytes = self.signed(call.clone(), key).await?;
            match self.watch(&bytes).await {
                Ok(watch) => {
                    drop(one_at_a_time);
                    return self.follow(bytes, since, Some(watch)).await;
                }
                Err(ClientError::Stale) => tokio::time::sleep(RETRY_PAUSE).await,
                // It may have arrived all the same.
                Err(ClientError::Disconnected { .. } | ClientError::Timeout { .. }) => {
                    drop(one_at_a_time);
                    return self.follow(bytes, since, None).await;
                }
                Err(error) => return Err(error),
            }
        }
        Err(ClientError::Stale)
    }

    /// Submit a deal and learn its number.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn submit_deal(&self, deal: &Deal, key: &sr25519::Pair) -> Result<(DealId, Included), ClientError> {
        let included = self.submit(deal.call()?, key).await?;
        let id = included.deal().ok_or_else(|| ClientError::Unexpected("the deal's event is missing".into()))?;
        Ok((id, included))
    }

    /// Submit an extrinsic that is complete already (signed elsewhere, or authorized) and wait as [`Client::submit`]
    /// does.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn submit_extrinsic(&self, extrinsic: Vec<u8>) -> Result<Included, ClientError> {
        let since = self.best().await?;
        let bytes = Bytes(extrinsic);
        let watch = self.watch(&bytes).await?;
        self.follow(bytes, since, Some(watch)).await
    }

    /// Sign with the account's next nonce.
    async fn signed(&self, call: RuntimeCall, key: &sr25519::Pair) -> Result<Bytes, ClientError> {
        let version: RuntimeVersion = self.request("state_getRuntimeVersion", rpc_params![]).await?;
        let nonce = self.nonce(&AccountId::new(key.public().0)).await?;
        let tip = 0;
        let signed = station_runtime::extrinsic::sign(
            call,
            key,
            nonce,
            self.genesis,
            version.spec_version,
            version.transaction_version,
            tip,
        );
        Ok(Bytes(signed.encode()))
    }

    async fn watch(&self, bytes: &Bytes) -> Result<Watch, ClientError> {
        self.subscribe("author_submitAndWatchExtrinsic", rpc_params![bytes], "author_unwatchExtrinsic").await
    }

    /// Wait for inclusion; whenever the pool or the connection loses the extrinsic, look for it and hand it in again.
    async fn follow(&self, bytes: Bytes, since: BestBlock, first: Option<Watch>) -> Result<Included, ClientError> {
        let slots = Duration::from_millis(self.timing.slot_ms.saturating_mul(INCLUSION_BLOCKS));
        let deadline = Instant::now() + slots.max(INCLUSION_AT_LEAST);
        let mut watch = first;
        let mut last_error = ClientError::Timeout { what: "the transaction's inclusion".into() };
        loop {
            if let Some(watch) = watch.take() {
                match tokio::time::timeout_at(deadline, self.until_in_block(watch, &bytes)).await {
                    Ok(Ok(Some(included))) => return Ok(included),
                    Ok(Ok(None)) => {}
                    Ok(Err(error @ ClientError::Dispatch(_))) => return Err(error),
                    Ok(Err(error)) => last_error = error,
                    Err(_) => {}
                }
            }
            if Instant::now() >= deadline {
                return Err(last_error);
            }
            tokio::time::sleep(RETRY_PAUSE).await;
            match self.find(&bytes, since).await {
                Ok(Some(included)) => return Ok(included),
                Ok(None) => match self.watch(&bytes).await {
                    Ok(again) => watch = Some(again),
                    Err(error) if error.is_transient() && error != ClientError::Stale => {
                        tracing::debug!(target: LOG, %error, "handing in again");
                        last_error = error;
                    }
                    Err(error) => {
                        // Included between the search and the pool's refusal, or really refused.
                        return self.find(&bytes, since).await?.ok_or(error);
                    }
                },
                Err(error) if error.is_transient() => last_error = error,
                Err(error) => return Err(error),
            }
        }
    }

    /// `None` if the pool gave the extrinsic up.
    async fn until_in_block(&self, mut watch: Watch, bytes: &Bytes) -> Result<Option<Included>, ClientError> {
        while let Some(status) = watch.next().await {
            let status = status.map_err(|error| ClientError::Unexpected(format!("transaction status: {error}")))?;
            tracing::trace!(target: LOG, ?status, "transaction");
            match status {
                TransactionStatus::InBlock((block, _)) | TransactionStatus::Finalized((block, _)) => {
                    match self.outcome(block, bytes).await {
                        Ok(Some(included)) => return Ok(Some(included)),
                        // The block went away again: the pool says where it comes next.
                        Ok(None) => {}
                        Err(error) => return Err(error),
                    }
                }
                TransactionStatus::Dropped
                | TransactionStatus::Invalid
                | TransactionStatus::Usurped(_)
                | TransactionStatus::FinalityTimeout(_) => return Ok(None),
                TransactionStatus::Future
                | TransactionStatus::Ready
                | TransactionStatus::Broadcast(_)
                | TransactionStatus::Retracted(_) => {}
            }
        }
        Err(ClientError::Disconnected { url: self.url.clone() })
    }

    /// Look for the extrinsic in the best chain's blocks after `since`.
    async fn find(&self, bytes: &Bytes, since: BestBlock) -> Result<Option<Included>, ClientError> {
        let best = self.best().await?;
        // From one before: the best block of then may have been replaced by one of the same height.
        for number in since.number..=best.number {
            let hash: Option<Hash> = self.request("chain_getBlockHash", rpc_params![number]).await?;
            let Some(hash) = hash else { continue };
            if let Some(included) = self.outcome(hash, bytes).await? {
                return Ok(Some(included));
            }
        }
        Ok(None)
    }

    /// What the extrinsic did in this block, or none if the block is not there or does not hold it.
    async fn outcome(&self, hash: Hash, bytes: &Bytes) -> Result<Option<Included>, ClientError> {
        let connection = self.connection().await?;
        let block: Option<SignedBlock> = request(&connection, &self.url, "chain_getBlock", rpc_params![hash]).await?;
        let Some(SignedBlock { block }) = block else { return Ok(None) };
        let Some(index) = block.extrinsics.iter().position(|extrinsic| extrinsic == bytes) else { return Ok(None) };
        let ext_index =
            u32::try_from(index).map_err(|_| ClientError::Unexpected("a block of 2^32 extrinsics".into()))?;
        let key = Bytes(events_key());
        let stored: Option<Bytes> = request(&connection, &self.url, "state_getStorage", rpc_params![key, hash]).await?;
        let stored = stored.ok_or_else(|| ClientError::Unexpected("a block without events".into()))?;
        let events = events_of(&stored, ext_index)?;
        if let Some(error) = failure_in(&events) {
            return Err(DispatchFailure::of(error).into());
        }
        Ok(Some(Included { block_hash: hash, block_number: *block.header.number(), ext_index, events }))
    }
}

/// What a call would cost in fees.
pub(super) async fn fee(client: &Client, call: RuntimeCall, key: &sr25519::Pair) -> Result<Balance, ClientError> {
    let extrinsic = client.signed(call, key).await?;
    let length = u32::try_from(extrinsic.len()).map_err(|_| ClientError::Invalid("too large".into()))?;
    let mut args = extrinsic.0;
    length.encode_to(&mut args);
    let connection = client.connection().await?;
    // `pallet_transaction_payment::RuntimeDispatchInfo`.
    let (_, _, fee): (Weight, DispatchClass, Balance) =
        state_call(&connection, &client.url, "TransactionPaymentApi_query_info", &args, None).await?;
    Ok(fee)
}

type Watch = jsonrpsee::core::client::Subscription<TransactionStatus<Hash, Hash>>;
type Record = EventRecord<RuntimeEvent, Hash>;

#[derive(serde::Deserialize)]
struct SignedBlock {
    block: BlockBody,
}

#[derive(serde::Deserialize)]
struct BlockBody {
    header: station_runtime::Header,
    extrinsics: Vec<Bytes>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeVersion {
    spec_version: u32,
    transaction_version: u32,
}

/// The storage key of `System.Events`.
pub(crate) fn events_key() -> Vec<u8> {
    [sp_crypto_hashing::twox_128(b"System"), sp_crypto_hashing::twox_128(b"Events")].concat()
}

/// The events of one extrinsic out of a block's.
pub(crate) fn events_of(stored: &[u8], extrinsic: u32) -> Result<Vec<RuntimeEvent>, ClientError> {
    let records = Vec::<Record>::decode(&mut &stored[..])
        .map_err(|_| ClientError::Outdated { what: "the block's events".into() })?;
    Ok(records
        .into_iter()
        .filter(|record| record.phase == Phase::ApplyExtrinsic(extrinsic))
        .map(|record| record.event)
        .collect())
}

/// The dispatch error among an extrinsic's events.
pub(crate) fn failure_in(events: &[RuntimeEvent]) -> Option<sp_runtime::DispatchError> {
    events.iter().find_map(|event| match event {
        RuntimeEvent::System(frame_system::Event::ExtrinsicFailed { dispatch_error, .. }) => Some(*dispatch_error),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_events_is_the_well_known_one() {
        assert_eq!(hex::encode(events_key()), "26aa394eea5630e07c48ae0c9558cef780d41e5e16056765bc8461851072c9d7");
    }

    #[test]
    fn a_deal_over_an_impossible_size_is_refused_before_it_is_signed() {
        let deal = Deal {
            shards: vec![([0; 32], 100)],
            replicas: 3,
            periods: 1,
            max_price: 0,
            placement: Placement::Any,
            memo: Vec::new(),
        };
        assert!(matches!(deal.call(), Err(ClientError::Invalid(_))));
        let many = Deal { shards: vec![([0; 32], 1 << 16); 257], ..deal };
        assert!(matches!(many.call(), Err(ClientError::Invalid(_))));
    }
}
