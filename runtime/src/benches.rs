//! The pallets whose calls `scripts/weights` measures: ours. The SDK's come with weights of their own.

frame_benchmarking::define_benchmarks!(
    [pallet_station_providers, Providers]
    [pallet_station_deals, Deals]
    [pallet_station_replication, Replication]
);
