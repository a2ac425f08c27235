//! `station put`.

use super::{
    session,
    ui::Bars,
    units::{self, Size, Term, Tkt},
};
use crate::{cli::Global, error::UserError};
use clap::Args;
use serde_json::json;
use station_client_files::{self as files, Parity, ParityChoice, Progress, PutOptions};
use station_client_rpc::types::Plancks;
use station_porep::SizeClass;
use station_primitives::{AccountId, Price};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  station put photos                          three replicas for 30 days at the market's price
  station put thesis.pdf --for 1y --replicas 4 --max-price 0.02
  station put films --parity 10+4             four shards in fourteen may be lost for good
  station put diary --replicas 2 --placement 5F3s…,5DAn…    on two friends' machines

An interrupted put of an unchanged path goes on where it was when it is run again. Symbolic links are left out.";

/// Encrypt a file or folder and keep it on several machines
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PutCmd {
    /// The file or folder
    path: PathBuf,
    /// Copies on different operators' machines: 3 to 16 (2 with --placement)
    #[arg(long, default_value_t = 3, value_name = "N", allow_negative_numbers = true)]
    replicas: u8,
    /// How long to keep it: 12h, 30d, 2w, 1y
    #[arg(long = "for", default_value = "30d", value_name = "TERM", allow_hyphen_values = true)]
    term: Term,
    /// The most to pay for a GiB and day of one replica; the market's price if not given
    #[arg(long, value_name = "TKT", allow_negative_numbers = true, value_parser = units::parse_price)]
    max_price: Option<Price>,
    /// Who keeps it: any, or accounts separated by commas
    #[arg(long, default_value = "any", value_name = "any|ACCOUNT,…", value_parser = parse_placement)]
    placement: Placement,
    /// Shards of parity behind every K of data: K+M, auto (8+2 from 8 shards on), or none
    #[arg(long, default_value = "auto", value_name = "K+M|auto|none", value_parser = parse_parity)]
    parity: ParityChoice,
    /// With accounts in --placement: draw others when these are exhausted
    #[arg(long)]
    fallback: bool,
    /// Return as soon as the providers have the data; sealing and proving go on without this command
    #[arg(long)]
    no_wait: bool,
    /// The largest shard
    #[arg(long, hide = true, value_parser = parse_class)]
    shard_size: Option<SizeClass>,
}

#[derive(Clone, Debug)]
struct Placement(Vec<AccountId>);

fn parse_placement(text: &str) -> Result<Placement, String> {
    if text.eq_ignore_ascii_case("any") {
        return Ok(Placement(Vec::new()));
    }
    let mut accounts: Vec<AccountId> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let account = units::parse_account(part)?;
        if accounts.contains(&account) {
            return Err(format!("{part} is named twice"));
        }
        accounts.push(account);
    }
    let most = usize::try_from(station_primitives::MAX_NAMED).unwrap_or(usize::MAX);
    if accounts.is_empty() || accounts.len() > most {
        return Err(format!("name 1 to {most} accounts, or any"));
    }
    Ok(Placement(accounts))
}

fn parse_parity(text: &str) -> Result<ParityChoice, String> {
    match text {
        "auto" => Ok(ParityChoice::Auto),
        "none" => Ok(ParityChoice::Off),
        _ => {
            let numbers =
                text.split_once('+').and_then(|(k, m)| Some((k.trim().parse().ok()?, m.trim().parse().ok()?)));
            let parity = numbers.and_then(|(data, parity)| Parity::new(data, parity));
            let most = Parity::MOST;
            parity.map(ParityChoice::Of).ok_or_else(|| {
                format!("'{text}' is no parity: K+M with numbers from 1 to {most}, such as 8+2; or auto, or none")
            })
        }
    }
}

fn parse_class(text: &str) -> Result<SizeClass, String> {
    SizeClass::from_bytes(units::parse_bytes(text)?)
        .ok_or_else(|| format!("'{text}' is no shard size: a power of two from 64KiB to 1GiB"))
}

impl PutCmd {
    /// Run it.
    pub async fn run(self, global: &Global) -> Result<(), UserError> {
        // What is wrong with the command line is told before a node is asked.
        files::check_replicas(self.replicas, &self.placement.0)?;
        if !self.path.exists() {
            return Err(files::FilesError::SourceMissing(self.path).into());
        }
        let context = session::context(global).await?;
        let timing = context.client.timing();
        let options = PutOptions {
            replicas: self.replicas,
            blocks: self.term.blocks(&timing)?,
            max_price: self.max_price,
            chosen: self.placement.0,
            fallback: self.fallback,
            shard_size: self.shard_size,
            parity: self.parity,
            wait: !self.no_wait,
        };
        let bars = Bars::new();
        if self.replicas == 2 && !options.chosen.is_empty() {
            bars.note("with 2 replicas, one failure leaves a single copy until it is repaired");
        }
        let (stored, journal) = files::put(&context, &self.path, &options, &bars).await?;
        drop(bars);
        let link = stored.link.to_string();
        if global.json {
            session::print_json(&json!({
                "link": link,
                "deals": stored.deals,
                "bytes": stored.bytes,
                "shards": stored.shards,
                "parity": stored.parity.map(|parity| parity.to_string()),
                "replicas": stored.replicas,
                "cost": Plancks(stored.cost),
                "seconds": stored.seconds,
            }))?;
        } else {
            let state = if options.wait { "stored and proven" } else { "handed over" };
            eprintln!(
                "{} {state}: {} replicas of {} shard{}{}, {} in escrow for {}",
                Size(stored.bytes),
                stored.replicas,
                stored.shards,
                if stored.shards == 1 { "" } else { "s" },
                stored.parity.map_or(String::new(), |parity| format!(" with parity {parity}")),
                Tkt(stored.cost),
                units::blocks_in_words(options.blocks, &timing),
            );
            println!("{link}");
        }
        // Only now: whoever was killed before the link was printed gets it when the command is run again.
        journal.finish()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parity_is_read_as_it_is_documented() {
        assert_eq!(parse_parity("auto"), Ok(ParityChoice::Auto));
        assert_eq!(parse_parity("none"), Ok(ParityChoice::Off));
        assert_eq!(parse_parity("8+2"), Ok(Parity::new(8, 2).map_or(ParityChoice::Off, ParityChoice::Of)));
        for bad in ["", "8", "8+", "+2", "0+2", "8+0", "65+1", "1+65", "8-2", "8+2+1", "-1+2", "a+b"] {
            assert!(parse_parity(bad).is_err(), "{bad}");
        }
    }
}
