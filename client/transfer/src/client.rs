//! The client's side: [`Peer`] asks providers for things, with time limits, retries and bounds of its own.
//!
//! ```text
//! caller ─► lane of the provider ─► place among all ─► Wire (own litep2p node, or the node's sc-network) ─► provider
//!           (Options::per_provider)  (Options::in_flight)
//! ```
//! A caller may start as many calls as it likes; what exceeds the bounds waits, in order. A provider that says `Busy` is
//! asked again when it said, one that is away is dialled again, both within [`Options::patience`].

mod address;
mod lane;
mod network;
mod swarm;

pub use address::Address;
pub use network::NetworkWire;

use crate::protocol::{self, Info, Node, Piece, Refusal, Request, Response, UploadState};
use codec::Encode;
use futures::future::BoxFuture;
use lane::Lane;
use litep2p::PeerId;
use parking_lot::Mutex;
use station_primitives::{ReplicaId, ShardId};
use std::{
    collections::HashMap,
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc,
    },
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

const LOG: &str = "station::transfer";

/// Providers whose lanes are remembered; lanes in use are never forgotten.
const MAX_LANES: usize = 1024;
/// The first wait after a failure; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How often a connection that is just being made known is tried again before that counts as a failure.
const UNREADY_TRIES: u32 = 100;
/// The wait between those.
const UNREADY_WAIT: Duration = Duration::from_millis(10);

/// Time limits and bounds of a [`Peer`].
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// For one attempt of one request, from the first byte to the last. A piece of 1 MiB takes 34 s at 256 kbit/s.
    pub request_timeout: Duration,
    /// For making a connection.
    pub dial_timeout: Duration,
    /// For one call with all of its attempts, counted from its first failure.
    pub patience: Duration,
    /// How often a provider that cannot be reached is tried in one call.
    pub attempts: u32,
    /// Requests under way at one provider, once it has shown to be fast. Several, so that the line is busy while a piece is
    /// written to disk.
    pub per_provider: usize,
    /// Requests under way at all providers: each holds a piece or two in memory.
    pub in_flight: usize,
    /// After how long an idle connection is closed.
    pub keep_alive: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(40),
            dial_timeout: Duration::from_secs(10),
            patience: Duration::from_secs(60),
            attempts: 4,
            per_provider: 8,
            in_flight: 64,
            keep_alive: Duration::from_secs(30),
        }
    }
}

/// Why a provider did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address on the chain is none, or has no `/p2p/` part.
    #[error("'{0}' is no address of a provider: it must be like /ip4/192.0.2.1/tcp/30333/p2p/12D3Koo…")]
    BadAddress(String),
    /// No connection.
    #[error("the provider at {address} cannot be reached: {reason}")]
    Unreachable {
        /// Its address.
        address: String,
        /// What the network said.
        reason: String,
    },
    /// Connected, but no answer in time.
    #[error("the provider at {0} does not answer")]
    Timeout(String),
    /// It speaks the protocol of another chain, or is no provider.
    #[error("the peer at {0} is no provider of this network")]
    NoProvider(String),
    /// It says no.
    #[error("{refusal} ({address})")]
    Refused {
        /// Its address.
        address: String,
        /// Its reason.
        refusal: Refusal,
    },
    /// It answers something that is not allowed.
    #[error("the provider at {address} answers nonsense: {reason}")]
    Nonsense {
        /// Its address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// This peer was shut down.
    #[error("the transfer peer is shut down")]
    Closed,
    /// This peer could not be started.
    #[error("the transfer peer cannot be started: {0}")]
    Start(String),
}

impl Error {
    /// What the provider said, if it said something.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(*refusal),
            _ => None,
        }
    }
}

/// Why one attempt brought no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The connection is just being made known to the protocol; it is there in an instant.
    Unready,
    /// No connection, or it broke.
    Unreachable(String),
    /// The peer closed the stream instead of answering. sc-network does so when its queue is full.
    Dropped,
    /// No answer in time.
    Timeout,
    /// The peer does not speak the protocol.
    Unsupported,
    /// The answer is too long or cannot be read off the wire.
    Nonsense(String),
    /// Shut down.
    Closed,
}

/// What carries messages: bytes to a provider, bytes back. One attempt, no retries.
pub trait Wire: Send + Sync + 'static {
    /// Sends one request and waits for its response.
    fn send(&self, to: &Address, request: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, WireError>>;
}

/// A peer that asks providers. Cheap to clone; the clones share connections and bounds.
#[derive(Clone)]
pub struct Peer {
    shared: Arc<Shared>,
}

struct Shared {
    wire: Box<dyn Wire>,
    options: Options,
    in_flight: Semaphore,
    lanes: Mutex<HashMap<PeerId, Arc<Lane>>>,
    /// Moves waits apart, so that callers that failed together do not come back together.
    jitter: AtomicU64,
}

impl Peer {
    /// Starts a libp2p node of its own (TCP, noise, yamux; it listens nowhere) for the chain with this genesis hash. Must be
    /// called within a tokio runtime. The node ends when the last clone is dropped.
    pub fn start(genesis: &[u8; 32]) -> Result<Self, Error> {
        Self::start_with(genesis, Options::default())
    }

    /// Like [`Peer::start`], with other limits.
    pub fn start_with(genesis: &[u8; 32], options: Options) -> Result<Self, Error> {
        Ok(Self::over(swarm::Swarm::start(genesis, &options)?, options))
    }

    /// A peer over another carrier: [`NetworkWire`] within a node.
    pub fn over(wire: impl Wire, options: Options) -> Self {
        let shared = Shared {
            wire: Box::new(wire),
            in_flight: Semaphore::new(options.in_flight.max(1)),
            lanes: Mutex::new(HashMap::new()),
            jitter: AtomicU64::new(0),
            options,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Who is at `address`, a multiaddress as text with a `/p2p/` part (as it is on the chain).
    pub async fn info(&self, address: &[u8]) -> Result<Info, Error> {
        match self.call(address, &Request::Info).await? {
            (_, Response::Info(info)) => Ok(info),
            (address, other) => Err(unexpected(&address, &other)),
        }
    }

    /// Which pieces of the replica's data the provider has.
    pub async fn upload_status(&self, address: &[u8], replica: ReplicaId) -> Result<UploadState, Error> {
        match self.call(address, &Request::UploadStatus { replica }).await? {
            (_, Response::Upload(state)) => Ok(state),
            (address, other) => Err(unexpected(&address, &other)),
        }
    }

    /// Gives the provider a piece and its path to `comm_d`, lowest sibling first. `true` when the provider has all pieces
    /// and has them on disk; a piece that was there already is no error.
    pub async fn upload_piece(
        &self,
        address: &[u8],
        replica: ReplicaId,
        piece: u32,
        data: Vec<u8>,
        siblings: Vec<Node>,
    ) -> Result<bool, Error> {
        let request = Request::UploadPiece { replica, piece, data, siblings };
        match self.call(address, &request).await? {
            (_, Response::Accepted { complete }) => Ok(complete),
            (address, other) => Err(unexpected(&address, &other)),
        }
    }

    /// A piece of the shard with its path. Check it: `station_porep::piece::verify` against the shard's `comm_d`.
    pub async fn fetch_piece(&self, address: &[u8], shard: ShardId, piece: u32) -> Result<Piece, Error> {
        self.piece(address, shard, None, piece).await
    }

    /// A piece of the shard of `replica`, which the caller is to make, with its path. Check it, as one of
    /// [`Peer::fetch_piece`].
    pub async fn repair_piece(&self, address: &[u8], replica: ReplicaId, piece: u32) -> Result<Piece, Error> {
        self.piece(address, replica.shard, Some(replica), piece).await
    }

    /// A piece at once, or in parts from a provider that is known or turns out to be slow.
    async fn piece(
        &self,
        address: &[u8],
        shard: ShardId,
        repair: Option<ReplicaId>,
        piece: u32,
    ) -> Result<Piece, Error> {
        let lane = self.lane(Address::parse(address)?.peer());
        if !lane.is_slow() {
            let request = match repair {
                Some(replica) => Request::RepairPiece { replica, piece },
                None => Request::FetchPiece { shard, piece },
            };
            match self.call(address, &request).await {
                Ok((_, Response::Piece(piece))) => return Ok(piece),
                Ok((address, other)) => return Err(unexpected(&address, &other)),
                Err(Error::Unreachable { .. } | Error::Timeout(_)) if lane.is_slow() => {}
                Err(error) => return Err(error),
            }
        }
        let mut whole = Piece { data: Vec::new(), siblings: Vec::new() };
        loop {
            let from = u32::try_from(whole.data.len()).unwrap_or(u32::MAX);
            let (address, of, part) =
                match self.call(address, &Request::PiecePart { shard, repair, piece, from }).await? {
                    (address, Response::Part { of, part }) => (address, of, part),
                    (address, other) => return Err(unexpected(&address, &other)),
                };
            whole.data.extend_from_slice(&part.data);
            whole.siblings = part.siblings;
            // Parts are never empty, so this ends; what is too long is no piece.
            let of = usize::try_from(of).unwrap_or(usize::MAX);
            if whole.data.len() > of || of > station_porep::PIECE_BYTES {
                let reason = format!("{} bytes of a piece of {of}", whole.data.len());
                return Err(Error::Nonsense { address: address.to_string(), reason });
            }
            if whole.data.len() == of {
                return Ok(whole);
            }
        }
    }

    /// One call: waits for its turn, sends, and tries again where that may help.
    async fn call(&self, address: &[u8], request: &Request) -> Result<(Address, Response), Error> {
        let address = Address::parse(address)?;
        let Shared { options, in_flight, .. } = &*self.shared;
        // The provider's lane first: those who wait for a slow provider must not take places from the others.
        let lane = self.lane(address.peer());
        let mut place_in_lane = lane.enter().await?;
        let _place = in_flight.acquire().await.map_err(|_| Error::Closed)?;

        let bytes = request.encode();
        let mut retry = Retry::new(options, &self.shared.jitter);
        loop {
            let begun = Instant::now();
            let sent = self.shared.wire.send(&address, bytes.clone());
            let limit = options.request_timeout.saturating_add(options.dial_timeout);
            let answer = match tokio::time::timeout(limit, sent).await {
                Ok(answer) => answer,
                Err(_) => Err(WireError::Timeout),
            };
            place_in_lane.note(begun.elapsed(), answer.as_ref().map(|answer| answer.len().max(bytes.len())));
            let wait = match answer {
                Ok(bytes) => match protocol::decode_response(&bytes) {
                    Ok(Response::Refused(refusal)) => match retry.after_refusal(refusal) {
                        Some(wait) => wait,
                        None => return Err(Error::Refused { address: address.to_string(), refusal }),
                    },
                    Ok(response) => return Ok((address, response)),
                    Err(error) => {
                        let reason = error.to_string();
                        return Err(Error::Nonsense { address: address.to_string(), reason });
                    }
                },
                Err(error) => match retry.after_failure(&error) {
                    Some(wait) => wait,
                    None => return Err(final_error(&address, error)),
                },
            };
            tracing::trace!(target: LOG, %address, kind = request.kind(), ?wait, "trying again");
            tokio::time::sleep(wait).await;
        }
    }

    fn lane(&self, peer: PeerId) -> Arc<Lane> {
        let mut lanes = self.shared.lanes.lock();
        if lanes.len() >= MAX_LANES && !lanes.contains_key(&peer) {
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        let width = self.shared.options.per_provider.max(1);
        Arc::clone(lanes.entry(peer).or_insert_with(|| Arc::new(Lane::new(width))))
    }
}

/// When to try again, and when not to.
struct Retry<'a> {
    options: &'a Options,
    jitter: &'a AtomicU64,
    first_failure: Option<Instant>,
    failures: u32,
    unready: u32,
    wait: Duration,
}

impl<'a> Retry<'a> {
    fn new(options: &'a Options, jitter: &'a AtomicU64) -> Self {
        Self { options, jitter, first_failure: None, failures: 0, unready: 0, wait: FIRST_WAIT }
    }

    fn after_refusal(&mut self, refusal: Refusal) -> Option<Duration> {
        match refusal {
            Refusal::Busy { retry_after_ms } => {
                // The provider is not believed beyond our own limit: it could park its readers for weeks.
                let asked = Duration::from_millis(u64::from(retry_after_ms)).min(LONGEST_WAIT);
                self.within_patience(asked.max(UNREADY_WAIT))
            }
            // It may be a passing trouble of its disk; a reader with other providers should not wait long to see.
            Refusal::Internal => {
                self.failures += 1;
                (self.failures < self.options.attempts).then(|| self.back_off()).flatten()
            }
            refusal if refusal.is_transient() => self.back_off(),
            _ => None,
        }
    }

    fn after_failure(&mut self, error: &WireError) -> Option<Duration> {
        match error {
            WireError::Unready if self.unready < UNREADY_TRIES => {
                self.unready += 1;
                Some(UNREADY_WAIT)
            }
            WireError::Dropped => self.back_off(),
            WireError::Unready | WireError::Unreachable(_) | WireError::Timeout => {
                self.failures += 1;
                (self.failures < self.options.attempts).then(|| self.back_off()).flatten()
            }
            WireError::Unsupported | WireError::Nonsense(_) | WireError::Closed => None,
        }
    }

    fn back_off(&mut self) -> Option<Duration> {
        let wait = self.wait;
        self.wait = self.wait.saturating_mul(2).min(LONGEST_WAIT);
        self.within_patience(wait)
    }

    fn within_patience(&mut self, wait: Duration) -> Option<Duration> {
        let first = *self.first_failure.get_or_insert_with(Instant::now);
        // Up to a half more, by a cheap sequence that need not be random.
        let step = self.jitter.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed) >> 56;
        let wait = wait + wait.mul_f64(f64::from(u8::try_from(step).unwrap_or(0)) / 512.0);
        (first.elapsed() + wait <= self.options.patience).then_some(wait)
    }
}

fn final_error(address: &Address, error: WireError) -> Error {
    let address = address.to_string();
    match error {
        WireError::Unready => Error::Unreachable { address, reason: "the connection does not last".into() },
        WireError::Unreachable(reason) => Error::Unreachable { address, reason },
        WireError::Dropped => Error::Refused { address, refusal: Refusal::Busy { retry_after_ms: 0 } },
        WireError::Timeout => Error::Timeout(address),
        WireError::Unsupported => Error::NoProvider(address),
        WireError::Nonsense(reason) => Error::Nonsense { address, reason },
        WireError::Closed => Error::Closed,
    }
}

fn unexpected(address: &Address, response: &Response) -> Error {
    let kind = match response {
        Response::Info(_) => "information about itself",
        Response::Upload(_) => "the state of an upload",
        Response::Accepted { .. } => "a receipt",
        Response::Piece(_) => "a piece",
        Response::Part { .. } => "a part of a piece",
        Response::Refused(_) => "a refusal",
    };
    let reason = format!("{kind} was not asked for");
    Error::Nonsense { address: address.to_string(), reason }
}
