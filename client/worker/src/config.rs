//! What the operator decides.

use station_primitives::{AccountId, Balance, Price, GIB, TKT};

/// What stays free of the balance when collateral is locked: fees of updates for years.
pub const RESERVE: Balance = TKT;
/// The mean size of a shard that the collateral's fixed part is reckoned with, when nothing is known of the shards to
/// come: that of `put`'s ordinary shards.
pub const ASSUMED_SHARD: u64 = 64 << 20;

/// Bytes a second that the scrubber reads: little against what a disk gives (a hard disk about 150 MiB/s), and a pass over
/// 1 TiB in three days.
pub const SCRUB_RATE: u64 = 4 << 20;

/// A provider's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// Bytes offered.
    pub capacity: u64,
    /// Plancks per GiB·day.
    pub price: Price,
    /// Plancks per GiB served.
    pub retrieval_price: Price,
    /// The operator group; none: the provider's own account, so that it is a group by itself.
    pub operator: Option<[u8; 32]>,
    /// Clients served; empty: anybody.
    pub friends: Vec<AccountId>,
    /// The multiaddress to declare, with or without the peer id; none: what the network service reports.
    pub address: Option<String>,
    /// Plancks to lock as collateral; none: what the capacity needs, or what the balance allows.
    pub collateral: Option<Balance>,
    /// Threads that seal; none: as many as cores.
    pub seal_threads: Option<usize>,
    /// Change the registration on-chain when the settings differ from it. Off when the operator prefers `station provider
    /// update`.
    pub keep_registration: bool,
    /// Bytes a second that the scrubber reads at the most, except where a pass would take longer than a month.
    pub scrub_rate: u64,
    /// Register again after having left.
    pub rejoin: bool,
}

impl Config {
    /// Settings for so many bytes at a price, everything else by default.
    pub fn new(capacity: u64, price: Price) -> Self {
        Self {
            capacity,
            price,
            retrieval_price: 0,
            operator: None,
            friends: Vec::new(),
            address: None,
            collateral: None,
            seal_threads: None,
            keep_registration: true,
            scrub_rate: SCRUB_RATE,
            rejoin: false,
        }
    }

    /// How many threads seal.
    pub fn seal_threads(&self) -> usize {
        self.seal_threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1)
    }
}

/// The chain's terms for collateral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The least to register.
    pub least: Balance,
    /// For each replica.
    pub base: Balance,
    /// For each GiB.
    pub per_gib: Balance,
}

impl Terms {
    /// What the runtime asks for.
    pub fn of_runtime() -> Self {
        type Providers = station_runtime::Runtime;
        Self {
            least: <Providers as pallet_station_providers::Config>::MinCollateral::get(),
            base: <Providers as pallet_station_providers::Config>::CollateralBase::get(),
            per_gib: <Providers as pallet_station_providers::Config>::CollateralPerGib::get(),
        }
    }

    /// What a capacity needs to be filled with shards of the assumed size.
    pub fn for_capacity(&self, capacity: u64) -> Balance {
        let replicas = Balance::from(capacity.div_ceil(ASSUMED_SHARD));
        let sized = self.per_gib.saturating_mul(Balance::from(capacity)).div_ceil(Balance::from(GIB));
        self.base.saturating_mul(replicas).saturating_add(sized).max(self.least)
    }

    /// What to lock out of `free` plancks: what the capacity needs, or all but the reserve. None if that is too little to
    /// register.
    pub fn affordable(&self, capacity: u64, wish: Option<Balance>, free: Balance) -> Option<Balance> {
        let wanted = wish.unwrap_or_else(|| self.for_capacity(capacity)).max(self.least);
        let can = free.saturating_sub(RESERVE);
        (can >= self.least).then(|| wanted.min(can))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { least: 10 * TKT, base: TKT / 100, per_gib: TKT };

    #[test]
    fn collateral_covers_the_capacity_in_shards_of_the_assumed_size() {
        assert_eq!(TERMS.for_capacity(100 * GIB), 100 * TKT + 1_600 * (TKT / 100));
        assert_eq!(TERMS.for_capacity(1), 10 * TKT);
    }

    #[test]
    fn a_small_balance_locks_less_and_keeps_the_reserve() {
        assert_eq!(TERMS.affordable(100 * GIB, None, 1_000 * TKT), Some(116 * TKT));
        assert_eq!(TERMS.affordable(100 * GIB, None, 50 * TKT), Some(50 * TKT - RESERVE));
        assert_eq!(TERMS.affordable(100 * GIB, None, 10 * TKT), None);
        assert_eq!(TERMS.affordable(100 * GIB, Some(20 * TKT), 1_000 * TKT), Some(20 * TKT));
    }
}
