//! Files, or what stands for them: reading and writing at offsets, from several threads.

pub use std::io::Result;
use std::{
    fs::File,
    io::{Error, ErrorKind},
    sync::{PoisonError, RwLock},
};

use crate::{index, SizeClass};

/// Something that is read at offsets.
pub trait ReadAt: Send + Sync {
    /// Fill `buf` with the bytes at `offset`. Fewer than that are an error.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()>;
}

/// Something that is written at offsets.
pub trait WriteAt: Send + Sync {
    /// Write all of `buf` at `offset`.
    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<()>;
}

/// Something that is read and written at offsets: where a replica is sealed to.
pub trait ReadWriteAt: ReadAt + WriteAt {}

impl<T: ReadAt + WriteAt + ?Sized> ReadWriteAt for T {}

#[cfg(unix)]
impl ReadAt for File {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buf, offset)
    }
}

#[cfg(unix)]
impl WriteAt for File {
    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, buf, offset)
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let from = usize::try_from(offset).ok().and_then(|at| self.get(at..)).and_then(|tail| tail.get(..buf.len()));
        buf.copy_from_slice(from.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.as_slice().read_at(offset, buf)
    }
}

/// A file in memory, of one length.
#[derive(Debug, Default)]
pub struct Memory(RwLock<Vec<u8>>);

impl Memory {
    /// As many zeros as the class has bytes.
    pub fn zeroed(class: SizeClass) -> Self {
        Self::from(vec![0; index(class.bytes())])
    }

    /// The content.
    pub fn into_inner(self) -> Vec<u8> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Vec<u8>> for Memory {
    fn from(bytes: Vec<u8>) -> Self {
        Self(RwLock::new(bytes))
    }
}

impl ReadAt for Memory {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).read_at(offset, buf)
    }
}

impl WriteAt for Memory {
    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<()> {
        let mut bytes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let to = usize::try_from(offset).ok().and_then(|at| bytes.get_mut(at..)).and_then(|t| t.get_mut(..buf.len()));
        to.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?.copy_from_slice(buf);
        Ok(())
    }
}
