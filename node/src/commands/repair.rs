//! `station repair`.

use super::{session, status, ui::Bars, units::Tkt};
use crate::{cli::Global, error::UserError};
use clap::Args;
use serde_json::{json, Value};
use station_client_files::{self as files, Health, Repaired};
use station_client_rpc::types::Plancks;

const EXAMPLES: &str = "\
Examples:
  station repair station:…              compute what has no replica left, and wait until all is healthy
  station repair station:… --no-wait    only what can be done now

The network repairs by itself what has a replica left. What has none is computed from the other shards of its stripe, if the
content was put with parity, and given to the providers that are to keep it. A link alone is enough; no wallet is needed and
nothing is paid. An interrupted repair goes on where it was when it is run again.";

/// Bring back shards that nobody has any more, from the others
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RepairCmd {
    /// The link
    link: String,
    /// Return when what can be done now is done, instead of when every shard is healthy
    #[arg(long)]
    no_wait: bool,
}

/// What a repair did, and how the shards are, as JSON.
pub fn described(repaired: &Repaired) -> Value {
    let mut value = describe(&repaired.health);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("rebuilt".into(), json!(repaired.rebuilt));
        fields.insert("fed".into(), json!(repaired.fed));
        fields.insert("seconds".into(), json!(repaired.seconds));
    }
    value
}

/// How the shards are, as JSON.
pub fn describe(health: &Health) -> Value {
    let open: Vec<_> = health
        .open()
        .map(|shard| {
            let (live, target) = (shard.live, shard.target);
            json!({ "id": shard.id, "state": shard.state, "live": live, "target": target, "orders": shard.orders.len() })
        })
        .collect();
    let lost = health
        .loss
        .as_ref()
        .map(|loss| json!({ "shards": loss.shards, "bytes": loss.bytes, "compensated": Plancks(loss.compensated) }));
    json!({ "state": health.state, "shards": health.shards.len(), "open": open, "lost": lost })
}

impl RepairCmd {
    /// Run it.
    pub async fn run(self, global: &Global) -> Result<(), UserError> {
        let link = session::link(&self.link)?;
        let home = session::home()?;
        let client = session::connect(global).await?;
        let bars = Bars::new();
        let repaired = files::repair(&client, &link, &home, !self.no_wait, &bars).await?;
        drop(bars);
        if global.json {
            session::print_json(&described(&repaired))?;
        } else {
            println!("{}", status::word(&repaired.health.state));
            let rebuilt: Vec<_> = repaired.rebuilt.iter().map(ToString::to_string).collect();
            if !rebuilt.is_empty() {
                println!("computed from others: shard {}", rebuilt.join(", "));
            }
            for shard in repaired.health.open() {
                println!(
                    "shard {}  {}: {} of {} replicas live, {} being made anew, {} in compensation",
                    shard.id,
                    status::word(&shard.state),
                    shard.live,
                    shard.target,
                    shard.orders.len(),
                    Tkt(shard.compensated)
                );
            }
        }
        // What was done was shown; what is lost, or still open, is no success.
        Ok(repaired.health.check(repaired.why.as_deref())?)
    }
}
