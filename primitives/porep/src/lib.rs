//! Proof of replication, version 1: labels, trees, sealing, checks.
