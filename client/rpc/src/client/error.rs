//! What can go wrong between a client and its node, in words a user can act on.

use jsonrpsee::core::client::Error as RpcError;
use sp_runtime::{DispatchError, ModuleError};

/// `InvalidTransaction::Custom` codes are the pallets' own; see `docs/protocol.md`.
type CustomCode = u8;

/// A request or an extrinsic that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// What was given is no node's address.
    #[error("'{url}' is no address of a node: {reason}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answers at the node's address.
    #[error("cannot reach a node at {url}: {reason}")]
    Connect {
        /// The address.
        url: String,
        /// The operating system's or the protocol's reason.
        reason: String,
    },
    /// The connection was lost while waiting. An extrinsic under way may or may not be included.
    #[error("the connection to {url} was lost")]
    Disconnected {
        /// The address.
        url: String,
    },
    /// The node answers, but not in time.
    #[error("the node did not answer {what} in time")]
    Timeout {
        /// The method, or what was waited for.
        what: String,
    },
    /// The node belongs to another chain.
    #[error("the node at {url} is no node of Grand Decentral: it runs '{name}'")]
    WrongChain {
        /// The address.
        url: String,
        /// Its runtime's name.
        name: String,
    },
    /// The node's runtime speaks another version of the storage API.
    #[error("the node's answer to {what} is not understood: node and client are of different versions")]
    Outdated {
        /// The method.
        what: String,
    },
    /// The account cannot pay the fee, or what the call would hold.
    #[error("the account has not enough free TKT for this")]
    InsufficientFunds,
    /// The nonce was used meanwhile. Submitting again takes the next one.
    #[error("another transaction of this account came first")]
    Stale,
    /// The pool refuses the extrinsic as not due, not allowed or already done: the pallet's code.
    #[error("the chain refuses this now (code {0})")]
    NotDue(CustomCode),
    /// The signature does not fit: wrong key, or a node of another version.
    #[error("the chain does not accept the signature")]
    BadSignature,
    /// The extrinsic is not well-formed for this runtime, or too large for a block.
    #[error("the node refuses the transaction: {0}")]
    Invalid(String),
    /// The pool is full or holds the same extrinsic already; later it may take it.
    #[error("the node's transaction pool does not take it now: {0}")]
    Pool(String),
    /// The extrinsic was included, and the call failed.
    #[error(transparent)]
    Dispatch(#[from] DispatchFailure),
    /// Any other error that the node returns.
    #[error("the node says: {message} (code {code})")]
    Rpc {
        /// JSON-RPC's code.
        code: i32,
        /// The node's words.
        message: String,
    },
    /// An answer that makes no sense. A bug of the node or of the client.
    #[error("unexpected answer of the node: {0}")]
    Unexpected(String),
}

impl ClientError {
    /// Whether the same request may succeed if it is tried again later, with nothing changed by the user.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. } | Self::Disconnected { .. } | Self::Timeout { .. } | Self::Stale | Self::Pool(_)
        )
    }

    /// What a user does next.
    pub fn hint(&self) -> String {
        let text = match self {
            Self::Url { .. } => "write it like ws://127.0.0.1:9944, or wss:// for a node behind TLS",
            Self::Connect { .. } => {
                "start a node (`station localnet up --dir DIR`), or give the address of one with --rpc"
            }
            Self::Disconnected { .. } | Self::Timeout { .. } => {
                "run the same command again: it goes on where it was. If this stays, ask another node with --rpc"
            }
            Self::WrongChain { .. } => "give the address of a node of the right network with --rpc",
            Self::Outdated { .. } | Self::BadSignature | Self::Invalid(_) => {
                "use the `station` of the node's own version, or ask another node with --rpc"
            }
            Self::InsufficientFunds => "send TKT to the account: `station wallet balance` shows its address",
            Self::Stale => "another command uses this account at the same time: run this one again",
            Self::NotDue(_) => "the chain may have moved on meanwhile: look at `station status`, then run it again",
            Self::Pool(_) => "the node has much to do: run the same command again in a minute, it goes on where it was",
            Self::Dispatch(failure) => return failure.hint(),
            Self::Rpc { .. } | Self::Unexpected(_) => {
                "look into the node's log, or ask another node with --rpc; RUST_LOG=debug shows what is asked"
            }
        };
        text.to_owned()
    }

    pub(crate) fn of(error: RpcError, url: &str, method: &str) -> Self {
        match error {
            RpcError::Call(error) => {
                let data = error
                    .data()
                    .map(|data| serde_json::from_str::<String>(data.get()).unwrap_or_else(|_| data.get().to_owned()));
                Self::of_code(error.code(), error.message(), data.as_deref().unwrap_or_default())
            }
            RpcError::RequestTimeout => Self::Timeout { what: method.to_owned() },
            RpcError::Transport(_) | RpcError::RestartNeeded(_) => Self::Disconnected { url: url.to_owned() },
            RpcError::ParseError(error) => Self::Unexpected(format!("{method}: {error}")),
            other => Self::Unexpected(format!("{method}: {other}")),
        }
    }

    /// Substrate's codes of `author_*` (`sc-rpc-api`, `author/error.rs`), and ours of `storage_*`.
    pub(crate) fn of_code(code: i32, message: &str, data: &str) -> Self {
        const BAD_FORMAT: i32 = 1001;
        const VERIFICATION: i32 = 1002;
        const INVALID: i32 = 1010;
        const UNKNOWN_VALIDITY: i32 = 1011;
        const BANNED: i32 = 1012;
        const TOO_LOW_PRIORITY: i32 = 1014;
        const UNACTIONABLE: i32 = 1018;
        let detail = if data.is_empty() { message } else { data };
        match code {
            INVALID => Self::of_invalidity(detail),
            BAD_FORMAT | VERIFICATION | UNKNOWN_VALIDITY => Self::Invalid(detail.to_owned()),
            BANNED..=UNACTIONABLE if code == TOO_LOW_PRIORITY => Self::Stale,
            BANNED..=UNACTIONABLE => Self::Pool(detail.to_owned()),
            code => Self::Rpc {
                code,
                message: if data.is_empty() { message.to_owned() } else { format!("{message}: {data}") },
            },
        }
    }

    /// The texts of `sp_runtime::transaction_validity::InvalidTransaction`: the node sends no more than these.
    fn of_invalidity(text: &str) -> Self {
        use sp_runtime::transaction_validity::InvalidTransaction as Invalid;
        let is = |kind: Invalid| text == <&'static str>::from(kind);
        if is(Invalid::Payment) {
            Self::InsufficientFunds
        } else if is(Invalid::Stale) {
            Self::Stale
        } else if is(Invalid::BadProof) || is(Invalid::BadSigner) {
            Self::BadSignature
        } else if let Some(code) = text.strip_prefix("Custom error: ").and_then(|code| code.trim().parse().ok()) {
            Self::NotDue(code)
        } else {
            Self::Invalid(text.to_owned())
        }
    }
}

/// What to do about the errors of the storage pallets that a user's call can meet, by name.
const HINTS: [(&str, &str); 14] = [
    ("BadTerm", "give a shorter --for"),
    ("BadReplicaCount", "ask for 3 to 16 replicas; for 2 with providers named in --placement"),
    ("BadPlacement", "name each provider once, as many as there are replicas: `station provider list`"),
    ("Overflow", "give a lower price, a shorter term or fewer replicas"),
    ("UnknownDeal", "the term may have ended: `station ls` shows what is kept"),
    ("UnknownShard", "the term may have ended: `station ls` shows what is kept"),
    ("NotYourDeal", "use the wallet that put it, with --key; a link alone is enough to read it"),
    ("DealIsEnding", "put it again: `station get`, then `station put`"),
    ("AlreadyRegistered", "change its entry with `station provider update`"),
    ("NotRegistered", "enter it with `station provider register`, or start its node with --provider"),
    ("CapacityTooSmall", "give a larger --capacity: no less than what is kept already"),
    ("CollateralTooSmall", "give a larger --collateral: no less than what the replicas kept need"),
    ("HasReplicas", "hand them over with `station provider leave`, and keep the node running until they have gone"),
    ("AlreadyLeaving", "wait until the last replica has gone; then register anew"),
];

/// Why an included call failed: the pallet and its error by name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pallet}: {error}")]
pub struct DispatchFailure {
    /// `StationDeals`, `Balances`, … or `Runtime` for errors of no pallet.
    pub pallet: String,
    /// The error's name, such as `PriceTooLow` or `InsufficientBalance`.
    pub error: String,
}

impl DispatchFailure {
    /// Name a dispatch error by the runtime's own types, without metadata.
    pub fn of(error: DispatchError) -> Self {
        match error {
            DispatchError::Module(module) => Self::of_module(module),
            DispatchError::Token(error) => Self { pallet: "Token".into(), error: format!("{error:?}") },
            DispatchError::Arithmetic(error) => Self { pallet: "Arithmetic".into(), error: format!("{error:?}") },
            DispatchError::Transactional(error) => Self { pallet: "Transactional".into(), error: format!("{error:?}") },
            DispatchError::Other(text) => Self { pallet: "Runtime".into(), error: text.into() },
            other => Self { pallet: "Runtime".into(), error: format!("{other:?}") },
        }
    }

    fn of_module(module: ModuleError) -> Self {
        match station_runtime::RuntimeError::from_dispatch_error(DispatchError::Module(module)) {
            // Debug prints `Pallet(ErrorName)`: the names as the runtime's types have them.
            Some(error) => {
                let text = format!("{error:?}");
                match text.split_once('(') {
                    Some((pallet, rest)) => {
                        Self { pallet: pallet.to_owned(), error: rest.strip_suffix(')').unwrap_or(rest).to_owned() }
                    }
                    None => Self { pallet: "Runtime".into(), error: text },
                }
            }
            None => Self {
                pallet: format!("pallet {}", module.index),
                error: format!("error {}", module.error.first().copied().unwrap_or_default()),
            },
        }
    }

    /// What a user does next.
    pub fn hint(&self) -> String {
        if self.is_funds() {
            return "send TKT to the account: `station wallet balance` shows its address".into();
        }
        HINTS
            .iter()
            .find(|(error, _)| *error == self.error)
            .map_or("nothing was changed but the fee; docs/protocol.md says what each call asks for", |(_, hint)| *hint)
            .to_owned()
    }

    /// Whether the account had too little: `InsufficientBalance`, `InsufficientFunds`, `FundsUnavailable` and the like of
    /// any pallet.
    pub fn is_funds(&self) -> bool {
        matches!(
            self.error.as_str(),
            "FundsUnavailable"
                | "InsufficientBalance"
                | "InsufficientFunds"
                | "NotExpendable"
                | "OnlyProvider"
                | "BelowMinimum"
                | "LiquidityRestrictions"
                | "Expendability"
        ) || self.error.contains("Insufficient")
            || self.error.contains("Afford")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sp_runtime::transaction_validity::InvalidTransaction;

    #[test]
    fn a_node_s_invalidity_codes_become_typed_errors() {
        let of =
            |kind: InvalidTransaction| ClientError::of_code(1010, "Invalid Transaction", <&'static str>::from(kind));
        assert_eq!(of(InvalidTransaction::Payment), ClientError::InsufficientFunds);
        assert_eq!(of(InvalidTransaction::Stale), ClientError::Stale);
        assert_eq!(of(InvalidTransaction::BadProof), ClientError::BadSignature);
        assert_eq!(ClientError::of_code(1010, "Invalid Transaction", "Custom error: 7"), ClientError::NotDue(7));
        assert!(matches!(of(InvalidTransaction::ExhaustsResources), ClientError::Invalid(_)));
        assert_eq!(ClientError::of_code(1014, "Priority is too low: (1 vs 1)", ""), ClientError::Stale);
        assert!(matches!(ClientError::of_code(1016, "Immediately Dropped", ""), ClientError::Pool(_)));
        assert!(matches!(ClientError::of_code(-32601, "Method not found", ""), ClientError::Rpc { code: -32601, .. }));
    }

    #[test]
    fn a_pallet_s_error_is_told_by_name() {
        let error: DispatchError = pallet_station_deals::Error::<station_runtime::Runtime>::CannotAffordEscrow.into();
        let failure = DispatchFailure::of(error);
        assert_eq!(failure.to_string(), "Deals: CannotAffordEscrow");
        assert!(failure.is_funds());
        assert!(!DispatchFailure::of(DispatchError::BadOrigin).is_funds());
    }

    #[test]
    fn what_a_pallet_refuses_is_said_with_what_to_do_next() {
        use pallet_station_deals::Error;
        type Deals = Error<station_runtime::Runtime>;
        let hint = |error: Deals| DispatchFailure::of(error.into()).hint();
        assert!(hint(Deals::BadTerm).contains("--for"));
        assert!(hint(Deals::NotYourDeal).contains("--key"));
        assert!(hint(Deals::CannotAffordEscrow).contains("wallet balance"));
        assert!(!hint(Deals::EscrowExhausted).is_empty());
        assert!(ClientError::Url { url: String::new(), reason: String::new() }.hint().contains("ws://"));
    }

    #[test]
    fn an_error_of_no_known_pallet_is_still_told() {
        let failure =
            DispatchFailure::of(DispatchError::Module(ModuleError { index: 255, error: [3, 0, 0, 0], message: None }));
        assert_eq!(failure.to_string(), "pallet 255: error 3");
    }
}
