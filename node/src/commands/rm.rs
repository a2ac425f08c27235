//! `station rm`.

use super::{session, ui::Bars};
use crate::{cli::Global, error::UserError};
use clap::Args;
use serde_json::json;
use station_client_files as files;

const EXAMPLES: &str = "\
Examples:
  station rm station:…                  end its deals
  station rm station:… --entry 2019/old.txt
                                        take one file or folder out of what was put together

The running period and one more are paid, the rest comes back. After --entry, what is left is put again, as it is encrypted, \
under a new link, and the old deals end.";

/// End what a link leads to, and get the rest of its escrow back
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RmCmd {
    /// The link
    link: String,
    /// Remove only this file or folder; what is left gets a new link
    #[arg(long, value_name = "PATH")]
    entry: Option<String>,
}

impl RmCmd {
    /// Run it.
    pub async fn run(self, global: &Global) -> Result<(), UserError> {
        let link = session::link(&self.link)?;
        let context = session::context(global).await?;
        if let Some(entry) = &self.entry {
            let bars = Bars::new();
            let (rest, journal) = files::remove_entry(&context, &link, entry, &bars).await?;
            drop(bars);
            let new = rest.link.to_string();
            if global.json {
                session::print_json(&json!({ "link": new, "deals": rest.deals, "ended": link.deals }))?;
            } else {
                println!("{new}");
            }
            return Ok(journal.finish()?);
        }
        let deals = files::remove(&context, &link).await?;
        if global.json {
            return session::print_json(&json!({ "deals": deals }));
        }
        match deals.len() {
            0 => println!("its deals had ended already; the list no longer shows it"),
            1 => println!("1 deal ends after the running period and one more"),
            many => println!("{many} deals end after the running period and one more"),
        }
        Ok(())
    }
}
