//! The first page of every file: whose it is.

use crate::{disk, Error, Result};
use codec::{Decode, DecodeAll, Encode};
use station_porep::{hash::blake2b_256, tree::Rows, ReplicaKey, SizeClass, PAGE_BYTES};
use station_primitives::{Commitment, ReplicaId};
use std::{fs::File, os::unix::fs::FileExt, path::Path};

/// Where labels begin: after one page, so that pages of labels are pages of the disk.
pub(crate) const LABELS_AT: u64 = PAGE_BYTES as u64;

/// Sixteen bytes that no other program's files begin with. The number in it is the format's.
const MAGIC: &[u8; 16] = b"station/shard/1\n";
const CHECKSUM: usize = 32;

/// What a file says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Header {
    pub replica: ReplicaId,
    pub class: SizeClass,
    pub comm_d: Commitment,
    /// Key and `comm_r`, if the labels are sealed.
    pub sealed: Option<(ReplicaKey, Commitment)>,
}

impl Header {
    /// Bytes of the whole file: this page, the labels, and beside sealed ones the rows of both trees.
    pub fn file_bytes(&self) -> u64 {
        if self.sealed.is_some() {
            sealed_file_bytes(self.class)
        } else {
            plain_file_bytes(self.class)
        }
    }

    /// Writes the first page.
    pub fn write(&self, file: &File, path: &Path) -> Result<()> {
        let mut page = Vec::with_capacity(PAGE_BYTES);
        page.extend_from_slice(MAGIC);
        self.encode().encode_to(&mut page);
        let checksum = blake2b_256(&[&page]);
        page.extend_from_slice(&checksum);
        page.resize(PAGE_BYTES, 0);
        file.write_all_at(&page, 0).map_err(|error| Error::file("write", path, error))
    }

    /// Reads the first page; `None` if it is not whole, or if the file is not as long as it says.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file("open", path, error)),
        };
        let mut page = [0; PAGE_BYTES];
        if let Err(error) = file.read_exact_at(&mut page, 0) {
            return match error.kind() {
                std::io::ErrorKind::UnexpectedEof => Ok(None),
                _ => Err(Error::file("read", path, error)),
            };
        }
        let header = Self::parse(&page);
        let bytes = disk::file_bytes(&file, path)?;
        Ok(header.filter(|header| header.file_bytes() == bytes))
    }

    fn parse(page: &[u8]) -> Option<Self> {
        let mut rest = page.strip_prefix(MAGIC)?;
        let encoded = Vec::<u8>::decode(&mut rest).ok()?;
        let signed = page.len() - rest.len();
        if blake2b_256(&[&page[..signed]])[..] != *rest.get(..CHECKSUM)? {
            return None;
        }
        Self::decode_all(&mut &encoded[..]).ok()
    }
}

/// Bytes of a file with plain data.
pub(crate) fn plain_file_bytes(class: SizeClass) -> u64 {
    LABELS_AT + class.bytes()
}

/// Bytes of a file with sealed labels and the rows of `comm_r` and `comm_d`.
pub(crate) fn sealed_file_bytes(class: SizeClass) -> u64 {
    data_rows_at(class) + rows_bytes(class)
}

/// Where the rows of `comm_r` begin.
pub(crate) fn rows_at(class: SizeClass) -> u64 {
    LABELS_AT + class.bytes()
}

/// Where the rows of `comm_d` begin.
pub(crate) fn data_rows_at(class: SizeClass) -> u64 {
    rows_at(class) + rows_bytes(class)
}

fn rows_bytes(class: SizeClass) -> u64 {
    u64::try_from(Rows::bytes_of(class)).expect("1/64 of a GiB fits a u64; qed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            replica: "7/0/2".parse().unwrap(),
            class: SizeClass::MIN,
            comm_d: [1; 32],
            sealed: Some((ReplicaKey([2; 32]), [3; 32])),
        }
    }

    fn file() -> (tempfile::TempDir, std::path::PathBuf, File) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let file = File::create_new(&path).unwrap();
        (dir, path, file)
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let (_dir, path, file) = file();
        header().write(&file, &path).unwrap();
        file.set_len(header().file_bytes()).unwrap();
        assert_eq!(Header::read(&path).unwrap(), Some(header()));
    }

    #[test]
    fn a_spoilt_header_or_a_short_file_is_no_header() {
        let (_dir, path, file) = file();
        header().write(&file, &path).unwrap();
        assert_eq!(Header::read(&path).unwrap(), None, "the labels are missing");
        file.set_len(header().file_bytes()).unwrap();
        for at in [0, 15, 16, 40, 100, 140] {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 0x40], at).unwrap();
            assert_eq!(Header::read(&path).unwrap(), None, "byte {at}");
            file.write_all_at(&byte, at).unwrap();
        }
        assert!(Header::read(&path).unwrap().is_some());
    }
}
