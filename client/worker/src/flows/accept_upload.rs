//! Accept upload: take a client's data for a replica that the chain has assigned.

use super::Context;
use crate::{chain::At, mark::Mark, plan::Expect};
use station_client_shard_store::{Error as StoreError, LocalState};
use station_client_transfer::protocol::{Refusal, UploadState};
use station_porep::SizeClass;
use station_primitives::{api::ShardInfo, AccountId, ReplicaId, ReplicaState};

/// Which pieces of the replica are here. A client may come before this worker has seen the block with its assignment
/// planned: then the chain is asked now.
pub fn status(context: &Context, mark: &Mark, replica: ReplicaId) -> Result<UploadState, Refusal> {
    let state = match context.store.state(replica) {
        Some(state) => state,
        None => {
            expect_if_assigned(context, mark, replica)?;
            context.store.state(replica).ok_or(Refusal::NotAssigned)?
        }
    };
    match state {
        LocalState::Receiving { .. } => {
            let pieces = context.store.missing(replica).map_err(|error| refusal(replica, &error))?;
            Ok(UploadState::Receiving { pieces: pieces.total, have: pieces.have })
        }
        LocalState::Received | LocalState::Sealing { .. } => Ok(UploadState::Complete),
        LocalState::Sealed { .. } => Ok(UploadState::Sealed),
        // What can be saved of it is being looked for; pieces are taken afterwards.
        LocalState::Damaged { .. } => Err(Refusal::NotAssigned),
    }
}

/// Take a piece. `true` when all are here and on disk; then sealing is asked for.
pub fn piece(
    context: &Context,
    mark: &Mark,
    replica: ReplicaId,
    piece: u32,
    data: &[u8],
    siblings: &[[u8; 32]],
) -> Result<bool, Refusal> {
    if context.store.state(replica).is_none() {
        expect_if_assigned(context, mark, replica)?;
    }
    let complete = context.store.put_piece(replica, piece, data, siblings).map_err(|error| refusal(replica, &error))?;
    fail::fail_point!("accept_upload:piece");
    context.metrics.uploaded.inc_by(u64::try_from(data.len()).unwrap_or(0));
    if complete {
        fail::fail_point!("accept_upload:complete");
        tracing::debug!(target: crate::LOG, %replica, "upload complete");
        context.wake.notify_one();
    }
    Ok(complete)
}

/// Enter a replica into the store, so that its data is taken.
pub fn expect(context: &Context, mark: &Mark, best: At, job: &Expect) -> Result<(), StoreError> {
    // Before the entry: a replica of a block that is not final must not look retired to a node that is behind.
    mark.raise(best.number)?;
    if job.replaces {
        tracing::info!(target: crate::LOG, replica = %job.replica, "replaces data of a branch that the chain left");
        context.store.retire(job.replica)?;
    }
    context.store.expect(job.replica, job.comm_d, job.class)?;
    fail::fail_point!("accept_upload:expected");
    tracing::debug!(target: crate::LOG, replica = %job.replica, class = %job.class, "expected");
    Ok(())
}

/// Enter the replica if the best block says that it is this provider's to receive.
fn expect_if_assigned(context: &Context, mark: &Mark, replica: ReplicaId) -> Result<(), Refusal> {
    let best = context.chain.best();
    let failed = |error: crate::chain::ChainError| {
        tracing::warn!(target: crate::LOG, %replica, %error, "an assignment cannot be looked up");
        Refusal::Internal
    };
    let info = context.chain.replica(best.hash, replica).map_err(failed)?.ok_or(Refusal::NotAssigned)?;
    let shard = context.chain.shard(best.hash, replica.shard).map_err(failed)?.ok_or(Refusal::NotAssigned)?;
    let assigned = info.provider.as_ref() == Some(context.account()) && info.state == ReplicaState::Assigned;
    // Whoever has the data may bring it for a repair too: its client, when no holder is left.
    if !assigned && !is_candidate(&shard, replica, context.account()) {
        return Err(Refusal::NotAssigned);
    }
    let class = SizeClass::from_bytes(shard.size).ok_or(Refusal::NotAssigned)?;
    let job = Expect { replica, comm_d: shard.comm_d, class, replaces: false };
    expect(context, mark, best, &job).map_err(|error| refusal(replica, &error))
}

/// Whether a repair order has this provider make the replica.
pub(crate) fn is_candidate(shard: &ShardInfo, replica: ReplicaId, account: &AccountId) -> bool {
    shard.orders.iter().any(|order| order.replica == replica && order.provider.as_ref() == Some(account))
}

/// What the peer hears of an error of the store.
pub(crate) fn refusal(replica: ReplicaId, error: &StoreError) -> Refusal {
    match error {
        StoreError::Mismatch { .. } | StoreError::Conflict(_) => Refusal::Mismatch,
        StoreError::Unknown(_) | StoreError::NoSuchPiece { .. } | StoreError::NotSealed(_) => Refusal::NotFound,
        error if error.is_no_space() => {
            tracing::error!(target: crate::LOG, %replica, %error, "no room for an assigned replica");
            Refusal::NoSpace
        }
        error => {
            tracing::error!(target: crate::LOG, %replica, %error, "the store failed a peer");
            Refusal::Internal
        }
    }
}
