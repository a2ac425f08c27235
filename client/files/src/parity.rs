//! Parity: further shards from which lost ones are computed.
//!
//! The shards of data, in the order of the flat space, are dealt out to as few stripes as have at most K each; shard *i* is
//! in stripe *i* mod S. Behind each stripe stand M shards of parity, each as large as the stripe's largest: Reed–Solomon
//! over the *encrypted* bytes, so that whoever holds one learns nothing. A shorter shard counts as if zeros followed it.
//! The shards of parity come after all shards of data, stripe by stripe. So K, M and the number of shards say where
//! everything is, and nothing of it is kept in a shard that may be lost.
//!
//! The code works on blocks of 64 bytes by their places, so shards are worked on in slices: memory does not grow with
//! their size.

use crate::{
    error::FilesError,
    layout::largest_class,
    stage::{write_rows, Stage},
};
use codec::Encode;
use reed_solomon_simd::{ReedSolomonDecoder, ReedSolomonEncoder};
use station_client_crypto::{Link, Parity};
use station_porep::{
    io::ReadAt,
    tree::{page_roots, Purpose, Rows},
    SizeClass, PAGE_BYTES,
};
use station_primitives::Commitment;
use std::{fs::File, io::Write, sync::Arc};

/// Bytes of each shard that are worked on at a time: the smallest class, and so a part of every piece.
const SLICE: usize = 64 << 10;
/// From so many shards of data on there is parity unless the user says otherwise: one shard in ten that is lost for good
/// would take most of such content with it, and two in ten cost a quarter more.
const AUTO_FROM: usize = 8;
const AUTO: (u8, u8) = (8, 2);

/// What a user wants of parity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode)]
#[allow(clippy::cast_possible_truncation)] // Encode's derive casts the variant's number.
pub enum ParityChoice {
    /// 8+2 for content of eight shards or more, none for less.
    #[default]
    Auto,
    /// None.
    Off,
    /// This one, whatever the size.
    Of(Parity),
}

impl ParityChoice {
    /// The parity behind so many shards of data.
    pub fn behind(self, data: usize) -> Option<Parity> {
        match self {
            Self::Auto if data >= AUTO_FROM => Parity::new(AUTO.0, AUTO.1),
            Self::Auto | Self::Off => None,
            Self::Of(parity) => Some(parity),
        }
    }

    /// The largest class that content of so many bytes is cut into. Small content with a parity of its own is cut into
    /// smaller shards, so that the stripe has about K and parity costs what it says.
    pub fn largest_class(self, total: u64) -> SizeClass {
        let usual = largest_class(total);
        match self {
            Self::Of(parity) => SizeClass::at_least(total.div_ceil(u64::from(parity.data())))
                .filter(|class| class.bytes() < usual.bytes())
                .unwrap_or(usual),
            Self::Auto | Self::Off => usual,
        }
    }
}

/// Which shards stand by each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stripes {
    parity: usize,
    data: usize,
    stripes: usize,
}

impl Stripes {
    /// Of so many shards of data.
    pub fn behind(parity: Parity, data: usize) -> Self {
        let stripes = data.div_ceil(usize::from(parity.data())).max(1);
        Self { parity: usize::from(parity.parity()), data, stripes }
    }

    /// Of so many shards of both kinds; none if no content has so many.
    pub fn of(parity: Parity, shards: usize) -> Option<Self> {
        let (data, behind) = (usize::from(parity.data()), usize::from(parity.parity()));
        let stripes = shards.div_ceil(data + behind);
        let found = Self::behind(parity, shards.checked_sub(stripes * behind).filter(|data| *data > 0)?);
        (found.stripes == stripes).then_some(found)
    }

    /// How many shards are data.
    pub fn data(&self) -> usize {
        self.data
    }

    /// The stripe of a shard.
    pub fn stripe_of(&self, shard: usize) -> usize {
        match shard.checked_sub(self.data) {
            None => shard % self.stripes,
            Some(behind) => behind / self.parity,
        }
    }

    /// How many shards of data a stripe has.
    pub fn data_in(&self, stripe: usize) -> usize {
        self.data.saturating_sub(stripe).div_ceil(self.stripes)
    }

    /// How many shards of parity a stripe has: so many of its shards may be lost.
    pub fn parity_in_each(&self) -> usize {
        self.parity
    }

    /// All shards of a stripe, those of data first: the order in which the code counts them.
    pub fn members(&self, stripe: usize) -> Vec<usize> {
        let behind = self.data + stripe * self.parity;
        (stripe..self.data).step_by(self.stripes).chain(behind..behind + self.parity).collect()
    }

    /// The classes of the shards of parity behind these of data.
    pub fn parity_classes(&self, data: &[SizeClass]) -> Vec<SizeClass> {
        let largest = |stripe: usize| data.iter().skip(stripe).step_by(self.stripes).copied().max();
        (0..self.stripes)
            .flat_map(|stripe| std::iter::repeat_n(largest(stripe).unwrap_or(SizeClass::MIN), self.parity))
            .collect()
    }

    /// All stripes.
    pub fn all(&self) -> std::ops::Range<usize> {
        0..self.stripes
    }
}

fn internal(error: impl std::fmt::Display) -> FilesError {
    FilesError::Internal(format!("parity: {error}"))
}

/// Write the shards of parity behind the staged shards of data. Returns their roots and classes.
pub(crate) fn stage(
    stage: &Stage,
    data: &[(Commitment, SizeClass)],
    parity: Parity,
) -> Result<Vec<(Commitment, SizeClass)>, FilesError> {
    let stripes = Stripes::behind(parity, data.len());
    let mut made = Vec::new();
    for stripe in stripes.all() {
        made.extend(stage_stripe(stage, data, &stripes, stripe)?);
    }
    Ok(made)
}

/// A shard of parity while it is written.
struct Growing {
    index: usize,
    file: File,
    roots: Vec<Commitment>,
}

fn stage_stripe(
    stage: &Stage,
    data: &[(Commitment, SizeClass)],
    stripes: &Stripes,
    stripe: usize,
) -> Result<Vec<(Commitment, SizeClass)>, FilesError> {
    let members = stripes.members(stripe);
    let (from, to) = members.split_at(stripes.data_in(stripe));
    let class = from.iter().filter_map(|index| data.get(*index)).map(|(_, class)| *class).max();
    let class = class.ok_or_else(|| internal("a stripe without data"))?;
    let mut sources = Vec::with_capacity(from.len());
    for index in from {
        let path = stage.shard(*index);
        sources.push((File::open(&path).map_err(FilesError::disk(&path))?, data[*index].1.bytes(), path));
    }
    let mut made = Vec::with_capacity(to.len());
    for index in to {
        let path = stage.shard(*index);
        let file = File::create(&path).map_err(FilesError::disk(&path))?;
        made.push(Growing { index: *index, file, roots: Vec::new() });
    }
    let mut encoder = ReedSolomonEncoder::new(from.len(), to.len(), SLICE).map_err(internal)?;
    let mut slice = vec![0; SLICE];
    for offset in (0..class.bytes()).step_by(SLICE) {
        for (file, len, path) in &sources {
            if offset < *len {
                file.read_at(offset, &mut slice).map_err(FilesError::disk(path))?;
            } else {
                slice.fill(0);
            }
            encoder.add_original_shard(&slice).map_err(internal)?;
        }
        let coded = encoder.encode().map_err(internal)?;
        for (shard, bytes) in made.iter_mut().zip(coded.recovery_iter()) {
            shard.roots.extend(page_roots(&Purpose::Data, offset / PAGE_BYTES as u64, bytes));
            shard.file.write_all(bytes).map_err(FilesError::disk(&stage.shard(shard.index)))?;
        }
    }
    let finish = |shard: Growing| {
        let rows = Rows::over(class, shard.roots);
        write_rows(&stage.rows(shard.index), &rows)?;
        Ok((rows.root(), class))
    };
    made.into_iter().map(finish).collect()
}

/// How many of a link's shards are data; the others, after them, are parity.
pub fn data_shards(link: &Link, shards: usize) -> usize {
    link.parity.and_then(|parity| Stripes::of(parity, shards)).map_or(shards, |stripes| stripes.data())
}

/// A stripe's blocks of one place: those that are there, each with its number in [`Stripes::members`]. One that is shorter
/// than others counts as if zeros followed it.
pub(crate) type Blocks = Vec<(usize, Arc<Vec<u8>>)>;

/// Compute the block number `wanted` of a stripe with so many shards of data and of parity, `len` bytes, from others.
pub(crate) fn rebuild(
    data: usize,
    parity: usize,
    wanted: usize,
    have: &Blocks,
    len: usize,
) -> Result<Vec<u8>, FilesError> {
    let mut decoder = ReedSolomonDecoder::new(data, parity, SLICE).map_err(internal)?;
    let mut encoder = ReedSolomonEncoder::new(data, parity, SLICE).map_err(internal)?;
    let mut rebuilt = Vec::with_capacity(len);
    while rebuilt.len() < len {
        let at = rebuilt.len();
        let slice = |block: &[u8]| {
            let mut slice = block.get(at..).unwrap_or_default().to_vec();
            slice.resize(SLICE, 0);
            slice
        };
        let given: Vec<(usize, Vec<u8>)> = have.iter().map(|(number, block)| (*number, slice(block))).collect();
        for (number, slice) in &given {
            match number.checked_sub(data) {
                None => decoder.add_original_shard(*number, slice),
                Some(behind) => decoder.add_recovery_shard(behind, slice),
            }
            .map_err(internal)?;
        }
        let decoded = decoder.decode().map_err(internal)?;
        let original = |number: usize| {
            let given = given.iter().find(|(given, _)| *given == number).map(|(_, slice)| slice.as_slice());
            given.or_else(|| decoded.restored_original(number)).ok_or_else(|| internal("a block is still missing"))
        };
        match wanted.checked_sub(data) {
            None => rebuilt.extend_from_slice(original(wanted)?),
            Some(behind) => {
                for number in 0..data {
                    encoder.add_original_shard(original(number)?).map_err(internal)?;
                }
                let coded = encoder.encode().map_err(internal)?;
                rebuilt.extend_from_slice(coded.recovery(behind).ok_or_else(|| internal("no such parity"))?);
            }
        }
    }
    rebuilt.truncate(len);
    Ok(rebuilt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use station_porep::data;
    use std::fs;

    fn parity(data: u8, behind: u8) -> Parity {
        Parity::new(data, behind).unwrap()
    }

    fn noise(seed: usize, len: usize) -> Vec<u8> {
        let mut state = u64::try_from(seed).unwrap().wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let step = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        (0..len).map(step).collect()
    }

    /// Shards of these sizes on a disk, with parity behind them.
    fn staged(logs: &[u8], with: Parity) -> (tempfile::TempDir, Stage, Vec<(Commitment, SizeClass)>) {
        let dir = tempfile::tempdir().unwrap();
        let stage = Stage::new(dir.path().to_owned());
        let mut shards = Vec::new();
        for (index, log) in logs.iter().enumerate() {
            let class = SizeClass::from_log(*log).unwrap();
            let bytes = noise(index + 1, usize::try_from(class.bytes()).unwrap());
            fs::write(stage.shard(index), &bytes).unwrap();
            shards.push((data::commit(&bytes, class).unwrap().0, class));
        }
        let made = super::stage(&stage, &shards, with).unwrap();
        shards.extend(made);
        (dir, stage, shards)
    }

    /// Rebuild a whole shard from the members of its stripe that are not `away`.
    fn rebuilt(
        stage: &Stage,
        stripes: &Stripes,
        shards: &[(Commitment, SizeClass)],
        shard: usize,
        away: &[usize],
    ) -> Vec<u8> {
        let stripe = stripes.stripe_of(shard);
        let members = stripes.members(stripe);
        let wanted = members.iter().position(|member| *member == shard).unwrap();
        let there = members.iter().enumerate().filter(|(_, member)| !away.contains(member));
        let class = shards[shard].1;
        let mut out = Vec::new();
        for piece in 0..usize::try_from(class.pieces()).unwrap() {
            let block = |member: usize| {
                let bytes = fs::read(stage.shard(member)).unwrap();
                let len = shards[member].1.piece_bytes();
                bytes.get(piece * len..(piece + 1) * len).unwrap_or_default().to_vec()
            };
            let have: Blocks = there
                .clone()
                .take(stripes.data_in(stripe))
                .map(|(number, member)| (number, Arc::new(block(*member))))
                .collect();
            let len = class.piece_bytes();
            out.extend(rebuild(stripes.data_in(stripe), stripes.parity_in_each(), wanted, &have, len).unwrap());
        }
        out
    }

    #[test]
    fn every_shard_is_in_one_stripe_and_the_stripes_follow_from_the_numbers() {
        for (k, m) in [(1, 1), (4, 2), (8, 2), (3, 5), (64, 64)] {
            for data in 1..200 {
                let stripes = Stripes::behind(parity(k, m), data);
                let all: Vec<_> = stripes.all().map(|stripe| stripes.members(stripe)).collect();
                let mut seen: Vec<usize> = all.iter().flatten().copied().collect();
                seen.sort_unstable();
                let total = data + all.len() * usize::from(m);
                assert_eq!(seen, (0..total).collect::<Vec<_>>(), "{k}+{m} behind {data}");
                assert_eq!(Stripes::of(parity(k, m), total), Some(stripes));
                for (stripe, members) in all.iter().enumerate() {
                    assert!((1..=usize::from(k)).contains(&stripes.data_in(stripe)));
                    assert_eq!(members.len(), stripes.data_in(stripe) + usize::from(m));
                    assert!(members.iter().all(|member| stripes.stripe_of(*member) == stripe));
                }
                let sizes: Vec<_> = stripes.all().map(|stripe| stripes.data_in(stripe)).collect();
                assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
            }
        }
        // 4+2 behind four is six shards, behind five nine; there is nothing in between.
        assert_eq!(Stripes::of(parity(4, 2), 6).map(|s| s.data()), Some(4));
        assert_eq!([1, 2, 7, 8].map(|shards| Stripes::of(parity(4, 2), shards)), [None; 4]);
        assert_eq!(Stripes::of(parity(4, 2), 9).map(|s| s.data()), Some(5));
    }

    #[test]
    fn parity_is_the_same_on_every_machine() {
        let (_dir, stage, shards) = staged(&[16, 16, 16, 16], parity(4, 2));
        let digest = |index: usize| {
            let bytes = fs::read(stage.shard(index)).unwrap();
            hex::encode(blake2b_simd::Params::new().hash_length(16).hash(&bytes).as_bytes())
        };
        // As version 3.1 of the code computes it. What was put must be readable by every later version: another code is
        // another format.
        assert_eq!([digest(4), digest(5)], ["97ecd47e802262f1cf2750b60e31a4c8", "c507a884ee13b400ad253c3ab2e99b93"]);
        assert_eq!(shards.len(), 6);
    }

    #[test]
    fn slices_make_the_same_code_as_whole_shards() {
        let (_dir, stage, _) = staged(&[17, 17, 17], parity(3, 2));
        let whole = (0..3).map(|index| fs::read(stage.shard(index)).unwrap());
        let coded = reed_solomon_simd::encode(3, 2, whole).unwrap();
        assert_eq!(coded[0], fs::read(stage.shard(3)).unwrap());
        assert_eq!(coded[1], fs::read(stage.shard(4)).unwrap());
    }

    #[test]
    fn roots_and_rows_of_parity_are_those_of_its_bytes() {
        let (_dir, stage, shards) = staged(&[21, 21, 17], parity(2, 1));
        assert_eq!(shards.iter().map(|(_, class)| class.log()).collect::<Vec<_>>(), [21, 21, 17, 21, 21]);
        assert!(stage.verify(&shards).unwrap());
        for (index, (root, class)) in shards.iter().enumerate().skip(3) {
            let (found, rows) = data::commit(&fs::read(stage.shard(index)).unwrap(), *class).unwrap();
            assert_eq!((found, fs::read(stage.rows(index)).unwrap()), (*root, rows.as_bytes().to_vec()));
        }
    }

    #[test]
    fn shards_of_many_pieces_and_a_short_one_come_back() {
        let with = parity(3, 2);
        let (_dir, stage, shards) = staged(&[21, 21, 18], with);
        let stripes = Stripes::behind(with, 3);
        for (shard, away) in [(0, [0, 1]), (1, [1, 2]), (2, [2, 4]), (3, [3, 0]), (4, [3, 4])] {
            let bytes = rebuilt(&stage, &stripes, &shards, shard, &away);
            assert!(bytes == fs::read(stage.shard(shard)).unwrap(), "shard {shard} without {away:?}");
        }
    }

    #[test]
    fn too_few_blocks_are_an_error() {
        let have: Blocks = vec![(0, Arc::new(vec![1; SLICE])), (4, Arc::new(vec![2; SLICE]))];
        assert!(rebuild(3, 2, 1, &have, SLICE).is_err());
    }

    #[test]
    fn small_content_with_parity_of_its_own_is_cut_into_k_shards() {
        let classes =
            |choice: ParityChoice, total: u64| crate::layout::plan(total, choice.largest_class(total)).unwrap().len();
        assert_eq!(classes(ParityChoice::Of(parity(4, 2)), 1_000_000), 4);
        assert_eq!(classes(ParityChoice::Of(parity(4, 2)), 10), 1);
        assert_eq!(classes(ParityChoice::Auto, 1_000_000), 1);
        // Large content keeps its large shards.
        assert_eq!(classes(ParityChoice::Of(parity(4, 2)), 640 << 20), 10);
        assert_eq!(ParityChoice::Auto.behind(7), None);
        assert_eq!(ParityChoice::Auto.behind(8), Some(parity(8, 2)));
        assert_eq!(ParityChoice::Off.behind(100), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_m_shards_of_a_stripe_come_back(
            k in 1u8..7, m in 1u8..4, count in 1usize..9, last in 16u8..18, pick: prop::sample::Index, shift: usize,
        ) {
            let with = parity(k, m);
            let mut logs = vec![17; count];
            logs[count - 1] = last;
            let (_dir, stage, shards) = staged(&logs, with);
            let stripes = Stripes::of(with, shards.len()).unwrap();
            let lost = pick.index(shards.len());
            let members = stripes.members(stripes.stripe_of(lost));
            let at = members.iter().position(|member| *member == lost).unwrap();
            let step = 1 + shift % members.len().max(2).saturating_sub(1);
            let mut away = vec![lost];
            for i in 1..members.len() {
                let next = members[(at + i * step) % members.len()];
                if away.len() < usize::from(m) && !away.contains(&next) {
                    away.push(next);
                }
            }
            let bytes = rebuilt(&stage, &stripes, &shards, lost, &away);
            prop_assert!(bytes == fs::read(stage.shard(lost)).unwrap(), "{} of {:?} without {:?}", lost, members, away);
        }
    }
}
