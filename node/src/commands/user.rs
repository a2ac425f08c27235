//! The commands of people who store things.

use super::{extend, get, ls, provider, put, repair, rm, session, status, wallet, watch};
use crate::{cli::Global, error::UserError};
use clap::Subcommand;
use tracing_subscriber::EnvFilter;

/// What a user types. They talk to a node; none runs one.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Encrypt a file or folder and keep it on several machines
    Put(put::PutCmd),
    /// Bring back what a link leads to
    Get(get::GetCmd),
    /// Show where a link's shards are, and how they are
    Status(status::StatusCmd),
    /// Bring back shards that nobody has any more, from the others
    Repair(repair::RepairCmd),
    /// Watch over files, and repair what needs it
    Watch(watch::WatchCmd),
    /// List what was put
    Ls(ls::LsCmd),
    /// End what a link leads to, and get the rest of its escrow back
    Rm(rm::RmCmd),
    /// Keep what a link leads to for longer
    Extend(extend::ExtendCmd),
    /// Accounts: make, restore, look, send
    #[command(subcommand, after_help = wallet::EXAMPLES)]
    Wallet(wallet::WalletCmd),
    /// Providers: who they are, and being one
    #[command(subcommand, after_help = provider::EXAMPLES)]
    Provider(provider::ProviderCmd),
}

impl UserCommand {
    /// Run it.
    pub fn run(self, global: &Global) -> Result<(), UserError> {
        // Quiet unless RUST_LOG says otherwise; a second initialization, in tests, does no harm.
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
        session::block_on(async {
            match self {
                Self::Put(cmd) => cmd.run(global).await,
                Self::Get(cmd) => cmd.run(global).await,
                Self::Status(cmd) => cmd.run(global).await,
                Self::Repair(cmd) => cmd.run(global).await,
                Self::Watch(cmd) => cmd.run(global).await,
                Self::Ls(cmd) => cmd.run(global).await,
                Self::Rm(cmd) => cmd.run(global).await,
                Self::Extend(cmd) => cmd.run(global).await,
                Self::Wallet(cmd) => cmd.run(global).await,
                Self::Provider(cmd) => cmd.run(global).await,
            }
        })
    }
}
