//! Buckets of challenges: bounded, first with room.

use crate::{Buckets, Config, CurrentTick, Error, LateBuckets, Pallet};
use frame_support::traits::Get;
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
    pub(crate) fn move_on(id: ReplicaId, from: Tick) -> Result<Tick, DispatchError> {
        Self::place(id, from, T::MaxPerBucket::get())
    }

    fn place(id: ReplicaId, from: Tick, limit: u32) -> Result<Tick, DispatchError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let from = from.max(CurrentTick::<T>::get().saturating_add(1));
        for tick in from..from.saturating_add(SEARCH) {
            if Buckets::<T>::decode_len(tick).unwrap_or(0) < limit {
                Buckets::<T>::try_append(tick, id).map_err(|()| Error::<T>::ChainIsFull)?;
                return Ok(tick);
            }
        }
        Err(Error::<T>::ChainIsFull.into())
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
