//! Buckets of challenges: bounded, first with room.

use crate::{Buckets, Config, CurrentTick, Error, LateBuckets, Pallet};
use codec::Encode;
use frame_support::traits::Get;
use pallet_station_providers::selection::Stream;
use sp_io::hashing::blake2_256;
use sp_runtime::DispatchError;
use station_primitives::{ReplicaId, Tick};

/// Buckets looked at for room. Admission ([`crate::OpenSlots`]) keeps three in four places free or more, so that so long a
/// run of full ones does not come about by chance.
pub(crate) const SEARCH: u32 = 64;

impl<T: Config> Pallet<T> {
    /// Put a replica that is new to audits into the first bucket with room, `from` on.
    pub(crate) fn admit(id: ReplicaId, from: Tick) -> Result<Tick, DispatchError> {
        // Half of each bucket is kept for those that move on, which must never be left without a place.
        Self::place(id, from, T::MaxPerBucket::get().div_ceil(2))
    }

    /// Put a replica that has answered into the first bucket with room, `from` on.
    ///
    /// Whoever brings enough replicas of its own can fill a stretch of buckets to the brim. Nobody's right answer may be refused
    /// for that, so beyond it places of the period that follows are tried, each replica its own: admission keeps more than
    /// half of all of them free.
    pub(crate) fn move_on(id: ReplicaId, from: Tick) -> Result<Tick, DispatchError> {
        let most = T::MaxPerBucket::get();
        Self::place(id, from, most).or_else(|full| {
            let after = from.max(CurrentTick::<T>::get()).saturating_add(SEARCH);
            let mut stream = Stream::new(blake2_256(&(b"station/bucket/1", id, from).encode()));
            (0..SEARCH)
                .map(|_| stream.below(u64::from(Self::clock().period.max(1))))
                .filter_map(|ahead| u32::try_from(ahead).ok())
                .find_map(|ahead| Self::place_at(id, after.saturating_add(ahead), most))
                .ok_or(full)
        })
    }

    fn place(id: ReplicaId, from: Tick, limit: u32) -> Result<Tick, DispatchError> {
        let from = from.max(CurrentTick::<T>::get().saturating_add(1));
        (from..from.saturating_add(SEARCH))
            .find_map(|tick| Self::place_at(id, tick, limit))
            .ok_or_else(|| Error::<T>::ChainIsFull.into())
    }

    /// Put a replica into the bucket of `tick`, if that holds fewer than `limit`.
    fn place_at(id: ReplicaId, tick: Tick, limit: u32) -> Option<Tick> {
        let held = u32::try_from(Buckets::<T>::decode_len(tick).unwrap_or(0)).unwrap_or(u32::MAX);
        (held < limit && Buckets::<T>::try_append(tick, id).is_ok()).then_some(tick)
    }

    /// Take a replica out of a tick's bucket and late bucket.
    pub(crate) fn unplace(id: ReplicaId, due: Tick) {
        Buckets::<T>::mutate_exists(due, |bucket| remove_from(bucket, id));
        LateBuckets::<T>::mutate_exists(due, |bucket| remove_from(bucket, id));
    }

    /// Move a replica from a tick's bucket to its late bucket.
    pub(crate) fn mark_late(id: ReplicaId, due: Tick) {
        Buckets::<T>::mutate_exists(due, |bucket| remove_from(bucket, id));
        // Both are bounded alike, and every entry of the one comes out of the other.
        if LateBuckets::<T>::try_append(due, id).is_err() {
            frame_support::defensive!("a late bucket holds what one bucket held");
        }
    }
}

/// Remove `id`; an empty bucket is no bucket.
fn remove_from<S: Get<u32>>(bucket: &mut Option<frame_support::BoundedVec<ReplicaId, S>>, id: ReplicaId) {
    if let Some(entries) = bucket {
        if let Some(place) = entries.iter().position(|entry| *entry == id) {
            entries.swap_remove(place);
        }
        if entries.is_empty() {
            *bucket = None;
        }
    }
}
