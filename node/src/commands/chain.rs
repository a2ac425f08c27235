//! `station node`, and Substrate's commands around keys and the chain's database.

// The SDK's errors are large, and returned once.
#![allow(clippy::result_large_err)]

use crate::{
    cli::{Command, NodeCmd, Substrate},
    error::UserError,
};
use sc_cli::{Result, SubstrateCli};
use station_service::chain_ops;

/// Runs one of them.
pub fn run(command: Command) -> std::result::Result<(), UserError> {
    substrate(command).map_err(UserError::from)
}

#[allow(deprecated)] // build-spec: people's scripts know it
fn substrate(command: Command) -> Result<()> {
    let cli = Substrate;
    match command {
        Command::Node(cmd) => node(&cmd),
        Command::Key(cmd) => cmd.run(&cli),
        Command::Sign(cmd) => cmd.run(),
        Command::Verify(cmd) => cmd.run(),
        Command::Vanity(cmd) => cmd.run(),
        Command::ExportChainSpec(cmd) => cmd.run(cli.load_spec(&cmd.chain)?),
        Command::BuildSpec(cmd) => {
            cli.create_runner(&cmd)?.sync_run(|config| cmd.run(config.chain_spec, config.network))
        }
        Command::CheckBlock(cmd) => cli.create_runner(&cmd)?.async_run(|config| chain_ops::check_block(cmd, &config)),
        Command::ExportBlocks(cmd) => {
            cli.create_runner(&cmd)?.async_run(|config| chain_ops::export_blocks(cmd, config))
        }
        Command::ExportState(cmd) => cli.create_runner(&cmd)?.async_run(|config| chain_ops::export_state(cmd, config)),
        Command::ImportBlocks(cmd) => {
            cli.create_runner(&cmd)?.async_run(|config| chain_ops::import_blocks(cmd, &config))
        }
        Command::PurgeChain(cmd) => cli.create_runner(&cmd)?.sync_run(|config| cmd.run(config.database)),
        Command::Revert(cmd) => cli.create_runner(&cmd)?.async_run(|config| chain_ops::revert(cmd, &config)),
        Command::ChainInfo(cmd) => cli.create_runner(&cmd)?.sync_run(|config| chain_ops::chain_info(&cmd, &config)),
        // `commands::run` has taken these.
        Command::User(_) | Command::Localnet(_) => Err("not a command of the chain".into()),
    }
}

fn node(cmd: &NodeCmd) -> Result<()> {
    let provider = cmd.provider.config().map_err(sc_cli::Error::Input)?;
    let runner = Substrate.create_runner(&cmd.run)?;
    runner.run_node_until_exit(|config| async move {
        chain_ops::start(config, provider).await.map_err(sc_cli::Error::Service)
    })
}
