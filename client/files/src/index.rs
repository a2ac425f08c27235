//! The file index: what `station ls` shows. Encrypted, one file an account.
//!
//! For what a deal's memo tells, this file is a cache: the chain is the index, and [`Index::merge`] makes the two agree.
//! What no memo tells (a deal that was made without one) is kept here alone.

use crate::{
    error::FilesError,
    home::{create_private_dir, write_atomic, Home, Lock},
    recovery::Found,
};
use serde::{Deserialize, Serialize};
use station_client_crypto::{Account, Link, LocalKey};
use station_primitives::{BlockNumber, Tick};
use std::{collections::HashSet, fs, io, path::PathBuf};

const PURPOSE: &str = "file index";
/// More than this is a matter for a database.
const MAX_ENTRIES: usize = 100_000;

/// Something that was put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// The link. Of a content some of whose deals are not there, it names those that are.
    pub link: String,
    /// The name of the file or folder.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// The block in which its deal was submitted.
    pub added: BlockNumber,
    /// Its deals.
    pub deals: Vec<u64>,
    /// Whether it is a folder.
    #[serde(default)]
    pub folder: bool,
    /// When it was put, by the putting machine's clock: seconds since 1970.
    #[serde(default)]
    pub time: u64,
    /// The tick at which it ends, as far as was known when this was written.
    #[serde(default)]
    pub expires: Option<Tick>,
    /// Whether its deals carry it as their memo, so that the chain has the last word on it.
    #[serde(default)]
    pub recorded: bool,
}

impl IndexEntry {
    /// What its content is named by, on which chain; none if the link is none.
    fn content(&self) -> Option<([u8; 4], [u8; 32])> {
        self.link.parse::<Link>().ok().map(|link| named(&link))
    }
}

/// Content is named by its key, which no two puts share.
fn named(link: &Link) -> ([u8; 4], [u8; 32]) {
    (link.genesis, *link.key.expose())
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

    /// Add an entry, or replace the one of the same content.
    ///
    /// # Errors
    /// As [`Index::entries`].
    pub fn add(&self, entry: IndexEntry) -> Result<(), FilesError> {
        self.change(|entries| {
            let content = entry.content();
            entries.retain(|known| known.link != entry.link && (content.is_none() || known.content() != content));
            entries.push(entry);
        })?;
        Ok(())
    }

    /// Forget a link. Whether it was known.
    ///
    /// # Errors
    /// As [`Index::entries`].
    pub fn remove(&self, link: &str) -> Result<bool, FilesError> {
        let content = link.parse::<Link>().ok().map(|link| named(&link));
        let mut known = false;
        self.change(|entries| {
            let before = entries.len();
            entries.retain(|entry| entry.link != link && (content.is_none() || entry.content() != content));
            known = entries.len() < before;
        })?;
        Ok(known)
    }

    /// Move a damaged index out of the way, so that it is built anew from the chain. Where it is now.
    pub(crate) fn set_aside(&self) -> Result<PathBuf, FilesError> {
        let aside = self.path.with_extension("damaged");
        fs::rename(&self.path, &aside).map_err(FilesError::disk(&self.path))?;
        Ok(aside)
    }

    /// Make this index agree with what was found on the chain whose genesis hash is `genesis`, at `tick`. `before` is what
    /// [`Index::entries`] said before the chain was asked. Returns the entries of this chain.
    ///
    /// | An entry | becomes |
    /// |---|---|
    /// | found on the chain | what the chain says; a name that its memo had to cut stays whole |
    /// | whose deals were all cancelled, here or elsewhere | nothing |
    /// | whose deals are gone, after its term | an entry that has ended, until it is removed |
    /// | whose deals are gone, before its term | nothing: another machine removed it |
    /// | that came while the chain was asked, or that no memo tells, or of another chain | itself |
    ///
    /// # Errors
    /// As [`Index::entries`].
    pub fn merge(
        &self,
        before: &[IndexEntry],
        found: &Found,
        genesis: &[u8; 32],
        tick: Tick,
    ) -> Result<Vec<IndexEntry>, FilesError> {
        let known_before: HashSet<_> = before.iter().filter_map(IndexEntry::content).collect();
        let cancelled: HashSet<_> = found.cancelled.iter().map(|key| *key.expose()).collect();
        let on_chain: HashSet<_> = found.contents.iter().map(|content| *content.link.key.expose()).collect();
        let here =
            |entry: &IndexEntry| entry.link.parse::<Link>().is_ok_and(|link| link.check_network(genesis).is_ok());
        let entries = self.change(|entries| {
            let mut old = Vec::new();
            entries.retain(|entry| {
                let Some(content) = entry.content().filter(|_| here(entry)) else { return true };
                let (_, key) = content;
                if on_chain.contains(&key) {
                    old.push(entry.clone());
                    return false;
                }
                if cancelled.contains(&key) {
                    return false;
                }
                let just_added = !known_before.contains(&content);
                let ran_out = entry.expires.is_none_or(|expires| expires <= tick);
                !entry.recorded || just_added || ran_out
            });
            for content in &found.contents {
                let mut entry = content.entry();
                let known = old.iter().find(|old| old.content() == entry.content());
                if let Some(known) = known.filter(|known| content.cut && known.name.starts_with(&entry.name)) {
                    entry.name.clone_from(&known.name);
                }
                entries.push(entry);
            }
            entries.sort_by_key(|entry| (entry.added, entry.deals.first().copied()));
        })?;
        Ok(entries.into_iter().filter(here).collect())
    }

    /// Change the entries; returns them as they are now.
    fn change(&self, change: impl FnOnce(&mut Vec<IndexEntry>)) -> Result<Vec<IndexEntry>, FilesError> {
        let folder = self.path.parent().unwrap_or(&self.path);
        create_private_dir(folder)?;
        // Two puts may end at once.
        let _lock = Lock::wait(&self.path.with_extension("lock"))?;
        let before = match self.entries() {
            // It is a cache: what it held comes back from the chain with the next list.
            Err(FilesError::LocalRecord { .. }) => {
                self.set_aside()?;
                Vec::new()
            }
            entries => entries?,
        };
        let mut entries = before.clone();
        change(&mut entries);
        if entries.len() > MAX_ENTRIES {
            return Err(FilesError::TooLarge(format!(
                "the file index holds {MAX_ENTRIES} entries: remove some with `station rm`"
            )));
        }
        if entries != before {
            let plain = serde_json::to_vec(&entries).map_err(|error| FilesError::Internal(error.to_string()))?;
            write_atomic(&self.path, &self.key.seal(PURPOSE, &plain))?;
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::Content;
    use station_client_crypto::ContentKey;
    use station_primitives::ShardState;

    const GENESIS: [u8; 32] = [3; 32];

    fn link(genesis: [u8; 32], deals: Vec<u64>, key: u8) -> Link {
        Link::new(&genesis, deals, ContentKey::from_bytes([key; 32]))
    }

    fn entry(link: String, added: BlockNumber) -> IndexEntry {
        IndexEntry {
            link,
            name: "the secret name".into(),
            bytes: 5,
            added,
            deals: vec![1],
            folder: false,
            time: 0,
            expires: Some(100),
            recorded: true,
        }
    }

    fn content(deals: Vec<u64>, key: u8, added: BlockNumber) -> Content {
        Content {
            link: link(GENESIS, deals, key),
            name: b"from the chain".to_vec(),
            cut: false,
            folder: true,
            bytes: 9,
            time: 1,
            added,
            state: ShardState::Healthy,
            expires: 200,
            missing: 0,
        }
    }

    fn index(dir: &tempfile::TempDir) -> Index {
        Index::new(&Home::new(dir.path()), &Account::from_dev_uri("//Alice").unwrap())
    }

    #[test]
    fn an_index_keeps_what_it_was_given_and_hides_it() {
        let dir = tempfile::tempdir().unwrap();
        let index = index(&dir);
        assert_eq!(index.entries().unwrap(), []);
        let entry = |link: &str, added| entry(link.into(), added);
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
        index.add(entry("station:c", 4)).unwrap();
        assert_eq!(index.entries().unwrap(), [entry("station:c", 4)], "a damaged index keeps nobody from adding to it");
        assert_eq!(fs::read(index.path.with_extension("damaged")).unwrap(), raw[1..], "nothing is thrown away");
    }

    #[test]
    fn a_content_has_one_entry_however_many_of_its_deals_a_link_names() {
        let dir = tempfile::tempdir().unwrap();
        let index = index(&dir);
        index.add(entry(link(GENESIS, vec![1], 7).to_string(), 1)).unwrap();
        let whole = link(GENESIS, vec![1, 2], 7).to_string();
        index.add(entry(whole.clone(), 1)).unwrap();
        assert_eq!(index.entries().unwrap().len(), 1);
        assert!(index.remove(&link(GENESIS, vec![2], 7).to_string()).unwrap());
        assert_eq!(index.entries().unwrap(), []);
        assert!(!index.remove(&whole).unwrap());
    }

    #[test]
    fn what_the_chain_has_comes_and_what_it_lost_goes() {
        let dir = tempfile::tempdir().unwrap();
        let index = index(&dir);
        let of = |key, added| entry(link(GENESIS, vec![u64::from(key)], key).to_string(), added);
        let removed_elsewhere = of(1, 1);
        let ran_out = IndexEntry { expires: Some(40), ..of(2, 2) };
        let without_memo = IndexEntry { recorded: false, ..of(3, 3) };
        let cancelled = of(4, 4);
        let renewed = IndexEntry { expires: Some(40), ..of(5, 5) };
        let elsewhere = entry(link([4; 32], vec![1], 1).to_string(), 6);
        for entry in [&removed_elsewhere, &ran_out, &without_memo, &cancelled, &renewed, &elsewhere] {
            index.add(entry.clone()).unwrap();
        }
        let before = index.entries().unwrap();
        // While the chain was asked, a put on this machine ended.
        let just_added = of(6, 7);
        index.add(just_added.clone()).unwrap();
        let found = Found {
            contents: vec![content(vec![5], 5, 5), content(vec![9], 9, 9)],
            cancelled: vec![ContentKey::from_bytes([4; 32])],
            ..Found::default()
        };
        let listed = index.merge(&before, &found, &GENESIS, 50).unwrap();
        let expected =
            [ran_out, without_memo, content(vec![5], 5, 5).entry(), just_added, content(vec![9], 9, 9).entry()];
        assert_eq!(listed, expected);
        let kept = index.entries().unwrap();
        assert!(kept.contains(&elsewhere), "another chain's entries are not this chain's to judge");
        assert_eq!(kept.len(), listed.len() + 1);
        // The next time, nobody came in between.
        let again = index.merge(&kept, &found, &GENESIS, 50).unwrap();
        assert_eq!(again.len(), expected.len() - 1, "what is not on the chain went: {again:?}");
    }

    #[test]
    fn a_name_that_was_cut_stays_whole_where_it_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let index = index(&dir);
        let whole =
            IndexEntry { name: "from the chain and further".into(), ..entry(link(GENESIS, vec![1], 1).to_string(), 1) };
        index.add(whole.clone()).unwrap();
        let mut cut = content(vec![1], 1, 1);
        cut.cut = true;
        let found = Found { contents: vec![cut], ..Found::default() };
        let listed = index.merge(&[whole.clone()], &found, &GENESIS, 0).unwrap();
        assert_eq!(listed[0].name, whole.name);
        assert_eq!(listed[0].bytes, 9, "all else is as the chain says");
    }

    #[test]
    fn an_index_of_an_earlier_version_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let index = index(&dir);
        create_private_dir(index.path.parent().unwrap()).unwrap();
        let old = br#"[{"link":"station:a","name":"n","bytes":5,"added":1,"deals":[1]}]"#;
        write_atomic(&index.path, &index.key.seal(PURPOSE, old)).unwrap();
        let entries = index.entries().unwrap();
        assert_eq!((entries.len(), entries[0].recorded, entries[0].expires), (1, false, None));
    }
}
