//! `station provider`.

mod leave;

use super::{
    session,
    units::{self, Size, Tkt},
};
use crate::{cli::Global, error::UserError};
use clap::{Args, Subcommand};
use pallet_station_providers::{Call, Policy};
use serde_json::json;
use sp_runtime::{traits::ConstU32, BoundedVec};
use station_client_rpc::{client::Included, types};
use station_primitives::{AccountId, Balance, Price, MAX_MULTIADDR, MAX_NAMED, MAX_PAGE};
use station_runtime::{Runtime, RuntimeCall};

/// Examples of all of them.
pub const EXAMPLES: &str = "\
Examples:
  station provider list                 who keeps data, for how much
  station provider show 5F3s…
  station provider update --price 0.02 --key FILE
  station provider leave --key FILE     hand the replicas over, then get the collateral back
  station provider leave --forfeit --key FILE
                                        give them up, and their collateral, at once

A node started with `station node --provider` registers by itself. Its key, for --key, is BASE/chains/CHAIN/keystore/73746174….";

/// A list as long as people read; scripts page by JSON-RPC (`storage_providers`).
const MAX_LISTED: usize = 100_000;

/// `station provider …`.
#[derive(Debug, Subcommand)]
pub enum ProviderCmd {
    /// List the registered providers
    #[command(after_help = EXAMPLES)]
    List,
    /// Show one provider
    #[command(after_help = EXAMPLES)]
    Show(ShowCmd),
    /// Enter an account into the list
    #[command(after_help = EXAMPLES)]
    Register(RegisterCmd),
    /// Change an entry
    #[command(after_help = EXAMPLES)]
    Update(UpdateCmd),
    /// Hand the replicas over, leave the list and get the collateral back
    #[command(after_help = EXAMPLES)]
    Leave(leave::LeaveCmd),
}

/// `station provider show`.
#[derive(Debug, Args)]
pub struct ShowCmd {
    /// Whose entry
    #[arg(value_parser = units::parse_account)]
    account: AccountId,
}

/// `station provider register`.
#[derive(Debug, Args)]
pub struct RegisterCmd {
    /// How much it keeps at the most
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    capacity: u64,
    /// For a GiB and day
    #[arg(long, value_name = "TKT", value_parser = units::parse_price)]
    price: Price,
    /// For a GiB served
    #[arg(long, value_name = "TKT", default_value = "0", value_parser = units::parse_price)]
    retrieval_price: Price,
    /// Where its node listens: /ip4/…/tcp/30333/p2p/12D3Koo…
    #[arg(long, value_name = "MULTIADDR", value_parser = parse_address)]
    address: Address,
    /// The operator group, 64 hexadecimal digits; the account itself if not given
    #[arg(long, value_name = "HEX", value_parser = parse_operator)]
    operator: Option<Operator>,
    /// Take data of these accounts only, separated by commas
    #[arg(long, value_name = "ACCOUNT,…", value_parser = parse_friends)]
    friends: Option<Friends>,
    /// What to lock as collateral
    #[arg(long, value_name = "TKT", value_parser = units::parse_tkt)]
    collateral: Balance,
}

/// `station provider update`.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct UpdateCmd {
    /// How much it keeps at the most
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    capacity: Option<u64>,
    /// For a GiB and day, of replicas to come
    #[arg(long, value_name = "TKT", value_parser = units::parse_price)]
    price: Option<Price>,
    /// For a GiB served
    #[arg(long, value_name = "TKT", value_parser = units::parse_price)]
    retrieval_price: Option<Price>,
    /// Where its node listens
    #[arg(long, value_name = "MULTIADDR", value_parser = parse_address)]
    address: Option<Address>,
    /// The operator group
    #[arg(long, value_name = "HEX", value_parser = parse_operator)]
    operator: Option<Operator>,
    /// Take data of these accounts only, separated by commas; `any` for everybody's
    #[arg(long, value_name = "any|ACCOUNT,…", value_parser = parse_friends)]
    friends: Option<Friends>,
    /// What to lock as collateral, all in all
    #[arg(long, value_name = "TKT", value_parser = units::parse_tkt)]
    collateral: Option<Balance>,
    /// Whether to take new replicas
    #[arg(long, value_name = "true|false")]
    accepting: Option<bool>,
}

#[derive(Clone, Debug)]
struct Address(Vec<u8>);

#[derive(Clone, Debug)]
struct Operator([u8; 32]);

#[derive(Clone, Debug)]
struct Friends(Vec<AccountId>);

fn parse_address(text: &str) -> Result<Address, String> {
    let address =
        station_client_transfer::client::Address::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let bytes = address.to_string().into_bytes();
    if u32::try_from(bytes.len()).is_ok_and(|len| len <= MAX_MULTIADDR) {
        Ok(Address(bytes))
    } else {
        Err(format!("an address has {MAX_MULTIADDR} characters at the most"))
    }
}

fn parse_operator(text: &str) -> Result<Operator, String> {
    let mut operator = [0; 32];
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut operator)
        .map_err(|_| format!("'{text}' is no operator group: 64 hexadecimal digits"))?;
    Ok(Operator(operator))
}

fn parse_friends(text: &str) -> Result<Friends, String> {
    if text.eq_ignore_ascii_case("any") {
        return Ok(Friends(Vec::new()));
    }
    text.split(',').map(|part| units::parse_account(part.trim())).collect::<Result<_, _>>().map(Friends)
}

fn policy(friends: Friends) -> Result<Policy, UserError> {
    if friends.0.is_empty() {
        return Ok(Policy::Open);
    }
    let named = BoundedVec::try_from(friends.0)
        .map_err(|_| UserError::usage(format!("{MAX_NAMED} accounts can be named at the most")).hint("name fewer"))?;
    Ok(Policy::Named(named))
}

fn bounded(address: Address) -> Result<BoundedVec<u8, ConstU32<MAX_MULTIADDR>>, UserError> {
    BoundedVec::try_from(address.0).map_err(|_| UserError::usage("the address is too long"))
}

impl ProviderCmd {
    /// Run it.
    pub async fn run(self, global: &Global) -> Result<(), UserError> {
        match self {
            Self::List => list(global).await,
            Self::Show(cmd) => cmd.run(global).await,
            Self::Register(cmd) => cmd.run(global).await,
            Self::Update(cmd) => cmd.run(global).await,
            Self::Leave(cmd) => cmd.run(global).await,
        }
    }
}

async fn list(global: &Global) -> Result<(), UserError> {
    let client = session::connect(global).await?;
    let mut providers: Vec<types::Provider> = Vec::new();
    let mut cursor = None;
    while providers.len() < MAX_LISTED {
        let page = client.providers(cursor, MAX_PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        cursor = Some(*last);
        providers.extend(page.into_iter().map(|(_, provider)| provider.into()));
    }
    if global.json {
        return session::print_json(&providers);
    }
    if providers.is_empty() {
        eprintln!("nobody is registered yet; `station node --provider` makes this machine the first");
    }
    for provider in &providers {
        let open = match (provider.accepting, provider.friends_only) {
            (false, _) if provider.leaving => "leaving",
            (false, _) => "closed",
            (true, true) => "friends",
            (true, false) => "open",
        };
        println!(
            "{}  {:<7}  {:>11} of {:<11}  {:>4} replica{}  {} a GiB·day  seen in block {}",
            provider.account,
            open,
            Size(provider.used).to_string(),
            Size(provider.capacity).to_string(),
            provider.replicas,
            if provider.replicas == 1 { " " } else { "s" },
            Tkt(provider.price.0),
            provider.last_seen,
        );
    }
    Ok(())
}

impl ShowCmd {
    async fn run(self, global: &Global) -> Result<(), UserError> {
        let client = session::connect(global).await?;
        let account = types::Account(self.account);
        let provider: types::Provider = client
            .provider(&account.0)
            .await?
            .ok_or_else(|| {
                UserError::not_found(format!("{account} is no provider")).hint("see `station provider list`")
            })?
            .into();
        if global.json {
            return session::print_json(&provider);
        }
        println!("{account}");
        let rows = [
            ("capacity", Size(provider.capacity).to_string()),
            ("used", Size(provider.used).to_string()),
            ("proven", Size(provider.proven).to_string()),
            ("replicas", provider.replicas.to_string()),
            ("price", format!("{} a GiB·day", Tkt(provider.price.0))),
            ("served for", format!("{} a GiB", Tkt(provider.retrieval_price.0))),
            ("earned", Tkt(provider.earned.0).to_string()),
            ("collateral", format!("{}, {} in use", Tkt(provider.collateral.0), Tkt(provider.collateral_used.0))),
            ("address", provider.multiaddr),
            ("clients", if provider.friends_only { "its friends" } else { "anybody" }.to_owned()),
            ("accepting", if provider.leaving { "no, it is leaving".into() } else { provider.accepting.to_string() }),
            (
                "collateral is",
                provider.short_since.map_or("enough".into(), |block| format!("short since block {block}")),
            ),
            ("last seen", format!("block {}", provider.last_seen)),
            ("since", format!("block {}", provider.since)),
        ];
        for (name, value) in rows {
            println!("{name:>13}  {value}");
        }
        Ok(())
    }
}

impl RegisterCmd {
    async fn run(self, global: &Global) -> Result<(), UserError> {
        let own = units::parse_account(&session::address(global)?).map_err(UserError::usage)?;
        let call = Call::register {
            capacity: self.capacity,
            price: self.price,
            retrieval_price: self.retrieval_price,
            multiaddr: bounded(self.address)?,
            operator: self.operator.map_or_else(|| *AsRef::<[u8; 32]>::as_ref(&own), |operator| operator.0),
            policy: policy(self.friends.unwrap_or(Friends(Vec::new())))?,
            collateral: self.collateral,
        };
        submit(global, call, "registered").await
    }
}

impl UpdateCmd {
    async fn run(self, global: &Global) -> Result<(), UserError> {
        let call = Call::update {
            capacity: self.capacity,
            price: self.price,
            retrieval_price: self.retrieval_price,
            multiaddr: self.address.map(bounded).transpose()?,
            operator: self.operator.map(|operator| operator.0),
            policy: self.friends.map(policy).transpose()?,
            collateral: self.collateral,
            accepting: self.accepting,
        };
        submit(global, call, "updated").await
    }
}

async fn submit(global: &Global, call: Call<Runtime>, done: &str) -> Result<(), UserError> {
    let context = session::context(global).await?;
    let Included { block_number, .. } = context.client.submit(RuntimeCall::from(call), context.account.pair()).await?;
    let account = context.account.address();
    if global.json {
        return session::print_json(&json!({ "account": account, "block": block_number }));
    }
    println!("{account} {done} in block {block_number}");
    Ok(())
}
