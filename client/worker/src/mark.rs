//! The mark: up to which block local data may be younger than the chain that this node has seen.
//!
//! A node that lost its chain database starts at block 0, where no deal exists, and all replicas on its disk look retired. The
//! mark is the height of the newest block because of which something was entered into the store; nothing is retired before
//! a final block above it is known. It also names the chain, so that a store is never worked on by a node of another.

use codec::{Decode, Encode};
use parking_lot::Mutex;
use station_client_shard_store::Error as StoreError;
use station_primitives::{BlockNumber, Hash};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

const FILE: &str = "worker.mark";
/// Is there once the provider is leaving, and stays when it has left.
const LEFT: &str = "worker.left";
/// The mark is raised in steps, so that not every assignment costs a write. A step of blocks more to wait before
/// retiring costs nothing.
const STEP: BlockNumber = 16;

/// The mark, on disk.
#[derive(Debug)]
pub struct Mark {
    path: PathBuf,
    genesis: Hash,
    height: Mutex<BlockNumber>,
}

/// What the file holds.
type Stored = (Hash, BlockNumber);

/// The store is not this chain's.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// Another chain.
    #[error(
        "the shard store {} belongs to another network (genesis {found:?}, this node's is {expected:?}): \
         give this node a store of its own with --store",
        dir.display()
    )]
    OtherChain {
        /// The store.
        dir: PathBuf,
        /// Its genesis.
        found: Hash,
        /// The node's.
        expected: Hash,
    },
    /// It cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Mark {
    /// Of the store in `dir`; made if there is none.
    ///
    /// # Errors
    /// [`MarkError::OtherChain`] if the store was used on another chain.
    pub fn open(dir: &Path, genesis: Hash) -> Result<Self, MarkError> {
        let path = dir.join(FILE);
        let height = match fs::read(&path) {
            Ok(bytes) => match Stored::decode(&mut &bytes[..]) {
                Ok((found, height)) if found == genesis => height,
                Ok((found, _)) => {
                    return Err(MarkError::OtherChain { dir: dir.to_path_buf(), found, expected: genesis });
                }
                // Written by rename, so never half: it is not ours. Cautious until it is written anew.
                Err(_) => BlockNumber::MAX,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(source) => return Err(MarkError::File { path, source }),
        };
        let mark = Self { path, genesis, height: Mutex::new(height) };
        mark.write(height).map_err(|source| MarkError::File { path: mark.path.clone(), source })?;
        Ok(mark)
    }

    /// Local data may be as young as this block from now on. On disk when this returns.
    pub fn raise(&self, block: BlockNumber) -> Result<(), StoreError> {
        let mut height = self.height.lock();
        if block <= *height {
            return Ok(());
        }
        let raised = block.saturating_add(STEP);
        self.write(raised).map_err(|source| StoreError::File { action: "write", path: self.path.clone(), source })?;
        *height = raised;
        Ok(())
    }

    /// Whether a final block of this height knows of all that is in the store.
    pub fn allows(&self, finalized: BlockNumber) -> bool {
        finalized > *self.height.lock()
    }

    /// Whether this provider was seen leaving: a node started again afterwards must not register by itself.
    pub fn has_left(&self) -> bool {
        self.path.with_file_name(LEFT).exists()
    }

    /// Note that the provider is leaving, or that it has come back. On disk when this returns.
    pub fn set_left(&self, left: bool) -> Result<(), StoreError> {
        if self.has_left() == left {
            return Ok(());
        }
        let path = self.path.with_file_name(LEFT);
        let done = if left { File::create(&path).and_then(|file| file.sync_all()) } else { fs::remove_file(&path) };
        done.and_then(|()| self.sync_folder()).map_err(|source| StoreError::File {
            action: "write",
            path: path.clone(),
            source,
        })
    }

    fn write(&self, height: BlockNumber) -> io::Result<()> {
        let part = self.path.with_extension("part");
        let mut file = File::create(&part)?;
        file.write_all(&(self.genesis, height).encode())?;
        file.sync_all()?;
        fs::rename(&part, &self.path)?;
        self.sync_folder()
    }

    fn sync_folder(&self) -> io::Result<()> {
        match self.path.parent() {
            Some(dir) => File::open(dir)?.sync_all(),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_survives_and_holds_retirement_back() {
        let dir = tempfile::tempdir().expect("a folder");
        let genesis = Hash::repeat_byte(1);
        let mark = Mark::open(dir.path(), genesis).expect("a mark");
        assert!(mark.allows(1));
        mark.raise(10).expect("written");
        drop(mark);
        let mark = Mark::open(dir.path(), genesis).expect("a mark");
        assert!(!mark.allows(10 + STEP));
        assert!(mark.allows(10 + STEP + 1));
    }

    #[test]
    fn that_a_provider_left_is_known_after_a_restart() {
        let dir = tempfile::tempdir().expect("a folder");
        let open = || Mark::open(dir.path(), Hash::repeat_byte(1)).expect("a mark");
        assert!(!open().has_left());
        open().set_left(true).expect("written");
        assert!(open().has_left());
        open().set_left(false).expect("removed");
        assert!(!open().has_left());
    }

    #[test]
    fn a_store_of_another_chain_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        drop(Mark::open(dir.path(), Hash::repeat_byte(1)).expect("a mark"));
        assert!(matches!(Mark::open(dir.path(), Hash::repeat_byte(2)), Err(MarkError::OtherChain { .. })));
    }
}
