//! The pallet providers of Grand Decentral.
