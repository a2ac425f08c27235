//! Folders to store, to compare, and to search for what must not be there.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    io::Read,
    path::{Path, PathBuf},
};

/// The windows that a search looks for.
pub const WINDOW: usize = 16;

/// Bytes that look random, cheap and the same on every run: SplitMix64.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    // The seed is mixed first: raw seeds would give pieces of one and the same sequence.
    let mut state = mix(seed);
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        out.extend_from_slice(&mix(state).to_le_bytes());
    }
    out.truncate(len);
    out
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A folder as people have them: one large file, an empty one, one with spaces and UTF-8 in its name, an empty folder, and
/// `small` small files in folders of their own.
pub fn mixed_folder(at: &Path, large: usize, small: u64) {
    let write = |name: &str, bytes: &[u8]| {
        let path = at.join(name);
        fs::create_dir_all(path.parent().expect("joined to a folder; qed")).expect("a new folder; qed");
        fs::write(path, bytes).expect("a new file; qed");
    };
    write("large.bin", &noise(1, large));
    write("empty", b"");
    write("über die Brücke – 橋を渡る.txt", "größer als Ascii\n".as_bytes());
    fs::create_dir_all(at.join("nothing in here")).expect("a new folder; qed");
    for i in 0..small {
        let len = usize::try_from(i * 37 % 4_000).expect("small; qed");
        write(&format!("small/{}/note {i}.txt", i % 7), &noise(100 + i, len));
    }
}

/// Every file below a folder with its bytes, every empty folder, by relative path.
pub fn tree(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut stack = vec![root.to_owned()];
    while let Some(folder) = stack.pop() {
        let mut empty = true;
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("a folder's entry; qed").path();
            empty = false;
            if path.is_dir() {
                stack.push(path);
            } else {
                let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                found.insert(relative(root, &path), Some(bytes));
            }
        }
        if empty && folder != root {
            found.insert(relative(root, &folder), None);
        }
    }
    found
}

/// Compare two trees.
///
/// # Panics
/// With the first difference by name, not with both trees in full.
pub fn assert_same(left: &Path, right: &Path) {
    let (left, right) = (tree(left), tree(right));
    let names = |t: &BTreeMap<PathBuf, Option<Vec<u8>>>| t.keys().cloned().collect::<HashSet<_>>();
    let (a, b) = (names(&left), names(&right));
    let missing: Vec<_> = a.difference(&b).collect();
    let added: Vec<_> = b.difference(&a).collect();
    assert!(missing.is_empty() && added.is_empty(), "missing: {missing:?}, added: {added:?}");
    for (name, bytes) in &left {
        assert!(right[name] == *bytes, "{} differs", name.display());
    }
}

fn relative(root: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(root).expect("found below it; qed").to_owned()
}

/// All windows of [`WINDOW`] bytes of some secrets, for searching large files.
pub struct Windows {
    all: HashSet<[u8; WINDOW]>,
    // One bit for the hash of each window's first eight bytes: most positions are ruled out by one look here.
    filter: Vec<u64>,
}

/// Bits of the filter, as a power of two: at 64 Ki windows one position in 256 needs the second look.
const FILTER_BITS: u32 = 24;

impl Windows {
    /// The windows of these secrets. A secret shorter than a window has none.
    pub fn of(secrets: &[&[u8]]) -> Self {
        let mut filter = vec![0; 1 << (FILTER_BITS - 6)];
        let mut all = HashSet::new();
        for window in secrets.iter().flat_map(|s| s.windows(WINDOW)) {
            let (word, bit) = place(window);
            filter[word] |= bit;
            all.insert(<[u8; WINDOW]>::try_from(window).expect("of that length; qed"));
        }
        assert!(!all.is_empty(), "nothing to search for");
        Self { all, filter }
    }

    /// The first place in `bytes` where a window stands.
    pub fn find(&self, bytes: &[u8]) -> Option<usize> {
        bytes.windows(WINDOW).position(|window| {
            let (word, bit) = place(window);
            self.filter[word] & bit != 0 && self.all.contains(window)
        })
    }

    /// Every file below `root` that holds a window, with the place; and how many bytes were searched.
    pub fn search(&self, root: &Path) -> (Vec<(PathBuf, u64)>, u64) {
        let (mut hits, mut searched) = (Vec::new(), 0);
        let mut stack = vec![root.to_owned()];
        while let Some(path) = stack.pop() {
            if path.is_dir() && !path.is_symlink() {
                // Databases of running nodes come and go; what is gone holds nothing.
                let Ok(entries) = fs::read_dir(&path) else { continue };
                stack.extend(entries.flatten().map(|e| e.path()));
            } else if let Ok(mut file) = fs::File::open(&path) {
                let (mut buffer, mut kept, mut offset) = (vec![0; 4 << 20], 0, 0u64);
                while let Ok(read @ 1..) = file.read(&mut buffer[kept..]) {
                    let filled = kept + read;
                    if let Some(at) = self.find(&buffer[..filled]) {
                        hits.push((path.clone(), offset + u64::try_from(at).expect("fits; qed")));
                        break;
                    }
                    // A window may lie across two reads.
                    let next = filled.saturating_sub(WINDOW - 1);
                    buffer.copy_within(next..filled, 0);
                    kept = filled - next;
                    offset += u64::try_from(next).expect("fits; qed");
                    searched += u64::try_from(read).expect("fits; qed");
                }
            }
        }
        (hits, searched)
    }
}

fn place(window: &[u8]) -> (usize, u64) {
    let head = u64::from_le_bytes(window[..8].try_into().expect("eight bytes; qed"));
    let hash = head.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - FILTER_BITS);
    (usize::try_from(hash >> 6).expect("below the filter's length; qed"), 1 << (hash & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_finds_a_window_across_reads_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let secret = noise(7, 100);
        let windows = Windows::of(&[&secret]);
        fs::write(dir.path().join("clean"), noise(8, 9 << 20)).unwrap();
        assert_eq!(windows.search(dir.path()), (vec![], 9 << 20));
        let mut dirty = noise(9, 9 << 20);
        // Around the end of the first read.
        let at = (4 << 20) - 8;
        dirty[at..at + WINDOW].copy_from_slice(&secret[30..30 + WINDOW]);
        fs::write(dir.path().join("dirty"), dirty).unwrap();
        let (hits, _) = windows.search(dir.path());
        assert_eq!(hits, vec![(dir.path().join("dirty"), u64::try_from(at).unwrap())]);
    }

    #[test]
    fn trees_that_differ_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        mixed_folder(&a, 1_000, 9);
        mixed_folder(&b, 1_000, 9);
        assert_same(&a, &b);
        fs::write(b.join("empty"), b"x").unwrap();
        assert!(std::panic::catch_unwind(|| assert_same(&a, &b)).is_err());
        fs::write(b.join("empty"), b"").unwrap();
        fs::remove_dir(b.join("nothing in here")).unwrap();
        assert!(std::panic::catch_unwind(|| assert_same(&a, &b)).is_err());
    }
}
