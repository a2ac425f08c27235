//! Timing is genesis state, so one runtime blob serves every network.

use crate::BlockNumber;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

/// The network's clock. Slots are milliseconds, everything else counts blocks (or ticks: blocks whose audit reserve had
/// room).
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub struct Timing {
    /// A slot, in milliseconds.
    pub slot_ms: u64,
    /// An epoch of BABE, in slots.
    pub epoch: u32,
    /// Each replica falls due once in so many ticks.
    pub period: u32,
    /// Ticks to answer a challenge in, from its seed on.
    pub answer_window: u32,
    /// Ticks after the answer window in which a late answer still saves the replica.
    pub grace: u32,
    /// An era of admins, in blocks.
    pub era: u32,
    /// A provider shows itself once in so many blocks.
    pub heartbeat: u32,
    /// Blocks whose author VRF outputs make a seed.
    pub seed_blocks: u32,
}

/// The named clocks of `docs/protocol.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// One machine, one-second slots.
    Local,
    /// The public network.
    Live,
}

impl Timing {
    /// The clock of a preset.
    pub const fn of(preset: Preset) -> Self {
        match preset {
            Preset::Local => Self {
                slot_ms: 1_000,
                epoch: 20,
                period: 60,
                answer_window: 20,
                grace: 15,
                era: 60,
                heartbeat: 10,
                seed_blocks: 3,
            },
            Preset::Live => Self {
                slot_ms: 6_000,
                epoch: 1_200,
                period: 2_400,
                answer_window: 20,
                grace: 600,
                era: 3_600,
                heartbeat: 50,
                seed_blocks: 16,
            },
        }
    }

    /// Blocks in a day of 86,400 seconds.
    pub const fn blocks_per_day(&self) -> BlockNumber {
        crate::blocks_per_day(self.slot_ms)
    }

    /// Whole periods that cover `blocks`, rounded up.
    pub const fn periods(&self, blocks: BlockNumber) -> u32 {
        blocks.div_ceil(self.period)
    }

    /// Blocks that a provider has to receive, seal and commit a shard of `bytes`.
    ///
    /// A fixed part for finding each other, and time for 1 MiB/s: a fifth of what sealing needs on the slowest machine
    /// measured, and an ordinary uplink.
    pub fn commit_window(&self, bytes: u64) -> BlockNumber {
        let slots = (60_000u64 + (bytes >> 20) * 1_000) / self.slot_ms;
        BlockNumber::try_from(slots).unwrap_or(BlockNumber::MAX)
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self::of(Preset::Live)
    }
}
