//! `station status`.

use super::{
    session,
    units::{self, Size, Tkt},
};
use crate::{cli::Global, error::UserError};
use clap::Args;
use serde_json::json;
use station_client_files::{self as files, FilesError};
use station_client_rpc::{
    client::Client,
    types::{ReplicaStatus, ShardStatus},
};
use station_primitives::{api::DealInfo, DealId, ShardId, ShardState};

const EXAMPLES: &str = "\
Examples:
  station status station:…              every shard with its replicas, their proofs and pay
  station status station:… --json | jq .state";

/// Show where a link's shards are, and how they are
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StatusCmd {
    /// The link
    link: String,
}

/// How bad a state is. *Pending* is no fault, and yet not safe.
const fn rank(state: ShardState) -> u8 {
    match state {
        ShardState::Healthy => 0,
        ShardState::Pending => 1,
        ShardState::Degraded => 2,
        ShardState::BelowMinimum => 3,
        ShardState::Lost => 4,
    }
}

/// The worst state of several deals, and when the first of them ends. None if one of them is gone.
pub async fn overall(client: &Client, deals: &[u64]) -> Result<Option<(ShardState, u32)>, UserError> {
    let mut all: Option<(ShardState, u32)> = None;
    for deal in deals.iter().copied().map(DealId) {
        let Some(info) = client.deal(deal).await? else { return Ok(None) };
        all = Some(match all {
            None => (info.state, info.expires),
            Some((state, expires)) => {
                let worst = if rank(info.state) > rank(state) { info.state } else { state };
                (worst, expires.min(info.expires))
            }
        });
    }
    Ok(all)
}

impl StatusCmd {
    /// Run it.
    pub async fn run(self, global: &Global) -> Result<(), UserError> {
        let link = session::link(&self.link)?;
        let client = session::connect(global).await?;
        link.check_network(&client.genesis().0).map_err(FilesError::from)?;
        let mut deals: Vec<DealInfo> = Vec::new();
        let mut shards: Vec<ShardStatus> = Vec::new();
        for deal in link.deals.iter().copied().map(DealId) {
            let info = client.deal(deal).await?.ok_or(FilesError::DealGone(deal))?;
            for index in 0..info.shards {
                let shard = client.shard(ShardId { deal, index }).await?.ok_or(FilesError::DealGone(deal))?;
                shards.push(shard.into());
            }
            deals.push(info);
        }
        let state = deals.iter().map(|deal| deal.state).max_by_key(|state| rank(*state)).unwrap_or(ShardState::Pending);
        let expires = deals.iter().map(|deal| deal.expires).min().unwrap_or_default();
        let data = files::data_shards(&link, shards.len());
        if global.json {
            let ids: Vec<_> = deals.iter().map(|deal| deal.id).collect();
            let all: Vec<_> = shards.iter().enumerate().map(|(at, shard)| with_kind(shard, at >= data)).collect();
            let parity = link.parity.map(|parity| parity.to_string());
            let status = json!({ "state": state, "deals": ids, "expires": expires, "parity": parity, "shards": all });
            return session::print_json(&status);
        }
        let tick = client.summary().await?.tick;
        let left = units::blocks_in_words(expires.saturating_sub(tick), &client.timing());
        println!("{}, paid for another {left}", word(&state));
        for (at, shard) in shards.iter().enumerate() {
            print_shard(shard, at >= data);
        }
        Ok(())
    }
}

/// A state's name as JSON has it.
pub fn word(state: &impl serde::Serialize) -> String {
    serde_json::to_value(state).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A shard as JSON, and whether it is one of parity.
fn with_kind(shard: &ShardStatus, parity: bool) -> serde_json::Value {
    let mut value = json!(shard);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("parity".into(), parity.into());
    }
    value
}

fn print_shard(shard: &ShardStatus, parity: bool) {
    let since = shard.repairing_since.map_or(String::new(), |block| format!(", being repaired since block {block}"));
    println!(
        "\nshard {}  {}{}  {}: {} of {} replicas live{since}",
        shard.id,
        Size(shard.size),
        if parity { " of parity" } else { "" },
        word(&shard.state),
        shard.live,
        shard.target
    );
    for ReplicaStatus { id, provider, state, last_proof, earned } in &shard.replicas {
        let provider = provider.as_ref().map_or("nobody yet".into(), ToString::to_string);
        let proof = last_proof.map_or("no proof yet".into(), |block| format!("proven in block {block}"));
        println!(
            "  {:<10} {:<48}  {:<9}  {:<24}  earned {}",
            id.to_string(),
            provider,
            word(state),
            proof,
            Tkt(earned.0)
        );
    }
    for entry in &shard.history {
        let reason = word(&entry.reason);
        let reason = if reason == "none" { String::new() } else { format!(": {reason}") };
        println!("    block {:<8} {} {}{reason}", entry.block, entry.replica, word(&entry.event));
    }
}
