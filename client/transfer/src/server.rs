//! The provider's side: quotas, bounded concurrency, and a blocking backend behind them.
//!
//! ```text
//! sc-network ─► inbound queue ─► length? ─► quota of the peer? ─► place in line? ─► worker free? ─► Backend
//!                (QUEUE; full: dropped)   (Malformed)  (Busy)        (Busy)          (waits; Busy)
//! ```
//! Each step costs less than the next one, and everything refused is refused with a reason that the peer can act on.
//! The queue is drained without waiting, so a slow disk shows as `Busy` and never as a full queue. An answer counts for its peer and
//! for [`MAX_UNSENT`] until the peer has taken it: who asks and does not read fills no memory.

mod quota;

pub use quota::Quotas;

use crate::protocol::{self, Info, Node, Piece, Refusal, Request, Response, UploadState, MAX_MESSAGE};
use codec::Encode;
use futures::channel::oneshot;
use parking_lot::Mutex;
use quota::Ledger;
use sc_network::{
    request_responses::{IncomingRequest, OutgoingResponse},
    NetworkBackend, ProtocolName,
};
use sc_network_types::PeerId;
use sp_runtime::traits::Block as BlockT;
use station_primitives::{ReplicaId, ShardId};
use std::{sync::Arc, time::Duration, time::Instant};
use tokio::sync::Semaphore;

const LOG: &str = "station::transfer";

/// Requests that sc-network keeps for the server: 32 of 1 MiB at most, and drained at once.
pub const QUEUE: usize = 32;
/// Requests taken on and not answered, all peers together: at most 32 MiB of pieces.
pub const MAX_PENDING: usize = 32;
/// Requests that the backend works on at once. Hashing and the disk are the limit, not the number of threads.
pub const WORKERS: usize = 4;
/// Bytes of answers that peers have not taken yet, all peers together. What one peer can have of it is [`Quotas::in_work`] pieces.
pub const MAX_UNSENT: usize = 128 << 20;
/// How long a request waits for a worker before the peer is told to come back.
pub const MAX_WAIT: Duration = Duration::from_secs(10);
/// After how long sc-network gives up on a request: three pieces at a time over a line of 256 kbit/s.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// What a peer is told to wait when there is no place in line.
const RETRY_MS: u32 = 250;

/// When an answer that nobody takes is given up by the network for certain.
const LONGEST_SEND: Duration = REQUEST_TIMEOUT.saturating_add(Duration::from_secs(10));
/// Unsent bytes are counted in KiB.
const UNIT: usize = 1 << 10;

/// What the provider does with requests. Called on tokio's blocking pool, by up to [`WORKERS`] threads at once.
///
/// A [`Refusal`] is the answer to the peer; log what the operator should know before returning one.
pub trait Backend: Send + Sync + 'static {
    /// Who this is and what it could take.
    fn info(&self) -> Result<Info, Refusal>;
    /// Which pieces of the replica are there.
    fn upload_status(&self, replica: ReplicaId) -> Result<UploadState, Refusal>;
    /// Takes a piece; `true` when all pieces are there and on disk.
    fn accept_piece(&self, replica: ReplicaId, piece: u32, data: Vec<u8>, siblings: Vec<Node>)
        -> Result<bool, Refusal>;
    /// Gives a piece of the shard in the plain, with its path to `comm_d`.
    fn read_piece(&self, shard: ShardId, piece: u32) -> Result<Piece, Refusal>;
    /// Gives a piece to a provider that makes another replica of the shard.
    fn repair_piece(&self, replica: ReplicaId, piece: u32) -> Result<Piece, Refusal> {
        self.read_piece(replica.shard, piece)
    }
    /// Gives a piece of which a part is wanted, by a reader or for a repair. Not counted as served: the part is.
    fn partial_piece(&self, shard: ShardId, repair: Option<ReplicaId>, piece: u32) -> Result<Piece, Refusal> {
        match repair {
            Some(replica) => self.repair_piece(replica, piece),
            None => self.read_piece(shard, piece),
        }
    }
    /// So many bytes of a part were sent.
    fn part_served(&self, _repair: Option<ReplicaId>, _bytes: usize) {}
}

/// What sc-network needs to know about the protocol, and the queue that it fills. Add the former to the network's
/// configuration before `build_network`, and give the latter to [`Server::run`].
pub fn request_response_config<Block: BlockT, N: NetworkBackend<Block, Block::Hash>>(
    genesis: &[u8; 32],
) -> (N::RequestResponseProtocolConfig, async_channel::Receiver<IncomingRequest>) {
    let (queue, inbound) = async_channel::bounded(QUEUE);
    let limit = u64::try_from(MAX_MESSAGE).expect("a MiB fits a u64; qed");
    let config = N::request_response_config(
        ProtocolName::from(protocol::protocol_name(genesis)),
        Vec::new(),
        limit,
        limit,
        REQUEST_TIMEOUT,
        Some(queue),
    );
    (config, inbound)
}

/// The server's loop.
pub struct Server {
    backend: Arc<dyn Backend>,
    ledger: Mutex<Ledger>,
    pending: Arc<Semaphore>,
    unsent: Arc<Semaphore>,
    workers: Arc<Semaphore>,
}

impl Server {
    /// Serves the requests in `inbound` until sc-network drops the other end. Needs a tokio runtime around it.
    pub async fn run(inbound: async_channel::Receiver<IncomingRequest>, backend: Arc<dyn Backend>) {
        Self::run_with(inbound, backend, Quotas::default()).await;
    }

    /// Like [`Server::run`], with other quotas.
    pub async fn run_with(
        inbound: async_channel::Receiver<IncomingRequest>,
        backend: Arc<dyn Backend>,
        quotas: Quotas,
    ) {
        let server = Arc::new(Self {
            backend,
            ledger: Mutex::new(Ledger::new(quotas)),
            pending: Arc::new(Semaphore::new(MAX_PENDING)),
            unsent: Arc::new(Semaphore::new(MAX_UNSENT / UNIT)),
            workers: Arc::new(Semaphore::new(WORKERS)),
        });
        while let Ok(request) = inbound.recv().await {
            Arc::clone(&server).take(request);
        }
    }

    /// Refuses the request at once, or takes it on.
    fn take(self: Arc<Self>, incoming: IncomingRequest) {
        let IncomingRequest { peer, payload, pending_response } = incoming;
        let answer = move |response: Response, sent_feedback: Option<oneshot::Sender<()>>| {
            let outgoing =
                OutgoingResponse { result: Ok(response.encode()), reputation_changes: Vec::new(), sent_feedback };
            // A peer that went away does not hear its answer.
            let _ = pending_response.send(outgoing);
        };
        let request = match self.admit(&peer, &payload) {
            Ok(request) => request,
            Err(refusal) => {
                tracing::debug!(target: LOG, %peer, bytes = payload.len(), %refusal, "refused");
                return answer(Response::Refused(refusal), None);
            }
        };
        drop(payload);
        let place = Arc::clone(&self.pending).try_acquire_owned();
        let unsent = Arc::clone(&self.unsent).try_acquire_many_owned(units(most_in_answer(&request)));
        let (Ok(place), Ok(unsent)) = (place, unsent) else {
            self.ledger.lock().done(&peer);
            return answer(Response::Refused(Refusal::Busy { retry_after_ms: RETRY_MS }), None);
        };
        tokio::spawn(async move {
            let response = self.work(&peer, request).await;
            drop(place);
            let (sent, taken) = oneshot::channel();
            answer(response, Some(sent));
            // Taken, or dropped with a connection that ended.
            let _ = tokio::time::timeout(LONGEST_SEND, taken).await;
            drop(unsent);
            self.ledger.lock().done(&peer);
        });
    }

    /// The checks that cost nothing. On success the peer has one request more in work.
    fn admit(&self, peer: &PeerId, payload: &[u8]) -> Result<Request, Refusal> {
        // litep2p applies the larger of a protocol's limits in both directions: the length is ours to check.
        if payload.len() > MAX_MESSAGE {
            return Err(Refusal::Malformed);
        }
        let mut ledger = self.ledger.lock();
        ledger.charge_request(peer, payload.len(), Instant::now())?;
        let request = protocol::decode_request(payload).map_err(|_| Refusal::Malformed)?;
        if let Request::FetchPiece { .. } | Request::RepairPiece { .. } = request {
            // What a fetch costs is what it brings; the answer's true size is not known before the work is done.
            ledger.charge_bytes(peer, station_porep::PIECE_BYTES, Instant::now())?;
        }
        if let Request::PiecePart { .. } = request {
            ledger.charge_bytes(peer, protocol::PART_BYTES, Instant::now())?;
        }
        ledger.begin(peer)?;
        Ok(request)
    }

    /// Waits for a worker and does what is asked.
    async fn work(self: &Arc<Self>, peer: &PeerId, request: Request) -> Response {
        let started = Instant::now();
        let kind = request.kind();
        let workers = Arc::clone(&self.workers);
        let response = match tokio::time::timeout(MAX_WAIT, workers.acquire_owned()).await {
            Ok(Ok(worker)) => {
                let backend = Arc::clone(&self.backend);
                let job = tokio::task::spawn_blocking(move || {
                    // Held by the thread, not by the task: a task that is dropped does not stop its thread.
                    let _worker = worker;
                    serve(&*backend, request)
                });
                job.await.unwrap_or_else(|error| {
                    tracing::error!(target: LOG, %peer, kind, %error, "the backend panicked");
                    Response::Refused(Refusal::Internal)
                })
            }
            _ => Response::Refused(Refusal::Busy { retry_after_ms: RETRY_MS }),
        };
        let refused = match &response {
            Response::Refused(refusal) => Some(*refusal),
            _ => None,
        };
        tracing::debug!(target: LOG, %peer, kind, ?refused, took = ?started.elapsed(), "served");
        response
    }
}

/// Bytes of the longest answer to a request.
fn most_in_answer(request: &Request) -> usize {
    match request {
        Request::FetchPiece { .. } | Request::RepairPiece { .. } => MAX_MESSAGE,
        Request::PiecePart { .. } => protocol::PART_BYTES + protocol::OVERHEAD,
        Request::Info | Request::UploadStatus { .. } | Request::UploadPiece { .. } => protocol::OVERHEAD,
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

fn serve(backend: &dyn Backend, request: Request) -> Response {
    let result = match request {
        Request::Info => backend.info().map(Response::Info),
        Request::UploadStatus { replica } => backend.upload_status(replica).map(Response::Upload),
        Request::UploadPiece { replica, piece, data, siblings } => {
            backend.accept_piece(replica, piece, data, siblings).map(|complete| Response::Accepted { complete })
        }
        Request::FetchPiece { shard, piece } => backend.read_piece(shard, piece).map(Response::Piece),
        Request::RepairPiece { replica, piece } => backend.repair_piece(replica, piece).map(Response::Piece),
        Request::PiecePart { shard, repair, piece, from } => part(backend, shard, repair, piece, from),
    };
    result.unwrap_or_else(Response::Refused)
}

/// Cut a part out of a piece. The store's hot cache has the piece for the parts after it.
fn part(
    backend: &dyn Backend,
    shard: ShardId,
    repair: Option<ReplicaId>,
    piece: u32,
    from: u32,
) -> Result<Response, Refusal> {
    if repair.is_some_and(|replica| replica.shard != shard) {
        return Err(Refusal::Malformed);
    }
    let Piece { mut data, siblings } = backend.partial_piece(shard, repair, piece)?;
    let of = u32::try_from(data.len()).map_err(|_| Refusal::Internal)?;
    let begin = usize::try_from(from).ok().filter(|begin| *begin < data.len()).ok_or(Refusal::NotFound)?;
    data.drain(..begin);
    data.truncate(protocol::PART_BYTES);
    backend.part_served(repair, data.len());
    Ok(Response::Part { of, part: Piece { data, siblings } })
}
