//! What a flow tells while it works. The command line draws bars from it; a program may show nothing.

/// A part of the work, with bytes to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Reading, encrypting and committing to the shards.
    Encrypt,
    /// Sending pieces to providers.
    Upload,
    /// Providers sealing, until their commitments are on-chain.
    Seal,
    /// Seal checks, until the replicas are active.
    Prove,
    /// Fetching pieces, decrypting and writing.
    Download,
}

/// Receives progress. Called often: implementations must be quick.
pub trait Progress: Send + Sync {
    /// A phase begins, with `total` bytes to do.
    fn begin(&self, phase: Phase, total: u64);
    /// So many bytes of it are done.
    fn set(&self, phase: Phase, done: u64);
    /// It is over.
    fn end(&self, phase: Phase);
    /// Something the user should know that is no error: a link skipped, a put resumed.
    fn note(&self, text: &str);
}

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _: Phase, _: u64) {}
    fn set(&self, _: Phase, _: u64) {}
    fn end(&self, _: Phase) {}
    fn note(&self, _: &str) {}
}
