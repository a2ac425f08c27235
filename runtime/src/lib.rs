//! The runtime of Grand Decentral.
