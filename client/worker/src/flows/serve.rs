//! Serve: give readers the plain pieces of sealed shards. And the provider's side of the transfer protocol as a whole.

use super::{
    accept_upload::{self, refusal},
    Context,
};
use crate::mark::Mark;
use station_client_shard_store::LocalState;
use station_client_transfer::{
    protocol::{Info, Node, Piece, Refusal, UploadState},
    server::Backend,
};
use station_primitives::{ReplicaId, ShardId};
use std::sync::Arc;

/// Read a piece of a shard of which a sealed replica is here.
pub fn read_piece(context: &Context, shard: ShardId, piece: u32) -> Result<Piece, Refusal> {
    let sealed = context
        .store
        .of_shard(shard)
        .into_iter()
        // Of a damaged one, made again or not yet, what is whole is served: it may be the last there is.
        .find(|entry| !matches!(entry.state, LocalState::Received | LocalState::Sealing { .. }))
        .ok_or(Refusal::NotFound)?;
    let (data, siblings) = context.store.read_piece(sealed.replica, piece).map_err(|error| {
        if error.is_rot() {
            context.condemn(sealed.replica, &error);
            return Refusal::NotFound;
        }
        refusal(sealed.replica, &error)
    })?;
    fail::fail_point!("serve:read");
    crate::misbehave::piece(Piece { data, siblings })
}

fn bytes_of(piece: &Piece) -> u64 {
    u64::try_from(piece.data.len()).unwrap_or(0)
}

/// What answers peers.
pub struct TransferBackend {
    pub(crate) context: Context,
    pub(crate) mark: Arc<Mark>,
}

impl Backend for TransferBackend {
    fn info(&self) -> Result<Info, Refusal> {
        let usage = self.context.store.usage().map_err(|error| {
            tracing::error!(target: crate::LOG, %error, "the store's room cannot be told");
            Refusal::Internal
        })?;
        let free = usage.free();
        Ok(Info { provider: self.context.account().clone(), accepts_uploads: free > 0, free })
    }

    fn upload_status(&self, replica: ReplicaId) -> Result<UploadState, Refusal> {
        accept_upload::status(&self.context, &self.mark, replica)
    }

    fn accept_piece(
        &self,
        replica: ReplicaId,
        piece: u32,
        data: Vec<u8>,
        siblings: Vec<Node>,
    ) -> Result<bool, Refusal> {
        accept_upload::piece(&self.context, &self.mark, replica, piece, &data, &siblings)
    }

    fn read_piece(&self, shard: ShardId, piece: u32) -> Result<Piece, Refusal> {
        let piece = read_piece(&self.context, shard, piece)?;
        self.context.metrics.served.inc_by(bytes_of(&piece));
        Ok(piece)
    }

    fn repair_piece(&self, replica: ReplicaId, piece: u32) -> Result<Piece, Refusal> {
        let piece = read_piece(&self.context, replica.shard, piece)?;
        self.context.metrics.repair_served.inc_by(bytes_of(&piece));
        Ok(piece)
    }

    fn partial_piece(&self, shard: ShardId, _: Option<ReplicaId>, piece: u32) -> Result<Piece, Refusal> {
        read_piece(&self.context, shard, piece)
    }

    fn part_served(&self, repair: Option<ReplicaId>, bytes: usize) {
        let metrics = &self.context.metrics;
        let counter = if repair.is_some() { &metrics.repair_served } else { &metrics.served };
        counter.inc_by(u64::try_from(bytes).unwrap_or(0));
    }
}
