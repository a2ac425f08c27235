//! The file index: what `station ls` shows. Encrypted, one file an account.

use crate::{
    error::FilesError,
    home::{create_private_dir, write_atomic, Home, Lock},
};
use serde::{Deserialize, Serialize};
use station_client_crypto::{Account, LocalKey};
use station_primitives::BlockNumber;
use std::{fs, io, path::PathBuf};

const PURPOSE: &str = "file index";
/// More than this is a matter for a database.
const MAX_ENTRIES: usize = 100_000;

/// Something that was put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// The link.
    pub link: String,
    /// The name of the file or folder.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// The block in which its deal was submitted.
    pub added: BlockNumber,
    /// Its deals.
    pub deals: Vec<u64>,
}

/// The index of one account.
#[derive(Clone, Debug)]
pub struct Index {
    path: PathBuf,
    key: LocalKey,
}

impl Index {
    /// The index of an account in a home.
    pub fn new(home: &Home, account: &Account) -> Self {
        Self { path: home.index(&account.address()), key: account.local_key().clone() }
    }

    /// All entries, the oldest first.
    ///
    /// # Errors
    /// [`FilesError::LocalRecord`] when it is damaged, [`FilesError::Disk`] when it cannot be read.
    pub fn entries(&self) -> Result<Vec<IndexEntry>, FilesError> {
        let sealed = match fs::read(&self.path) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(FilesError::Disk { path: self.path.clone(), source }),
        };
        let bad = |why: String| FilesError::LocalRecord { path: self.path.clone(), why };
        let plain = self.key.open(PURPOSE, &sealed).map_err(|error| bad(error.to_string()))?;
        serde_json::from_slice(&plain).map_err(|error| bad(error.to_string()))
    }

    /// Add an entry, or replace the one of the same link.
    ///
    /// # Errors
    /// As [`Index::entries`].
    pub fn add(&self, entry: IndexEntry) -> Result<(), FilesError> {
        self.change(|entries| {
            entries.retain(|known| known.link != entry.link);
            entries.push(entry);
        })
    }

    /// Forget a link. Whether it was known.
    ///
    /// # Errors
    /// As [`Index::entries`].
    pub fn remove(&self, link: &str) -> Result<bool, FilesError> {
        let mut known = false;
        self.change(|entries| {
            let before = entries.len();
            entries.retain(|entry| entry.link != link);
            known = entries.len() < before;
        })?;
        Ok(known)
    }

    fn change(&self, change: impl FnOnce(&mut Vec<IndexEntry>)) -> Result<(), FilesError> {
        let folder = self.path.parent().unwrap_or(&self.path);
        create_private_dir(folder)?;
        // Two puts may end at once.
        let _lock = Lock::wait(&self.path.with_extension("lock"))?;
        let mut entries = self.entries()?;
        change(&mut entries);
        if entries.len() > MAX_ENTRIES {
            return Err(FilesError::TooLarge(format!(
                "the file index holds {MAX_ENTRIES} entries: remove some with `station rm`"
            )));
        }
        let plain = serde_json::to_vec(&entries).map_err(|error| FilesError::Internal(error.to_string()))?;
        write_atomic(&self.path, &self.key.seal(PURPOSE, &plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_keeps_what_it_was_given_and_hides_it() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        let index = Index::new(&home, &Account::from_dev_uri("//Alice").unwrap());
        assert_eq!(index.entries().unwrap(), []);
        let entry = |link: &str, added| IndexEntry {
            link: link.into(),
            name: "the secret name".into(),
            bytes: 5,
            added,
            deals: vec![1],
        };
        index.add(entry("station:a", 1)).unwrap();
        index.add(entry("station:b", 2)).unwrap();
        index.add(entry("station:a", 3)).unwrap();
        assert_eq!(index.entries().unwrap(), [entry("station:b", 2), entry("station:a", 3)]);
        let raw = fs::read(&index.path).unwrap();
        assert!(!raw.windows(6).any(|window| window == b"secret"));
        assert!(index.remove("station:b").unwrap());
        assert!(!index.remove("station:b").unwrap());
        fs::write(&index.path, &raw[1..]).unwrap();
        assert!(matches!(index.entries(), Err(FilesError::LocalRecord { .. })));
    }
}
