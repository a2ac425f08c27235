//! `station ls`.

use super::{
    session, status,
    units::{self, Size},
};
use crate::{cli::Global, error::UserError};
use clap::Args;
use serde_json::{json, Value};
use station_client_files::Index;

const EXAMPLES: &str = "\
Examples:
  station ls                            what this account has put from this machine
  station ls --json | jq -r '.[].link'";

/// The state of what is no longer on the chain.
const ENDED: &str = "ended";

/// List what was put
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LsCmd {}

impl LsCmd {
    /// Run it.
    pub async fn run(self, global: &Global) -> Result<(), UserError> {
        // Who has no wallet has put nothing: that is no error.
        let entries = if session::has_key(global)? {
            Index::new(&session::home()?, &session::account(global)?).entries()?
        } else {
            Vec::new()
        };
        if entries.is_empty() {
            if global.json {
                return session::print_json(&json!([]));
            }
            eprintln!("nothing was put from here with this account");
            return Ok(());
        }
        let client = session::connect(global).await?;
        let tick = client.summary().await?.tick;
        let mut list: Vec<Value> = Vec::with_capacity(entries.len());
        for entry in entries {
            let overall = status::overall(&client, &entry.deals).await?;
            let state = overall.map_or(ENDED.to_owned(), |(state, _)| status::word(&state));
            let expires = overall.map(|(_, expires)| expires);
            if !global.json {
                let left = expires.map_or("-".into(), |tick_of_end| {
                    units::blocks_in_words(tick_of_end.saturating_sub(tick), &client.timing())
                });
                println!("{:<13} {:>11} {:>9}  {}", state, Size(entry.bytes).to_string(), left, entry.name);
                println!("    {}", entry.link);
            }
            list.push(json!({
                "link": entry.link,
                "name": entry.name,
                "bytes": entry.bytes,
                "added": entry.added,
                "state": state,
                "expires": expires,
            }));
        }
        if global.json {
            session::print_json(&list)?;
        }
        Ok(())
    }
}
