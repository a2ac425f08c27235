//! The `station`: a node of Grand Decentral, a provider of storage, a local network, and the user's commands.

mod cli;
mod commands;
mod error;
mod localnet;

use clap::error::ErrorKind;
use error::UserError;
use std::process::ExitCode;

fn main() -> ExitCode {
    station_service::install_failpoint_from_env();
    let cli = match cli::Cli::read() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let json = cli.global.json;
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.report(json);
            ExitCode::from(error.code.exit())
        }
    }
}

/// Prints help and version as clap does; a wrong command line as one object if `--json` is in it.
fn usage(error: &clap::Error) -> ExitCode {
    let is_error = !matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if is_error && std::env::args_os().any(|arg| arg == "--json") {
        let text = error.render().to_string();
        // Up to the empty line before the usage: some errors list arguments below their first line.
        let said: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        let message = said.join(" ");
        let message = message.trim_start_matches("error: ");
        let user_error = UserError::usage(message).hint("run the command with --help");
        user_error.report(true);
        return ExitCode::from(user_error.code.exit());
    }
    // If even this cannot be written, there is nobody to tell.
    let _ = error.print();
    match u8::try_from(error.exit_code()) {
        Ok(code) => ExitCode::from(code),
        Err(_) => ExitCode::from(error::Code::Usage.exit()),
    }
}
