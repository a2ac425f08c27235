//! The command line.

use crate::localnet::LocalnetCmd;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use station_service::provider::ProviderArgs;

const EXAMPLES: &str = "\
Examples:
  station localnet up --dir /tmp/net --detach     one validator and four providers on this machine
  station put photos --replicas 3 --for 30d       encrypt a folder and keep it on three machines
  station get station:… -o photos                 bring it back
  station node --provider --store /srv/station --capacity 500GiB --price 0.01
                                                  keep other people's data and earn tickets

Exit codes: 0 done, 1 internal, 2 usage, 3 not found or wrong key, 4 funds or price, 5 too few providers or content lost, \
6 network or timeout, 7 local disk or lock.";

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

impl Cli {
    /// Read the process's command line.
    ///
    /// # Errors
    /// What is wrong with it; or help and version, when these are asked for.
    pub fn read() -> Result<Self, clap::Error> {
        let mut matches = command().try_get_matches()?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command()))
    }
}

/// The command line with its help.
fn command() -> clap::Command {
    let all = Cli::command();
    // Who runs nodes names no node to talk to: what means nothing to a command does not stand in its help.
    let hidden: Vec<clap::Arg> = all
        .get_arguments()
        .filter(|arg| arg.is_global_set() && matches!(arg.get_id().as_str(), "global_rpc" | "global_key"))
        .map(|arg| arg.clone().hide(true))
        .collect();
    all.mut_subcommands(|command| {
        if crate::commands::UserCommand::has_subcommand(command.get_name()) {
            command
        } else {
            command.args(hidden.clone())
        }
    })
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
        default_value = OWN_NODE,
        value_name = "URL",
        global = true,
        help_heading = "Global options"
    )]
    pub rpc: String,
    /// The key that pays and owns: a wallet's file, a file of a node's keystore, or a development URI such as //Alice
    #[arg(
        id = "global_key",
        long = "key",
        value_name = "FILE | //URI",
        global = true,
        help_heading = "Global options"
    )]
    pub key: Option<String>,
}

/// Where a node of one's own listens.
const OWN_NODE: &str = "ws://127.0.0.1:9944";

impl Global {
    /// The node to talk to. An empty STATION_RPC is none: that is how scripts unset a variable.
    pub fn node(&self) -> &str {
        let unset = self.rpc.is_empty() && std::env::var_os("STATION_RPC").is_some_and(|url| url.is_empty());
        if unset {
            OWN_NODE
        } else {
            &self.rpc
        }
    }
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
    #[command(subcommand, after_help = crate::localnet::EXAMPLES)]
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::error::ErrorKind;

    fn help(args: &[&str]) -> String {
        let asked = std::iter::once(&"station").chain(args).chain(&["--help"]);
        let error = command().try_get_matches_from(asked).expect_err("help is no command");
        assert_eq!(error.kind(), ErrorKind::DisplayHelp, "{args:?}: {error}");
        error.render().to_string()
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn what_a_user_types_has_examples_and_names_the_node() {
        for args in [
            &["put"][..],
            &["get"],
            &["status"],
            &["ls"],
            &["rm"],
            &["extend"],
            &["wallet"],
            &["wallet", "new"],
            &["wallet", "restore"],
            &["wallet", "shares"],
            &["wallet", "balance"],
            &["wallet", "transfer"],
            &["provider"],
            &["provider", "list"],
            &["provider", "leave"],
        ] {
            let text = help(args);
            assert!(text.contains("Examples"), "{args:?} has no examples");
            assert!(text.contains("--rpc <URL>"), "{args:?} does not say how to name a node");
        }
    }

    #[test]
    fn who_runs_nodes_is_not_offered_one_to_talk_to() {
        for args in ["up", "status", "down", "logs", "kill", "stop", "start", "corrupt", "heal"] {
            let text = help(&["localnet", args]);
            assert!(text.contains("Examples"), "localnet {args} has no examples");
            assert!(!text.contains("--rpc <URL>") && !text.contains("--key <"), "localnet {args}: {text}");
        }
        assert!(help(&["localnet"]).contains("Examples"));
        assert!(!help(&["node"]).contains("--rpc <URL>"));
    }

    /// The text below the options of every command of ours.
    fn texts(command: &clap::Command, path: &str, found: &mut Vec<(String, String)>) {
        if let Some(text) = command.get_after_help() {
            found.push((path.to_owned(), text.to_string()));
        }
        for command in command.get_subcommands() {
            texts(command, &format!("{path} {}", command.get_name()), found);
        }
    }

    #[test]
    fn a_sentence_of_help_is_broken_by_the_terminal_and_nowhere_else() {
        let mut found = Vec::new();
        texts(&command(), "station", &mut found);
        let ours = ["put", "get", "wallet", "ls", "rm", "provider", "localnet"];
        found.retain(|(path, _)| path == "station" || path.split(' ').nth(1).is_some_and(|name| ours.contains(&name)));
        assert!(found.len() > 20, "{}", found.len());
        for (path, text) in found {
            let mut before = "";
            for line in text.lines() {
                let goes_on = !before.is_empty() && !before.starts_with("Examples") && !line.starts_with(' ');
                assert!(line.is_empty() || !goes_on, "{path}: a line ends in the middle before '{line}'");
                assert!(!line.starts_with(' ') || line.chars().count() <= 100, "{path}: too long an example: '{line}'");
                before = line;
            }
        }
    }

    #[test]
    fn an_empty_variable_is_no_node_and_options_may_stand_anywhere() {
        let parse = |args: &[&str]| {
            let matches = command().try_get_matches_from(args).expect("a command line");
            Cli::from_arg_matches(&matches).expect("a command")
        };
        assert_eq!(parse(&["station", "ls", "--rpc", "ws://a"]).global.node(), "ws://a");
        assert_eq!(parse(&["station", "--rpc", "ws://a", "ls"]).global.node(), "ws://a");
        // Scripts give it to every command alike.
        assert_eq!(parse(&["station", "localnet", "status", "--dir", "d", "--rpc", "ws://a"]).global.node(), "ws://a");
    }
}
