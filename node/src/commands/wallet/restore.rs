//! `station wallet restore`: from words or shares to wallet, list and files.

use super::super::{
    ls,
    session::{self, Source},
    ui::Bars,
    units::Size,
};
use crate::{cli::Global, error::UserError};
use clap::Args;
use rpassword::prompt_password;
use serde_json::{json, Value};
use station_client_crypto::{Account, KeyFile, Phrase, Share};
use station_client_files::{self as files, Context, Listed, Listing};
use station_primitives::DealId;
use std::{
    ffi::OsString,
    fs,
    io::IsTerminal,
    path::{Path, PathBuf},
    time::Instant,
};
use zeroize::Zeroizing;

const EXAMPLES: &str = "\
Examples:
  station wallet restore                        asks for the words, then lists what the account has
  station wallet restore --get ~/restored       and brings every file back
  station wallet restore --words-file words.txt --get ~/restored
  station wallet restore --share station-share:… --share station-share:…

The network is asked first: words that it does not know are refused, and nothing is written. Interrupted, the same \
command goes on where it was.";

/// No phrase is longer (24 words of 8 letters), and so are no 32 shares.
const MAX_TEXT: u64 = 4_096;

/// `station wallet restore`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RestoreCmd {
    /// A file with the words; otherwise they are asked for, or read from stdin
    #[arg(long, value_name = "FILE")]
    words_file: Option<PathBuf>,
    /// A recovery share instead of the words; give as many as are needed. Other users of this machine may see the command
    /// line: a file is safer
    #[arg(long = "share", value_name = "SHARE", conflicts_with = "words_file")]
    shares: Vec<String>,
    /// A file with recovery shares, one a line
    #[arg(long, value_name = "FILE", conflicts_with_all = ["words_file", "shares"])]
    shares_file: Option<PathBuf>,
    /// Bring every file of the account back into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "offline")]
    get: Option<PathBuf>,
    /// Only write the wallet: for an account that no network knows yet
    #[arg(long)]
    offline: bool,
}

/// What became of one content.
struct Fetched {
    path: PathBuf,
    outcome: Result<u64, UserError>,
}

impl RestoreCmd {
    /// Run it.
    pub async fn run(self, global: &Global) -> Result<(), UserError> {
        let begun = Instant::now();
        let place = super::wallet_place(global)?;
        let phrase = self.phrase()?;
        let account = Account::from_phrase(&phrase);
        let address = account.address();
        let there = is_there(&place, &address)?;
        let listing = if self.offline { None } else { Some(self.list(global, account).await?) };
        if there {
            eprintln!("the wallet is at {} already", place.display());
        } else {
            let passphrase = session::new_passphrase()?;
            KeyFile::seal(&phrase, &passphrase).write_new(&place)?;
        }
        drop(phrase);
        if !global.json {
            println!("{address}");
            if !there {
                eprintln!("written to {}", place.display());
            }
        }
        let Some((context, listing)) = listing else {
            return if global.json {
                session::print_json(&json!({ "account": address, "file": place }))
            } else {
                Ok(())
            };
        };
        ls::say(&listing, global.json);
        let fetched = match &self.get {
            Some(dir) => fetch_all(&context, &listing, dir).await?,
            None => listing.entries.iter().map(|_| None).collect(),
        };
        let mut errors: Vec<(Value, UserError)> = Vec::new();
        errors.extend(ls::unreadable(&listing).into_iter().map(|(deal, error)| (json!({ "deal": deal }), error)));
        let mut entries = Vec::with_capacity(listing.entries.len());
        let mut bytes = 0u64;
        for (listed, fetched) in listing.entries.iter().zip(&fetched) {
            let mut entry = ls::described(&context.client, listed, listing.tick).await?;
            if !global.json && self.get.is_none() {
                entry.print();
            }
            if let Some(Fetched { path, outcome }) = fetched {
                entry.json["path"] = json!(path);
                entry.json["fetched"] = json!(outcome.is_ok());
                match outcome {
                    Ok(read) => bytes = bytes.saturating_add(*read),
                    Err(error) => {
                        errors.push((json!({ "link": listed.entry.link, "name": listed.entry.name }), error.clone()))
                    }
                }
            }
            entries.push(entry.json);
        }
        if global.json {
            let told = errors.iter().map(|(what, error)| merged(what, &error.to_json()["error"])).collect::<Vec<_>>();
            let seconds = (begun.elapsed().as_secs_f64() * 1_000.0).round() / 1_000.0;
            session::print_json(&json!({
                "account": address,
                "file": place,
                "entries": entries,
                "errors": told,
                "loose": listing.loose,
                "bytes": bytes,
                "seconds": seconds,
            }))?;
        } else if let Some(dir) = &self.get {
            let back = fetched.iter().flatten().filter(|fetched| fetched.outcome.is_ok()).count();
            eprintln!("{back} of {} are back in {}: {}", fetched.len(), dir.display(), Size(bytes));
        }
        verdict(errors, self.get.is_some())
    }

    /// Everything that the account has. An account that nobody knows is an error, and so is a node that is not there.
    async fn list(&self, global: &Global, account: Account) -> Result<(Context, Listing), UserError> {
        let client = session::connect(global).await.map_err(|error| {
            let hint = error.hint.clone().unwrap_or_default();
            error.hint(format!("{hint}; or restore the wallet alone with --offline").trim_start_matches("; "))
        })?;
        let context = Context { client, account, home: session::home()? };
        let listing = files::list(&context).await.map_err(|error| {
            let unknown = matches!(error, files::FilesError::UnknownAccount(_));
            let error = UserError::from(error);
            if unknown {
                error.hint(
                    "nothing was written; check the words, and that --rpc leads to the right network. \
                     An account that was never used is restored with --offline",
                )
            } else {
                error
            }
        })?;
        Ok((context, listing))
    }

    /// The phrase, from words or shares.
    fn phrase(&self) -> Result<Phrase, UserError> {
        if let Some(path) = &self.shares_file {
            let text = session::read_secret(Source::File(path), MAX_TEXT)?;
            return combine(text.lines());
        }
        if !self.shares.is_empty() {
            return combine(self.shares.iter().map(String::as_str));
        }
        Ok(Phrase::parse(&self.words()?)?)
    }

    fn words(&self) -> Result<Zeroizing<String>, UserError> {
        if let Some(path) = &self.words_file {
            session::read_secret(Source::File(path), MAX_TEXT)
        } else if std::io::stdin().is_terminal() {
            let typed = prompt_password("The words, separated by spaces (they are not shown): ");
            typed.map(Zeroizing::new).map_err(|error| UserError::disk(format!("the terminal: {error}")))
        } else {
            session::read_secret(Source::Stdin, MAX_TEXT)
        }
    }
}

/// Put shares together; empty lines are no shares.
fn combine<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Phrase, UserError> {
    let mut shares: Vec<Share> = Vec::new();
    for (number, text) in (1..).zip(texts.filter(|text| !text.trim().is_empty())) {
        let share: Share = text.parse().map_err(|error: station_client_crypto::ShareError| {
            let error = UserError::from(error);
            UserError { message: format!("share {number}: {}", error.message), ..error }
        })?;
        shares.push(share);
    }
    Ok(Phrase::combine(&shares)?)
}

/// Whether the wallet of this account is there already; another's is never written over.
fn is_there(place: &Path, address: &str) -> Result<bool, UserError> {
    if !place.exists() {
        return Ok(false);
    }
    match KeyFile::read(place) {
        Ok(file) if file.address() == address => Ok(true),
        _ => Err(super::taken(place)),
    }
}

/// Bring everything back, one content after the other. One that fails does not keep the others from coming.
async fn fetch_all(context: &Context, listing: &Listing, dir: &Path) -> Result<Vec<Option<Fetched>>, UserError> {
    fs::create_dir_all(dir)?;
    let mut named = Vec::with_capacity(listing.entries.len());
    for listed in &listing.entries {
        let deal = DealId(listed.entry.deals.first().copied().unwrap_or_default());
        named.push((name(context, listed).await, deal));
    }
    let places: Vec<OsString> = files::places(&named);
    let bars = Bars::new();
    let mut all = Vec::with_capacity(places.len());
    for (number, (listed, place)) in (1..).zip(listing.entries.iter().zip(places)) {
        let path = dir.join(place);
        files::Progress::note(&bars, &format!("{number} of {}: {}", listing.entries.len(), listed.entry.name));
        let outcome = fetch(context, listed, &path, &bars).await;
        if let Err(error) = &outcome {
            files::Progress::note(&bars, &format!("{}: {error}", listed.entry.name));
        }
        all.push(Some(Fetched { path, outcome }));
    }
    Ok(all)
}

/// The whole name, as bytes. One that cannot be read now is not fetched either, so that the cut one does for the message.
async fn name(context: &Context, listed: &Listed) -> Vec<u8> {
    match &listed.content {
        Some(content) if content.cut => {
            files::whole_name(&context.client, &content.link).await.unwrap_or_else(|_| content.name.clone())
        }
        Some(content) => content.name.clone(),
        None => listed.entry.name.clone().into_bytes(),
    }
}

async fn fetch(context: &Context, listed: &Listed, path: &Path, bars: &Bars) -> Result<u64, UserError> {
    if let Some(missing) = listed.content.as_ref().map(|content| content.missing).filter(|missing| *missing > 0) {
        let there = listed.entry.deals.len();
        return Err(UserError::not_found(format!(
            "{missing} of its {} deals are not there: it was never put as a whole, or they have ended",
            there.saturating_add(missing)
        ))
        .hint("`station rm` ends what is there of it"));
    }
    let link = session::link(&listed.entry.link)?;
    Ok(files::get(&context.client, &link, path, bars).await?.bytes)
}

/// The fields of both.
fn merged(what: &Value, error: &Value) -> Value {
    let mut fields = what.as_object().cloned().unwrap_or_default();
    fields.extend(error.as_object().cloned().unwrap_or_default());
    Value::Object(fields)
}

/// How the command ends: as its first error would alone.
fn verdict(errors: Vec<(Value, UserError)>, fetching: bool) -> Result<(), UserError> {
    let count = errors.len();
    let Some((_, first)) = errors.into_iter().next() else { return Ok(()) };
    if count == 1 {
        return Err(first);
    }
    let message = format!("{count} failed; the first: {}", first.message);
    let hint = if fetching { Some("run the same command again: it goes on where it was".into()) } else { first.hint };
    Err(UserError { message, hint, ..first })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn shares_make_the_phrase_and_say_which_one_is_wrong() {
        let phrase = Phrase::generate_12();
        let shares: Vec<String> = phrase.split(2, 3).unwrap().iter().map(ToString::to_string).collect();
        let all = format!("\n{}\n\n  {} \n", shares[0], shares[2]);
        assert_eq!(combine(all.lines()).unwrap().words(), phrase.words());
        let one = combine([shares[0].as_str()].into_iter()).unwrap_err();
        assert_eq!(one.code, Code::WrongKey);
        assert!(one.message.contains("1 different") && one.message.contains("2 are needed"), "{one}");
        let bad = combine([shares[0].as_str(), "station-share:22222"].into_iter()).unwrap_err();
        assert!(bad.message.starts_with("share 2: "), "{bad}");
    }

    #[test]
    fn the_first_error_gives_the_exit_code() {
        assert!(verdict(Vec::new(), true).is_ok());
        let alone = verdict(vec![(json!({}), UserError::network("away"))], true).unwrap_err();
        assert_eq!(alone.message, "away");
        let errors = vec![(json!({}), UserError::network("away")), (json!({}), UserError::disk("full"))];
        let both = verdict(errors, true).unwrap_err();
        assert_eq!((both.code, both.message.as_str()), (Code::Network, "2 failed; the first: away"));
        assert!(both.hint.is_some());
    }

    #[test]
    fn only_the_account_s_own_wallet_may_be_there_already() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("wallet.json");
        let phrase = Phrase::generate_12();
        let address = Account::from_phrase(&phrase).address();
        assert!(!is_there(&place, &address).unwrap());
        KeyFile::seal(&phrase, &station_client_crypto::Passphrase::new("p")).write_new(&place).unwrap();
        assert!(is_there(&place, &address).unwrap());
        assert_eq!(is_there(&place, "another").unwrap_err().code, Code::Disk);
        fs::write(&place, "damaged").unwrap();
        assert_eq!(is_there(&place, &address).unwrap_err().code, Code::Disk);
    }
}
