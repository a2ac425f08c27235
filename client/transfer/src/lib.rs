//! The transfer protocol: how shards reach providers and how readers get them back.
//!
//! One request-response protocol over libp2p, `/<genesis hex>/station/transfer/1`, one piece (1 MiB) a request. The chain
//! says who keeps what; this protocol only moves bytes, and every piece travels with its proof against the shard's
//! `comm_d`, so neither side trusts the other and no side needs to sign anything.
//!
//! | module | who uses it |
//! |---|---|
//! | [`protocol`] | both: what is said, and how large it may be |
//! | [`server`] | a provider's node: quotas, bounded concurrency, a blocking [`server::Backend`] behind it |
//! | [`client`] | `put`, `get` and repairs: [`client::Peer`], with retries and bounds of its own |
//!
//! Bytes on the wire: sc-network's two back ends and this crate's own peer frame a message alike, an unsigned LEB128
//! length and then the message, one request and one response a substream.

pub mod client;
pub mod protocol;
pub mod server;

#[cfg(test)]
mod tests;

pub use client::Peer;
pub use protocol::{Info, Refusal, Request, Response, UploadState};
