//! `7`, `7/0`, `7/0/2`: a deal, a shard of it, a replica of that.

use alloc::string::{String, ToString};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::{fmt, str::FromStr};
use scale_info::TypeInfo;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A deal. Numbered from 0 in the order of submission.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
    Serialize,
    Deserialize,
)]
#[serde(transparent)]
pub struct DealId(pub u64);

/// The place of a replica within its shard; it stays when the provider that fills it is replaced.
pub type Slot = u8;

/// A shard of a deal: `7/0`.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
)]
pub struct ShardId {
    /// The deal.
    pub deal: DealId,
    /// The shard's place in the deal, from 0.
    pub index: u32,
}

/// A replica of a shard: `7/0/2`.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
)]
pub struct ReplicaId {
    /// The shard.
    pub shard: ShardId,
    /// The slot of the shard.
    pub slot: Slot,
}

impl DealId {
    /// Bytes that sort as the numbers do: a storage key under which lists are paged in order.
    pub const fn sort_key(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// The id of a [`Self::sort_key`].
    pub const fn from_sort_key(key: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(key))
    }
}

impl ReplicaId {
    /// Bytes that sort by deal, shard, slot: a storage key under which lists are paged in order.
    pub fn sort_key(self) -> [u8; 13] {
        let mut key = [0; 13];
        key[..8].copy_from_slice(&self.shard.deal.0.to_be_bytes());
        key[8..12].copy_from_slice(&self.shard.index.to_be_bytes());
        key[12] = self.slot;
        key
    }

    /// The id of a [`Self::sort_key`].
    pub fn from_sort_key(key: [u8; 13]) -> Self {
        let (mut deal, mut index) = ([0; 8], [0; 4]);
        deal.copy_from_slice(&key[..8]);
        index.copy_from_slice(&key[8..12]);
        let shard = ShardId { deal: DealId(u64::from_be_bytes(deal)), index: u32::from_be_bytes(index) };
        Self { shard, slot: key[12] }
    }
}

/// Text that is no identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdError(String);

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is no identifier: write 7 for a deal, 7/0 for a shard, 7/0/2 for a replica", self.0)
    }
}

impl core::error::Error for IdError {}

impl fmt::Display for DealId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.deal, self.index)
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.shard, self.slot)
    }
}

impl FromStr for DealId {
    type Err = IdError;
    fn from_str(s: &str) -> Result<Self, IdError> {
        s.parse().map(DealId).map_err(|_| IdError(s.to_string()))
    }
}

impl FromStr for ShardId {
    type Err = IdError;
    fn from_str(s: &str) -> Result<Self, IdError> {
        let no = || IdError(s.to_string());
        let (deal, index) = s.split_once('/').ok_or_else(no)?;
        Ok(Self { deal: deal.parse().map_err(|_| no())?, index: index.parse().map_err(|_| no())? })
    }
}

impl FromStr for ReplicaId {
    type Err = IdError;
    fn from_str(s: &str) -> Result<Self, IdError> {
        let no = || IdError(s.to_string());
        let (shard, slot) = s.rsplit_once('/').ok_or_else(no)?;
        Ok(Self { shard: shard.parse().map_err(|_| no())?, slot: slot.parse().map_err(|_| no())? })
    }
}

macro_rules! serde_as_text {
    ($($id:ty),*) => {$(
        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <String as Deserialize>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
serde_as_text!(ShardId, ReplicaId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        let replica = ReplicaId { shard: ShardId { deal: DealId(7), index: 0 }, slot: 2 };
        assert_eq!(replica.to_string(), "7/0/2");
        assert_eq!("7/0/2".parse(), Ok(replica));
        assert_eq!("7/0".parse(), Ok(replica.shard));
        assert_eq!("7".parse(), Ok(replica.shard.deal));
    }

    #[test]
    fn sort_keys_sort_as_ids_do() {
        let id = |deal, index, slot| ReplicaId { shard: ShardId { deal: DealId(deal), index }, slot };
        let sorted = [id(0, 0, 0), id(0, 0, 1), id(0, 255, 0), id(0, 256, 0), id(1, 0, 0), id(256, 0, 0)];
        assert!(sorted.windows(2).all(|w| w[0] < w[1] && w[0].sort_key() < w[1].sort_key()));
        assert!(sorted.iter().all(|id| ReplicaId::from_sort_key(id.sort_key()) == *id));
        assert_eq!(DealId::from_sort_key(DealId(77).sort_key()), DealId(77));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for bad in ["", "/", "7/", "7/0/", "7/0/256", "a/0", "7/0/0/0", "-1"] {
            assert!(bad.parse::<ReplicaId>().is_err(), "{bad}");
            assert!(bad.parse::<ShardId>().is_err(), "{bad}");
            assert!(bad.parse::<DealId>().is_err(), "{bad}");
        }
    }
}
