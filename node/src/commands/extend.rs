//! `station extend`.

use super::{
    session,
    units::{self, Term},
};
use crate::{cli::Global, error::UserError};
use clap::Args;
use serde_json::json;
use station_client_files as files;

const EXAMPLES: &str = "\
Examples:
  station extend station:… --for 30d    keep it for 30 days more, at its deal's price";

/// Keep what a link leads to for longer
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExtendCmd {
    /// The link
    link: String,
    /// How much longer: 12h, 30d, 2w, 1y
    #[arg(long = "for", value_name = "TERM", allow_hyphen_values = true)]
    term: Term,
}

impl ExtendCmd {
    /// Run it.
    pub async fn run(self, global: &Global) -> Result<(), UserError> {
        let link = session::link(&self.link)?;
        let context = session::context(global).await?;
        let timing = context.client.timing();
        let expires = files::extend(&context, &link, self.term.blocks(&timing)?).await?;
        if global.json {
            return session::print_json(&json!({ "deals": link.deals, "expires": expires }));
        }
        let tick = context.client.summary().await?.tick;
        println!("paid for another {}", units::blocks_in_words(expires.saturating_sub(tick), &timing));
        Ok(())
    }
}
