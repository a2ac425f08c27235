//! The command line.

use crate::localnet::LocalnetCmd;
use clap::{Args, Parser, Subcommand};
use station_service::provider::ProviderArgs;

const EXAMPLES: &str = "\
Examples:
  station localnet up --dir /tmp/net --detach     a network of one validator and four providers on this machine
  station put photos --replicas 3 --for 30d       encrypt a folder and keep it on three machines
  station get station:… -o photos                 bring it back
  station node --provider --store /srv/station --capacity 500GiB --price 0.01
                                                  keep other people's data and earn tickets

Exit codes: 0 done, 1 internal, 2 usage, 3 not found or wrong key, 4 funds or price, 5 too few providers
or content lost, 6 network or timeout, 7 local disk or lock.";

/// A network of personal servers that keep each other's data.
#[derive(Debug, Parser)]
#[command(
    name = "station",
    version = env!("SUBSTRATE_CLI_IMPL_VERSION"),
    propagate_version = true,
    after_help = EXAMPLES,
    max_term_width = 110
)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Print exactly one JSON object on stdout; errors as one object on stderr
    #[arg(id = "global_json", long = "json", global = true, help_heading = "Global options")]
    pub json: bool,
    /// The node to talk to
    #[arg(
        id = "global_rpc",
        long = "rpc",
        env = "STATION_RPC",
        default_value = "ws://127.0.0.1:9944",
        value_name = "URL",
        global = true,
        help_heading = "Global options"
    )]
    pub rpc: String,
    /// The key that pays and owns: a key file, or a development URI such as //Alice
    #[arg(
        id = "global_key",
        long = "key",
        value_name = "FILE | //URI",
        global = true,
        help_heading = "Global options"
    )]
    pub key: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
// One value a process: its size does not matter.
#[allow(clippy::large_enum_variant)]
pub enum Command {
    /// What people who store things type.
    #[command(flatten)]
    User(crate::commands::UserCommand),
    /// Run a node: validator, provider, both or neither
    Node(NodeCmd),
    /// A whole network on this machine
    #[command(subcommand)]
    Localnet(LocalnetCmd),
    /// Keys of accounts and nodes
    #[command(subcommand)]
    Key(sc_cli::KeySubcommand),
    /// Print a chain specification
    ExportChainSpec(sc_cli::ExportChainSpecCmd),
    /// Print a chain specification (the older form of export-chain-spec)
    #[allow(deprecated)]
    BuildSpec(sc_cli::BuildSpecCmd),
    /// Check a block again
    CheckBlock(sc_cli::CheckBlockCmd),
    /// Write blocks to a file
    ExportBlocks(sc_cli::ExportBlocksCmd),
    /// Read blocks from a file
    ImportBlocks(sc_cli::ImportBlocksCmd),
    /// Write the state at a block as a chain specification
    ExportState(sc_cli::ExportStateCmd),
    /// Remove the chain's database
    PurgeChain(sc_cli::PurgeChainCmd),
    /// Take back the last blocks
    Revert(sc_cli::RevertCmd),
    /// Show how far the database is
    ChainInfo(sc_cli::ChainInfoCmd),
    /// Sign a message with a key
    Sign(sc_cli::SignCmd),
    /// Verify a signature
    Verify(sc_cli::VerifyCmd),
    /// Find a key whose address holds a word
    Vanity(sc_cli::VanityCmd),
}

/// `station node`.
#[derive(Debug, Args)]
pub struct NodeCmd {
    /// Substrate's own flags.
    #[command(flatten)]
    pub run: sc_cli::RunCmd,
    /// Those of a provider.
    #[command(flatten)]
    pub provider: ProviderArgs,
}

/// What Substrate's commands want to know about the program.
pub struct Substrate;

impl sc_cli::SubstrateCli for Substrate {
    fn impl_name() -> String {
        "Grand Decentral station".into()
    }

    fn impl_version() -> String {
        env!("SUBSTRATE_CLI_IMPL_VERSION").into()
    }

    fn executable_name() -> String {
        "station".into()
    }

    fn description() -> String {
        env!("CARGO_PKG_DESCRIPTION").into()
    }

    fn author() -> String {
        "the Grand Decentral authors".into()
    }

    fn support_url() -> String {
        concat!(env!("CARGO_PKG_REPOSITORY"), "/issues").into()
    }

    fn copyright_start_year() -> i32 {
        2026
    }

    fn load_spec(&self, id: &str) -> Result<Box<dyn sc_service::ChainSpec>, String> {
        station_service::chain_spec::load(id)
    }
}
