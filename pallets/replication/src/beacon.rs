//! Randomness: beacons from author VRF outputs, and the seeds drawn from them.

use crate::{Config, Pallet, VrfOutputs};
use alloc::vec::Vec;
use codec::Encode;
use frame_support::traits::Get;
use sp_io::hashing::blake2_256;
use station_primitives::{BlockNumber, ReplicaId, Seed, Tick};

/// The seed of an assignment; the draw and the ticket come from it. `draws` and `fruitless` tell the attempts apart.
pub(crate) fn assignment_seed(beacon: &Seed, replica: ReplicaId, draws: u8, fruitless: u8) -> Seed {
    blake2_256(&(b"station/assignment/1", beacon, replica, draws, fruitless).encode())
}

/// The seed of a draw for a repair order; `attempts` tells its draws apart.
pub(crate) fn repair_seed(beacon: &Seed, replica: ReplicaId, attempts: u32) -> Seed {
    blake2_256(&(b"station/repair/1", beacon, replica, attempts).encode())
}

/// The ticket of an assignment. Not the seed itself: that has decided the draw already.
pub(crate) fn ticket(seed: &Seed) -> Seed {
    blake2_256(&(b"station/ticket/1", seed).encode())
}

/// The seed of an audit.
pub(crate) fn audit_seed(beacon: &Seed, replica: ReplicaId, due: Tick) -> Seed {
    blake2_256(&(b"station/audit/1", beacon, replica, due).encode())
}

/// The seed of a seal check.
pub(crate) fn seal_seed(beacon: &Seed, replica: ReplicaId, due: Tick) -> Seed {
    blake2_256(&(b"station/seal/1", beacon, replica, due).encode())
}

impl<T: Config> Pallet<T> {
    /// Remember the parent's VRF output; forget the one that no beacon needs any more.
    ///
    /// A block without an output (the genesis; a secondary plain slot, which the runtime does not allow) counts with its
    /// hash instead: weaker, since its author chose it, but one of `seed_blocks`, and never missing.
    pub(crate) fn record_parent(now: BlockNumber) {
        let Some(parent) = now.checked_sub(1) else { return };
        let output = T::ParentRandomness::get()
            .unwrap_or_else(|| blake2_256(&(b"station/no-vrf/1", frame_system::Pallet::<T>::parent_hash()).encode()));
        VrfOutputs::<T>::insert(parent, output);
        if let Some(old) = parent.checked_sub(Self::clock().seed_blocks) {
            VrfOutputs::<T>::remove(old);
        }
    }

    /// `beacon(base)`, if this block is the one that can know it.
    ///
    /// The hash of the outputs of the `seed_blocks` blocks strictly after `base`: its input is fixed before any of them.
    pub(crate) fn beacon(base: BlockNumber) -> Seed {
        let last = base.saturating_add(Self::clock().seed_blocks);
        let outputs = (base.saturating_add(1)..=last).map(VrfOutputs::<T>::get).collect::<Vec<_>>();
        blake2_256(&(b"station/beacon/1", base, outputs).encode())
    }
}
