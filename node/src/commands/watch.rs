//! `station watch`.

use super::{repair, session, status, ui::Bars};
use crate::{cli::Global, error::UserError};
use clap::Args;
use serde_json::json;
use station_client_crypto::Link;
use station_client_files::{self as files, FilesError, Health, Home, Progress};
use station_client_rpc::client::Client;
use std::{collections::HashMap, sync::Arc, time::Duration};

const EXAMPLES: &str = "\
Examples:
  station watch                              what this account has put, every ten minutes
  station watch station:… station:…          what these links lead to; no wallet is needed
  station watch --every 1h --json            a JSON object a line, for a service
  station watch --once                       a single look, for a timer

A file is looked at on the chain; as long as each of its shards has a live replica, the network repairs it by itself. What has
none is computed from parity and given to its new holders, as `station repair` does. To watch over a friend's files, ask
for their links. What a line of --json holds: link, state, shards, open, lost; after a repair rebuilt and fed; or error.";

/// Between two rounds, if the user does not say.
const EVERY: &str = "10m";
/// The shortest time between two rounds: a block or some.
const SHORTEST: Duration = Duration::from_secs(5);
/// How long the node may be away before the next try, when it was at the last.
const NODE_AWAY: Duration = Duration::from_secs(10);

/// Watch over files, and repair what needs it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct WatchCmd {
    /// The links; those of the wallet's own files if none is given
    links: Vec<String>,
    /// How often to look: 30s, 10m, 1h
    #[arg(long, default_value = EVERY, value_name = "TIME", value_parser = parse_every)]
    every: Duration,
    /// Look once and return; exit code 5 if something is lost, 6 if a repair is not over
    #[arg(long)]
    once: bool,
}

fn parse_every(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is no time: a number and s, m, h or d, such as 10m");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let second = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let every = number.checked_mul(second).map(Duration::from_secs).ok_or_else(wrong)?;
    if every < SHORTEST {
        return Err(format!("looking more often than every {} s tells nothing new", SHORTEST.as_secs()));
    }
    Ok(every)
}

/// A file that is watched.
struct Watched {
    link: Link,
    name: Option<String>,
}

impl WatchCmd {
    /// Run it.
    pub async fn run(self, global: &Global) -> Result<(), UserError> {
        let home = session::home()?;
        let given = self.links.iter().map(|link| session::link(link)).collect::<Result<Vec<_>, _>>()?;
        // The passphrase is asked for once, before the first look.
        let account = if given.is_empty() { Some(session::account(global)?) } else { None };
        let mut watch = Watch { home: home.clone(), json: global.json, said: HashMap::new() };
        loop {
            let round = async {
                let client = session::connect(global).await?;
                let watched = match &account {
                    None => given.iter().map(|link| Watched { link: link.clone(), name: None }).collect(),
                    Some(account) => {
                        let context = files::Context {
                            client: Arc::clone(&client),
                            account: account.clone(),
                            home: home.clone(),
                        };
                        own(&context).await?
                    }
                };
                watch.round(&client, &watched).await
            };
            let ended = round.await;
            if self.once {
                return ended;
            }
            let pause = match ended {
                Ok(()) => self.every,
                // The next round may find it better; whoever reads the log knows meanwhile.
                Err(error) => {
                    error.report(global.json);
                    if error.code == crate::error::Code::Network {
                        NODE_AWAY.min(self.every)
                    } else {
                        self.every
                    }
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = tokio::signal::ctrl_c() => return Ok(()),
            }
        }
    }
}

/// What the account has put, and the chain still keeps.
async fn own(context: &files::Context) -> Result<Vec<Watched>, UserError> {
    let listing = files::list(context).await?;
    let entries = listing.entries.into_iter().filter(|listed| listed.content.is_some());
    Ok(entries
        .filter_map(|listed| Some(Watched { link: listed.entry.link.parse().ok()?, name: Some(listed.entry.name) }))
        .collect())
}

struct Watch {
    home: Home,
    json: bool,
    /// What was said of each link last: a line tells something new.
    said: HashMap<String, String>,
}

impl Watch {
    /// Look at all of them once. The worst of what is not well is the error, after all were looked at.
    async fn round(&mut self, client: &Arc<Client>, watched: &[Watched]) -> Result<(), UserError> {
        let mut worst: Option<UserError> = None;
        for file in watched {
            let looked = self.look(client, file).await;
            if let Err(error) = looked {
                let lost = error.code == crate::error::Code::Lost;
                if worst.is_none() || lost {
                    worst = Some(error);
                }
            }
        }
        match worst {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }

    async fn look(&mut self, client: &Arc<Client>, file: &Watched) -> Result<(), UserError> {
        let health = match files::look(client, &file.link).await {
            Ok(health) => health,
            Err(error) => {
                let error = UserError::from(error);
                self.say(file, "gone", &json!({ "error": error.to_json()["error"] }), &error.message);
                return Err(error);
            }
        };
        if !health.needs_help() || health.loss.is_some() && !can_help(&health) {
            self.tell(file, &health);
            return Ok(health.check(None)?);
        }
        let bars = Bars::new();
        let repaired = match files::repair(client, &file.link, &self.home, false, &bars).await {
            Ok(repaired) => repaired,
            // Another command does it.
            Err(FilesError::Locked(_)) => {
                self.tell(file, &health);
                return Ok(health.check(Some("another command repairs it"))?);
            }
            Err(error) => {
                let error = UserError::from(error);
                bars.note(&error.message);
                return Err(error);
            }
        };
        drop(bars);
        let did = format!(
            "{}: {} shards computed, {} replicas given their data",
            status::word(&repaired.health.state),
            repaired.rebuilt.len(),
            repaired.fed.len()
        );
        self.say(file, "repair", &repair::described(&repaired), &did);
        Ok(repaired.health.check(repaired.why.as_deref())?)
    }

    fn tell(&mut self, file: &Watched, health: &Health) {
        let open = health.open().count();
        let text = match (&health.loss, open) {
            (Some(loss), _) => loss.to_string(),
            (None, 0) => status::word(&health.state),
            (None, open) => {
                format!("{}: {open} of {} shards are being repaired", status::word(&health.state), health.shards.len())
            }
        };
        self.say(file, "look", &repair::describe(health), &text);
    }

    /// A line, if it says anything new.
    fn say(&mut self, file: &Watched, kind: &str, fields: &serde_json::Value, text: &str) {
        let link = file.link.to_string();
        let mut line = json!({ "link": link, "name": file.name });
        if let (Some(line), Some(fields)) = (line.as_object_mut(), fields.as_object()) {
            line.extend(fields.clone());
        }
        let line =
            if self.json { line.to_string() } else { format!("{}: {text}", file.name.as_deref().unwrap_or(&link)) };
        let said = format!("{kind} {line}");
        if self.said.get(&link) != Some(&said) {
            println!("{line}");
            self.said.insert(link, said);
        }
    }
}

/// Whether there are shards without a live replica beside those that are lost.
fn can_help(health: &Health) -> bool {
    let lost = health.loss.as_ref().map_or(&[][..], |loss| &loss.shards[..]);
    health.open().any(|shard| shard.live == 0 && !lost.contains(&shard.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(parse_every("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_every("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(parse_every("1h"), Ok(Duration::from_secs(3_600)));
        assert_eq!(parse_every("2d"), Ok(Duration::from_secs(172_800)));
        for bad in ["", "s", "10", "1s", "0m", "-1m", "1y", "99999999999999999999d", "ü"] {
            assert!(parse_every(bad).is_err(), "{bad}");
        }
    }
}
