//! Size classes: the powers of two that a shard may have.

use crate::{LABEL_BYTES, PAGE_BYTES, PIECE_BYTES};
use codec::{Decode, DecodeWithMemTracking, Encode, Error, Input, MaxEncodedLen};
use core::fmt;
use scale_info::TypeInfo;

/// The size of a shard: a power of two from 64 KiB to 1 GiB. Encoded as one byte, the logarithm; nothing else decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, MaxEncodedLen, TypeInfo)]
pub struct SizeClass(u8);

impl SizeClass {
    /// Logarithm of the smallest class. Below it, proofs would cost a chain more than the bytes are worth.
    pub const MIN_LOG: u8 = 16;
    /// Logarithm of the largest class. Above it, sealing one chain would take longer than a first deadline.
    pub const MAX_LOG: u8 = 30;
    /// 64 KiB.
    pub const MIN: Self = Self(Self::MIN_LOG);
    /// 1 GiB.
    pub const MAX: Self = Self(Self::MAX_LOG);

    /// The class of `2^log` bytes.
    pub const fn from_log(log: u8) -> Option<Self> {
        if log >= Self::MIN_LOG && log <= Self::MAX_LOG {
            Some(Self(log))
        } else {
            None
        }
    }

    /// The class of exactly so many bytes.
    pub fn from_bytes(bytes: u64) -> Option<Self> {
        Self::at_least(bytes).filter(|class| class.bytes() == bytes)
    }

    /// The smallest class that holds so many bytes; none beyond 1 GiB.
    pub fn at_least(bytes: u64) -> Option<Self> {
        Self::all().find(|class| class.bytes() >= bytes)
    }

    /// All classes, the smallest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (Self::MIN_LOG..=Self::MAX_LOG).map(Self)
    }

    /// Logarithm of the size in bytes.
    pub const fn log(self) -> u8 {
        self.0
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        1 << self.0
    }

    /// Labels, which are the leaves of the trees.
    pub const fn labels(self) -> u64 {
        self.bytes() / LABEL_BYTES as u64
    }

    /// Pages.
    pub const fn pages(self) -> u64 {
        self.bytes() / PAGE_BYTES as u64
    }

    /// Levels of a tree below its root.
    pub const fn depth(self) -> u32 {
        self.labels().trailing_zeros()
    }

    /// Pieces, at least one.
    pub const fn pieces(self) -> u32 {
        if self.0 < Self::PIECE_LOG {
            1
        } else {
            1 << (self.0 - Self::PIECE_LOG)
        }
    }

    /// Bytes of each piece.
    pub const fn piece_bytes(self) -> usize {
        if self.0 < Self::PIECE_LOG {
            1 << self.0
        } else {
            PIECE_BYTES
        }
    }

    const PIECE_LOG: u8 = 20;
}

const _: () = assert!(PIECE_BYTES == 1 << SizeClass::PIECE_LOG, "pieces and their logarithm belong together");

impl Decode for SizeClass {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        Self::from_log(input.read_byte()?).ok_or_else(|| Error::from("no size class: 16 ..= 30 is the logarithm"))
    }
}

impl DecodeWithMemTracking for SizeClass {}

impl fmt::Display for SizeClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..=19 => write!(f, "{} KiB", self.bytes() >> 10),
            20..=29 => write!(f, "{} MiB", self.bytes() >> 20),
            _ => write!(f, "{} GiB", self.bytes() >> 30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_class_is_an_exact_power_of_two_in_range() {
        assert_eq!(SizeClass::from_bytes(1 << 16), Some(SizeClass::MIN));
        assert_eq!(SizeClass::from_bytes(1 << 30), Some(SizeClass::MAX));
        for bad in [0, 1, 1 << 15, (1 << 16) + 1, (1 << 20) - 1, 1 << 31, u64::MAX] {
            assert_eq!(SizeClass::from_bytes(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_smallest_class_that_fits_is_found() {
        assert_eq!(SizeClass::at_least(0), Some(SizeClass::MIN));
        assert_eq!(SizeClass::at_least((1 << 20) + 1), SizeClass::from_log(21));
        assert_eq!(SizeClass::at_least(1 << 30), Some(SizeClass::MAX));
        assert_eq!(SizeClass::at_least((1 << 30) + 1), None);
    }

    #[test]
    fn pieces_cover_a_shard_exactly() {
        for class in SizeClass::all() {
            assert_eq!(u64::from(class.pieces()) * class.piece_bytes() as u64, class.bytes(), "{class}");
            assert_eq!(1u64 << class.depth(), class.labels());
        }
        assert_eq!(SizeClass::MIN.pieces(), 1);
        assert_eq!(SizeClass::MAX.pieces(), 1024);
    }

    #[test]
    fn only_classes_decode() {
        for byte in 0..=255u8 {
            let class = SizeClass::decode(&mut &[byte][..]).ok();
            assert_eq!(class, SizeClass::from_log(byte));
            assert_eq!(class.is_some(), (16..=30).contains(&byte));
        }
        assert_eq!(SizeClass::MAX.encode(), [30]);
    }

    #[test]
    fn a_class_is_shown_in_its_unit() {
        assert_eq!(SizeClass::MIN.to_string(), "64 KiB");
        assert_eq!(SizeClass(26).to_string(), "64 MiB");
        assert_eq!(SizeClass::MAX.to_string(), "1 GiB");
    }
}
