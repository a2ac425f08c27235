//! `station provider leave`: hand the replicas over, keep proving until the last has gone, then leave the list.

use super::Call;
use crate::{
    cli::Global,
    commands::{session, units::Tkt},
    error::UserError,
};
use clap::Args;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use station_client_files::Context;
use station_primitives::{api::ProviderInfo, AccountId, BlockNumber};
use station_runtime::RuntimeCall;
use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

/// Blocks with nothing left to keep after which this command leaves the list itself: the provider's node does it in one or two.
const NODE_SHOULD_HAVE: u32 = 10;
/// How often the number of replicas is said where there is no terminal.
const SAY: Duration = Duration::from_secs(30);
/// What may go wrong with the connection in a row, each time waited for.
const PATIENCE: u32 = 30;

/// `station provider leave`.
#[derive(Debug, Args)]
pub struct LeaveCmd {
    /// Give up at once what is still kept: the collateral of every replica is lost
    #[arg(long)]
    forfeit: bool,
    /// Do not ask before forfeiting
    #[arg(long, requires = "forfeit")]
    yes: bool,
    /// Do not wait until everything is handed over; the node goes on by itself
    #[arg(long)]
    no_wait: bool,
}

impl LeaveCmd {
    /// Run it.
    pub async fn run(self, global: &Global) -> Result<(), UserError> {
        let begun = Instant::now();
        let context = session::context(global).await?;
        let account = AccountId::new(context.account.id());
        let entry = context.client.provider(&account).await?.ok_or_else(|| {
            UserError::not_found(format!("{} is no provider", context.account.address()))
                .hint("leave with the provider's own key: --key BASE/chains/CHAIN/keystore/73746174…")
        })?;
        let forfeit = self.forfeit && entry.replicas > 0;
        if forfeit {
            self.confirm(&entry)?;
        }
        // Said to the chain even when nothing is kept: a node that finds its account off the list, and not by its own
        // leaving, would enter it again.
        let mut block = None;
        if !entry.leaving || forfeit {
            block = Some(submit(&context, Call::leave { forfeit }).await?);
        }
        if self.no_wait {
            return done(global, &context, block, Some(entry.replicas), begun);
        }
        let left = wait(&context, &account, entry.replicas).await?;
        done(global, &context, left.or(block), None, begun)
    }

    /// Say what it costs and ask.
    fn confirm(&self, entry: &ProviderInfo) -> Result<(), UserError> {
        if self.yes {
            return Ok(());
        }
        let cost = entry.collateral.min(entry.collateral_used);
        let what =
            format!("{} given up, and {} of collateral with them", counted(entry.replicas, "is", "are"), Tkt(cost));
        if !std::io::stdin().is_terminal() {
            return Err(UserError::usage(what).hint("say --yes if that is meant, or leave without --forfeit"));
        }
        eprint!("{what}. Type 'forfeit' to go on: ");
        let mut answer = String::new();
        std::io::stderr().flush().and_then(|()| std::io::stdin().read_line(&mut answer)).map_err(UserError::disk)?;
        if answer.trim() == "forfeit" {
            Ok(())
        } else {
            Err(UserError::usage("nothing was changed").hint("type the word, or leave without --forfeit"))
        }
    }
}

async fn submit(context: &Context, call: Call<station_runtime::Runtime>) -> Result<BlockNumber, UserError> {
    Ok(context.client.submit(RuntimeCall::from(call), context.account.pair()).await?.block_number)
}

/// Follow the replicas until none is left and the entry is gone. Returns the block in which this command left the list, if it
/// was not the provider's node that did.
async fn wait(context: &Context, account: &AccountId, all: u32) -> Result<Option<BlockNumber>, UserError> {
    let progress = Handover::new(all);
    let (mut empty, mut failures) = (0, 0);
    let mut blocks = None;
    loop {
        let entry = match context.client.provider(account).await {
            Ok(entry) => entry,
            Err(_) if failures < PATIENCE => {
                failures += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        failures = 0;
        let Some(entry) = entry else { return Ok(None) };
        progress.show(&entry);
        if entry.replicas == 0 {
            empty += 1;
        }
        if empty > NODE_SHOULD_HAVE {
            // Its node does not run any more.
            return submit(context, Call::deregister {}).await.map(Some);
        }
        if blocks.is_none() {
            blocks = context.client.best_blocks().await.ok();
        }
        let next = match &mut blocks {
            Some(stream) => stream.next().await,
            None => None,
        };
        if !matches!(next, Some(Ok(_))) {
            blocks = None;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// How many replicas have gone: a bar on a terminal, a line now and then elsewhere.
struct Handover {
    bar: ProgressBar,
    terminal: bool,
    said: std::cell::Cell<Option<Instant>>,
}

impl Handover {
    fn new(all: u32) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal { ProgressBar::new(all.into()) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("hand over {bar:28.cyan/dim} {pos} of {len} replicas  ETA {eta}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─"));
        Self { bar, terminal, said: std::cell::Cell::new(None) }
    }

    fn show(&self, entry: &ProviderInfo) {
        let left = u64::from(entry.replicas);
        self.bar.set_length(self.bar.length().unwrap_or(left).max(left));
        self.bar.set_position(self.bar.length().unwrap_or(left) - left);
        if left > 0 && !self.terminal && self.said.get().is_none_or(|at| at.elapsed() >= SAY) {
            self.said.set(Some(Instant::now()));
            eprintln!("{} still to be handed over; keep the node running", counted(entry.replicas, "is", "are"));
        }
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// So many replicas, and their verb.
fn counted(count: u32, one: &str, many: &str) -> String {
    if count == 1 {
        format!("1 replica {one}")
    } else {
        format!("{count} replicas {many}")
    }
}

/// Says what came of it; `to_go` is what is still to be handed over by a provider that has not left yet.
fn done(
    global: &Global,
    context: &Context,
    block: Option<BlockNumber>,
    to_go: Option<u32>,
    begun: Instant,
) -> Result<(), UserError> {
    let account = context.account.address();
    if global.json {
        let (replicas, seconds) = (to_go.unwrap_or(0), begun.elapsed().as_secs_f64());
        return session::print_json(
            &json!({ "account": account, "block": block, "replicas": replicas, "seconds": seconds }),
        );
    }
    match to_go {
        None => println!("{account} has left; its collateral is free again"),
        Some(0) => println!("{account} is leaving: it keeps nothing, and its node leaves the list in a few blocks"),
        Some(left) => {
            println!("{account} is leaving: {} handed over while its node keeps running", counted(left, "is", "are"))
        }
    }
    Ok(())
}
