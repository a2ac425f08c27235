//! The graph: which labels an encoding depends on.
//!
//! Parents are a public function of the position and of constants. They come in pages of [`PAGE_LABELS`], so that a page
//! is encoded or decoded from about twenty pages of disk. The label at position `i`, offset `o` of page `p ≥ 1`, has in its
//! first round
//!
//! | parents | where |
//! |---|---|
//! | 1 | `i - 1` |
//! | 3 | `i - d`, `d` from 2 to 63: a power-of-two bucket drawn uniformly, then a distance within it |
//! | 3 | pages `p - δ`, `δ` from 1 to `p`: a bucket drawn uniformly, then a distance within it |
//! | 7 | pages uniform over `0 … p-1` |
//!
//! and in its second round their neighbours: `i - 2`, and for each of the others at `x` the label at `x ⊕ 1`.
//!
//! Twenty pages are drawn once a page, two for each far parent, each with its own rotation `r`: the parent there has offset
//! `(o + r) mod 64`. Which of the two a label uses is drawn for two neighbouring labels together: one uses this, the other that.
//! In page 0 all parents are uniform over `0 … i-1`, and label 0 has none.
//!
//! # Why so
//!
//! The short edges make a gap expensive wherever it is (each label in it needs its neighbours), the bucket-sampled ones are
//! those of Alwen, Blocki and Harsha's practical depth-robust graphs (DRSample), at two scales; the uniform ones make every
//! gap need labels from everywhere.
//!
//! What one may leave away without paying for it is decided by how many *different* labels a label needs, and how many
//! different pages a page needs. So a round does not hash again what the round before hashed, but the neighbours: that costs
//! no hashing, no disk, and a proof 32 bytes a pair. And a page draws twenty pages, not ten. With fourteen parents hashed twice from ten
//! pages, the greedy search of `examples/attack.rs` keeps 60 % of the pages and recomputes 1 % of a replica for an audit; with this
//! graph it is 15 % (`docs/security.md`).

use crate::{hash, PAGE_LABELS, PARENTS, ROUND_PARENTS};

/// Parents of a round in the page itself or the one before it, `i - 1` among them.
pub const NEAR_PARENTS: usize = 4;
/// Parents of a round in pages drawn for the page.
pub const FAR_PARENTS: usize = ROUND_PARENTS - NEAR_PARENTS;
/// Of these, those at bucket-sampled distances; the rest are uniform.
pub const BUCKET_PARENTS: usize = 3;
/// Pages drawn for a page.
pub const FAR_PAGES: usize = 2 * FAR_PARENTS;

/// Buckets of distances below a page, without distance 1, which `i - 1` covers.
const NEAR_BUCKETS: u64 = 5;
/// 2^64 divided by the golden ratio: the step of Weyl sequences, as in splitmix64.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
/// Words of three digests.
const WORDS: usize = 24;

/// The draws that the 64 labels of a page share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageParents {
    page: u64,
    far: [u64; FAR_PAGES],
    rotations: [u64; FAR_PAGES],
    near_salt: u64,
    side_salt: u64,
}

/// A far parent of the first round: one of the page's far pages, and the offset in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Far {
    /// Index into [`PageParents::far_pages`].
    pub page: usize,
    /// Offset of the label there; its neighbour has `offset ^ 1`.
    pub offset: u64,
}

impl PageParents {
    /// The draws of a page: words of three digests, blake2b-512("station/graph/1" ‖ page ‖ counter), with the counter from 0 to 2,
    /// numbers of 8 bytes, and words read in little endian. Words 0 to 19 draw the far pages, those with an index modulo
    /// 10 below 3 by buckets; words 20 and 21 draw ten rotations each (six bits, the lowest first); words 22 and 23 are mixed into
    /// the draws of single labels.
    pub fn of(page: u64) -> Self {
        let mut words = [0u64; WORDS];
        for (counter, part) in (0u64..).zip(words.chunks_exact_mut(8)) {
            let digest = hash::blake2b_512(&[b"station/graph/1", &page.to_le_bytes(), &counter.to_le_bytes()]);
            for (word, bytes) in part.iter_mut().zip(digest.chunks_exact(8)) {
                *word = u64::from_le_bytes(bytes.try_into().expect("chunks of 8 bytes; qed"));
            }
        }
        let far = core::array::from_fn(|k| match page {
            // Not used: the parents of page 0 are drawn label by label.
            0 => 0,
            _ if k % FAR_PARENTS < BUCKET_PARENTS => page - bucket_distance(words[k], page),
            _ => below(words[k], page),
        });
        let rotations = core::array::from_fn(|k| (words[20 + k / 10] >> (k % 10 * 6)) % PAGE_LABELS);
        Self { page, far, rotations, near_salt: words[22], side_salt: words[23] }
    }

    /// The page these belong to.
    pub fn page(&self) -> u64 {
        self.page
    }

    /// The pages that hold the far parents, all before this one; for page 0 there are none.
    pub fn far_pages(&self) -> &[u64] {
        if self.page == 0 {
            &[]
        } else {
            &self.far
        }
    }

    /// The far parents in the first round of the label at `offset`, for pages from 1 on.
    #[inline]
    pub fn far(&self, offset: u64) -> [Far; FAR_PARENTS] {
        let sides = mix(self.side_salt.wrapping_add((offset / 2).wrapping_mul(STEP)));
        core::array::from_fn(|k| {
            let page = if (sides >> k ^ offset) & 1 == 0 { k } else { k + FAR_PARENTS };
            Far { page, offset: (offset + self.rotations[page]) % PAGE_LABELS }
        })
    }

    /// The near parents in the first round of the label at `offset`, for pages from 1 on.
    #[inline]
    pub fn near(&self, offset: u64) -> [u64; NEAR_PARENTS] {
        let position = self.page * PAGE_LABELS + offset;
        let draw = mix(self.near_salt.wrapping_add(offset.wrapping_mul(STEP)));
        core::array::from_fn(|k| {
            if k == 0 {
                return position - 1;
            }
            // 21 bits each: 16 draw the bucket, 5 the distance within it.
            let bits = draw >> (21 * (k - 1)) & 0x1f_ffff;
            let bucket = 1 + (((bits >> 5) * NEAR_BUCKETS) >> 16);
            let width = 1 << bucket;
            position - (width + (bits & (width - 1) & 0x1f))
        })
    }

    /// All parents of the label at `offset`: the first round, near then far, and the second. Label 0 has none; zeros stand
    /// for them.
    pub fn parents(&self, offset: u64) -> [u64; PARENTS] {
        if self.page == 0 {
            return core::array::from_fn(|k| {
                let k = u64::try_from(k).expect("fewer than 2^64 parents; qed");
                below(mix(self.near_salt.wrapping_add((offset << 8 | k).wrapping_mul(STEP))), offset)
            });
        }
        let (near, far) = (self.near(offset), self.far(offset));
        core::array::from_fn(|k| {
            let first = match k % ROUND_PARENTS {
                k if k < NEAR_PARENTS => near[k],
                k => self.far[far[k - NEAR_PARENTS].page] * PAGE_LABELS + far[k - NEAR_PARENTS].offset,
            };
            match k {
                _ if k < ROUND_PARENTS => first,
                ROUND_PARENTS => first - 1,
                _ => first ^ 1,
            }
        })
    }
}

/// The parents of the label at `position`, in the order in which they are hashed. Parents repeat, mostly in early pages.
/// Label 0 has none; zeros stand for them.
pub fn parents(position: u64) -> [u64; PARENTS] {
    PageParents::of(position / PAGE_LABELS).parents(position % PAGE_LABELS)
}

/// `draw`, uniform over 64 bits, brought to `0 … bound-1`; 0 if there is nothing below the bound.
fn below(draw: u64, bound: u64) -> u64 {
    let wide = (u128::from(draw) * u128::from(bound)) >> 64;
    u64::try_from(wide).expect("the product of two words, halved, is a word; qed")
}

/// A distance from 1 to `most`: the high half of the draw chooses a bucket `[2^b, 2^(b+1))`, the low half a distance
/// within it, cut at `most`.
fn bucket_distance(draw: u64, most: u64) -> u64 {
    let (high, low) = (draw >> 32, draw << 32);
    let buckets = u64::from(most.ilog2()) + 1;
    let first = 1 << ((high * buckets) >> 32);
    first + below(low, first.min(most - first + 1))
}

/// The finalizer of splitmix64.
#[inline]
fn mix(mut z: u64) -> u64 {
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SizeClass;
    use alloc::collections::BTreeSet;

    #[test]
    fn parents_come_before_their_child() {
        let last = SizeClass::MAX.labels();
        for position in (1..20_000).chain(last - 5_000..last) {
            for parent in parents(position) {
                assert!(parent < position, "{parent} of {position}");
            }
        }
    }

    #[test]
    fn the_label_before_is_always_a_parent() {
        for position in PAGE_LABELS..5_000 {
            assert_eq!(parents(position)[0], position - 1);
        }
    }

    #[test]
    fn the_second_round_reads_the_neighbours_of_the_first() {
        for position in PAGE_LABELS..5_000 {
            let parents = parents(position);
            let (first, second) = parents.split_at(ROUND_PARENTS);
            assert_eq!(second[0], position - 2);
            assert!(first[1..].iter().zip(&second[1..]).all(|(one, other)| one ^ 1 == *other));
        }
    }

    #[test]
    fn neighbouring_labels_use_different_far_pages() {
        for page in 1..200 {
            let draws = PageParents::of(page);
            let mut first = [0u32; FAR_PAGES];
            for offset in (0..PAGE_LABELS).step_by(2) {
                let used: BTreeSet<usize> =
                    draws.far(offset).iter().chain(&draws.far(offset + 1)).map(|far| far.page).collect();
                assert_eq!(used.len(), FAR_PAGES);
                draws.far(offset).iter().for_each(|far| first[far.page] += 1);
            }
            assert!(first.iter().all(|count| (4..29).contains(count)), "both sides are drawn: {first:?}");
        }
    }

    #[test]
    fn near_parents_are_less_than_a_page_away_at_every_scale() {
        let mut scales = [0u32; 6];
        for position in PAGE_LABELS..100_000 {
            for near in &parents(position)[1..NEAR_PARENTS] {
                let distance = position - near;
                assert!((2..PAGE_LABELS).contains(&distance));
                scales[distance.ilog2() as usize] += 1;
            }
        }
        let fifth = (100_000 - 64) * 3 / 5;
        assert_eq!(scales[0], 0);
        for (scale, count) in scales.iter().enumerate().skip(1) {
            assert!(count.abs_diff(fifth) < fifth / 50, "scale {scale}: {count} of about {fifth}");
        }
    }

    #[test]
    fn a_page_draws_at_most_twenty_others() {
        for page in [1, 2, 3, 17, 1_000, SizeClass::MAX.pages() - 1] {
            let draws = PageParents::of(page);
            let pages: BTreeSet<u64> =
                (0..PAGE_LABELS).flat_map(|o| draws.parents(o)).map(|parent| parent / PAGE_LABELS).collect();
            assert!(pages.len() <= FAR_PAGES + 2, "{} pages for page {page}", pages.len());
            assert!(pages.iter().all(|other| *other <= page));
        }
    }

    #[test]
    fn far_pages_are_uniform_or_at_every_scale() {
        let (first, count) = (1u64 << 16, 20_000);
        let mut quarters = [0u32; 4];
        let mut scales = [0u32; 17];
        for page in first..first + count {
            let draws = PageParents::of(page);
            for (k, far) in draws.far.iter().enumerate() {
                if k % FAR_PARENTS < BUCKET_PARENTS {
                    scales[(page - far).ilog2() as usize] += 1;
                } else {
                    quarters[usize::try_from(far * 4 / page).expect("below 4")] += 1;
                }
            }
        }
        let quarter = 14 * 20_000 / 4;
        assert!(quarters.iter().all(|count| count.abs_diff(quarter) < quarter / 20), "{quarters:?}");
        let share = 6 * 20_000 / 17;
        assert!(scales.iter().all(|count| count.abs_diff(share) < share / 10), "{scales:?}");
    }

    #[test]
    fn the_labels_of_page_zero_draw_from_all_before_them() {
        let seen: BTreeSet<u64> = (1..PAGE_LABELS).flat_map(parents).collect();
        assert!(seen.len() > 55, "{} of 63", seen.len());
        assert_eq!(parents(1), [0; PARENTS]);
        assert_eq!(parents(0), [0; PARENTS]);
    }

    #[test]
    fn bucket_distances_stay_within_reach() {
        for most in 1..300 {
            for draw in [0, 1, u64::MAX, u64::MAX << 32, u64::MAX >> 32, 1 << 63] {
                let distance = bucket_distance(draw, most);
                assert!((1..=most).contains(&distance), "{distance} of {most}");
            }
        }
    }
}
