//! What can go wrong with files, in words a user can act on.

use crate::loss::Loss;
use station_client_crypto::LinkError;
use station_client_rpc::client::{ClientError, DispatchFailure};
use station_primitives::{Balance, DealId, Price, ShardId, TKT};
use std::{
    io,
    path::{Path, PathBuf},
};

/// What kind of failure it is; the command line's exit codes follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A fault of this program, or of the node.
    Internal,
    /// A wrong argument.
    Usage,
    /// No such file, link or deal.
    NotFound,
    /// The key does not open the content.
    WrongKey,
    /// Not enough money, or a price too low.
    Funds,
    /// Fewer providers than replicas.
    TooFewProviders,
    /// Content that nobody has any more.
    Lost,
    /// The network did not answer, or not in time.
    Network,
    /// The local disk is full, unreadable or locked.
    Disk,
}

/// A failed put, get, rm, ls or extend.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The path to put does not exist.
    #[error("{} does not exist", .0.display())]
    SourceMissing(PathBuf),
    /// The path to put is neither a file nor a folder.
    #[error("{} is neither a file nor a folder", .0.display())]
    SourceKind(PathBuf),
    /// The source changed while it was read.
    #[error("{} changed while it was being read", .0.display())]
    SourceChanged(PathBuf),
    /// More than one put takes.
    #[error("{0}")]
    TooLarge(String),
    /// An option that makes no sense.
    #[error("{0}")]
    Usage(String),
    /// Only its owner may do this to a deal.
    #[error("deal {deal} belongs to {owner}: only its owner can end or extend it")]
    NotOwner {
        /// Which.
        deal: DealId,
        /// Whose it is.
        owner: String,
    },
    /// The disk fails.
    #[error("{}: {source}", path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is not enough room.
    #[error("{needed} bytes are needed on the disk of {}, {free} are free", path.display())]
    DiskFull {
        /// On whose disk.
        path: PathBuf,
        /// How much is needed.
        needed: u64,
        /// How much there is.
        free: u64,
    },
    /// Another process works on the same thing.
    #[error("another station command is working on {0} already")]
    Locked(String),
    /// A damaged local record.
    #[error("{} cannot be read: {why}", path.display())]
    LocalRecord {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A bad link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The link names a deal that does not exist, or not any more.
    #[error("deal {0} does not exist, or has ended")]
    DealGone(DealId),
    /// The link is well-formed and its key is wrong, or the content was not made by this program.
    #[error("the link's key does not open the content of its deals")]
    WrongKey,
    /// The content authenticates and makes no sense all the same.
    #[error("the content is not laid out as this program knows it: {0}")]
    Content(String),
    /// The link holds no such entry.
    #[error("there is no '{0}' in this link")]
    NoEntry(String),
    /// The chain has never heard of the account, and neither has this machine.
    #[error(
        "this network does not know the account {0}: it has no TKT, has never signed anything and has no deals here"
    )]
    UnknownAccount(String),
    /// Something else is where the content is to go.
    #[error("{} exists already and differs from what the link holds", .0.display())]
    TargetExists(PathBuf),
    /// Not enough money.
    #[error("this holds {} TKT in escrow and fees, the account has {} TKT free", tkt(*.needed), tkt(*.free))]
    Funds {
        /// What is needed.
        needed: Balance,
        /// What there is.
        free: Balance,
    },
    /// Enough providers, but not at this price.
    #[error(
        "{found} providers take {} TKT per GiB·day or less, {wanted} are needed; the price for {wanted} is {} TKT",
        tkt(*.offered), tkt(*.asked)
    )]
    PriceTooLow {
        /// What was offered.
        offered: Price,
        /// What enough providers would take.
        asked: Price,
        /// Replicas.
        wanted: u8,
        /// Providers at the offered price.
        found: u32,
    },
    /// Fewer providers than replicas, at any price.
    #[error("{wanted} replicas need {wanted} providers with room, there are {found}")]
    TooFewProviders {
        /// Replicas.
        wanted: u8,
        /// Providers.
        found: u32,
    },
    /// The chain drew providers, and none of them delivered.
    #[error("shard {shard}: no provider took the replica; {live} of {target} replicas are live")]
    SlotFailed {
        /// Which shard.
        shard: ShardId,
        /// Live replicas of it.
        live: u8,
        /// Replicas asked for.
        target: u8,
    },
    /// Nobody has it any more, and it cannot be computed from what is left.
    #[error("{0}")]
    Lost(Box<Loss>),
    /// Repair is under way, and not at its end.
    #[error("{open} of {shards} shards are not healthy yet{why}")]
    RepairOpen {
        /// Shards that are not healthy.
        open: usize,
        /// All shards.
        shards: usize,
        /// What stands in the way, after a colon; empty if only time does.
        why: String,
    },
    /// Nobody serves a shard.
    #[error("no provider of shard {shard} could be read from: {why}")]
    Unreadable {
        /// Which.
        shard: ShardId,
        /// What the last one tried said.
        why: String,
    },
    /// Nothing moves any more.
    #[error("timed out: {0}")]
    Stalled(String),
    /// Our own transfer peer does not start.
    #[error("cannot start the transfer peer: {0}")]
    Peer(String),
    /// The chain includes a transaction and refuses what it asks.
    #[error("the chain refuses this: {}", words(.0))]
    Refused(DispatchFailure),
    /// The node.
    #[error(transparent)]
    Chain(ClientError),
    /// A bug.
    #[error("internal fault: {0}")]
    Internal(String),
}

impl From<ClientError> for FilesError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Dispatch(failure) => Self::Refused(failure),
            error => Self::Chain(error),
        }
    }
}

/// What a pallet's error means to a user; those that none should meet are told by their name.
fn words(failure: &DispatchFailure) -> String {
    let text = match failure.error.as_str() {
        "CannotAffordEscrow" => "the account does not have the escrow free",
        "UnknownDeal" | "UnknownShard" => "there is no such deal, or it has ended",
        "NotYourDeal" => "the deal belongs to another account",
        "DealIsEnding" => "the deal is cancelled or has ended",
        "BadTerm" => "the term is longer than the chain allows",
        "BadReplicaCount" => "the number of replicas is not possible",
        "BadPlacement" => "the list of providers is empty, too short, or names one twice",
        _ if failure.is_funds() => "the account does not have enough TKT free",
        _ => {
            // `AlreadyRegistered` reads as `already registered`.
            let mut name = String::new();
            for (at, c) in failure.error.chars().enumerate() {
                if at > 0 && c.is_ascii_uppercase() {
                    name.push(' ');
                }
                name.push(c.to_ascii_lowercase());
            }
            return format!("{name} ({})", failure.pallet);
        }
    };
    text.to_owned()
}

/// An amount as people write it, without trailing zeros.
pub(crate) fn tkt(amount: Balance) -> String {
    let (whole, rest) = (amount / TKT, amount % TKT);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = format!("{rest:012}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

impl FilesError {
    pub(crate) fn disk(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        move |source| Self::Disk { path: path.to_owned(), source }
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::SourceMissing(_) | Self::DealGone(_) | Self::NoEntry(_) | Self::UnknownAccount(_) => Kind::NotFound,
            Self::SourceKind(_) | Self::TooLarge(_) | Self::Usage(_) | Self::NotOwner { .. } => Kind::Usage,
            Self::Link(LinkError::Malformed(_) | LinkError::Version(_)) => Kind::Usage,
            Self::Link(LinkError::Changed | LinkError::WrongNetwork) => Kind::NotFound,
            Self::WrongKey => Kind::WrongKey,
            Self::SourceChanged(_)
            | Self::Disk { .. }
            | Self::DiskFull { .. }
            | Self::Locked(_)
            | Self::LocalRecord { .. }
            | Self::TargetExists(_) => Kind::Disk,
            Self::Funds { .. } | Self::PriceTooLow { .. } => Kind::Funds,
            Self::TooFewProviders { .. } | Self::SlotFailed { .. } => Kind::TooFewProviders,
            Self::Lost(_) => Kind::Lost,
            Self::Unreadable { .. } | Self::RepairOpen { .. } | Self::Stalled(_) | Self::Peer(_) => Kind::Network,
            Self::Refused(failure) => match failure.error.as_str() {
                "CannotAffordEscrow" => Kind::Funds,
                "UnknownDeal" | "UnknownShard" => Kind::NotFound,
                _ if failure.is_funds() => Kind::Funds,
                // Whatever else a pallet refuses was asked for by the user.
                _ => Kind::Usage,
            },
            Self::Chain(error) => match error {
                ClientError::InsufficientFunds => Kind::Funds,
                ClientError::Url { .. } => Kind::Usage,
                ClientError::Connect { .. }
                | ClientError::Disconnected { .. }
                | ClientError::Timeout { .. }
                | ClientError::WrongChain { .. }
                | ClientError::Pool(_)
                | ClientError::Stale => Kind::Network,
                _ => Kind::Internal,
            },
            Self::Content(_) | Self::Internal(_) => Kind::Internal,
        }
    }

    /// What to do next, if there is something.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::SourceMissing(_) => "check the path",
            Self::SourceChanged(_) => "run the same command again when nothing writes to it",
            Self::DiskFull { .. } => "free some space, or set STATION_HOME to a folder on a larger disk",
            Self::Disk { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "free some space, or set STATION_HOME to a folder on a larger disk; then run the same command again"
            }
            Self::Locked(_) => "wait for it to end, or stop it",
            Self::Link(LinkError::WrongNetwork) => "connect to a node of the link's network with --rpc",
            Self::Link(_) => "copy the whole link, from 'station:' to its last character",
            Self::DealGone(_) => "the term may have ended: content is kept as long as it is paid for",
            Self::UnknownAccount(_) => {
                "after a restore, check the words, and that --rpc leads to the right network; \
                 a new account is known from its first TKT on"
            }
            Self::WrongKey => "use the link exactly as `station put` printed it",
            Self::TargetExists(_) => "give another path with -o, or move what is there away",
            Self::Funds { .. } => {
                "send TKT to the account (`station wallet balance` shows its address), or store for a shorter time"
            }
            Self::PriceTooLow { .. } => "offer more with --max-price, or leave it out to take the market's price",
            Self::TooFewProviders { .. } => {
                "ask for fewer replicas, or wait for more providers: `station provider list`"
            }
            Self::SlotFailed { .. } => {
                "the link is in `station ls`; `station status` shows its replicas, `station rm` ends it"
            }
            Self::Unreadable { .. } => {
                "providers may be off-line: run the same command again later, it goes on where it was"
            }
            Self::Lost(_) => {
                "put it again from the original, if there is one; `station rm` ends what is left and returns its escrow"
            }
            Self::RepairOpen { .. } => {
                "run the same command again later, or let `station watch` do it: the network goes on by itself with what \
                 has a replica left"
            }
            Self::Stalled(_) => "run the same command again: it goes on where it was",
            Self::Chain(error) => return Some(error.hint()),
            Self::Refused(failure) => return Some(failure.hint()),
            Self::NotOwner { .. } => "use the wallet that put it, with --key; a link alone is enough to read it",
            Self::SourceKind(_) => "put a file or a folder",
            Self::TooLarge(_) => "put it in parts, each with a link of its own",
            Self::LocalRecord { .. } => {
                "use the wallet that wrote it; if it is damaged, move it away: the list comes back from the chain"
            }
            Self::Content(_) => "get it with the newest `station`: another program, or a later one, may have put it",
            Self::NoEntry(_) => "name it as it stands in the folder that was put: `station get` shows what is in it",
            Self::Peer(_) => "see that programs may listen on this machine, then run the same command again",
            _ => return None,
        };
        Some(text.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_without_trailing_zeros() {
        assert_eq!(tkt(TKT), "1");
        assert_eq!(tkt(TKT / 4), "0.25");
        assert_eq!(tkt(1), "0.000000000001");
        assert_eq!(tkt(0), "0");
    }

    #[test]
    fn a_pallet_s_error_is_told_in_words() {
        let refused = |pallet: &str, error: &str| {
            FilesError::from(ClientError::Dispatch(DispatchFailure { pallet: pallet.into(), error: error.into() }))
        };
        let unknown = refused("Providers", "AlreadyRegistered");
        assert_eq!(unknown.to_string(), "the chain refuses this: already registered (Providers)");
        assert_eq!(unknown.kind(), Kind::Usage);
        assert_eq!(refused("Deals", "CannotAffordEscrow").kind(), Kind::Funds);
        assert_eq!(refused("Token", "FundsUnavailable").kind(), Kind::Funds);
        assert_eq!(refused("Deals", "UnknownDeal").kind(), Kind::NotFound);
    }

    #[test]
    fn kinds_are_those_of_the_interface() {
        assert_eq!(FilesError::WrongKey.kind(), Kind::WrongKey);
        assert_eq!(FilesError::Link(LinkError::Changed).kind(), Kind::NotFound);
        assert_eq!(FilesError::Chain(ClientError::InsufficientFunds).kind(), Kind::Funds);
        assert_eq!(FilesError::TooFewProviders { wanted: 3, found: 1 }.kind(), Kind::TooFewProviders);
        let full = FilesError::Disk { path: "/x".into(), source: io::ErrorKind::StorageFull.into() };
        assert_eq!(full.kind(), Kind::Disk);
        assert!(full.hint().is_some());
    }
}
