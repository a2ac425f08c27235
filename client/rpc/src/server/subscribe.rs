//! `storage_subscribeDeal`: the deal now, and whenever a block has changed something of it.

use super::{Block, Hash, NodeClient};
use crate::types::{Deal, DealUpdate, ShardCounts};
use futures::StreamExt;
use jsonrpsee::{PendingSubscriptionSink, SubscriptionMessage};
use station_primitives::{api::StationApi, BlockNumber, DealId, ShardId};
use std::{sync::Arc, time::Duration};

/// A subscriber that takes no message for so long is dropped, so that its queue stays bounded.
const SLOW_READER: Duration = Duration::from_secs(60);

pub(super) async fn deal<C, B>(client: Arc<C>, pending: PendingSubscriptionSink, id: DealId)
where
    B: sc_client_api::Backend<Block> + 'static,
    C: NodeClient<B>,
{
    // Before the first reading, so that no block is missed between.
    let mut blocks = client.import_notification_stream();
    let info = client.info();
    let Some(first) = update::<C, B>(client.clone(), info.best_hash, info.best_number, id).await else {
        pending.reject(super::RpcFailure::Runtime("the deal cannot be read".into())).await;
        return;
    };
    if first.deal.is_none() {
        pending.reject(super::RpcFailure::NotFound(format!("deal {id}"))).await;
        return;
    }
    let Ok(sink) = pending.accept().await else { return };
    let mut last = first.clone();
    let mut next = Some(first);
    loop {
        if let Some(update) = next.take() {
            let over = update.deal.is_none();
            let Ok(message) = SubscriptionMessage::from_json(&update) else { return };
            if sink.send_timeout(message, SLOW_READER).await.is_err() || over {
                return;
            }
            last = update;
        }
        let block = tokio::select! {
            () = sink.closed() => return,
            block = blocks.next() => match block {
                Some(block) => block,
                None => return,
            },
        };
        if !block.is_new_best {
            continue;
        }
        let (hash, number) = (block.hash, block.header.number);
        if let Some(update) = update::<C, B>(client.clone(), hash, number, id).await {
            let same = DealUpdate { block: last.block, ..update.clone() } == last;
            if !same {
                next = Some(update);
            }
        }
    }
}

/// The deal at a block. Reads run where they may block.
async fn update<C, B>(client: Arc<C>, at: Hash, block: BlockNumber, id: DealId) -> Option<DealUpdate>
where
    B: sc_client_api::Backend<Block> + 'static,
    C: NodeClient<B>,
{
    let read = move || -> Result<DealUpdate, sp_api::ApiError> {
        let api = client.runtime_api();
        let mut shards = ShardCounts::default();
        let (mut live, mut target) = (0u32, 0u32);
        let deal = api.deal(at, id)?;
        if let Some(deal) = &deal {
            // At most MAX_SHARDS of them.
            for index in 0..deal.shards {
                if let Some(shard) = api.shard(at, ShardId { deal: id, index })? {
                    shards.add(shard.state);
                    live = live.saturating_add(u32::from(shard.live));
                    target = target.saturating_add(u32::from(shard.target));
                }
            }
        }
        Ok(DealUpdate { block, deal: deal.map(Deal::from), shards, live, target })
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(update)) => Some(update),
        Ok(Err(error)) => {
            tracing::warn!(target: "station::rpc", %error, deal = %id, "cannot read a watched deal");
            None
        }
        Err(_) => None,
    }
}
