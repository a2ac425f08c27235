//! What is said: requests, responses, refusals, and the limits on all of them.

use codec::{Decode, DecodeAll, Encode};
use station_porep::PIECE_BYTES;
use station_primitives::{AccountId, ReplicaId, ShardId};
use std::fmt;

/// A node of a Merkle tree.
pub type Node = [u8; 32];

/// The longest path from a piece to the root: a shard of 1 GiB has 2^10 pieces.
pub const MAX_SIBLINGS: usize = 10;
/// What a message holds besides the bytes of a piece: identifiers, lengths and siblings, rounded up.
pub const OVERHEAD: usize = 4096;
/// The largest message either way. litep2p applies the larger of a protocol's two limits in both directions, so one
/// limit serves for both; the server checks a request's length itself all the same.
pub const MAX_MESSAGE: usize = PIECE_BYTES + OVERHEAD;
/// Bytes of the longest bitmap: one bit a piece of the largest class.
pub const MAX_BITMAP: usize = 1 << (MAX_SIBLINGS - 3);

/// The protocol's name on a chain. Stations of two chains do not understand each other's.
pub fn protocol_name(genesis: &[u8; 32]) -> String {
    format!("/{}/station/transfer/1", hex::encode(genesis))
}

/// What a peer asks of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(clippy::cast_possible_truncation)] // Encode's derive casts the variant's number.
pub enum Request {
    /// Who are you? Answered by [`Response::Info`].
    #[codec(index = 0)]
    Info,
    /// Which pieces of this replica's data have you? Answered by [`Response::Upload`].
    #[codec(index = 1)]
    UploadStatus {
        /// The replica that the provider was assigned.
        replica: ReplicaId,
    },
    /// Take this piece of the replica's data. Answered by [`Response::Accepted`], also when the piece is there already.
    #[codec(index = 2)]
    UploadPiece {
        /// The replica that the provider was assigned.
        replica: ReplicaId,
        /// The place of the piece, from 0.
        piece: u32,
        /// The piece: `SizeClass::piece_bytes` bytes of the plain (that is, the client's encrypted) data.
        data: Vec<u8>,
        /// From the piece's subtree up to `comm_d`, lowest first.
        siblings: Vec<Node>,
    },
    /// Give me this piece of the shard. Answered by [`Response::Piece`].
    #[codec(index = 3)]
    FetchPiece {
        /// The shard; the provider has one replica of it.
        shard: ShardId,
        /// The place of the piece, from 0.
        piece: u32,
    },
    /// Give me this piece, for I am to make this replica of its shard. Answered by [`Response::Piece`]. Apart from a reader's
    /// request, so that the source knows what it does for repairs; these are paid by receipt.
    #[codec(index = 4)]
    RepairPiece {
        /// The replica that is being made.
        replica: ReplicaId,
        /// The place of the piece, from 0.
        piece: u32,
    },
    /// Give me a part of this piece: over a slow line a whole one fills the sender's buffer for so long that libp2p's ping,
    /// which has 20 s, is not heard through it. Answered by [`Response::Part`].
    #[codec(index = 5)]
    PiecePart {
        /// The shard; the provider has one replica of it.
        shard: ShardId,
        /// The replica that is being made, if it is for a repair.
        repair: Option<ReplicaId>,
        /// The place of the piece, from 0.
        piece: u32,
        /// The first byte.
        from: u32,
    },
}

/// Bytes of a part: half a second at 1 Mbit/s.
pub const PART_BYTES: usize = 64 << 10;

impl Request {
    /// A word for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::UploadStatus { .. } => "upload_status",
            Self::UploadPiece { .. } => "upload_piece",
            Self::FetchPiece { .. } => "fetch_piece",
            Self::RepairPiece { .. } => "repair_piece",
            Self::PiecePart { .. } => "piece_part",
        }
    }
}

/// What the provider answers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(clippy::cast_possible_truncation)] // Encode's derive casts the variant's number.
pub enum Response {
    /// To [`Request::Info`].
    #[codec(index = 0)]
    Info(Info),
    /// To [`Request::UploadStatus`].
    #[codec(index = 1)]
    Upload(UploadState),
    /// To [`Request::UploadPiece`]: the piece is in the store, though perhaps not synced to disk yet.
    #[codec(index = 2)]
    Accepted {
        /// All pieces are there and on disk.
        complete: bool,
    },
    /// To [`Request::FetchPiece`] and [`Request::RepairPiece`].
    #[codec(index = 3)]
    Piece(Piece),
    /// To any request: no, and why.
    #[codec(index = 4)]
    Refused(Refusal),
    /// To [`Request::PiecePart`].
    #[codec(index = 5)]
    Part {
        /// Bytes of the whole piece.
        of: u32,
        /// This part of it and the whole piece's path.
        part: Piece,
    },
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Info {
    /// The provider's account.
    pub provider: AccountId,
    /// Whether it takes uploads at present.
    pub accepts_uploads: bool,
    /// Bytes it could still take.
    pub free: u64,
}

/// How far an upload has come.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(clippy::cast_possible_truncation)] // Encode's derive casts the variant's number.
pub enum UploadState {
    /// Pieces are missing.
    #[codec(index = 0)]
    Receiving {
        /// How many pieces there are.
        pieces: u32,
        /// One bit a piece, least significant first, set where the piece is there. `ceil(pieces / 8)` bytes.
        have: Vec<u8>,
    },
    /// All pieces are there; nothing more is to be sent.
    #[codec(index = 1)]
    Complete,
    /// All pieces are there and the replica is sealed.
    #[codec(index = 2)]
    Sealed,
}

impl UploadState {
    /// Whether piece number `piece` is there.
    pub fn has(&self, piece: u32) -> bool {
        match self {
            Self::Receiving { pieces, have } => {
                piece < *pieces
                    && usize::try_from(piece / 8)
                        .ok()
                        .and_then(|byte| have.get(byte))
                        .is_some_and(|bits| bits & (1 << (piece % 8)) != 0)
            }
            Self::Complete | Self::Sealed => true,
        }
    }

    /// The pieces that are missing, in order.
    pub fn missing(&self) -> Vec<u32> {
        match self {
            Self::Receiving { pieces, .. } => (0..*pieces).filter(|p| !self.has(*p)).collect(),
            Self::Complete | Self::Sealed => Vec::new(),
        }
    }

    /// Whether the sizes agree with each other. The client checks what a provider says before it believes it.
    fn is_consistent(&self) -> bool {
        match self {
            Self::Receiving { pieces, have } => {
                have.len() <= MAX_BITMAP && usize::try_from(pieces.div_ceil(8)).is_ok_and(|bytes| bytes == have.len())
            }
            Self::Complete | Self::Sealed => true,
        }
    }
}

/// A piece of a shard and the path that proves it. The reader checks it against `comm_d`.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Piece {
    /// The bytes.
    pub data: Vec<u8>,
    /// From the piece's subtree up to `comm_d`, lowest first.
    pub siblings: Vec<Node>,
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Piece({} bytes, {} siblings)", self.data.len(), self.siblings.len())
    }
}

/// Why a provider does not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, thiserror::Error)]
#[allow(clippy::cast_possible_truncation)] // Encode's derive casts the variant's number.
pub enum Refusal {
    /// Too much is asked of it at once, by all or by this peer. The same request succeeds later.
    #[error("the provider is busy")]
    #[codec(index = 0)]
    Busy {
        /// When to ask again, in milliseconds.
        retry_after_ms: u32,
    },
    /// It keeps no such shard, or no such piece.
    #[error("the provider does not have this shard")]
    #[codec(index = 1)]
    NotFound,
    /// The chain has not assigned it that replica, or not yet as far as it has seen.
    #[error("the provider was not assigned this replica")]
    #[codec(index = 2)]
    NotAssigned,
    /// The piece or its path does not lead to the shard's `comm_d`.
    #[error("the piece does not match the shard's commitment")]
    #[codec(index = 3)]
    Mismatch,
    /// Its disk is full, or what it offered is used up.
    #[error("the provider's disk is full")]
    #[codec(index = 4)]
    NoSpace,
    /// Its policy does not serve this client.
    #[error("the provider does not serve this client")]
    #[codec(index = 5)]
    NotServed,
    /// The request could not be read or is too large.
    #[error("the provider could not read the request")]
    #[codec(index = 6)]
    Malformed,
    /// Something failed on its side; its log says what.
    #[error("the provider failed")]
    #[codec(index = 7)]
    Internal,
}

impl Refusal {
    /// Whether the same request may succeed at the same provider a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::NotAssigned | Self::Internal)
    }
}

/// A message that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// Longer than [`MAX_MESSAGE`].
    #[error("the message is longer than {MAX_MESSAGE} bytes")]
    TooLong,
    /// No message of this protocol, or bytes after its end.
    #[error("the message is not of this protocol")]
    Unreadable,
    /// Sizes in the message contradict each other or the protocol's limits.
    #[error("a size in the message is not allowed")]
    BadSize,
}

/// Reads a request. Everything in it is bounded afterwards.
pub fn decode_request(bytes: &[u8]) -> Result<Request, ProtocolError> {
    check_length(bytes)?;
    let request = Request::decode_all(&mut &bytes[..]).map_err(|_| ProtocolError::Unreadable)?;
    if let Request::UploadPiece { data, siblings, .. } = &request {
        check_piece(data, siblings)?;
    }
    Ok(request)
}

/// Reads a response. Everything in it is bounded afterwards.
pub fn decode_response(bytes: &[u8]) -> Result<Response, ProtocolError> {
    check_length(bytes)?;
    let response = Response::decode_all(&mut &bytes[..]).map_err(|_| ProtocolError::Unreadable)?;
    match &response {
        Response::Piece(piece) | Response::Part { part: piece, .. } => check_piece(&piece.data, &piece.siblings)?,
        Response::Upload(state) if !state.is_consistent() => return Err(ProtocolError::BadSize),
        _ => {}
    }
    Ok(response)
}

fn check_length(bytes: &[u8]) -> Result<(), ProtocolError> {
    if bytes.len() > MAX_MESSAGE {
        return Err(ProtocolError::TooLong);
    }
    Ok(())
}

fn check_piece(data: &[u8], siblings: &[Node]) -> Result<(), ProtocolError> {
    if data.is_empty() || data.len() > PIECE_BYTES || siblings.len() > MAX_SIBLINGS {
        return Err(ProtocolError::BadSize);
    }
    Ok(())
}
