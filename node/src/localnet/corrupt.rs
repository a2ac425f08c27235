//! `localnet corrupt`: bits of a sealed replica flip on the disk, as they do when disks rot.

use super::network::Node;
use crate::error::UserError;
use station_primitives::ReplicaId;
use std::{
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// Bits that are flipped, each in a label of its own: few, so that only reading finds them.
const FLIPS: u64 = 8;
/// Where labels begin: a page says whose the file is before them.
const LABELS_AT: u64 = 4_096;

/// What was done.
pub struct Corrupted {
    /// To which replica.
    pub replica: ReplicaId,
    /// In which file.
    pub file: PathBuf,
    /// The bytes in which a bit was flipped.
    pub flipped: Vec<u64>,
}

/// Flips bits of a replica that the node holds: the named one, or one drawn from `seed`.
pub fn corrupt(node: &Node, replica: Option<ReplicaId>, seed: Option<u64>) -> Result<Corrupted, UserError> {
    let store = node
        .store
        .as_ref()
        .ok_or_else(|| UserError::usage(format!("{} has no store", node.name)).hint("name a provider"))?;
    let mut draws = Draws(seed.unwrap_or_else(|| RandomState::new().hash_one(0u8)));
    let sealed = sealed(&store.join("sealed"))?;
    let (replica, file) = match replica {
        Some(replica) => sealed.into_iter().find(|(id, _)| *id == replica).ok_or_else(|| {
            UserError::not_found(format!("{} holds no sealed replica {replica}", node.name))
                .hint("`station status LINK` shows who holds which replica")
        })?,
        None => {
            let at = draws.below(sealed.len());
            at.and_then(|at| sealed.into_iter().nth(at)).ok_or_else(|| {
                UserError::not_found(format!("{} holds no sealed replica yet", node.name))
                    .hint("put something first: station put PATH --key //Alice")
            })?
        }
    };
    let flipped = flip(&file, &mut draws)?;
    Ok(Corrupted { replica, file, flipped })
}

/// The sealed replicas of a store, by id.
fn sealed(dir: &Path) -> Result<Vec<(ReplicaId, PathBuf)>, UserError> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        // A store that has never held anything.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(UserError::disk(format!("{}: {error}", dir.display()))),
    };
    for entry in entries {
        let path = entry?.path();
        let replica = path.file_stem().and_then(|name| name.to_str()?.replace('-', "/").parse().ok());
        if let Some(replica) = replica.filter(|_| path.extension().is_some_and(|extension| extension == "shard")) {
            found.push((replica, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Flips one bit in each of some labels; their places in the file.
fn flip(path: &Path, draws: &mut Draws) -> Result<Vec<u64>, UserError> {
    let file = File::options().read(true).write(true).open(path)?;
    // Labels, then the trees' rows, which are shorter: the labels are the largest power of two that the file holds.
    let rest = file.metadata()?.len().saturating_sub(LABELS_AT);
    let labels = rest.checked_ilog2().map(|bits| 1u64 << bits);
    let labels = labels.ok_or_else(|| UserError::disk(format!("{} is no sealed replica", path.display())))?;
    let part = labels / FLIPS;
    let mut flipped = Vec::new();
    for index in 0..FLIPS {
        let at = LABELS_AT + index * part + draws.next() % part.max(1);
        let mut byte = [0];
        file.read_exact_at(&mut byte, at)?;
        let [value] = byte;
        file.write_all_at(&[value ^ (1 << (draws.next() % 8))], at)?;
        flipped.push(at);
    }
    file.sync_data()?;
    Ok(flipped)
}

/// SplitMix64: places need no better randomness, and the same seed gives the same places.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, count: usize) -> Option<usize> {
        let count = u64::try_from(count).ok().filter(|count| *count > 0)?;
        usize::try_from(self.next() % count).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_bits_of_the_labels_flip_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("7-0-2.shard");
        // A header, 64 KiB of labels, and rows of a thirty-second of that.
        let before = vec![0u8; 4_096 + (64 << 10) + (2 << 10)];
        fs::write(&path, &before).expect("a file");
        let flipped = flip(&path, &mut Draws(5)).expect("flipped");
        let after = fs::read(&path).expect("a file");
        let changed: Vec<u64> = (0u64..).zip(&after).filter(|(_, byte)| **byte != 0).map(|(at, _)| at).collect();
        assert_eq!(changed, flipped);
        assert_eq!(after.iter().map(|byte| byte.count_ones()).sum::<u32>(), 8);
        assert!(flipped.iter().all(|at| (4_096..4_096 + (64 << 10)).contains(at)), "{flipped:?}");
        assert_eq!(sealed(dir.path()).expect("a list"), [("7/0/2".parse().expect("an id"), path)]);
    }
}
