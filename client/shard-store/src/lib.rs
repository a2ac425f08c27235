//! Sealed shards on disk: files, index, upper rows.
