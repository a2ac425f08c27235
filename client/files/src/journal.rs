//! The journal of a put: what was encrypted, what was submitted. Encrypted itself, since it holds the link's key.

use crate::{error::FilesError, home};
use codec::{Decode, DecodeAll, Encode};
use station_client_crypto::{ContentKey, LocalKey, Parity};
use station_porep::SizeClass;
use station_primitives::{AccountId, Balance, Commitment, Nonce, Price};
use std::{fs, io, path::Path};

const VERSION: u8 = 3;
const PURPOSE: &str = "put journal";
const FILE: &str = "journal";

/// A deal of the put.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct DealStep {
    /// The nonce that its submission was about to take; from then on the deal may exist.
    pub nonce: Option<Nonce>,
    /// Its number, once known.
    pub deal: Option<u64>,
}

/// The terms that the put was begun with.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Terms {
    pub replicas: u8,
    pub periods: u32,
    pub max_price: Price,
    /// The client's own choice of providers; empty when they are drawn.
    pub chosen: Vec<AccountId>,
    /// Whether others may be drawn when these are exhausted.
    pub fallback: bool,
}

/// All that a put needs to go on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Journal {
    version: u8,
    /// Of the source and the options.
    pub fingerprint: [u8; 32],
    /// The chain it was begun on.
    pub genesis: [u8; 32],
    /// The link's key.
    pub key: ContentKey,
    /// The shards in the order of the flat space, then those of parity; a deal takes [`station_primitives::MAX_SHARDS`] of them.
    pub shards: Vec<(Commitment, SizeClass)>,
    /// The parity of the shards, if they have some.
    pub parity: Option<Parity>,
    /// One for each deal.
    pub deals: Vec<DealStep>,
    /// How to pay and to place.
    pub terms: Terms,
    /// The name of what is put.
    pub name: Vec<u8>,
    /// Whether it is a folder.
    pub folder: bool,
    /// Its bytes.
    pub bytes: u64,
    /// When the put was begun: seconds since 1970.
    pub added: u64,
    /// What the deals held at their submission.
    pub cost: Balance,
    /// How long encryption took.
    pub encrypt_ms: u64,
}

impl Journal {
    pub fn new(
        fingerprint: [u8; 32],
        genesis: [u8; 32],
        key: ContentKey,
        shards: Vec<(Commitment, SizeClass)>,
        terms: Terms,
    ) -> Self {
        let deals = shards.chunks(max_shards()).map(|_| DealStep::default()).collect();
        Self {
            version: VERSION,
            fingerprint,
            genesis,
            key,
            shards,
            parity: None,
            deals,
            terms,
            name: Vec::new(),
            folder: false,
            bytes: 0,
            added: 0,
            cost: 0,
            encrypt_ms: 0,
        }
    }

    /// The shards of each deal.
    pub fn deal_shards(&self) -> impl Iterator<Item = &[(Commitment, SizeClass)]> {
        self.shards.chunks(max_shards())
    }

    /// Read the one in `dir`. None if there is none, or none that can be used: then the put starts over.
    pub fn load(dir: &Path, key: &LocalKey) -> Result<Option<Self>, FilesError> {
        let path = dir.join(FILE);
        let sealed = match fs::read(&path) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(FilesError::Disk { path, source }),
        };
        let journal = key
            .open(PURPOSE, &sealed)
            .map_err(|error| error.to_string())
            .and_then(|plain| Self::decode_all(&mut &plain[..]).map_err(|error| error.to_string()));
        match journal {
            Ok(journal) if journal.version == VERSION && journal.is_consistent() => Ok(Some(journal)),
            Ok(_) => Err(FilesError::LocalRecord { path, why: "another version of station wrote it".into() }),
            Err(why) => Err(FilesError::LocalRecord { path, why }),
        }
    }

    fn is_consistent(&self) -> bool {
        !self.shards.is_empty() && self.deals.len() == self.shards.len().div_ceil(max_shards())
    }

    /// Write it, synced.
    pub fn save(&self, dir: &Path, key: &LocalKey) -> Result<(), FilesError> {
        home::write_atomic(&dir.join(FILE), &key.seal(PURPOSE, &self.encode()))
    }
}

fn max_shards() -> usize {
    usize::try_from(station_primitives::MAX_SHARDS).expect("256 fits; qed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use station_client_crypto::Account;

    #[test]
    fn a_journal_is_read_by_its_account_only() {
        let dir = tempfile::tempdir().unwrap();
        let terms = Terms { replicas: 3, periods: 9, max_price: 5, chosen: Vec::new(), fallback: false };
        let shards = vec![([4; 32], SizeClass::MIN); 257];
        let journal = Journal::new([1; 32], [2; 32], ContentKey::random(), shards, terms);
        assert_eq!(journal.deals.len(), 2);
        assert_eq!(journal.deal_shards().map(<[_]>::len).collect::<Vec<_>>(), [256, 1]);
        let alice = Account::from_dev_uri("//Alice").unwrap();
        assert_eq!(Journal::load(dir.path(), alice.local_key()).unwrap(), None);
        journal.save(dir.path(), alice.local_key()).unwrap();
        assert_eq!(Journal::load(dir.path(), alice.local_key()).unwrap(), Some(journal));
        let bob = Account::from_dev_uri("//Bob").unwrap();
        assert!(matches!(Journal::load(dir.path(), bob.local_key()), Err(FilesError::LocalRecord { .. })));
    }
}
