//! `station ls`.

use super::{
    session, status,
    units::{self, Size},
};
use crate::{cli::Global, error::UserError};
use clap::Args;
use serde_json::{json, Value};
use station_client_files::{self as files, Listed, Listing};
use station_client_rpc::client::Client;
use station_primitives::{DealId, Tick};

const EXAMPLES: &str = "\
Examples:
  station ls                            what this account has put, from this machine or another
  station ls --json | jq -r '.[].link'

The list comes from the chain, where each deal carries an encrypted entry that only the account can read. What was put or \
removed elsewhere with the same words appears and disappears here.";

/// The state of what is no longer on the chain.
const ENDED: &str = "ended";
/// The state of what lacks some of its deals.
const INCOMPLETE: &str = "incomplete";

/// List what was put
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LsCmd {}

/// An entry as it is shown.
pub struct Described {
    /// As JSON has it.
    pub json: Value,
    line: String,
}

impl Described {
    /// Show it to a person.
    pub fn print(&self) {
        println!("{}", self.line);
    }
}

/// How an entry is.
pub async fn described(client: &Client, listed: &Listed, tick: Tick) -> Result<Described, UserError> {
    let entry = &listed.entry;
    let (state, expires) = match &listed.content {
        Some(content) if content.missing > 0 => (INCOMPLETE.to_owned(), Some(content.expires)),
        Some(content) => (status::word(&content.state), Some(content.expires)),
        // Not on the chain, or there without a memo.
        None => match status::overall(client, &entry.deals).await? {
            Some((state, expires)) => (status::word(&state), Some(expires)),
            None => (ENDED.to_owned(), None),
        },
    };
    let left = expires.map_or("-".into(), |end| units::blocks_in_words(end.saturating_sub(tick), &client.timing()));
    let line =
        format!("{:<13} {:>11} {:>9}  {}\n    {}", state, Size(entry.bytes).to_string(), left, entry.name, entry.link);
    let json = json!({
        "link": entry.link,
        "name": entry.name,
        "bytes": entry.bytes,
        "added": entry.added,
        "state": state,
        "expires": expires,
    });
    Ok(Described { json, line })
}

/// Say on stderr what a list alone would not show.
pub fn say(listing: &Listing, json: bool) {
    if let Some(aside) = &listing.set_aside {
        eprintln!(
            "the cached list was damaged: it is built anew from the chain; the old one is at {}",
            aside.display()
        );
    }
    if !listing.loose.is_empty() {
        let deals: Vec<_> = listing.loose.iter().map(ToString::to_string).collect();
        eprintln!(
            "without an entry, and paid for by this account: deal {}. They were given to it, or made by another program; \
             their content opens with its link only",
            deals.join(", ")
        );
    }
    if listing.entries.is_empty() && listing.unreadable.is_empty() && !json {
        eprintln!("the network knows this account; it has no files here");
    }
}

/// An error for each deal whose entry cannot be read.
pub fn unreadable(listing: &Listing) -> Vec<(DealId, UserError)> {
    let error = |(deal, error): &(DealId, _)| {
        let error = UserError::wrong_key(format!("the entry of deal {deal} cannot be read: {error}"))
            .hint("another program made it, or a later one; the deal itself and its content are untouched");
        (*deal, error)
    };
    listing.unreadable.iter().map(error).collect()
}

impl LsCmd {
    /// Run it.
    pub async fn run(self, global: &Global) -> Result<(), UserError> {
        // Who has no wallet has put nothing: that is no error.
        if !session::has_key(global)? {
            if global.json {
                return session::print_json(&json!([]));
            }
            eprintln!("there is no wallet here; make one with `station wallet new`, or bring one back with `station wallet restore`");
            return Ok(());
        }
        let context = session::context(global).await?;
        let listing = files::list(&context).await?;
        say(&listing, global.json);
        let mut list: Vec<Value> = Vec::with_capacity(listing.entries.len());
        for listed in &listing.entries {
            let described = described(&context.client, listed, listing.tick).await?;
            if !global.json {
                described.print();
            }
            list.push(described.json);
        }
        if global.json {
            session::print_json(&list)?;
        }
        // What can be read was shown; that something cannot be is no success.
        let mut unreadable = unreadable(&listing).into_iter();
        let Some((_, first)) = unreadable.next() else { return Ok(()) };
        match unreadable.len() {
            0 => Err(first),
            more => Err(UserError { message: format!("{} (and {more} more)", first.message), ..first }),
        }
    }
}
