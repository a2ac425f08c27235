//! `storage_submitDeal`: hand a signed extrinsic to the pool and wait for its deal's number.

use super::{errors::RpcFailure, Block, Hash, NodeClient};
use crate::{
    client::{events_key, events_of, failure_in, DispatchFailure, Included},
    types::Submitted,
};
use codec::Decode;
use frame_support::traits::IsSubType;
use futures::StreamExt;
use sc_client_api::StorageKey;
use sc_transaction_pool_api::{
    error::{Error as PoolError, IntoPoolError},
    TransactionPool, TransactionSource, TransactionStatus,
};
use sp_runtime::{traits::Block as BlockT, transaction_validity::InvalidTransaction};
use station_runtime::Runtime;
use std::time::Duration;

/// How long a caller waits for a block. Longer than forty blocks of any preset would hold its connection for nothing.
const INCLUSION: Duration = Duration::from_secs(240);

type DealsCall = pallet_station_deals::Call<Runtime>;

pub(super) async fn deal<C, P, B>(client: &C, pool: &P, at: Hash, bytes: &[u8]) -> Result<Submitted, RpcFailure>
where
    B: sc_client_api::Backend<Block>,
    C: NodeClient<B>,
    P: TransactionPool<Block = Block>,
{
    let malformed = |error: codec::Error| RpcFailure::Malformed(error.to_string());
    let typed = station_runtime::UncheckedExtrinsic::decode(&mut &bytes[..]).map_err(malformed)?;
    if !matches!(typed.function.is_sub_type(), Some(DealsCall::submit_deal { .. })) {
        return Err(RpcFailure::NotADeal);
    }
    let extrinsic = <Block as BlockT>::Extrinsic::decode(&mut &bytes[..]).map_err(malformed)?;
    let watch = pool
        .submit_and_watch(at, TransactionSource::External, extrinsic)
        .await
        .map_err(|error| refusal(error.into_pool_error()))?;
    tokio::time::timeout(INCLUSION, until_included::<C, B, _>(client, watch)).await.map_err(|_| RpcFailure::Timeout)?
}

async fn until_included<C, B, H>(
    client: &C,
    mut watch: impl futures::Stream<Item = TransactionStatus<H, Hash>> + Unpin,
) -> Result<Submitted, RpcFailure>
where
    B: sc_client_api::Backend<Block>,
    C: NodeClient<B>,
{
    while let Some(status) = watch.next().await {
        match status {
            TransactionStatus::InBlock((hash, index)) | TransactionStatus::Finalized((hash, index)) => {
                let index = u32::try_from(index).map_err(|_| RpcFailure::Runtime("an index beyond 2^32".into()))?;
                return outcome::<C, B>(client, hash, index);
            }
            TransactionStatus::Usurped(_) => return Err(RpcFailure::Stale),
            TransactionStatus::Dropped => return Err(RpcFailure::PoolFull("it was dropped for others".into())),
            TransactionStatus::Invalid => return Err(RpcFailure::Refused("it became invalid while it waited".into())),
            TransactionStatus::FinalityTimeout(_) => return Err(RpcFailure::Timeout),
            TransactionStatus::Future
            | TransactionStatus::Ready
            | TransactionStatus::Broadcast(_)
            | TransactionStatus::Retracted(_) => {}
        }
    }
    Err(RpcFailure::Timeout)
}

fn outcome<C, B>(client: &C, hash: Hash, ext_index: u32) -> Result<Submitted, RpcFailure>
where
    B: sc_client_api::Backend<Block>,
    C: NodeClient<B>,
{
    let lost = |what: &str| RpcFailure::Runtime(format!("{what} of block {hash:?} cannot be read"));
    let stored = client.storage(hash, &StorageKey(events_key())).map_err(|error| lost(&error.to_string()))?;
    let events = events_of(&stored.ok_or_else(|| lost("events"))?.0, ext_index)?;
    if let Some(error) = failure_in(&events) {
        return Err(RpcFailure::Failed(DispatchFailure::of(error)));
    }
    let block_number = client.number(hash).ok().flatten().ok_or_else(|| lost("the height"))?;
    let included = Included { block_hash: hash, block_number, ext_index, events };
    let deal = included.deal().ok_or_else(|| RpcFailure::Runtime("the deal's event is missing".into()))?;
    Ok(Submitted { deal, block: block_number })
}

fn refusal<E: std::fmt::Display>(error: Result<PoolError, E>) -> RpcFailure {
    match error {
        Ok(PoolError::InvalidTransaction(InvalidTransaction::Payment)) => RpcFailure::Funds,
        Ok(PoolError::InvalidTransaction(InvalidTransaction::Stale)) => RpcFailure::Stale,
        Ok(PoolError::InvalidTransaction(reason)) => RpcFailure::Refused(<&'static str>::from(reason).into()),
        Ok(PoolError::TooLowPriority { .. }) => RpcFailure::Stale,
        Ok(error @ (PoolError::ImmediatelyDropped | PoolError::TemporarilyBanned | PoolError::AlreadyImported(_))) => {
            RpcFailure::PoolFull(error.to_string())
        }
        Ok(error) => RpcFailure::Refused(error.to_string()),
        Err(error) => RpcFailure::Refused(error.to_string()),
    }
}
