//! `station wallet`.

mod restore;
mod shares;

use super::{
    session,
    units::{self, Tkt},
};
use crate::{cli::Global, error::UserError};
use clap::{Args, Subcommand};
use serde_json::json;
use sp_runtime::MultiAddress;
use station_client_crypto::{Account, KeyFile, Phrase};
use station_client_rpc::types::{self, Plancks};
use station_primitives::{AccountId, Balance};
use station_runtime::{Runtime, RuntimeCall};
use std::path::{Path, PathBuf};

/// Examples of all of them.
pub const EXAMPLES: &str = "\
Examples:
  station wallet new                    a new account; write its 24 words down
  station wallet restore --get DIR      bring an account back from its words, with all its files
  station wallet shares --threshold 2 --shares 3
  station wallet balance
  station wallet transfer 5F3s… 12.5

The wallet is STATION_HOME/wallet.json, or the file named with --key. Without a terminal, the passphrase comes from the \
file named in STATION_PASSPHRASE_FILE.";

/// `station wallet …`.
#[derive(Debug, Subcommand)]
pub enum WalletCmd {
    /// Make a new account and show its words once
    #[command(after_help = EXAMPLES)]
    New(NewCmd),
    /// Bring an account back from its words or shares, and with it its files
    Restore(restore::RestoreCmd),
    /// Split the words into recovery shares, of which some are enough
    Shares(shares::SharesCmd),
    /// Show what an account has
    #[command(after_help = EXAMPLES)]
    Balance(BalanceCmd),
    /// Send TKT to another account
    #[command(after_help = EXAMPLES)]
    Transfer(TransferCmd),
}

/// `station wallet new`.
#[derive(Debug, Args)]
pub struct NewCmd {
    /// How many words: 12 or 24
    #[arg(long, default_value = "24", value_parser = ["12", "24"])]
    words: String,
}

/// `station wallet balance`.
#[derive(Debug, Args)]
pub struct BalanceCmd {
    /// Whose; the wallet's own if not given
    #[arg(value_parser = units::parse_account)]
    account: Option<AccountId>,
}

/// `station wallet transfer`.
#[derive(Debug, Args)]
pub struct TransferCmd {
    /// To whom
    #[arg(value_parser = units::parse_account)]
    to: AccountId,
    /// How much, in TKT
    #[arg(value_name = "AMOUNT", allow_negative_numbers = true, value_parser = units::parse_tkt)]
    amount: Balance,
}

impl WalletCmd {
    /// Run it.
    pub async fn run(self, global: &Global) -> Result<(), UserError> {
        match self {
            Self::New(cmd) => cmd.run(global),
            Self::Restore(cmd) => cmd.run(global).await,
            Self::Shares(cmd) => cmd.run(global),
            Self::Balance(cmd) => cmd.run(global).await,
            Self::Transfer(cmd) => cmd.run(global).await,
        }
    }
}

/// Where a wallet is to be written.
fn wallet_place(global: &Global) -> Result<PathBuf, UserError> {
    let place = session::wallet_file(global)?;
    if place.to_string_lossy().starts_with("//") {
        return Err(
            UserError::usage("a development account needs no wallet").hint("name a file with --key, or leave it out")
        );
    }
    Ok(place)
}

/// A place that another wallet has.
fn taken(place: &Path) -> UserError {
    UserError::disk(format!("there is a wallet at {} already", place.display()))
        .hint("it is never written over: name another file with --key")
}

/// The place of a wallet that does not exist yet.
fn new_place(global: &Global) -> Result<PathBuf, UserError> {
    let place = wallet_place(global)?;
    if place.exists() {
        return Err(taken(&place));
    }
    Ok(place)
}

fn write(phrase: &Phrase, place: &Path) -> Result<(), UserError> {
    let passphrase = session::new_passphrase()?;
    Ok(KeyFile::seal(phrase, &passphrase).write_new(place)?)
}

impl NewCmd {
    fn run(self, global: &Global) -> Result<(), UserError> {
        let place = new_place(global)?;
        let phrase = if self.words == "12" { Phrase::generate_12() } else { Phrase::generate() };
        write(&phrase, &place)?;
        let address = Account::from_phrase(&phrase).address();
        if global.json {
            let words = phrase.words();
            return session::print_json(&json!({ "account": address, "file": place, "phrase": words.as_str() }));
        }
        println!("{address}");
        eprintln!(
            "\nThe recovery phrase. Write it down: it alone brings everything back, and it is not shown again.\n"
        );
        println!("{}", phrase.words().as_str());
        eprintln!("\nwritten to {}", place.display());
        Ok(())
    }
}

impl BalanceCmd {
    async fn run(self, global: &Global) -> Result<(), UserError> {
        let account = match self.account {
            Some(account) => account,
            None => units::parse_account(&session::address(global)?).map_err(UserError::usage)?,
        };
        let client = session::connect(global).await?;
        let money = client.money(&account).await?;
        let account = types::Account(account);
        if global.json {
            return session::print_json(&json!({
                "account": account,
                "free": Plancks(money.free),
                "escrow": Plancks(money.escrow),
                "collateral": Plancks(money.collateral),
                "channels": Plancks(money.channels),
            }));
        }
        println!("{account}");
        let rows = [
            ("free", money.free),
            ("escrow", money.escrow),
            ("collateral", money.collateral),
            ("channels", money.channels),
        ];
        for (name, amount) in rows {
            println!("{name:>11}  {}", Tkt(amount));
        }
        Ok(())
    }
}

impl TransferCmd {
    async fn run(self, global: &Global) -> Result<(), UserError> {
        let context = session::context(global).await?;
        if self.amount == 0 {
            return Err(UserError::usage("there is nothing to send").hint("give an amount above 0"));
        }
        let free = context.client.money(&AccountId::new(context.account.id())).await?.free;
        if free <= self.amount {
            let what = format!("{} and a fee are to be sent, {} are free", Tkt(self.amount), Tkt(free));
            return Err(UserError::funds(what)
                .hint("send less, or send TKT to this account first: `station wallet balance` shows its address"));
        }
        let call = pallet_balances::Call::<Runtime>::transfer_keep_alive {
            dest: MultiAddress::Id(self.to.clone()),
            value: self.amount,
        };
        let included = context.client.submit(RuntimeCall::from(call), context.account.pair()).await?;
        let to = types::Account(self.to);
        if global.json {
            return session::print_json(&json!({
                "from": context.account.address(),
                "to": to,
                "amount": Plancks(self.amount),
                "block": included.block_number,
            }));
        }
        println!("{} sent to {to} in block {}", Tkt(self.amount), included.block_number);
        Ok(())
    }
}
