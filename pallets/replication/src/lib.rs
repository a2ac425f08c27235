//! The pallet replication of Grand Decentral.
