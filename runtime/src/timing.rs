//! The network's clock, as the SDK's pallets want to have it.
//!
//! It is genesis state, so that one blob serves every network; it never changes afterwards (BABE would stop).

#![warn(missing_docs)]

use frame_support::traits::Get;
use station_primitives::Timing;

/// The clock of this network.
pub fn timing() -> Timing {
    crate::Providers::timing()
}

/// Half a slot, in milliseconds: BABE takes twice the timestamp pallet's minimum period as its slot.
pub struct MinimumPeriod;

impl Get<u64> for MinimumPeriod {
    fn get() -> u64 {
        (timing().slot_ms / 2).max(1)
    }
}

/// A slot, in milliseconds.
pub struct SlotDuration;

impl Get<u64> for SlotDuration {
    fn get() -> u64 {
        MinimumPeriod::get().saturating_mul(2)
    }
}

/// An epoch (and session), in slots.
pub struct EpochDuration;

impl Get<u64> for EpochDuration {
    fn get() -> u64 {
        u64::from(timing().epoch.max(1))
    }
}
