//! The pallet deals of Grand Decentral.
