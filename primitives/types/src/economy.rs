//! The numbers of the economy, in one place. The runtime hands them to the pallets; clients take them from quotes.
//!
//! Amounts are plancks (10^12 make a TKT), shares are millionths.

use crate::{Balance, GIB, TKT};

/// Burnt with every accepted proof: 10^-4 TKT. A proof takes about 5 KB and 1 ms of a block whatever the size of its
/// replica, so a replica of a few KiB pays mostly this.
pub const PROOF_CHARGE: Balance = 100_000_000;
/// Earned by a provider with each commitment: 10^-3 TKT, for bandwidth and sealing that nobody can prove.
pub const ONBOARDING_FEE: Balance = 1_000_000_000;
/// The share of every pay that is burnt, in millionths: 5 %. Exceeds the admins' share, so that admins gain nothing from
/// paying themselves.
pub const BURNT_SHARE: u32 = 50_000;
/// The share of every pay that the block's author gets, in millionths: 3 %.
pub const ADMINS_SHARE: u32 = 30_000;
/// Collateral of a replica whatever its size: 10^-2 TKT.
pub const COLLATERAL_BASE: Balance = 10_000_000_000;
/// Collateral of a replica per GiB: 1 TKT.
pub const COLLATERAL_PER_GIB: Balance = TKT;
/// The least collateral of a registered provider: 1 TKT, a GiB's.
pub const MIN_COLLATERAL: Balance = TKT;
/// The least capacity of a registered provider: 1 MiB.
pub const MIN_CAPACITY: u64 = 1 << 20;
/// Deposit that each side loses when a first commitment comes late, per GiB and hour of waiting: 10^-3 TKT.
pub const ASSIGNMENT_DEPOSIT: Balance = 1_000_000_000;
/// Bytes with which a provider that has proven nothing takes part in draws: 32 GiB, a few dozen ordinary shards.
pub const NEWCOMER_BYTES: u64 = 32 * GIB;
/// Providers drawn for one slot, the first included, before it fails to the client.
pub const MAX_DRAWS: u32 = 3;
/// Draws of one slot that may find nobody, each after twice the delay, before it fails to the client.
pub const MAX_FRUITLESS_DRAWS: u32 = 4;
/// The longest term, in periods: a year and a half of the local preset's minutes, over a hundred years of 4 hours.
pub const MAX_PERIODS: u32 = 800_000;
/// Heartbeat periods after which a silent provider is passed over in draws.
pub const SILENT_AFTER: u32 = 3;
/// The most replicas of which an audit falls due at one tick. New ones are admitted to half of them: at 1 ms a proof that
/// is 128 ms of a block, and 230,000 replicas in a period of 2,400 ticks.
pub const MAX_PER_BUCKET: u32 = 256;
/// Slots drawn in one block: each looks at up to 32 providers, so about 100 ms at the database's prices.
pub const DRAWS_PER_BLOCK: u32 = 32;
/// Entries that each sweep handles in one block.
pub const SWEEPS_PER_BLOCK: u32 = 64;
/// The most that a repair pays its sources, in plancks per GiB served: 10^-2 TKT. What a source asks beyond is not paid.
pub const REPAIR_SERVED_PRICE: Balance = 10_000_000_000;
/// Days for which escrow keeps one repair of each slot in reserve, and in which it pays at most one.
pub const REPAIR_EVERY_DAYS: u32 = 30;
/// The share of its collateral that a replica costs whose holder reports the fault itself, in millionths: 10 %, against the
/// whole when it is caught.
pub const REPORTED_SHARE: u32 = 100_000;
/// Days in which a provider whose collateral has become short may top it up before its replicas are handed over.
pub const TOP_UP_DAYS: u32 = 7;
/// Providers drawn for one repair order before it rests until the next proving period; it never gives up while its deal runs.
pub const REPAIR_DRAWS: u32 = 3;
