//! Errors of `storage_*`, with codes that do not change.
//!
//! | code | name | meaning |
//! |---|---|---|
//! | -32602 | invalid params | malformed id, account or limit (JSON-RPC's own code) |
//! | 7001 | `not_found` | no such deal, shard, replica or provider |
//! | 7002 | `runtime` | the runtime could not be asked: a bug, or a pruned block |
//! | 7003 | `busy` | too many requests of this kind at once; try again later |
//! | 7010 | `malformed_extrinsic` | the bytes are no extrinsic of this runtime |
//! | 7011 | `not_a_deal` | the extrinsic submits no deal |
//! | 7012 | `funds` | the account cannot pay the fee or the escrow |
//! | 7013 | `stale` | the nonce was used already |
//! | 7014 | `refused` | the pool refuses it, for the reason in the message |
//! | 7015 | `pool_full` | the pool does not take it now; try again later |
//! | 7016 | `failed` | it was included, and the call failed with the pallet's error in the message |
//! | 7017 | `timeout` | it was not included in time; it may be still |
//!
//! `data` holds the name.

use crate::client::{ClientError, DispatchFailure};
use jsonrpsee::types::{error::INVALID_PARAMS_CODE, ErrorObject, ErrorObjectOwned};
use station_primitives::MAX_PAGE;

/// Why a method fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RpcFailure {
    /// A limit out of bounds.
    #[error("a limit of {0} is out of bounds: ask for 1 to {MAX_PAGE}")]
    Limit(u32),
    /// No such thing.
    #[error("there is no {0}")]
    NotFound(String),
    /// The runtime could not be asked.
    #[error("the runtime cannot be asked: {0}")]
    Runtime(String),
    /// A bound is reached.
    #[error("too many requests of this kind at once; try again later")]
    Busy,
    /// No extrinsic.
    #[error("these bytes are no extrinsic of this runtime: {0}")]
    Malformed(String),
    /// Another call.
    #[error("this extrinsic submits no deal")]
    NotADeal,
    /// The account cannot pay.
    #[error("the account has not enough free TKT for this")]
    Funds,
    /// The nonce was used.
    #[error("another transaction of this account came first: sign with the next nonce")]
    Stale,
    /// The pool refuses it.
    #[error("the transaction is refused: {0}")]
    Refused(String),
    /// The pool has no room.
    #[error("the transaction pool does not take it now: {0}")]
    PoolFull(String),
    /// Included and failed.
    #[error("the deal failed: {0}")]
    Failed(DispatchFailure),
    /// Not included in time.
    #[error("the transaction was not included in time; it may be still")]
    Timeout,
}

impl RpcFailure {
    /// The runtime API failed.
    pub(crate) fn runtime(error: sp_api::ApiError) -> Self {
        Self::Runtime(error.to_string())
    }

    /// Code and name.
    pub const fn code(&self) -> (i32, &'static str) {
        match self {
            Self::Limit(_) => (INVALID_PARAMS_CODE, "invalid_params"),
            Self::NotFound(_) => (7001, "not_found"),
            Self::Runtime(_) => (7002, "runtime"),
            Self::Busy => (7003, "busy"),
            Self::Malformed(_) => (7010, "malformed_extrinsic"),
            Self::NotADeal => (7011, "not_a_deal"),
            Self::Funds => (7012, "funds"),
            Self::Stale => (7013, "stale"),
            Self::Refused(_) => (7014, "refused"),
            Self::PoolFull(_) => (7015, "pool_full"),
            Self::Failed(_) => (7016, "failed"),
            Self::Timeout => (7017, "timeout"),
        }
    }
}

impl From<RpcFailure> for ErrorObjectOwned {
    fn from(failure: RpcFailure) -> Self {
        let (code, name) = failure.code();
        ErrorObject::owned(code, failure.to_string(), Some(name))
    }
}

impl From<ClientError> for RpcFailure {
    /// The client's reading of events and errors is the server's too.
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Dispatch(failure) => Self::Failed(failure),
            other => Self::Runtime(other.to_string()),
        }
    }
}
