//! What the commands do.

mod chain;
mod extend;
mod get;
mod ls;
mod provider;
mod put;
mod repair;
mod rm;
mod session;
mod status;
mod ui;
#[cfg(test)]
mod units_tests;
mod user;
mod wallet;
mod watch;

pub use user::UserCommand;

use crate::{
    cli::{Cli, Command},
    error::UserError,
};
// One place reads and writes sizes, amounts and terms; the commands find it here.
use station_service::units;

/// Runs the command.
pub fn run(cli: Cli) -> Result<(), UserError> {
    match cli.command {
        Command::User(cmd) => cmd.run(&cli.global),
        Command::Localnet(cmd) => cmd.run(&cli.global),
        command => chain::run(command),
    }
}
