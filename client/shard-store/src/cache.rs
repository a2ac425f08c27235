//! Unsealed pieces that were read lately.

use lru::LruCache;
use station_primitives::ReplicaId;
use std::{num::NonZeroUsize, sync::Arc};

/// A piece in the plain, and its path to `comm_d`.
pub(crate) type Unsealed = Arc<(Vec<u8>, Vec<[u8; 32]>)>;

/// A least-recently-used cache bounded by bytes.
pub(crate) struct Cache {
    pieces: LruCache<(ReplicaId, u32), Unsealed>,
    bytes: usize,
    limit: usize,
}

impl Cache {
    pub fn new(limit: usize) -> Self {
        // The smallest piece has 64 KiB: the count is bounded by the bytes.
        let count = NonZeroUsize::new(limit >> 16).unwrap_or(NonZeroUsize::MIN);
        Self { pieces: LruCache::new(count), bytes: 0, limit }
    }

    pub fn get(&mut self, replica: ReplicaId, piece: u32) -> Option<Unsealed> {
        self.pieces.get(&(replica, piece)).cloned()
    }

    pub fn insert(&mut self, replica: ReplicaId, piece: u32, unsealed: &Unsealed) {
        let size = unsealed.0.len();
        if size > self.limit {
            return;
        }
        self.bytes += size;
        if let Some((_, old)) = self.pieces.push((replica, piece), Arc::clone(unsealed)) {
            self.bytes -= old.0.len();
        }
        while self.bytes > self.limit {
            match self.pieces.pop_lru() {
                Some((_, old)) => self.bytes -= old.0.len(),
                None => break,
            }
        }
    }

    /// Forgets the pieces of a replica.
    pub fn forget(&mut self, replica: ReplicaId) {
        let gone: Vec<_> = self.pieces.iter().map(|(key, _)| *key).filter(|(r, _)| *r == replica).collect();
        for key in gone {
            if let Some(old) = self.pieces.pop(&key) {
                self.bytes -= old.0.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_never_holds_more_than_its_limit() {
        let mut cache = Cache::new(1 << 20);
        let replica: ReplicaId = "1/0/0".parse().unwrap();
        for piece in 0..100u32 {
            let size = 1usize << (16 + piece % 5);
            cache.insert(replica, piece, &Arc::new((vec![0; size], Vec::new())));
            assert!(cache.bytes <= 1 << 20);
            let held: usize = cache.pieces.iter().map(|(_, p)| p.0.len()).sum();
            assert_eq!(held, cache.bytes);
        }
        cache.forget(replica);
        assert_eq!((cache.bytes, cache.pieces.len()), (0, 0));
    }

    #[test]
    fn what_was_read_last_stays() {
        let mut cache = Cache::new(2 << 16);
        let replica: ReplicaId = "1/0/0".parse().unwrap();
        let piece = Arc::new((vec![0; 1 << 16], Vec::new()));
        cache.insert(replica, 0, &piece);
        cache.insert(replica, 1, &piece);
        assert!(cache.get(replica, 0).is_some());
        cache.insert(replica, 2, &piece);
        assert!(cache.get(replica, 0).is_some());
        assert!(cache.get(replica, 1).is_none());
    }
}
