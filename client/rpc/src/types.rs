//! The JSON of `storage_*` and of the user's commands.
//!
//! Amounts are plancks in text ([`Plancks`]), sizes bytes, times blocks, accounts SS58 with prefix 42 ([`Account`]), ids
//! `7/0/2`, digests `0x…`. Field names are those of `INTERFACE`: changing one is a breaking change.

mod duties;
mod values;

pub use duties::{Duty, Holder, Task};
pub use values::{Account, Digest, HexBytes, Plancks};

use schemars::{json_schema, JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use station_primitives::{
    api, BlockNumber, DealId, HistoryEvent, Reason, ReplicaId, ReplicaState, ShardId, ShardState, Tick,
};

fn shard_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^[0-9]+/[0-9]+$", "description": "deal/shard" })
}

fn replica_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^[0-9]+/[0-9]+/[0-9]+$", "description": "deal/shard/slot" })
}

fn deal_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "minimum": 0 })
}

fn shard_state(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["pending", "healthy", "degraded", "below_minimum", "lost"] })
}

fn replica_state(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["assigned", "committed", "active", "faulty", "replaced"] })
}

fn history_event(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": [
        "assigned", "committed", "activated", "missed", "recovered", "slashed", "released", "failed", "repair_opened",
        "repair_cancelled", "replaced", "reported", "source_named"
    ] })
}

fn reason(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": [
        "none", "missed_audit", "invalid_proof", "failed_seal_check", "unanswered_seal_check", "late_commitment",
        "unreachable", "left_early", "no_provider", "expired", "cancelled", "self_reported", "leaving", "undercollateralized"
    ] })
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Page<T, C> {
    /// At most `limit` of them.
    pub items: Vec<T>,
    /// The cursor of the next page; null when this is the last.
    pub next: Option<C>,
}

/// The network at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Registered providers.
    pub providers: u32,
    /// Declared bytes.
    pub capacity: u64,
    /// Assigned bytes.
    pub used: u64,
    /// Bytes of active replicas.
    pub proven: u64,
    /// Running deals.
    pub deals: u64,
    /// Shards of running deals.
    pub shards: u64,
    /// Active replicas with no outstanding miss.
    pub live_replicas: u64,
    /// In escrow.
    pub escrow: Plancks,
    /// Locked as collateral.
    pub collateral: Plancks,
    /// Burnt by charges, shares and slashes.
    pub burnt: Plancks,
    /// Repair orders open.
    pub orders: u64,
    /// Replicas made by repair orders so far.
    pub repaired: u64,
    /// The tick the chain is at.
    pub tick: Tick,
    /// The block that this describes.
    pub block: BlockNumber,
}

impl Summary {
    /// The summary at a block.
    pub fn at(summary: api::Summary, block: BlockNumber) -> Self {
        Self {
            providers: summary.providers,
            capacity: summary.capacity,
            used: summary.used,
            proven: summary.proven,
            deals: summary.deals,
            shards: summary.shards,
            live_replicas: summary.live_replicas,
            escrow: Plancks(summary.escrow),
            collateral: Plancks(summary.collateral),
            burnt: Plancks(summary.burnt),
            orders: summary.orders,
            repaired: summary.repaired,
            tick: summary.tick,
            block,
        }
    }
}

/// A provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Provider {
    /// Its account: its node's keystore key.
    pub account: Account,
    /// Declared bytes.
    pub capacity: u64,
    /// Assigned bytes, sealed or not.
    pub used: u64,
    /// Bytes of its active replicas.
    pub proven: u64,
    /// Per GiB·day.
    pub price: Plancks,
    /// Per GiB served.
    pub retrieval_price: Plancks,
    /// Where its node listens, with its peer id.
    pub multiaddr: String,
    /// Replicas of one shard never share an operator.
    pub operator: Digest,
    /// Whether it takes deals of named clients only.
    pub friends_only: bool,
    /// Whether it takes new assignments.
    pub accepting: bool,
    /// Locked as collateral.
    pub collateral: Plancks,
    /// The part of it that replicas occupy.
    pub collateral_used: Plancks,
    /// What it was paid, after shares.
    pub earned: Plancks,
    /// Replicas it holds or is to hold.
    pub replicas: u32,
    /// The last block in which it showed itself.
    pub last_seen: BlockNumber,
    /// The block of its registration.
    pub since: BlockNumber,
    /// Whether it is leaving: its replicas are being handed over.
    pub leaving: bool,
    /// The block since which its collateral is short of what its replicas need.
    pub short_since: Option<BlockNumber>,
}

impl From<api::ProviderInfo> for Provider {
    fn from(info: api::ProviderInfo) -> Self {
        Self {
            account: Account(info.account),
            capacity: info.capacity,
            used: info.used,
            proven: info.proven,
            price: Plancks(info.price),
            retrieval_price: Plancks(info.retrieval_price),
            multiaddr: String::from_utf8_lossy(&info.multiaddr).into_owned(),
            operator: Digest(info.operator),
            friends_only: info.friends_only,
            accepting: info.accepting,
            collateral: Plancks(info.collateral),
            collateral_used: Plancks(info.collateral_used),
            earned: Plancks(info.earned),
            replicas: info.replicas,
            last_seen: info.last_seen,
            since: info.since,
            leaving: info.leaving,
            short_since: info.short_since,
        }
    }
}

/// A deal, without its shards: they are `id/0 … id/shards-1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deal {
    /// Its number.
    #[schemars(schema_with = "deal_id")]
    pub id: DealId,
    /// Who pays.
    pub client: Account,
    /// How many shards it has.
    pub shards: u32,
    /// Sum of the shards' sizes.
    pub bytes: u64,
    /// Replicas asked for.
    pub replicas: u8,
    /// The most it pays, per GiB·day and replica.
    pub max_price: Plancks,
    /// Periods paid for.
    pub periods: u32,
    /// The block of submission.
    pub submitted: BlockNumber,
    /// The tick at which its term ends: a block in which audits had room, so at the earliest that block.
    pub expires: Tick,
    /// Escrow not yet spent.
    pub escrow: Plancks,
    /// Spent so far, burnt and paid.
    pub spent: Plancks,
    /// Its worst shard's state.
    #[schemars(schema_with = "shard_state")]
    pub state: ShardState,
    /// Whether its client has ended it: it only runs out.
    pub cancelled: bool,
    /// What its client wrote down with it, encrypted, for itself; `0x` if nothing.
    pub memo: HexBytes,
}

impl From<api::DealInfo> for Deal {
    fn from(info: api::DealInfo) -> Self {
        Self {
            id: info.id,
            client: Account(info.client),
            shards: info.shards,
            bytes: info.bytes,
            replicas: info.replicas,
            max_price: Plancks(info.max_price),
            periods: info.periods,
            submitted: info.submitted,
            expires: info.expires,
            escrow: Plancks(info.escrow),
            spent: Plancks(info.spent),
            state: info.state,
            cancelled: info.cancelled,
            memo: HexBytes(info.memo),
        }
    }
}

/// A shard as `station status` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShardStatus {
    /// Its id.
    #[schemars(schema_with = "shard_id")]
    pub id: ShardId,
    /// Bytes: a size class.
    pub size: u64,
    /// Its health.
    #[schemars(schema_with = "shard_state")]
    pub state: ShardState,
    /// Active replicas with no outstanding miss.
    pub live: u8,
    /// Replicas asked for.
    pub target: u8,
    /// The block since which it has been below target after having been healthy.
    pub repairing_since: Option<BlockNumber>,
    /// One for each slot.
    pub replicas: Vec<ReplicaStatus>,
    /// The newest last.
    pub history: Vec<HistoryEntry>,
    /// The repair orders that are open for its slots.
    pub orders: Vec<Order>,
    /// What its client was paid out of slashes.
    pub compensated: Plancks,
}

/// An open repair order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Order {
    /// The slot.
    #[schemars(schema_with = "replica_id")]
    pub replica: ReplicaId,
    /// The block in which it was opened.
    pub opened: BlockNumber,
    /// Why.
    #[schemars(schema_with = "reason")]
    pub reason: Reason,
    /// Who was drawn to make the new replica; null while one is being drawn.
    pub provider: Option<Account>,
    /// Providers drawn so far.
    pub draws: u8,
}

impl From<api::OrderInfo> for Order {
    fn from(info: api::OrderInfo) -> Self {
        Self {
            replica: info.replica,
            opened: info.opened,
            reason: info.reason,
            provider: info.provider.map(Account),
            draws: info.draws,
        }
    }
}

/// A replica as `station status` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplicaStatus {
    /// Its id.
    #[schemars(schema_with = "replica_id")]
    pub id: ReplicaId,
    /// Who keeps it; null while one is being drawn.
    pub provider: Option<Account>,
    /// Its state.
    #[schemars(schema_with = "replica_state")]
    pub state: ReplicaState,
    /// The block of its last accepted proof.
    pub last_proof: Option<BlockNumber>,
    /// What its provider was paid for it, after shares.
    pub earned: Plancks,
}

/// Something that happened to a replica of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryEntry {
    /// When.
    pub block: BlockNumber,
    /// What.
    #[schemars(schema_with = "history_event")]
    pub event: HistoryEvent,
    /// Whose.
    #[schemars(schema_with = "replica_id")]
    pub replica: ReplicaId,
    /// Why.
    #[schemars(schema_with = "reason")]
    pub reason: Reason,
}

impl From<api::ShardInfo> for ShardStatus {
    fn from(info: api::ShardInfo) -> Self {
        Self {
            id: info.id,
            size: info.size,
            state: info.state,
            live: info.live,
            target: info.target,
            repairing_since: info.repairing_since,
            replicas: info.replicas.into_iter().map(Into::into).collect(),
            history: info.history.into_iter().map(Into::into).collect(),
            orders: info.orders.into_iter().map(Into::into).collect(),
            compensated: Plancks(info.compensated),
        }
    }
}

impl From<api::ReplicaInfo> for ReplicaStatus {
    fn from(info: api::ReplicaInfo) -> Self {
        Self {
            id: info.id,
            provider: info.provider.map(Account),
            state: info.state,
            last_proof: info.last_proof,
            earned: Plancks(info.earned),
        }
    }
}

impl From<api::HistoryInfo> for HistoryEntry {
    fn from(info: api::HistoryInfo) -> Self {
        Self { block: info.block, event: info.event, replica: info.replica, reason: info.reason }
    }
}

/// A shard in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shard {
    /// As `station status` shows it.
    #[serde(flatten)]
    pub status: ShardStatus,
    /// Root of the tree over its data.
    pub comm_d: Digest,
}

impl From<api::ShardInfo> for Shard {
    fn from(info: api::ShardInfo) -> Self {
        Self { comm_d: Digest(info.comm_d), status: info.into() }
    }
}

/// A replica in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Replica {
    /// As `station status` shows it.
    #[serde(flatten)]
    pub status: ReplicaStatus,
    /// Root of the sealed labels, once committed.
    pub comm_r: Option<Digest>,
    /// The ticket that went into it, once drawn.
    pub ticket: Option<Digest>,
    /// What it is paid at, per GiB·day.
    pub price: Plancks,
    /// Collateral that stands for it.
    pub collateral: Plancks,
    /// The tick at which it falls due next.
    pub due: Option<Tick>,
}

impl From<api::ReplicaInfo> for Replica {
    fn from(info: api::ReplicaInfo) -> Self {
        Self {
            comm_r: info.comm_r.map(Digest),
            ticket: info.ticket.map(Digest),
            price: Plancks(info.price),
            collateral: Plancks(info.collateral),
            due: info.due,
            status: info.into(),
        }
    }
}

/// A deal that was submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Submitted {
    /// Its number.
    #[schemars(schema_with = "deal_id")]
    pub deal: DealId,
    /// The block that holds it.
    pub block: BlockNumber,
}

/// What `storage_subscribeDeal` sends: the deal whenever something of it has changed, then `null` once when it is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DealUpdate {
    /// The block that changed it.
    pub block: BlockNumber,
    /// The deal; null when it is over and swept.
    pub deal: Option<Deal>,
    /// Its shards, by state.
    pub shards: ShardCounts,
    /// Live replicas of all shards.
    pub live: u32,
    /// Replicas asked for, of all shards.
    pub target: u32,
}

/// How many shards are in which state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShardCounts {
    /// Not all replicas have become active yet.
    pub pending: u32,
    /// As many live replicas as asked for.
    pub healthy: u32,
    /// Fewer, but two or more.
    pub degraded: u32,
    /// Fewer than two.
    pub below_minimum: u32,
    /// None left.
    pub lost: u32,
}

impl ShardCounts {
    /// Count one shard.
    pub fn add(&mut self, state: ShardState) {
        let count = match state {
            ShardState::Pending => &mut self.pending,
            ShardState::Healthy => &mut self.healthy,
            ShardState::Degraded => &mut self.degraded,
            ShardState::BelowMinimum => &mut self.below_minimum,
            ShardState::Lost => &mut self.lost,
        };
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use station_primitives::AccountId;

    #[test]
    fn a_shard_prints_as_the_interface_says() {
        let id: ReplicaId = "7/0/2".parse().expect("an id");
        let shard = api::ShardInfo {
            id: id.shard,
            comm_d: [1; 32],
            size: 65_536,
            state: ShardState::BelowMinimum,
            live: 1,
            target: 3,
            repairing_since: Some(9),
            replicas: vec![api::ReplicaInfo {
                id,
                provider: Some(AccountId::new([0; 32])),
                state: ReplicaState::Faulty,
                last_proof: None,
                comm_r: None,
                ticket: None,
                earned: u128::MAX,
                price: 1,
                collateral: 2,
                due: None,
            }],
            history: vec![api::HistoryInfo {
                block: 8,
                event: HistoryEvent::Missed,
                replica: id,
                provider: None,
                reason: Reason::MissedAudit,
            }],
            orders: vec![api::OrderInfo {
                replica: id,
                opened: 8,
                reason: Reason::MissedAudit,
                provider: None,
                draws: 1,
            }],
            compensated: 5,
        };
        let printed = serde_json::to_value(ShardStatus::from(shard)).expect("json");
        let expected = json!({
            "id": "7/0", "size": 65_536, "state": "below_minimum", "live": 1, "target": 3, "repairing_since": 9,
            "replicas": [{
                "id": "7/0/2", "provider": "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM", "state": "faulty",
                "last_proof": null, "earned": u128::MAX.to_string()
            }],
            "history": [{ "block": 8, "event": "missed", "replica": "7/0/2", "reason": "missed_audit" }],
            "orders": [{ "replica": "7/0/2", "opened": 8, "reason": "missed_audit", "provider": null, "draws": 1 }],
            "compensated": "5"
        });
        assert_eq!(printed, expected);
    }

    #[test]
    fn every_event_and_reason_is_in_the_schema() {
        let listed = |schema: Schema, name: &serde_json::Value| {
            let all = schema.to_value()["enum"].as_array().cloned().unwrap_or_default();
            assert!(all.contains(name), "{name}");
            all.len()
        };
        // By their encoding, so that none that is added is forgotten.
        fn all<T: codec::Decode>() -> Vec<T> {
            (0..=255u8).map_while(|index| T::decode(&mut &[index][..]).ok()).collect()
        }
        let mut generator = SchemaGenerator::default();
        let (events, reasons) = (all::<HistoryEvent>(), all::<Reason>());
        for event in &events {
            let name = serde_json::to_value(event).expect("json");
            assert_eq!(listed(history_event(&mut generator), &name), events.len());
        }
        for reason_ in &reasons {
            let name = serde_json::to_value(reason_).expect("json");
            assert_eq!(listed(reason(&mut generator), &name), reasons.len());
        }
    }
}
