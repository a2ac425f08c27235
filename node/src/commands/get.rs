//! `station get`.

use super::{session, ui::Bars, units::Size};
use crate::{cli::Global, error::UserError};
use clap::Args;
use serde_json::json;
use station_client_files as files;
use station_client_rpc::types::Account;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  station get station:… -o photos       bring a folder back
  station get station:… -o .            bring a file back under its own name

A link alone is enough; no wallet is needed. An interrupted get goes on where it was when it is run again.";

/// Bring back what a link leads to
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct GetCmd {
    /// The link that `station put` printed
    link: String,
    /// Where to: the file, the folder, or for a file the folder that it goes into
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,
}

impl GetCmd {
    /// Run it.
    pub async fn run(self, global: &Global) -> Result<(), UserError> {
        let link = session::link(&self.link)?;
        let client = session::connect(global).await?;
        let bars = Bars::new();
        let got = files::get(&client, &link, &self.output, &bars).await?;
        drop(bars);
        let sources: Vec<_> = got.sources.into_iter().map(Account).collect();
        if global.json {
            return session::print_json(&json!({
                "bytes": got.bytes,
                "seconds": got.seconds,
                "sources": sources,
                "reconstructed": got.reconstructed,
            }));
        }
        println!("{}", got.path.display());
        if !got.reconstructed.is_empty() {
            let shards: Vec<_> = got.reconstructed.iter().map(ToString::to_string).collect();
            eprintln!(
                "reconstructed from the others of its stripe, since nobody could be read from: shard {}; \
                 `station repair` gives it new replicas",
                shards.join(", ")
            );
        }
        eprintln!("{} from {} providers in {:.1} s", Size(got.bytes), sources.len(), got.seconds);
        Ok(())
    }
}
