//! `station wallet shares`.

use super::super::session;
use crate::{cli::Global, error::UserError};
use clap::Args;
use serde_json::json;
use station_client_crypto::Account;

const EXAMPLES: &str = "\
Examples:
  station wallet shares --threshold 2 --shares 3   three shares; any two restore the wallet

Give each share to somebody else, on paper. Fewer than the threshold tell nothing. Each run makes a new set: shares of \
different sets do not go together, and an old set stays valid, so destroy it if it is no longer wanted.";

/// `station wallet shares`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SharesCmd {
    /// How many are needed to restore: 2 or more
    #[arg(long, value_name = "K")]
    threshold: u8,
    /// How many to make: up to 32
    #[arg(long, value_name = "N")]
    shares: u8,
}

impl SharesCmd {
    /// Run it.
    pub fn run(self, global: &Global) -> Result<(), UserError> {
        let phrase = session::phrase(global)?;
        let shares = phrase.split(self.threshold, self.shares)?;
        let address = Account::from_phrase(&phrase).address();
        let set = shares.first().map(station_client_crypto::Share::set).unwrap_or_default();
        if global.json {
            let shares: Vec<_> = shares.iter().map(ToString::to_string).collect();
            return session::print_json(&json!({
                "account": address,
                "set": set,
                "threshold": self.threshold,
                "shares": shares,
            }));
        }
        eprintln!("{address}: set {set}, any {} of {} shares restore it\n", self.threshold, self.shares);
        for share in &shares {
            println!("{share}");
        }
        Ok(())
    }
}
