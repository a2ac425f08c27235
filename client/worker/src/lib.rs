//! The provider's worker: accept upload, seal, commit, prove, answer, repair, scrub, serve, retire, heartbeat.
//!
//! The shard store is the truth about local data, the chain about duties. On every new best block a [`plan`] is made from the
//! two, as a pure function, and carried out by [`flows`], one duty a file. Nothing else is remembered, so that a worker
//! killed at any point goes on where it was: the next plan is the same.
//!
//! Duties are *authorized* extrinsics ([`station_primitives::DutyStatement`]): the provider's own signature inside, no fee, no
//! nonce. They name the ticket or the seed that they answer, so that one that ends on another branch is refused, never
//! held against the provider. Only registration and its updates are ordinary transactions.
//!
//! # Wiring
//!
//! ```ignore
//! station_client_worker::install_failpoint_from_env(); // first in main
//! let store = Arc::new(Store::open(&dir, capacity)?);
//! let (protocol, inbound) = station_client_transfer::server::request_response_config::<Block, N>(&genesis);
//! net_config.add_request_response_protocol(protocol);
//! // … build_network …
//! let worker = Worker::new(Params { client, pool, keystore, store, store_dir: dir, network, config, registry })?;
//! spawn.spawn("station-transfer", None, Server::run(inbound, worker.backend()));
//! spawn_essential.spawn("station-worker", None, worker.run());
//! ```

mod address;
pub mod chain;
pub mod config;
mod failpoint;
pub mod flows;
pub mod mark;
mod metrics;
mod misbehave;
pub mod plan;
mod signer;
mod worker;

pub use config::Config;
pub use failpoint::install_failpoint_from_env;
pub use worker::{Params, Worker, WorkerError};

/// The log target.
pub const LOG: &str = "station::worker";
