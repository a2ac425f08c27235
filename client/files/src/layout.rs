//! The flat space and how it is cut into shards.

use station_porep::SizeClass;
use station_primitives::MAX_SHARDS;

/// The largest shard of ordinary content: sealed in seconds, and a lost one is soon repaired.
const DEFAULT_LOG: u8 = 26;
/// The most deals of one put, as many as a link names.
const MAX_DEALS: u64 = station_client_crypto::MAX_LINK_DEALS as u64;

/// The largest class that content of so many bytes is cut into: 64 MiB, from 1 GiB on 1 GiB.
///
/// Proofs cost block space a replica whatever its size, so that large content goes into large shards.
pub fn largest_class(total: u64) -> SizeClass {
    if total >= SizeClass::MAX.bytes() {
        SizeClass::MAX
    } else {
        SizeClass::from_log(DEFAULT_LOG).expect("64 MiB is a class; qed")
    }
}

/// The shards of `total` bytes: as many as fit of the largest class, then the smallest that holds the rest.
/// `None` when one put cannot hold so much.
pub fn plan(total: u64, largest: SizeClass) -> Option<Vec<SizeClass>> {
    let whole = total / largest.bytes();
    if whole >= MAX_DEALS * u64::from(MAX_SHARDS) {
        return None;
    }
    let mut shards = vec![largest; usize::try_from(whole).ok()?];
    let rest = total % largest.bytes();
    if rest > 0 || shards.is_empty() {
        shards.push(SizeClass::at_least(rest)?);
    }
    Some(shards)
}

/// A piece of a shard, by the shard's place in the flat space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PieceAt {
    /// The shard's place in the flat space.
    pub shard: usize,
    /// The piece's place in the shard.
    pub piece: u32,
    /// Where the piece begins in the flat space.
    pub offset: u64,
    /// Its bytes.
    pub len: u64,
}

/// The pieces that cover `from .. to` of the flat space, in order. Lazy: content may have a million of them.
pub(crate) fn pieces(shards: &[SizeClass], from: u64, to: u64) -> impl Iterator<Item = PieceAt> + '_ {
    let mut start = 0u64;
    shards
        .iter()
        .enumerate()
        .flat_map(move |(shard, class)| {
            let base = start;
            start += class.bytes();
            let len = class.bytes() / u64::from(class.pieces());
            // The pieces of this shard that overlap the range.
            let first = from.saturating_sub(base) / len;
            let last = to.saturating_sub(base).div_ceil(len).min(u64::from(class.pieces()));
            (first..last).map(move |piece| PieceAt {
                shard,
                piece: u32::try_from(piece).expect("below the number of pieces, which is 32 bits; qed"),
                offset: base + piece * len,
                len,
            })
        })
        .filter(move |piece| piece.offset < to && piece.offset + piece.len > from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    fn sizes(total: u64) -> Vec<u64> {
        plan(total, largest_class(total)).unwrap().iter().map(|class| class.bytes()).collect()
    }

    #[test]
    fn small_content_takes_one_small_shard() {
        assert_eq!(sizes(0), [64 << 10]);
        assert_eq!(sizes(1_300), [64 << 10]);
        assert_eq!(sizes((64 << 10) + 1), [128 << 10]);
    }

    #[test]
    fn large_content_takes_large_shards_and_a_last_one_that_fits() {
        assert_eq!(sizes(64 * MIB), [64 * MIB]);
        assert_eq!(sizes(300 * MIB), [64 * MIB, 64 * MIB, 64 * MIB, 64 * MIB, 64 * MIB]);
        assert_eq!(sizes(65 * MIB), [64 * MIB, MIB]);
        assert_eq!(sizes(1_229 * MIB), [1_024 * MIB, 256 * MIB]);
    }

    #[test]
    fn more_than_a_link_can_name_is_refused() {
        assert!(plan(u64::MAX, SizeClass::MAX).is_none());
        assert!(plan(64 * 256 * SizeClass::MIN.bytes(), SizeClass::MIN).is_none());
        assert!(plan(63 * 256 * SizeClass::MIN.bytes(), SizeClass::MIN).is_some());
    }

    proptest! {
        #[test]
        fn shards_hold_everything_and_waste_less_than_half_of_the_last(total in 1u64..6_000_000_000) {
            let shards = plan(total, largest_class(total)).unwrap();
            let room: u64 = shards.iter().map(|class| class.bytes()).sum();
            let last = shards.last().unwrap().bytes();
            prop_assert!(room >= total);
            prop_assert!(room - total < last);
            prop_assert!(last == SizeClass::MIN.bytes() || (room - total) * 2 < last);
        }

        #[test]
        fn pieces_cover_a_range_exactly_once(total in 1u64..200_000_000, a: u64, b: u64) {
            let shards = plan(total, SizeClass::from_log(23).unwrap()).unwrap();
            let (a, b) = (a % total, b % total);
            let (from, to) = (a.min(b), a.max(b) + 1);
            let found: Vec<_> = pieces(&shards, from, to).collect();
            prop_assert!(found[0].offset <= from && from < found[0].offset + found[0].len);
            for pair in found.windows(2) {
                prop_assert_eq!(pair[0].offset + pair[0].len, pair[1].offset);
            }
            let last = found.last().unwrap();
            prop_assert!(last.offset < to && to <= last.offset + last.len);
        }
    }
}
